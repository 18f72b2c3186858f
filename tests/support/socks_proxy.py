"""A small SOCKS 5 proxy that knows CONNECT alone (RFC 1928), with a user or without (RFC 1929)."""

import socket
import struct

from support.tunnel_proxy import TunnelProxy, receive

_NO_USER, _USER, _NO_METHOD = 0, 2, 0xff
_CONNECTED, _UNREACHABLE = 0, 4


class SocksProxy(TunnelProxy):
  """Says HOST_UNREACHABLE of a target that it does not know."""

  scheme = "socks5"

  def handshake(self, client):
    version, count = self._receive(client, 2)
    methods = self._receive(client, count)
    wanted = _NO_USER if self.user is None else _USER
    if version != 5 or wanted not in methods:
      client.sendall(bytes([5, _NO_METHOD]))
      return None
    client.sendall(bytes([5, wanted]))
    if wanted == _USER and not self._is_user(client):
      return None
    target = self._target(client)
    self.asked.append(target)
    if target not in self.names:
      client.sendall(bytes([5, _UNREACHABLE, 0, 1]) + bytes(6))
      return None
    connected = self.connect(target)
    # An address that is a name: of any length, and nobody's business.
    client.sendall(bytes([5, _CONNECTED, 0, 3, 9]) + b"elsewhere" + bytes(2))
    return connected

  def _receive(self, client, size):
    data = receive(client, size)
    self.received += data
    return data

  def _is_user(self, client):
    _, size = self._receive(client, 2)
    name = self._receive(client, size)
    password = self._receive(client, self._receive(client, 1)[0])
    known = (name + b":" + password).decode() == self.user
    client.sendall(bytes([1, 0 if known else 1]))
    return known

  def _target(self, client):
    _, command, _, kind = self._receive(client, 4)
    if kind == 3:
      host = self._receive(client, self._receive(client, 1)[0]).decode()
    elif kind == 1:
      host = socket.inet_ntop(socket.AF_INET, self._receive(client, 4))
    else:
      host = "[%s]" % socket.inet_ntop(socket.AF_INET6, self._receive(client, 16))
    port, = struct.unpack(">H", self._receive(client, 2))
    return "%s:%d" % (host, port) if command == 1 else None
