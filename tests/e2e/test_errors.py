"""What users see when something is wrong: exit codes and logrus lines, as from Skopeo."""

import json
import re
import socket
import time

import pytest

from fakes.actions import answer, error, raw
from support.images import OCI_MANIFEST, Image

LOGRUS = re.compile(r'time="[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z" level=fatal '
                    r'msg=(?P<msg>"(?:[^"\\]|\\.)*"|[A-Za-z0-9._/@^+-]+)\n$')


def fatal(result):
  """The message of the last line, which must be logrus's."""
  found = LOGRUS.search(result.stderr)
  assert found, result
  assert result.stdout == "" or result.stdout.startswith("Getting image")
  return found["msg"]


class TestExitCodes:

  def test_missing_image_in_a_registry_is_2(self, programs, shared_server, registry):
    result = programs.inspect(registry.repository() + ":nothing", server=shared_server)
    assert result.code == 2
    assert "manifest unknown" in fatal(result).lower()

  def test_missing_name_in_a_layout_is_2(self, programs, shared_server, image_layout):
    result = programs.inspect("oci:%s:nothing" % image_layout, server=shared_server)
    assert result.code == 2
    fatal(result)

  def test_missing_image_is_2_from_copy_too(self, programs, shared_server, registry, tmp_path):
    result = programs.copy(registry.repository() + ":nothing", "dir:%s" % (tmp_path / "to"),
                           server=shared_server)
    assert result.code == 2
    assert not (tmp_path / "to").exists()

  def test_missing_directory_is_1(self, programs, shared_server, tmp_path):
    result = programs.inspect("dir:%s" % (tmp_path / "nothing"), server=shared_server)
    assert result.code == 1
    assert "no such file or directory" in fatal(result)

  def test_missing_blob_is_1(self, programs, shared_server, scripted, tmp_path):
    image = Image()
    name = scripted.add("app", "v1", image)
    del scripted.blobs[("app", image.layers[0]["digest"])]
    result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server)
    assert result.code == 1
    assert image.layers[0]["digest"] in fatal(result)


@pytest.mark.parametrize("reference, text", [
    ("busybox", 'Invalid image name \\"busybox\\", expected colon-separated transport:reference'),
    ("what:ever", 'Invalid image name \\"what:ever\\", unknown transport \\"what\\"'),
    ("docker:busybox", "docker: image reference"),
    ("docker://UPPER/case:tag", "invalid reference format"),
    ("docker://host/name@sha256:1234", "invalid reference format"),
    ("docker://host/name:tag@sha256:" + "0" * 64, "both a tag and digest"),
    ("docker://host/name@sha512:" + "0" * 64, "invalid"),
    ("docker://", "invalid reference format"),
    ("docker://host:99999999/name:tag:tag", "invalid reference format"),
    ("oci:/layout:a b", "nvalid"),
])
@pytest.mark.parametrize("through", ["private server", "running server"])
def test_malformed_reference_is_1(programs, shared_server, reference, text, through):
  result = programs.inspect(reference,
                            server=shared_server if through == "running server" else None)
  assert result.code == 1
  assert text in fatal(result)


class TestManifests:

  @pytest.mark.parametrize("manifest", [
      b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.'
      b'config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61'
      b'caaff8a","size":2},"layers":[],"manifests":[]}' % OCI_MANIFEST.encode(),
      b'{"schemaVersion":2,"config":{},"layers":[],"layers":[]}',
      b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",'
      b'"config":{},"layers":[]}',
      b'{"schemaVersion":2', b"[]", b"null", b"", b"\xff\xfe", b"{" * 10000,
      b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"a","digest":"sha256:../../etc",'
      b'"size":1},"layers":[]}' % OCI_MANIFEST.encode(),
      b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"a","digest":"md5:d41d8cd98f00b'
      b'204e9800998ecf8427e","size":1},"layers":[]}' % OCI_MANIFEST.encode(),
      b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"a","digest":"sha256:%s",'
      b'"size":-1},"layers":[]}' % (OCI_MANIFEST.encode(), b"0" * 64),
  ], ids=["reads as two types", "duplicate key", "type of an index", "cut off", "array", "null",
          "empty", "not UTF-8", "deep", "digest with a path", "md5", "negative size"])
  def test_bad_manifest_is_refused(self, programs, shared_server, scripted, tmp_path, manifest):
    name = scripted.add_manifest("app", "bad", OCI_MANIFEST, manifest)
    for result in (programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server),
                   programs.inspect(name, server=shared_server)):
      assert result.code == 1
      fatal(result)
    assert scripted.asked("GET", "/blobs/") == []
    assert not (tmp_path / "to" / "index.json").exists()

  def test_manifest_that_is_not_what_the_digest_says(self, programs, shared_server, scripted,
                                                     tmp_path):
    image = Image()
    scripted.add("app", "v1", image)
    scripted.manifests[("app", "sha256:" + "0" * 64)] = (OCI_MANIFEST, image.manifest)
    result = programs.copy("docker://%s/app@sha256:%s" % (scripted.address, "0" * 64),
                           "oci:%s:x" % (tmp_path / "to"), server=shared_server)
    assert result.code == 1
    assert "0" * 64 in fatal(result)

  def test_manifest_beyond_the_limit(self, programs, shared_server, scripted):
    name = scripted.add_manifest("app", "big", OCI_MANIFEST, b" " * (4 << 20) + b"{}")
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    assert "4194304" in fatal(result)


class TestRegistries:

  def test_refusing_registry_is_told_at_once(self, programs, shared_server):
    with socket.socket() as unused:
      unused.bind(("127.0.0.1", 0))
      port = unused.getsockname()[1]
    start = time.monotonic()
    result = programs.inspect("docker://127.0.0.1:%d/app" % port, server=shared_server)
    assert result.code == 1
    assert "connection refused" in fatal(result).lower()
    assert time.monotonic() - start < 10

  def test_unknown_host(self, programs, shared_server):
    result = programs.inspect("docker://registry.invalid/app", server=shared_server, timeout=30)
    assert result.code == 1
    assert "registry.invalid" in fatal(result)

  def test_plain_http_needs_to_be_allowed(self, programs, shared_server, scripted):
    name = scripted.add("app", "v1", Image())
    result = programs.holkas("inspect", name, server=shared_server)
    assert result.code == 1
    fatal(result)
    assert scripted.asked("GET") == []

  def test_denied_is_not_retried(self, programs, shared_server, scripted):
    scripted.on("GET", "/manifests/", error(403, "DENIED"))
    name = scripted.add("app", "v1", Image())
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    assert len(scripted.asked("GET", "/manifests/")) == 1

  def test_unauthorized_is_told(self, programs, shared_server, scripted):
    scripted.on("GET", "", error(401, "UNAUTHORIZED",
                                 {"WWW-Authenticate": 'Basic realm="registry"'}))
    name = scripted.add("app", "v1", Image())
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    assert "unauthorized" in fatal(result).lower()

  def test_malformed_answer_is_not_retried(self, programs, shared_server, scripted):
    name = scripted.add("app", "v1", Image())
    scripted.on("GET", "/blobs/", raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
    start = time.monotonic()
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    assert "in chunked-encoding" in fatal(result)
    assert len(scripted.asked("GET", "/blobs/")) == 1
    assert time.monotonic() - start < 5

  def test_bad_location_is_told_with_the_url_that_gave_it(self, programs, shared_server, scripted):
    name = scripted.add("app", "v1", Image())
    scripted.on("GET", "/manifests/", answer(307, b"", {"Location": "ftp://x.test/?sig=canary"}))
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    assert ('Get \\"http://%s/v2/app/manifests/v1\\": the registry\'s Location: malformed URL: ' %
            scripted.address) in fatal(result)
    assert "canary" not in result.stderr

  def test_short_trouble_is_hidden(self, programs, shared_server, scripted, tmp_path):
    scripted.on("GET", "/blobs/", error(503, "UNAVAILABLE"), times=1)
    name = scripted.add("app", "v1", Image())
    programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server).ok()


  def test_an_attempt_that_is_repeated_is_told_of(self, programs, shared_server, scripted,
                                                  tmp_path):
    scripted.on("GET", "/blobs/", raw(b"220 smtp.test ESMTP\r\n"), times=1)
    name = scripted.add("app", "v1", Image())

    def copy(to, *flags):
      return programs.copy(name, "oci:%s:x" % (tmp_path / to), "--retry-times=2", *flags,
                           server=shared_server).ok()

    assert re.fullmatch(r'time="[^"]*" level=warning msg="Failed, retrying in 1(\.[0-9]+)?s \.\.\. '
                        r'\(1/2\)\. Error: reading blob sha256:.*"\n', copy("to").stderr)
    assert copy("again").stderr == ""
    scripted.on("GET", "/blobs/", raw(b"220 smtp.test ESMTP\r\n"), times=1)
    events = [json.loads(line) for line in copy("json", "--progress=json").stdout.splitlines()]
    told = [event["retrying"] for event in events if "retrying" in event]
    assert [(event["attempt"], event["maxRetries"]) for event in told] == [(1, 2)]
    assert "result" in events[-1]


class TestCommandLine:

  def test_unknown_flag(self, programs):
    result = programs.holkas("copy", "--no-such-flag", "dir:a", "dir:b")
    assert result.code == 1
    assert "unknown flag: --no-such-flag" in fatal(result)

  def test_missing_arguments_show_the_help(self, programs):
    result = programs.holkas("copy", "dir:a")
    assert result.code == 1
    assert "Usage:" in result.stderr

  def test_server_that_is_not_there(self, programs, tmp_path):
    result = programs.holkas("--server", "unix:%s/none" % tmp_path, "inspect",
                             "docker://127.0.0.1:1/app")
    assert result.code == 1
    assert str(tmp_path) in fatal(result)

  def test_command_timeout(self, programs, scripted, tmp_path):
    from fakes.actions import stall
    image = Image(layer_sizes=(100_000,))
    name = scripted.add("app", "v1", image)
    scripted.on("GET", image.layers[0]["digest"], stall(1000))
    start = time.monotonic()
    result = programs.holkas("--command-timeout=1s", "copy", "--src-tls-verify=false", name,
                             "oci:%s:x" % (tmp_path / "to"))
    assert result.code == 1
    assert 1 <= time.monotonic() - start < 3
    assert "deadline exceeded" in fatal(result).lower()
