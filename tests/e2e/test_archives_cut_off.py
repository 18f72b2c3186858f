"""Imports and Exports that are cut off: nothing of them is left, and who is there is told why."""

import os
import signal
import socket
import threading
import time

import pytest

from support.archive_calls import (MIB, archives, assert_nothing_left, client, spooled,
                                   wait_until)
from support.grpc_client import Client, RpcFailed
from support.images import Image
from support.programs import Server


class SilentPeer:
  """A registry that takes connections and never says anything. `name` is an image in it."""

  def __enter__(self):
    self._socket = socket.create_server(("127.0.0.1", 0))
    self.name = "docker://127.0.0.1:%d/app:1" % self._socket.getsockname()[1]
    return self

  def __exit__(self, *unused):
    self._socket.close()


class TestHangingUp:

  @pytest.mark.parametrize("how", ["cancel", "close"])
  def test_while_the_archive_is_sent(self, programs, shared_server, registry, archives, how):
    over = threading.Event()
    with Client(shared_server) as client:

      def requests():
        yield client.options(registry.repository("import") + ":1")
        yield from client.chunks(archives["OCI"].read_bytes()[:3 * MIB])
        over.wait(30)

      call = client.import_stream(requests())
      wait_until(lambda: spooled(shared_server) >= 3 * MIB, "the archive does not come")
      if how == "cancel":
        call.cancel()
    over.set()
    assert_nothing_left(programs, shared_server)

  def test_while_it_is_copied(self, programs, shared_server, archives):
    with SilentPeer() as peer, Client(shared_server) as client:

      def requests():
        yield client.options(peer.name)
        yield from client.chunks(archives["OCI"].read_bytes())

      call = client.import_stream(requests())
      programs.wait_for_workers(1)
      assert spooled(shared_server) > 0
      call.cancel()
    # Where bytes still come, gRPC's Python says seconds later that it hangs up, unless it closes.
    assert_nothing_left(programs, shared_server)

  def test_while_an_export_is_copied(self, programs, shared_server):
    with SilentPeer() as peer, Client(shared_server) as client:
      call = client.export_stream(client.export_request(peer.name))
      programs.wait_for_workers(1)
      call.cancel()
      assert_nothing_left(programs, shared_server)

  def test_while_an_export_is_sent(self, programs, shared_server, scripted):
    # More than gRPC holds for a client that does not read.
    source = scripted.add("app", "large", Image(layer_sizes=(16_000_000,), seed=51))
    with Client(shared_server) as client:
      call = client.export_stream(client.export_request(source))
      for event in call:
        if event.HasField("chunk"):
          break
      assert spooled(shared_server) > 0
      call.cancel()
      # Long before gRPC's Python has taken what is on its way.
      wait_until(lambda: spooled(shared_server) == 0, "spooled bytes are left", timeout=2)
      assert_nothing_left(programs, shared_server)

  def test_deadline_while_the_archive_is_sent(self, programs, client, shared_server, registry):

    def requests():
      yield client.options(registry.repository("import") + ":1")
      yield from client.chunks(bytes(2 * MIB))
      time.sleep(2)

    with pytest.raises(RpcFailed) as failed:
      client.read(client.import_stream(requests(), timeout=1))
    assert failed.value.code == "DEADLINE_EXCEEDED"
    assert_nothing_left(programs, shared_server)


def test_a_killed_server_leaves_no_archive(programs, own_server, registry):
  before = set(os.listdir("/var/tmp"))
  over = threading.Event()
  with Client(own_server) as client:

    def requests():
      yield client.options(registry.repository("import") + ":1")
      yield from client.chunks(bytes(8 * MIB))
      over.wait(30)

    call = client.import_stream(requests())
    wait_until(lambda: spooled(own_server) >= 8 * MIB, "the archive does not come")
    # It never had a name.
    assert not [name for name in set(os.listdir("/var/tmp")) - before if "holkas" in name]
    own_server.process.send_signal(signal.SIGKILL)
    own_server.process.wait()
    over.set()
    with pytest.raises(RpcFailed):
      client.read(call)
  assert not [name for name in set(os.listdir("/var/tmp")) - before if "holkas" in name]
  programs.wait_until_gone()


def test_an_export_is_sent_whole_while_the_server_drains(programs, own_server, pushed):
  with Client(own_server) as client:
    call = client.export_stream(client.export_request(pushed))
    size = 0
    for event in call:
      if event.HasField("chunk"):
        if size == 0:
          own_server.process.send_signal(signal.SIGTERM)
          time.sleep(3)
        size += len(event.chunk)
    assert size > 4 * MIB
  # gRPC's Python may take seconds to close a connection that was busy.
  own_server.process.wait(40)


def test_an_import_is_refused_while_the_server_drains(programs, own_server, registry):
  with Client(own_server) as client:

    def requests():
      yield client.options(registry.repository("import") + ":1")
      yield client.messages.ImportRequest(chunk=bytes(1000))
      own_server.process.send_signal(signal.SIGTERM)
      for _ in range(100):
        time.sleep(0.05)
        yield client.messages.ImportRequest(chunk=bytes(1000))

    with pytest.raises(RpcFailed) as failed:
      client.read(client.import_stream(requests()))
    assert (failed.value.code, failed.value.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
  own_server.process.wait(10)


class TestTheServerEnds:
  """Who sends an archive or is sent one is told why, though no job runs."""

  @pytest.fixture
  def server(self, programs, tmp_path):
    with Server(programs, tmp_path / "server", "drain_timeout: 2s") as server:
      yield server

  def end(self, server):
    server.process.send_signal(signal.SIGTERM)
    return time.monotonic()

  def check(self, client, call, reason, on_event=lambda event: None):
    """The call fails with what a server says that ends, where it can with the reason."""
    with pytest.raises(RpcFailed) as failed:
      client.read(call, on_event)
    assert (failed.value.code, failed.value.reason) == ("UNAVAILABLE", reason)
    assert failed.value.message == "the server is shutting down"

  @pytest.fixture
  def large(self, scripted):
    """More than gRPC holds for a client that does not read."""
    return scripted.add("app", "large", Image(layer_sizes=(48_000_000,), seed=72))

  def first_chunk(self, call):
    while not next(call).HasField("chunk"):
      pass

  def test_an_export_that_is_read_slowly(self, server, large):
    with Client(server) as client:
      call = client.export_stream(client.export_request(large))
      self.first_chunk(call)
      self.end(server)
      self.check(client, call, "SERVER_DRAINING", lambda event: time.sleep(0.1))
      server.process.wait(10)

  def test_an_export_that_is_not_read(self, server, large):
    with Client(server) as client:
      call = client.export_stream(client.export_request(large))
      self.first_chunk(call)
      start = self.end(server)
      server.process.wait(10)
      assert 2 <= time.monotonic() - start < 5
      self.check(client, call, "")

  def test_an_import_that_stalls(self, server, tmp_path):
    over = threading.Event()
    with Client(server) as client:

      def requests():
        yield client.options("oci:%s:x" % (tmp_path / "to"))
        yield client.messages.ImportRequest(chunk=bytes(1000))
        over.wait(30)

      call = client.import_stream(requests())
      assert next(call).received_bytes == 1000
      start = self.end(server)
      self.check(client, call, "")
      over.set()
      # No copy would follow: nobody waits for the rest of it.
      server.process.wait(10)
      assert time.monotonic() - start < 5
