"""Where a server is and how it is talked to: what the channels of both clients are made of."""

import dataclasses
import ipaddress
import os
import re
import ssl
import urllib.parse
from typing import List, Optional, Sequence, Tuple, Union

import grpc

from holkas._service_config import SERVICE_CONFIG

Path = Union[str, "os.PathLike[str]"]

# A manifest of 4 MiB and a configuration of 4 MiB, and room for the rest.
_MAX_RECEIVED_BYTES = 16 << 20

_OPTIONS: Sequence[Tuple[str, Union[int, str]]] = (
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.max_receive_message_length", _MAX_RECEIVED_BYTES),
    ("grpc.enable_http_proxy", 0),
)

# [HOST]:PORT of IPv6, or HOST:PORT.
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+):([0-9]{1,5})")

# The client's own limit, as the command line's. A server takes 16 KiB of metadata in all where its
# configuration says nothing else.
_TOKEN = re.compile("[!-~]{1,4096}")

# As OpenSSL names the files of a directory of certificates.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


@dataclasses.dataclass(frozen=True)
class Connection:
  """What a channel is made of. `credentials` is None without TLS; `metadata` goes with each call."""

  target: str
  credentials: Optional[grpc.ChannelCredentials]
  metadata: Sequence[Tuple[str, str]]
  options: Sequence[Tuple[str, Union[int, str]]] = _OPTIONS

  def open(self) -> grpc.Channel:
    """A channel of the client that blocks. Connecting happens with the first call."""
    if self.credentials is None:
      return grpc.insecure_channel(self.target, self.options)
    return grpc.secure_channel(self.target, self.credentials, self.options)


def connection_to(address: str, ca_file: Optional[Path], certificate_file: Optional[Path],
                  key_file: Optional[Path], token: Optional[str], insecure: bool) -> Connection:
  """Raises ValueError for what does not go together or is malformed, OSError for files that cannot be
  read."""
  metadata = (("authorization", "Bearer " + _checked(token)),) if token is not None else ()
  tls = [file for file in (ca_file, certificate_file, key_file) if file is not None]
  if address.startswith("unix:"):
    if tls or insecure:
      raise ValueError("a unix socket has no TLS to be configured")
    return Connection(_unix_target(address), None, metadata)
  target = _tcp_target(address)
  if not insecure:
    return Connection(target, _credentials(ca_file, certificate_file, key_file), metadata)
  if tls:
    raise ValueError("certificates and insecure exclude each other")
  if not _is_loopback(target):
    raise ValueError('server address "%s": without TLS the host must be a loopback address' % address)
  return Connection(target, None, metadata)


def _checked(token: str) -> str:
  """The token, where it can stand in a header."""
  if _TOKEN.fullmatch(token) is None:
    # Without the token: errors are logged.
    raise ValueError("a token is 1 to 4096 visible ASCII characters")
  return token


def _unix_target(address: str) -> str:
  path = address[len("unix:"):]
  if not path.startswith("/"):
    raise ValueError('server address "%s": the path of the socket is not absolute' % address)
  # gRPC reads a URI.
  return "unix:" + urllib.parse.quote(path)


def _tcp_target(address: str) -> str:
  found = _HOST_PORT.fullmatch(address[len("tcp:"):] if address.startswith("tcp:") else address)
  if found is None:
    raise ValueError('server address "%s": expected unix:/path or tcp:HOST:PORT' % address)
  if not 1 <= int(found[2]) <= 65535:
    raise ValueError('server address "%s": the port is not a number from 1 to 65535' % address)
  return "dns:///%s:%s" % (found[1], found[2])


def _is_loopback(target: str) -> bool:
  host = target[len("dns:///"):].rpartition(":")[0]
  if host in ("localhost", "[::1]"):
    return True
  try:
    return ipaddress.IPv4Address(host).is_loopback
  except ValueError:
    return False


def _credentials(ca_file: Optional[Path], certificate_file: Optional[Path],
                 key_file: Optional[Path]) -> grpc.ChannelCredentials:
  if (certificate_file is None) != (key_file is None):
    raise ValueError("certificate_file and key_file go together")
  return grpc.ssl_channel_credentials(
      root_certificates=_read(ca_file) if ca_file is not None else _system_roots(),
      private_key=_read(key_file) if key_file is not None else None,
      certificate_chain=_read(certificate_file) if certificate_file is not None else None)


def _read(path: Path) -> bytes:
  with open(path, "rb") as file:
    return file.read()


def _system_roots() -> Optional[bytes]:
  """The authorities that this system's OpenSSL trusts, in PEM; None, for those that gRPC brings
  along, where it has none."""
  paths = ssl.get_default_verify_paths()
  files: List[str] = [paths.cafile] if paths.cafile else []
  if paths.capath:
    files += [os.path.join(paths.capath, name) for name in sorted(os.listdir(paths.capath))
              if _HASHED_NAME.fullmatch(name)]
  return b"\n".join(_read(file) for file in files if os.path.isfile(file)) or None
