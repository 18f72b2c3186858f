"""A realm that issues bearer tokens as docker-registry takes them (distribution: docs/spec/auth)."""

import base64
import http.server
import json
import subprocess
import threading
import time
import urllib.parse

from support.registry import Registry

_CONFIG = """\
version: 0.1
log: {{level: info, formatter: text}}
storage:
  filesystem: {{rootdirectory: "{root}"}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:0
auth:
  token:
    realm: {realm}
    service: {service}
    issuer: issuer
    rootcertbundle: {certificate}
"""

SERVICE = "the registry"


def _base64(data):
  return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenRealm:
  """Runs while it is entered as a context. Anonymous callers may pull, `users` may do everything.

  `requests` has what was asked: method, user (None for nobody), and parameters as lists.
  """

  def __init__(self, directory, users=None, identity_tokens=None):
    self.directory = directory
    self.users = users or {}
    self.identity_tokens = identity_tokens or {}
    self.requests = []
    self.life_seconds = 300  # of a token
    self.claimed_seconds = None  # what the answer says; None: the same

  def __enter__(self):
    self.directory.mkdir(parents=True, exist_ok=True)
    self.certificate = self.directory / "signer.crt"
    self._key = self.directory / "signer.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self._key,
                    "-out", self.certificate, "-days", "2", "-subj", "/CN=signer"],
                   check=True, stderr=subprocess.DEVNULL)
    der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True,
                         stdout=subprocess.PIPE).stdout
    self._chain = [base64.b64encode(der).decode()]
    realm = self

    class Handler(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"

      def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        realm.answer(self, "GET", urllib.parse.parse_qs(query))

      def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        realm.answer(self, "POST", urllib.parse.parse_qs(body))

      def log_message(self, *unused):
        pass

    self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    self.address = "127.0.0.1:%d" % self._server.server_port
    self.url = "http://%s/token" % self.address
    threading.Thread(target=self._server.serve_forever, daemon=True).start()
    return self

  def __exit__(self, *unused):
    self._server.shutdown()
    self._server.server_close()

  def _user(self, handler, method, parameters):
    """Who asks; None for nobody, False for somebody who is not known."""
    if method == "POST":
      return self.identity_tokens.get(parameters.get("refresh_token", [""])[0], False)
    header = handler.headers.get("Authorization")
    if header is None:
      return None
    name, _, password = base64.b64decode(header.split(" ")[1]).decode().partition(":")
    return name if self.users.get(name) == password else False

  def answer(self, handler, method, parameters):
    user = self._user(handler, method, parameters)
    self.requests.append({"method": method, "user": user, "parameters": parameters})
    if user is False:
      self._send(handler, 401, {"errors": [{"code": "UNAUTHORIZED", "message": "no such user"}]})
      return
    token = self.token(user, parameters.get("scope", []))
    field = "access_token" if method == "POST" else "token"
    life = self.life_seconds if self.claimed_seconds is None else self.claimed_seconds
    self._send(handler, 200, {field: token, "expires_in": life})

  @staticmethod
  def _send(handler, status, content):
    body = json.dumps(content).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

  def token(self, user, scopes):
    access = []
    for scope in " ".join(scopes).split():
      kind, name, actions = scope.split(":")
      allowed = [a for a in actions.split(",") if user is not None or a == "pull"]
      access.append({"type": kind, "name": name, "actions": allowed})
    now = int(time.time())
    claims = {"iss": "issuer", "sub": user or "", "aud": SERVICE, "iat": now, "nbf": now - 10,
              "exp": now + self.life_seconds, "jti": str(len(self.requests)), "access": access}
    header = {"typ": "JWT", "alg": "RS256", "x5c": self._chain}
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self._key],
                               input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
    return signed + "." + _base64(signature)

  def scopes(self):
    """The scopes of each request so far."""
    return [sorted(" ".join(r["parameters"].get("scope", [])).split()) for r in self.requests]


class TokenRegistry(Registry):
  """A docker-registry that believes the tokens of `realm`."""

  def __init__(self, directory, realm):
    super().__init__(directory)
    self._realm = realm

  def config(self):
    return _CONFIG.format(root=self.directory / "storage", realm=self._realm.url, service=SERVICE,
                          certificate=self._realm.certificate)
