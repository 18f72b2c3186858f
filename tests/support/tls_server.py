"""A server with TLS, what it and its callers have, and callers: the command line and grpcurl."""

import hashlib
import json
import os
import socket
import ssl

from support import grpcurl
from support.certificates import Authority
from support.programs import Server, run

INFO = "holkas.v1.ImageService/GetServerInfo"
TOKEN = "an-example-token-that-nobody-has"
OTHER_TOKEN = "another-example-token-of-the-same-caller"
# What an entry of the list allows.
EVERYTHING = {"operations": ["*"], "registries": ["*:*"]}


def replace(path, text):
  """Writes a file as those do who deploy files: never half of it is there."""
  new = path.with_suffix(".new")
  new.write_text(text)
  os.replace(new, path)


def token_file(**tokens):
  """Who has which token: `bob=[TOKEN]`."""
  return json.dumps({"version": 1, "tokens": [
      {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest()}
      for name, owned in tokens.items() for token in owned]})


def allow_file(**callers):
  """`cert_ci={...}` for `cert:ci`."""
  return json.dumps({"version": 1, "callers": [
      {"identity": name.replace("_", ":", 1), **entry} for name, entry in callers.items()]})


class Files:
  """What a server and its callers have: certificates, tokens, and the lists of the server."""

  def __init__(self, directory):
    self.directory = directory
    self.authority = Authority(directory / "ca")
    self.other_authority = Authority(directory / "other", "other")
    self.server, self.server_key = self.deployed("server", self.authority)
    self.tokens = directory / "tokens.yaml"
    self.allowed = directory / "allow.yaml"
    self.token = directory / "bob.token"
    self.token.write_text(TOKEN + "\n")
    self.tokens.write_text(token_file(bob=[TOKEN]))

  def deployed(self, name, authority):
    """The server's certificate and key, at places where they can be replaced."""
    certificate, key = authority.issue(name, "DNS:localhost,IP:127.0.0.1")
    places = self.directory / "server.crt", self.directory / "server.key"
    for source, place in zip((certificate, key), places):
      replace(place, source.read_text())
    return places

  def config(self, clients="optional"):
    return "\n".join([
        "tls:",
        "  certificate_file: %s" % self.server,
        "  key_file: %s" % self.server_key,
        "  client_ca_file: %s" % self.authority.certificate,
        "  client_certificates: %s" % clients,
        "access: {token_file: %s, allow_file: %s}" % (self.tokens, self.allowed)])


class TlsServer(Server):
  """A server that listens on TCP, too."""

  def __init__(self, programs, directory, config, **more):
    super().__init__(programs, directory, config, listen=["tcp:127.0.0.1:0"], **more)

  def __enter__(self):
    super().__enter__()
    self.tcp = next(address for address in self.addresses() if address.startswith("tcp:"))
    self.port = int(self.tcp.rsplit(":", 1)[1])
    return self

  def certificate(self):
    """What it shows to somebody who connects now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
      with context.wrap_socket(connection) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).strip()

  def identities(self):
    """Of the requests that it has started."""
    return [line["identity"] for line in self.log_lines() if line["message"] == "request started"]


class Caller:
  """One who calls over TLS, by certificate or token, with the command line and with grpcurl."""

  def __init__(self, programs, server, ca, pair=(), token=None):
    self._programs = programs
    self._server = server
    self._flags = ["--server", server.tcp, "--server-ca", ca]
    self._options = ["-cacert", ca]
    if pair:
      self._flags += ["--server-cert", pair[0], "--server-key", pair[1]]
      self._options += ["-cert", pair[0], "-key", pair[1]]
    if token:
      self._flags += ["--server-token-file", token]
      self._options += ["-H", "authorization: Bearer " + token.read_text().strip()]

  def holkas(self, *arguments, **more):
    return self._programs.holkas(*self._flags, *arguments, **more)

  def start(self, *arguments):
    """Starts the command line and does not wait."""
    return self._programs.start(*self._flags, *arguments)

  def inspect(self, image):
    return self.holkas("inspect", "--tls-verify=false", image)

  def grpcurl(self, *arguments, request=None, header=None, options=()):
    data = ["-d", json.dumps(request)] if request is not None else []
    data += ["-H", header] if header is not None else []
    return run([grpcurl.program(), "-max-time", "20", *self._options, *options, *data,
                "127.0.0.1:%d" % self._server.port, *arguments])

  def identity(self):
    return json.loads(self.grpcurl(INFO).ok().stdout).get("identity", "")
