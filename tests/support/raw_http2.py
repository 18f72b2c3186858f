"""One HTTP/2 connection of which every frame is the test's own (RFC 9113)."""

import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
REFUSED_STREAM = 7


def literal(name, value):
  """One header, not indexed and not compressed (RFC 7541, section 6.2.2)."""
  return b"\0" + _text(name) + _text(value)


def _text(text):
  """A string literal (section 5.2), its length an integer with a prefix of 7 bits (section 5.1)."""
  data, encoded = text.encode(), b""
  size = len(data)
  if size < 127:
    return bytes([size]) + data
  size -= 127
  encoded = b"\x7f"
  while size >= 128:
    encoded += bytes([size % 128 + 128])
    size //= 128
  return encoded + bytes([size]) + data


def connect(port, ca=None, pair=()):
  """A socket; over TLS, with the client's pair of certificate and key, where `ca` is given."""
  connection = socket.create_connection(("127.0.0.1", port), timeout=20)
  if ca is None:
    return connection
  context = ssl.create_default_context(cafile=str(ca))
  context.set_alpn_protocols(["h2"])
  if pair:
    context.load_cert_chain(*map(str, pair))
  return context.wrap_socket(connection, server_hostname="localhost")


class Connection:
  """A client. A context, which is closed at its end."""

  def __init__(self, *where, acknowledges=True):
    """As `connect`. `acknowledges`: the server's settings, when they are read."""
    self._socket = connect(*where)
    self._acknowledges = acknowledges
    self._socket.sendall(PREFACE)
    self.send(SETTINGS, 0, 0, b"")

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._socket.close()

  def send(self, kind, flags, stream, payload):
    self._socket.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
                         struct.pack(">I", stream) + payload)

  def request(self, stream, method, flags=END_HEADERS, **headers):
    """Begins a request of gRPC."""
    self.send(HEADERS, flags, stream, b"".join(
        literal(name, value) for name, value in (
            (":method", "POST"), (":scheme", "https"), (":path", method), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"),
            *((name.replace("_", "-"), value) for name, value in headers.items()))))

  def frames(self):
    """What comes, as (kind, flags, stream, payload), until the server sends no more."""
    while True:
      head = self._read(9)
      if len(head) < 9:
        return
      size = int.from_bytes(head[:3], "big")
      kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
      payload = self._read(size)
      if self._acknowledges and kind == SETTINGS and not flags & ACK:
        self.send(SETTINGS, ACK, 0, b"")
      yield kind, flags, stream, payload

  def _read(self, size):
    data = b""
    while len(data) < size:
      try:
        more = self._socket.recv(size - len(data))
      except (ConnectionError, ssl.SSLError):
        more = b""
      if not more:
        break
      data += more
    return data
