"""A small HTTP proxy that knows CONNECT alone (RFC 9110, 9.3.6), on a free port of 127.0.0.1."""

import base64
import socket
import threading

_MAX_HEAD_BYTES = 16384


class HttpProxy:
  """Runs while it is entered as a context.

  `names` maps `host:port` to the address where it is: nobody else knows these hosts. Where `user`
  (`name:password`) is set, nobody else may use the proxy. `answer` is what it says to a target that
  it does not know. `asked` has the targets, and None for what was no CONNECT; `received` has what was
  said to the proxy itself.
  """

  def __init__(self, names=None, user=None, answer="502 Bad Gateway"):
    self.names = names or {}
    self.user = user
    self.answer = answer
    self.asked = []
    self.received = bytearray()

  def __enter__(self):
    self._listener = socket.create_server(("127.0.0.1", 0))
    self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
    self.url = "http://" + self.address
    threading.Thread(target=self._accept, daemon=True).start()
    return self

  def __exit__(self, *unused):
    self._listener.shutdown(socket.SHUT_RDWR)
    self._listener.close()

  def environment(self, url=None):
    """The variables that make a program use the proxy for everything."""
    return {"HTTPS_PROXY": url or self.url, "HTTP_PROXY": url or self.url}

  def _accept(self):
    while True:
      try:
        client, _ = self._listener.accept()
      except OSError:
        return
      threading.Thread(target=self._serve, args=(client,), daemon=True).start()

  def _serve(self, client):
    with client:
      head = b""
      while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
        data = client.recv(1)
        if not data:
          return
        head += data
      self.received += head
      lines = head.decode(errors="replace").split("\r\n")
      fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
      words = lines[0].split(" ")
      if len(words) != 3 or words[0] != "CONNECT" or fields.get("host") != words[1].lower():
        self.asked.append(None)
        self._refuse(client, "405 Method Not Allowed")
        return
      self.asked.append(words[1])
      wanted = "basic " + base64.b64encode((self.user or "").encode()).decode().lower()
      if self.user is not None and fields.get("proxy-authorization") != wanted:
        self._refuse(client, "407 Proxy Authentication Required")
      elif words[1] not in self.names:
        self._refuse(client, self.answer)
      else:
        host, port = self.names[words[1]].rsplit(":", 1)
        with socket.create_connection((host, int(port))) as target:
          client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
          back = threading.Thread(target=_pump, args=(target, client), daemon=True)
          back.start()
          _pump(client, target)
          back.join()

  @staticmethod
  def _refuse(client, status):
    client.sendall(("HTTP/1.1 %s\r\nContent-Length: 3\r\n\r\nno\n" % status).encode())


def _pump(source, target):
  """Moves bytes until `source` ends."""
  try:
    while True:
      data = source.recv(65536)
      if not data:
        break
      target.sendall(data)
  except OSError:
    pass
  try:
    target.shutdown(socket.SHUT_WR)
  except OSError:
    pass
