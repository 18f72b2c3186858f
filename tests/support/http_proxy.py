"""A small HTTP proxy that knows CONNECT alone (RFC 9110, 9.3.6), over TCP or TLS."""

import base64

from support.tunnel_proxy import TunnelProxy

_MAX_HEAD_BYTES = 16384


class HttpProxy(TunnelProxy):
  """`answer` is what it says to a target that it does not know."""

  def __init__(self, names=None, user=None, answer="502 Bad Gateway", **more):
    super().__init__(names, user, **more)
    self.answer = answer

  @property
  def scheme(self):
    return "http" if self._tls is None else "https"

  def handshake(self, client):
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
      data = client.recv(1)
      if not data:
        return None
      head += data
    self.received += head
    lines = head.decode(errors="replace").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    words = lines[0].split(" ")
    if len(words) != 3 or words[0] != "CONNECT" or fields.get("host") != words[1].lower():
      self.asked.append(None)
      return self._refuse(client, "405 Method Not Allowed")
    self.asked.append(words[1])
    wanted = "basic " + base64.b64encode((self.user or "").encode()).decode().lower()
    if self.user is not None and fields.get("proxy-authorization") != wanted:
      return self._refuse(client, "407 Proxy Authentication Required")
    if words[1] not in self.names:
      return self._refuse(client, self.answer)
    target = self.connect(words[1])
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return target

  @staticmethod
  def _refuse(client, status):
    client.sendall(("HTTP/1.1 %s\r\nContent-Length: 3\r\n\r\nno\n" % status).encode())
