"""What proxies of all kinds have in common: they make tunnels, on a free port of 127.0.0.1."""

import select
import socket
import ssl
import subprocess
import threading

_PIECE = 65536


def make_certificate(directory, names):
  """Makes `directory` with tls.crt, which has signed itself, and tls.key; `names` as
  subjectAltName has them."""
  directory.mkdir(parents=True)
  subprocess.run(
      ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-keyout", directory / "tls.key", "-out", directory / "tls.crt", "-days", "2", "-subj",
       "/CN=proxy", "-addext", "subjectAltName=" + names],
      check=True, stderr=subprocess.DEVNULL)
  return directory


class TunnelProxy:
  """Runs while it is entered as a context.

  `names` maps `host:port` to the address where it is: nobody else knows these hosts. Where `user`
  (`name:password`) is set, nobody else may use the proxy. With `certificate` (see make_certificate)
  clients speak TLS with the proxy. `mute`: it takes connections and says nothing. `stall_after`: of
  that many bytes that went to a client, its tunnel stands still.

  `asked` has the targets, and None for what was none; `received` has what was said to the proxy
  itself. `open` counts its connections, `most_open` those at one time.
  """

  scheme = None

  def __init__(self, names=None, user=None, certificate=None, mute=False, stall_after=None):
    self.names = names or {}
    self.user = user
    self.asked = []
    self.received = bytearray()
    self.open = self.most_open = 0
    self._mute = mute
    self._stall_after = stall_after
    self._counting = threading.Lock()
    self._end = threading.Event()
    self._tls = None
    if certificate is not None:
      self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      self._tls.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")

  def __enter__(self):
    self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
    self.url = self.url_for()
    threading.Thread(target=self._accept, daemon=True).start()
    return self

  def __exit__(self, *unused):
    self._end.set()
    self._listener.shutdown(socket.SHUT_RDWR)
    self._listener.close()

  def url_for(self, user=None):
    return "%s://%s%s" % (self.scheme, "" if user is None else user + "@", self.address)

  def environment(self, url=None):
    """The variables that make a program use the proxy for everything."""
    return {"HTTPS_PROXY": url or self.url, "HTTP_PROXY": url or self.url}

  def handshake(self, client):
    """Agrees with `client` on a target. The connected target, or None where it was refused."""
    raise NotImplementedError

  def connect(self, target):
    host, port = self.names[target].rsplit(":", 1)
    return socket.create_connection((host, int(port)))

  def _accept(self):
    while True:
      try:
        client, _ = self._listener.accept()
      except OSError:
        return
      threading.Thread(target=self._serve, args=(client,), daemon=True).start()

  def _serve(self, client):
    with self._counting:
      self.open += 1
      self.most_open = max(self.most_open, self.open)
    try:
      with client:
        self._serve_one(client)
    except OSError:
      pass
    finally:
      with self._counting:
        self.open -= 1

  def _serve_one(self, client):
    if self._mute:
      self._wait_for_end_of(client)
      return
    if self._tls is not None:
      client = self._tls.wrap_socket(client, server_side=True)
    with client:
      target = self.handshake(client)
      if target is not None:
        with target:
          self._tunnel(client, target)

  def _tunnel(self, client, target):
    """Moves bytes until one side ends. One thread: TLS is not for two."""
    down = 0
    while True:
      pending = isinstance(client, ssl.SSLSocket) and client.pending() > 0
      ready = [client] if pending else select.select([client, target], [], [])[0]
      for source in ready:
        data = source.recv(_PIECE)
        if not data:
          return
        if source is target:
          down += len(data)
          if self._stall_after is not None and down > self._stall_after:
            self._wait_for_end_of(client)
            return
        (target if source is client else client).sendall(data)

  def _wait_for_end_of(self, client):
    """Reads nothing that matters, and says nothing."""
    while not self._end.is_set():
      if select.select([client], [], [], 0.05)[0] and not client.recv(_PIECE):
        return


def receive(client, size):
  """Exactly so many bytes."""
  data = b""
  while len(data) < size:
    more = client.recv(size - len(data))
    if not more:
      raise ConnectionResetError("the client is gone")
    data += more
  return data
