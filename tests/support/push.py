"""Puts images into a registry without any program of ours or others (OCI distribution-spec, end-4b, 7)."""

import http.client


def push_image(address, repository, tag, image):
  """An image of support.images."""
  for digest, data in image.blobs.items():
    push_blob(address, repository, digest, data)
  push_manifest(address, repository, tag, image.media_type, image.manifest)


def push_blob(address, repository, digest, data):
  location = _ask(address, "POST", "/v2/%s/blobs/uploads/" % repository, b"", {}, 202)
  url = location.split(address, 1)[-1]
  _ask(address, "PUT", "%s%sdigest=%s" % (url, "&" if "?" in url else "?", digest), data,
       {"Content-Type": "application/octet-stream"}, 201)


def push_manifest(address, repository, tag, media_type, manifest):
  _ask(address, "PUT", "/v2/%s/manifests/%s" % (repository, tag), manifest,
       {"Content-Type": media_type}, 201)


def _ask(address, method, url, body, headers, code):
  """The answer's Location."""
  connection = http.client.HTTPConnection(address, timeout=20)
  try:
    connection.request(method, url, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == code, "%s %s: %d %r" % (method, url, answer.status, text)
    return answer.headers.get("Location", "")
  finally:
    connection.close()
