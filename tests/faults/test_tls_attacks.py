"""Clients who want a server's connections, memory or time for themselves: others are served, and who
asks for too much is told which limit it was, where the protocol has a place for that."""

import json
import socket
import time

import pytest

from support import raw_http2
from support.grpc_client import Client, RpcFailed
from support.tls_server import EVERYTHING, INFO, Caller, Files, TlsServer, allow_file

INSPECT = "holkas.v1.ImageService/Inspect"


@pytest.fixture
def files(tmp_path):
  files = Files(tmp_path / "files")
  files.allowed.write_text(allow_file(token_bob=EVERYTHING))
  return files


@pytest.fixture
def start(programs, tmp_path, files):
  """Starts a server with these limits; the server, and somebody who may do everything there."""
  servers = []

  def start(**limits):
    server = TlsServer(programs, tmp_path / "server",
                       files.config() + "\nlimits: " + json.dumps(limits))
    servers.append(server.__enter__())
    return server, Caller(programs, server, files.authority.certificate, token=files.token)

  yield start
  for server in servers:
    server.__exit__()


def never(handler, unused_body):
  """Answers nothing, for as long as somebody waits."""
  handler.wait_for_hangup()


def connect(server, first=b""):
  connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
  connection.sendall(first)
  return connection


def ended(connections):
  """How many of them the server has closed."""
  count = 0
  for connection in connections:
    connection.setblocking(False)
    try:
      count += connection.recv(4096) == b""
    except BlockingIOError:
      pass
    except ConnectionError:
      count += 1
  return count


def wait_until_ended(connections, count, timeout):
  found, deadline = 0, time.monotonic() + timeout
  left = list(connections)
  while found < count and time.monotonic() < deadline:
    closed = [connection for connection in left if ended([connection])]
    left = [connection for connection in left if connection not in closed]
    found += len(closed)
    time.sleep(0.05)
  return found


# The first bytes of a handshake that says no more.
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01"


@pytest.mark.parametrize("first", [b"", HALF_A_HELLO], ids=["silent", "half a handshake"])
def test_a_thousand_half_open_connections_keep_nobody_out(start, pushed, first):
  server, caller = start(max_connections=300, max_connections_per_user=300,
                         max_silent_connections=50, handshake_timeout="60s")
  connections = [connect(server, first) for _ in range(1000)]
  try:
    caller.inspect(pushed).ok()
    # The oldest went first.
    assert wait_until_ended(connections, 945, 20) >= 945
    assert ended(connections[:900]) == 900
  finally:
    for connection in connections:
      connection.close()


def test_without_that_limit_they_would(start, pushed):
  """What the one before this guards against: the limit of an address is reached."""
  server, caller = start(max_connections=300, max_connections_per_user=50,
                         max_silent_connections=300, handshake_timeout="60s")
  connections = [connect(server, HALF_A_HELLO) for _ in range(50)]
  try:
    assert caller.inspect(pushed).code == 1
    refused = [line["error"] for line in server.log_lines() if line["message"] == "connection refused"]
    assert "127.0.0.1 has 50 (limits.max_connections_per_user)" in refused[-1]
  finally:
    for connection in connections:
      connection.close()
  caller.inspect(pushed).ok()


def test_a_handshake_that_drips_ends_in_time(start):
  server, _ = start(handshake_timeout="1s")
  connection = connect(server)
  began = time.monotonic()
  with pytest.raises(OSError):
    while time.monotonic() < began + 30:
      for byte in HALF_A_HELLO + bytes(1000):
        connection.sendall(bytes([byte]))
        time.sleep(0.1)
        if ended([connection]):
          raise ConnectionResetError
        connection.setblocking(True)
  assert time.monotonic() - began < 10
  connection.close()


def test_http2_that_never_begins_ends_in_time(start, files):
  server, _ = start(handshake_timeout="1s")
  began = time.monotonic()
  with raw_http2.connect(server.port, files.authority.certificate) as tls:
    while tls.recv(4096):
      pass
  assert time.monotonic() - began < 10


def bearer(files):
  return "Bearer " + files.token.read_text().strip()


def until(frames, done):
  """The frames until one for which `done` holds, that one too."""
  seen = []
  for frame in frames:
    seen.append(frame)
    if done(*frame):
      break
  return seen


def trailers_of(stream):
  return lambda kind, flags, of, payload: (kind == raw_http2.HEADERS and of == stream and
                                           flags & raw_http2.END_STREAM)


def is_settings(kind, flags, unused_stream, unused_payload):
  return kind == raw_http2.SETTINGS and not flags & raw_http2.ACK


def is_pong(kind, flags, unused_stream, unused_payload):
  return kind == raw_http2.PING and flags & raw_http2.ACK


@pytest.mark.parametrize("acknowledged", [True, False])
def test_metadata_that_is_too_large_is_refused(start, files, pushed, acknowledged):
  """By gRPC, of a client that has acknowledged its settings; of others by holkasd."""
  server, caller = start(max_metadata_bytes=8192)
  with raw_http2.Connection(server.port, files.authority.certificate,
                            acknowledges=acknowledged) as connection:
    frames = connection.frames()
    if acknowledged:
      until(frames, is_settings)
      connection.send(raw_http2.PING, 0, 0, b"are you?")
      until(frames, is_pong)
    answers = []
    for stream, size in ((1, 7000), (3, 9000)):
      connection.request(stream, "/" + INSPECT, authorization=bearer(files), x_filler="m" * size)
      connection.send(raw_http2.DATA, raw_http2.END_STREAM, stream, bytes(5))
      answers.append(until(frames, trailers_of(stream))[-1][3])
    assert b"field image is required" in answers[0]
    assert b"\x0bgrpc-status\x018" in answers[1]
    assert (b"size exceeds limit" if acknowledged else b"limits.max_metadata_bytes") in answers[1]
  caller.inspect(pushed).ok()
  # A client that heeds the server's settings does not even send it.
  refused = caller.grpcurl(INFO, header="x-filler: " + "m" * 9000)
  assert "maximum size (8192 bytes) set by server" in refused.stderr


def test_a_message_that_is_too_large_is_refused(start, pushed):
  server, caller = start(max_message_bytes=1200000)
  with Client(server) as client:
    for size, code, says in ((1200000, "RESOURCE_EXHAUSTED", "1200000"),
                             (1199900, "INVALID_ARGUMENT", "chunk is larger than 1048576")):
      requests = [client.options("docker://localhost/a"),
                  client.messages.ImportRequest(chunk=bytes(size))]
      with pytest.raises(RpcFailed) as refused:
        client.read(client.import_stream(requests))
      assert refused.value.code == code and says in refused.value.message
  caller.inspect(pushed).ok()


def test_a_client_that_takes_no_notice_of_the_limit_of_streams_loses_its_connection(start, files,
                                                                                   pushed):
  server, caller = start(max_streams_per_connection=10)
  with raw_http2.Connection(server.port, files.authority.certificate) as connection:
    frames = connection.frames()
    told, = [frame for frame in until(frames, is_settings) if is_settings(*frame)]
    assert bytes([0, 3, 0, 0, 0, 10]) in told[3]
    connection.send(raw_http2.PING, 0, 0, b"are you?")
    until(frames, is_pong)
    for stream in range(1, 60, 2):
      connection.request(stream, "/" + INSPECT, authorization=bearer(files))
    # To the end of the connection.
    answers = list(frames)
    assert [stream for kind, _, stream, _ in answers if kind == raw_http2.HEADERS] == list(
        range(1, 21, 2))
  caller.inspect(pushed).ok()


def resident_kib(server):
  with open("/proc/%d/status" % server.process.pid) as status:
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_streams_of_a_client_that_acknowledges_nothing_are_refused(start, files, pushed):
  """gRPC would take any number of them, some ten kilobytes each."""
  server, caller = start(max_streams_per_connection=10)
  before = resident_kib(server)
  with raw_http2.Connection(server.port, files.authority.certificate,
                            acknowledges=False) as connection:
    frames = connection.frames()
    refused = []
    for first in range(1, 20000, 1000):
      for stream in range(first, first + 1000, 2):
        connection.request(stream, "/" + INSPECT)
      connection.send(raw_http2.PING, 0, 0, b"are you?")
      answers = until(frames, is_pong)
      refused += [payload for kind, _, _, payload in answers if kind == raw_http2.HEADERS]
    assert len(refused) > 9000 and b"limits.max_streams_per_connection" in refused[0]
    caller.inspect(pushed).ok()
    assert resident_kib(server) - before < 40 << 10


def test_one_caller_cannot_have_all_places(programs, start, files, scripted, pushed):
  files.allowed.write_text(allow_file(**{"token_bob": EVERYTHING, "cert_other.test": EVERYTHING}))
  server, caller = start(max_requests_per_caller=2, max_concurrent_requests=4)
  scripted.on("GET", "/manifests/", never)
  other = Caller(programs, server, files.authority.certificate,
                 files.authority.issue("other", "DNS:other.test"))
  waiting = [caller.start("inspect", "--tls-verify=false",
                          "docker://%s/app:%d" % (scripted.address, number)) for number in range(2)]
  try:
    programs.wait_for_workers(2, timeout=20)
    refused = caller.grpcurl(INSPECT, request={"image": pushed})
    assert "LIMIT_EXCEEDED" in refused.stderr
    assert "2 of token:bob run or wait already (limits.max_requests_per_caller)" in refused.stderr
    other.inspect(pushed).ok()
  finally:
    for process in waiting:
      process.terminate()
      process.communicate()
  programs.wait_for_workers(0, timeout=20)
  caller.inspect(pushed).ok()
