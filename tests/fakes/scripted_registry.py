"""A registry that misbehaves as a test says.

It serves what `add` put in and takes uploads, as the OCI distribution-spec describes. Rules change
what it does with a request: `registry.on("GET", "/blobs/", stall())`, with one of fakes.actions.
The first rule whose method and part of the URL fit is used; with `times` it ends after so many uses.
"""

import http.server
import io
import json
import socket
import ssl
import subprocess
import threading
import urllib.parse

from fakes.actions import error, upload_state
from support.oracle import sha256


class Rule:

  def __init__(self, method, part, action, times):
    self.method, self.part, self.action, self.left = method, part, action, times


class ScriptedRegistry:
  """Runs while it is entered as a context. `address` is host:port.

  `tls` is a directory for a certificate, which is made there unless it is there already, as ca.crt;
  `client_authority` is the file of a certificate whose owners may show theirs. Who does not send an
  Authorization header of `accepted` is answered with `challenge`, where there is one. With
  `keep_bytes`, `received` has every byte that anybody sent. Rules of the method "TLS" are for
  connections that are about to begin with a handshake.
  """

  def __init__(self, tls=None, client_authority=None, keep_bytes=False):
    self.tls = tls
    self.client_authority = client_authority
    self.clients_known = 0  # connections with a client certificate
    self.received = bytearray() if keep_bytes else None
    self.challenge = None
    self.accepted = set()
    self.blobs = {}      # (repository, digest) -> bytes
    self.manifests = {}  # (repository, tag or digest) -> (media type, bytes)
    self.documents = {}  # path -> JSON that is there, beside what registries have
    self.tags_per_page = None  # None: all of them
    self.uploads = {}
    self.uploads_begun = 0
    self.log = []        # (method, path with query)
    self.secrets = []    # what no request may have in its head
    self.leaks = []      # requests that had one
    self.resets = 0
    self.sent_bytes = 0
    self.rules = []
    self.lock = threading.Lock()
    self.ended = threading.Event()

  def __enter__(self):
    registry = self

    class Handler(_Handler):
      pass

    Handler.registry = registry
    self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    self.server.daemon_threads = True
    self.server.handle_error = lambda *unused: None  # the peer has no business with TLS, or hung up
    # Without the polite end of what goes out, which would hide a reset.
    self.server.shutdown_request = self.server.close_request
    if self.tls is not None:
      Handler.tls_context = _tls_context(self.tls, self.client_authority)
    self.address = "127.0.0.1:%d" % self.server.server_address[1]
    threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
    return self

  def __exit__(self, *unused):
    self.ended.set()
    self.server.shutdown()
    self.server.server_close()

  def add(self, repository, name, image):
    """Serves an image (support.images) by its name and digest."""
    for digest, data in image.blobs.items():
      self.blobs[(repository, digest)] = data
    self.add_manifest(repository, name, image.media_type, image.manifest)
    return "docker://%s/%s:%s" % (self.address, repository, name)

  def add_manifest(self, repository, name, media_type, data):
    for key in (name, sha256(data)):
      self.manifests[(repository, key)] = (media_type, data)
    return "docker://%s/%s:%s" % (self.address, repository, name)

  def on(self, method, part, action, times=None):
    self.rules.append(Rule(method, part, action, times))

  def rule_for(self, method, url):
    with self.lock:
      for rule in self.rules:
        if rule.method == method and rule.part in url and rule.left != 0:
          if rule.left is not None:
            rule.left -= 1
          return rule
    return None

  def asked(self, method, part=""):
    with self.lock:
      return [url for asked_method, url in self.log if asked_method == method and part in url]


class _KeptBytes(io.RawIOBase):
  """What comes out of a socket, which is added to `kept`."""

  def __init__(self, connection, kept):
    super().__init__()
    self._connection, self._kept = connection, kept

  def readable(self):
    return True

  def readinto(self, buffer):
    count = self._connection.recv_into(buffer)
    self._kept += bytes(buffer[:count])
    return count


def _tls_context(directory, client_authority):
  if not (directory / "ca.crt").exists():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", directory / "tls.key", "-out", directory / "ca.crt", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL)
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  context.load_cert_chain(directory / "ca.crt", directory / "tls.key")
  if client_authority is not None:
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(client_authority)
  return context


class _Handler(http.server.BaseHTTPRequestHandler):
  protocol_version = "HTTP/1.1"
  disable_nagle_algorithm = True
  registry = None
  tls_context = None

  def setup(self):
    self.truth = {}  # the headers that an honest answer has
    self.plain_connection = self.request
    if self.tls_context is not None:
      rule = self.registry.rule_for("TLS", "")
      if rule is not None:
        rule.action(self, b"")
        raise ConnectionAbortedError("as the rule says")
      self.request.settimeout(10)
      self.request = self.tls_context.wrap_socket(self.request, server_side=True,
                                                  suppress_ragged_eofs=False)
      self.request.settimeout(None)
      self.plain_connection = self.request
      if self.request.getpeercert():
        with self.registry.lock:
          self.registry.clients_known += 1
    super().setup()
    if self.registry.received is not None:
      self.rfile = io.BufferedReader(_KeptBytes(self.connection, self.registry.received))

  def log_message(self, *unused):
    pass

  def handle(self):
    try:
      super().handle()
    except (OSError, ValueError):
      pass  # the peer hung up

  def respond(self, code, body=b"", headers=None, declared=None):
    self.send_response(code)
    for name, value in (headers or {}).items():
      self.send_header(name, value)
    self.send_header("Content-Length", str(len(body) if declared is None else declared))
    self.end_headers()
    if self.command != "HEAD":
      self.wfile.write(body)

  def wait_for_hangup(self):
    self.close_connection = True
    self.connection.settimeout(0.05)
    while not self.registry.ended.is_set():
      try:
        if not self.connection.recv(4096):
          return
      except socket.timeout:
        continue
      except OSError:
        return

  def _body_pieces(self):
    if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
      while True:
        size = int(self.rfile.readline().split(b";")[0], 16)
        yield from self._read_pieces(size)
        self.rfile.readline()
        if size == 0:
          return
    yield from self._read_pieces(int(self.headers.get("Content-Length", 0)))

  def _read_pieces(self, size):
    while size > 0:
      piece = self.rfile.read1(min(size, 1 << 16))
      if not piece:
        raise OSError("the peer hung up")
      size -= len(piece)
      yield piece

  def _request_body(self):
    return b"".join(self._body_pieces())

  def store_upload(self, most=None, to_end=False):
    """Adds the body to its upload, as far as it comes, at most `most` bytes; then reads on to the
    body's end or not at all."""
    name = urllib.parse.urlsplit(self.path).path.split("/")[-1]
    uploads = self.registry.uploads
    left = most
    for piece in self._body_pieces():
      part = piece if left is None else piece[:left]
      with self.registry.lock:
        if name in uploads:
          uploads[name] += part
      if left is not None:
        left -= len(part)
        if left == 0 and not to_end:
          return

  def _dispatch(self):
    head = "%s %s\n%s" % (self.command, self.path, self.headers)
    with self.registry.lock:
      self.registry.log.append((self.command, self.path))
      self.registry.leaks += [head for secret in self.registry.secrets if secret in head]
    self.truth = {}
    if (self.registry.challenge is not None and
        self.headers.get("Authorization") not in self.registry.accepted):
      self._request_body()
      error(401, "UNAUTHORIZED", {"WWW-Authenticate": self.registry.challenge})(self, b"")
      return
    rule = self.registry.rule_for(self.command, self.path)
    if self.headers.get("Expect", "").lower() == "100-continue":
      self.send_response_only(100)
      self.end_headers()
    url = urllib.parse.urlsplit(self.path)
    query = dict(urllib.parse.parse_qsl(url.query))
    parts = url.path.split("/")
    if rule is not None and self.command not in ("GET", "HEAD"):
      if not getattr(rule.action, "takes_body", False):
        self._request_body()
      rule.action(self, b"")
      return
    if url.path == "/v2/":
      self._serve(rule, "application/json", b"{}")
    elif "manifests" in parts:
      at = len(parts) - 2
      self._manifest(rule, "/".join(parts[2:at]), parts[-1])
    elif len(parts) > 3 and parts[-2] == "blobs" and parts[-1] != "uploads":
      self._blob(rule, "/".join(parts[2:-2]), parts[-1])
    elif "uploads" in parts:
      self._upload("/".join(parts[2:parts.index("uploads") - 1]), parts[-1], query)
    elif url.path.endswith("/tags/list"):
      self._tag_list(rule, "/".join(parts[2:-2]), int(query.get("page", 1)))
    elif url.path in self.registry.documents:
      self._serve(rule, "application/json", self.registry.documents[url.path])
    else:
      (rule.action if rule else error(404, "NOT_FOUND"))(self, b"")

  do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _dispatch

  def _tag_list(self, rule, repository, page):
    names = [name for repo, name in self.registry.manifests
             if repo == repository and ":" not in name]
    size = self.registry.tags_per_page or max(1, len(names))
    more = {}
    if page * size < len(names):
      more["Link"] = '</v2/%s/tags/list?page=%d>; rel="next"' % (repository, page + 1)
    data = json.dumps({"name": repository, "tags": names[(page - 1) * size:page * size]}).encode()
    self._serve(rule, "application/json", data, more)

  def _serve(self, rule, media_type, data, more=None):
    self.truth = {"Content-Type": media_type, **(more or {})}
    if rule is not None:
      rule.action(self, data)
      return
    self.respond(200, data, self.truth)

  def _manifest(self, rule, repository, name):
    if self.command == "PUT":
      data = self._request_body()
      if name.startswith("sha256:") and name != sha256(data):
        error(400, "DIGEST_INVALID")(self, b"")
        return
      self.registry.add_manifest(repository, name, self.headers["Content-Type"], data)
      self.respond(201, b"", {"Docker-Content-Digest": sha256(data), "Location": self.path})
      return
    found = self.registry.manifests.get((repository, name))
    if found is None:
      (rule.action if rule else error(404, "MANIFEST_UNKNOWN"))(self, b"")
      return
    if self.command == "DELETE":
      for key, other in list(self.registry.manifests.items()):
        if key[0] == repository and (key[1] == name or
                                     (":" in name and sha256(other[1]) == name)):
          del self.registry.manifests[key]
      self.respond(202)
      return
    self._serve(rule, found[0], found[1], {"Docker-Content-Digest": sha256(found[1])})

  def _blob(self, rule, repository, digest):
    data = self.registry.blobs.get((repository, digest))
    if data is None:
      (rule.action if rule else error(404, "BLOB_UNKNOWN"))(self, b"")
      return
    wanted = self.headers.get("Range")
    if wanted and rule is None:
      first = int(wanted.split("=")[1].split("-")[0])
      self.respond(206, data[first:], {
          "Content-Range": "bytes %d-%d/%d" % (first, len(data) - 1, len(data))})
      return
    self._serve(rule, "application/octet-stream", data, {"Docker-Content-Digest": digest})

  def _upload(self, repository, name, query):
    registry = self.registry
    if self.command == "POST":
      self._request_body()
      mounted = registry.blobs.get((query.get("from"), query.get("mount")))
      if mounted is not None:
        registry.blobs[(repository, query["mount"])] = mounted
        self.respond(201, b"", {"Location": "/v2/%s/blobs/%s" % (repository, query["mount"])})
        return
      with registry.lock:
        registry.uploads_begun += 1
        name = "upload-%d" % registry.uploads_begun
        registry.uploads[name] = b""
    elif name not in registry.uploads:
      self._request_body()
      error(404, "BLOB_UPLOAD_UNKNOWN")(self, b"")
      return
    elif self.command == "DELETE":
      self._request_body()
      del registry.uploads[name]
      self.respond(204)
      return
    elif self.command == "GET":
      upload_state(204)(self, b"")
      return
    elif not self._range_fits(name):
      self._request_body()
      upload_state(416)(self, b"")
      return
    else:
      self.store_upload()
    if self.command == "PUT":
      data = registry.uploads.pop(name)
      if sha256(data) != query.get("digest"):
        error(400, "DIGEST_INVALID")(self, b"")
        return
      registry.blobs[(repository, query["digest"])] = data
      self.respond(201, b"", {"Location": "/v2/%s/blobs/%s" % (repository, query["digest"])})
      return
    self.respond(202, b"", {"Location": "/v2/%s/blobs/uploads/%s" % (repository, name),
                            "Range": "0-%d" % max(0, len(registry.uploads[name]) - 1)})

  def _range_fits(self, name):
    wanted = self.headers.get("Content-Range")
    return wanted is None or int(wanted.split("-")[0]) == len(self.registry.uploads[name])
