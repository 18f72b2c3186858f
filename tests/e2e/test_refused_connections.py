"""Connections beyond a limit: whoever calls is told which one, on unix sockets, TCP and TLS, and is
served when there is room again."""

import contextlib
import pathlib
import socket
import time

import pytest

from support import grpcurl
from support.programs import run
from support.tls_server import EVERYTHING, INFO, Files, TlsServer, allow_file

LIMIT = 3


class Way:
  """A way to connect: how the programs say it, and how a bare connection does."""

  def __init__(self, flags, options, address, connect):
    self.flags, self.options, self.address, self.connect = flags, options, address, connect

  def grpcurl(self, *arguments):
    return run([grpcurl.program(), "-max-time", "20", *self.options, self.address, *arguments])


def unix_way(server, files):
  def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(server.socket))
    return connection

  return Way(["--server", server.address], ["-plaintext", "-unix"], str(server.socket), connect)


def tcp_way(server, files):
  address = "127.0.0.1:%d" % server.port
  return Way(["--server", server.tcp, "--server-insecure"], ["-plaintext"], address,
             lambda: socket.create_connection(("127.0.0.1", server.port)))


def tls_way(server, files):
  way = tcp_way(server, files)
  ca = str(files.authority.certificate)
  return Way(["--server", server.tcp, "--server-ca", ca, "--server-token-file", files.token],
             ["-cacert", ca, "-H", "authorization: Bearer " + files.token.read_text().strip()],
             way.address, way.connect)


WAYS = {"unix": unix_way, "tcp": tcp_way, "tls": tls_way}


def wait_until(done, what):
  deadline = time.monotonic() + 20
  while not done():
    assert time.monotonic() < deadline, what
    time.sleep(0.01)


def is_alone(server):
  """Whether nobody is connected to its unix socket."""
  lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
  connected = "03"
  return not any(line.endswith(" %s" % server.socket) and line.split()[5] == connected
                 for line in lines)


@pytest.fixture
def start(programs, tmp_path):
  """Starts a server with a limit, to be reached in a way; the server, and the way."""
  with contextlib.ExitStack() as stack:

    def start(name, limits):
      files = Files(tmp_path / "files")
      files.allowed.write_text(allow_file(token_bob=EVERYTHING))
      config = files.config() if name == "tls" else "access: {insecure_tcp: true}"
      server = TlsServer(programs, tmp_path / "server",
                         "%s\nlimits: {handshake_timeout: 10m, %s}" % (config, limits))
      stack.enter_context(server)
      # Behind who looked whether it listens.
      unix_way(server, files).grpcurl("grpc.health.v1.Health/Check").ok()
      wait_until(lambda: is_alone(server), "somebody is connected")
      return server, WAYS[name](server, files)

    yield start


def refusals(server):
  return [line["error"] for line in server.log_lines() if line["message"] == "connection refused"]


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_user"])
@pytest.mark.parametrize("name", WAYS)
def test_who_is_refused_is_told_and_served_later(programs, start, pushed, name, limit):
  server, way = start(name, "%s: %d" % (limit, LIMIT))
  with contextlib.ExitStack() as stack:
    for _ in range(LIMIT):
      stack.enter_context(way.connect())
    inspect = programs.holkas(*way.flags, "inspect", "--tls-verify=false", pushed)
    assert inspect.code == 1 and "(limits.%s)" % limit in inspect.stderr
    # Also by the services that are not holkasd's own, and of those that nobody has.
    for arguments in (["list"], ["grpc.health.v1.Health/Check"], [INFO]):
      refused = way.grpcurl(*arguments).stderr
      assert "ResourceExhausted" in refused and "(limits.%s)" % limit in refused
    assert refusals(server)[-1].endswith("(limits.%s)" % limit)
  wait_until(lambda: programs.holkas(*way.flags, "inspect", "--tls-verify=false", pushed).code == 0,
             "who was refused is not served")
  wait_until(lambda: "SERVING" in way.grpcurl("grpc.health.v1.Health/Check").stdout,
             "health is not told")


@pytest.mark.parametrize("name", WAYS)
def test_who_is_refused_and_stays_is_closed(start, name):
  _, way = start(name, "max_connections: %d" % LIMIT)
  with contextlib.ExitStack() as stack:
    served = [stack.enter_context(way.connect()) for _ in range(LIMIT)]
    refused = stack.enter_context(way.connect())
    refused.settimeout(30)
    assert refused.recv(1) == b""
    for connection in served:
      connection.setblocking(False)
      with pytest.raises(BlockingIOError):
        connection.recv(1)


@pytest.mark.parametrize("name", WAYS)
def test_a_flood_is_closed_at_once(programs, start, name):
  """Eight of one user are told; nobody is, of those that come then."""
  server, way = start(name, "max_connections_per_user: %d" % LIMIT)
  with contextlib.ExitStack() as stack:
    flood = [stack.enter_context(way.connect()) for _ in range(LIMIT + 8 + 100)]
    for connection in flood[-100:]:
      connection.settimeout(30)
      assert connection.recv(1) == b""
    for connection in flood[:LIMIT]:
      connection.setblocking(False)
      with pytest.raises(BlockingIOError):
        connection.recv(1)
    assert len(refusals(server)) == 108
