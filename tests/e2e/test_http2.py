"""Registries that speak HTTP/2: one that speaks HTTP/1.1 too, and one that speaks nothing else."""

import json
import socket
import ssl
import threading
import time

import pytest

from support import nginx as nginx_support
from support.images import Image


class Http2Only:
  """Ends TLS, hands HTTP/2 on to `port`, and answers other versions as HTTP/2 servers do."""

  def __init__(self, directory, port):
    self._port = port
    self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    self._context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    self._context.set_alpn_protocols(["h2"])
    self._listener = socket.create_server(("127.0.0.1", 0))
    self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
    threading.Thread(target=self._accept, daemon=True).start()

  def close(self):
    self._listener.close()

  def _accept(self):
    while True:
      try:
        plain, _ = self._listener.accept()
      except OSError:
        return
      threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

  def _serve(self, plain):
    try:
      with self._context.wrap_socket(plain, server_side=True) as peer:
        if peer.selected_alpn_protocol() != "h2":
          peer.sendall(b"\0\0\0\4\0\0\0\0\0")  # SETTINGS, as the first frame is
          while peer.recv(65536):  # with bytes unread, closing would be a reset
            pass
          return
        with socket.create_connection(("127.0.0.1", self._port)) as server:
          self._hand_on(peer, server)
    except OSError:
      pass

  def _hand_on(self, peer, server):
    peer.settimeout(0.02)
    server.settimeout(0.02)
    while True:
      for source, sink in ((peer, server), (server, peer)):
        try:
          data = source.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
          continue
        if not data:
          return
        sink.sendall(data)


@pytest.fixture
def nginx(tmp_path):
  if not nginx_support.installed():
    pytest.skip("nginx or openssl is not installed")
  image = Image(layer_sizes=(1_000_000,))
  tls_port, plain_port = nginx_support.free_port(), nginx_support.free_port()
  with nginx_support.NginxRegistry(
      tmp_path, "v1", image.manifest, image.digest, image.blobs, tls_port,
      listen="listen 127.0.0.1:%d ssl http2; listen 127.0.0.1:%d http2;" % (tls_port, plain_port),
      log='log_format version "$server_protocol $request_method $uri"; '
          "access_log %s/access.log version;" % tmp_path):
    yield image, tls_port, plain_port


def versions(tmp_path):
  time.sleep(0.1)
  return {line.split()[0] for line in (tmp_path / "access.log").read_text().splitlines()}


def test_http_1_is_preferred_where_there_are_both(programs, shared_server, nginx, tmp_path):
  image, tls_port, _ = nginx
  result = programs.inspect("docker://127.0.0.1:%d/app:v1" % tls_port, server=shared_server).ok()
  assert json.loads(result.stdout)["Digest"] == image.digest
  assert versions(tmp_path) == {"HTTP/1.1"}


def test_registry_that_speaks_http_2_alone_is_spoken_to(programs, shared_server, nginx, tmp_path):
  image, _, plain_port = nginx
  registry = Http2Only(tmp_path, plain_port)
  try:
    name = "docker://%s/app:v1" % registry.address
    result = programs.inspect(name, server=shared_server).ok()
    assert json.loads(result.stdout)["Digest"] == image.digest
    programs.copy(name, "dir:%s" % (tmp_path / "to"), server=shared_server).ok()
    for digest, data in image.blobs.items():
      assert (tmp_path / "to" / digest.split(":")[1]).read_bytes() == data
    assert versions(tmp_path) == {"HTTP/2.0"}
  finally:
    registry.close()
