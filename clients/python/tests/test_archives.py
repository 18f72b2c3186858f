"""Import and Export: what is sent of an archive, and what is left of one that was received."""

import concurrent.futures
import contextlib
import io
import os
import pathlib
import resource
import socket
import threading
import time
from typing import Any, Iterator, List

import grpc
import pytest

import holkas
from conftest import Either
from fake_server import FakeServer, fail

RESULT = holkas.CopyResponse(result=holkas.CopyResult(manifest_digest="sha256:12"))
ARCHIVE = bytes(range(256)) * 6000  # 1.5 MB


class Receiver:
  """The server's side of an Import."""

  def __init__(self) -> None:
    self.options: List[holkas.ImportOptions] = []
    self.chunks: List[bytes] = []
    self.begun = threading.Event()
    # Whether the caller said that the archive is whole.
    self.ended = threading.Event()

  def take_all(self, requests: Iterator[holkas.ImportRequest],
               context: grpc.ServicerContext) -> Iterator[holkas.ImportResponse]:
    self.options.append(next(requests).options)
    for request in requests:
      self.chunks.append(request.chunk)
      self.begun.set()
      yield holkas.ImportResponse(received_bytes=sum(map(len, self.chunks)))
    self.ended.set()
    yield holkas.ImportResponse(copy=RESULT)


@pytest.fixture
def receiver(server: FakeServer) -> Receiver:
  receiver = Receiver()
  server.on("Import", receiver.take_all)
  return receiver


class TestImport:

  def test_a_file_is_sent_with_its_size(self, receiver: Receiver, client: Either,
                                        tmp_path: pathlib.Path) -> None:
    (tmp_path / "archive").write_bytes(ARCHIVE)
    options = holkas.ImportOptions(image="a")
    result = client.result("import_archive", options, tmp_path / "archive")
    assert result.manifest_digest == "sha256:12"
    assert b"".join(receiver.chunks) == ARCHIVE
    assert max(map(len, receiver.chunks)) == 512 << 10
    assert receiver.options == [holkas.ImportOptions(image="a", size_bytes=len(ARCHIVE))]
    assert options == holkas.ImportOptions(image="a")

  def test_a_stream_is_sent_and_stays_open(self, receiver: Receiver, client: Either) -> None:
    stream = io.BytesIO(ARCHIVE)
    events = client.events("import_archive", holkas.ImportOptions(), stream)
    assert b"".join(receiver.chunks) == ARCHIVE
    assert receiver.options[0].size_bytes == 0
    assert events[-2].received_bytes == len(ARCHIVE)
    assert events[-1].copy == RESULT
    assert not stream.closed

  def test_pieces_are_sent_whatever_their_sizes(self, receiver: Receiver, client: Either) -> None:
    client.result("import_archive", holkas.ImportOptions(),
                  client.pieces([ARCHIVE[:10], b"", ARCHIVE[10:]]))
    assert b"".join(receiver.chunks) == ARCHIVE
    assert max(map(len, receiver.chunks)) == 512 << 10
    assert min(map(len, receiver.chunks)) == 10

  def test_a_file_that_is_not_there(self, client: Either, tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
      client.result("import_archive", holkas.ImportOptions(), tmp_path / "nothing")

  def test_what_cannot_be_read_is_not_taken_for_its_end(self, server: FakeServer, receiver: Receiver,
                                                        client: Either) -> None:
    class Broken(io.RawIOBase):
      begun = False

      def read(self, size: int = -1) -> bytes:
        if self.begun:
          assert receiver.begun.wait(5)
          raise OSError(5, "broken")
        self.begun = True
        return b"a" * 100

    with pytest.raises(OSError, match="broken"):
      client.result("import_archive", holkas.ImportOptions(), Broken())
    assert server.calls[0].over.wait(5)
    assert not receiver.ended.is_set()

  def test_nothing_is_sent_to_a_server_that_has_it(self, server: FakeServer,
                                                   client: Either) -> None:
    taken: List[int] = []

    def attach(requests: Iterator[holkas.ImportRequest], context: grpc.ServicerContext) -> Any:
      next(requests)
      yield holkas.ImportResponse(attached=holkas.ImportAttached())
      taken.extend(len(request.chunk) for request in requests)
      yield holkas.ImportResponse(copy=RESULT)

    class Endless(io.RawIOBase):

      def read(self, size: int = -1) -> bytes:
        return bytes(size)

    server.on("Import", attach)
    events = client.events("import_archive", holkas.ImportOptions(), Endless())
    assert events[0].HasField("attached")
    assert events[-1].copy == RESULT

  def test_a_loop_that_is_left_ends_the_call(self, server: FakeServer, receiver: Receiver,
                                             client: Either) -> None:
    class Endless(io.RawIOBase):

      def read(self, size: int = -1) -> bytes:
        return bytes(size)

    client.events("import_archive", holkas.ImportOptions(), Endless(), leave_after=1)
    assert server.calls[0].over.wait(5)
    assert not receiver.ended.is_set()

  def test_why_a_server_refuses_is_told_while_the_archive_is_sent(self, server: FakeServer,
                                                                  client: Either) -> None:
    class Endless(io.RawIOBase):

      def read(self, size: int = -1) -> bytes:
        return bytes(size)

    def refuse(requests: Iterator[holkas.ImportRequest], context: grpc.ServicerContext) -> Any:
      next(requests)
      fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, reason="SPOOL_QUOTA_EXCEEDED")
      yield holkas.ImportResponse()

    server.on("Import", refuse)
    # Whether something is on its way at that moment is chance.
    for _ in range(20):
      with pytest.raises(holkas.ResourceExhaustedError, match="SPOOL_QUOTA_EXCEEDED"):
        client.result("import_archive", holkas.ImportOptions(), Endless())

  def test_no_more_is_read_than_is_taken(self, server: FakeServer, client: Either) -> None:
    refuse = threading.Event()

    def take_little(requests: Iterator[holkas.ImportRequest], context: grpc.ServicerContext) -> Any:
      next(requests)
      assert refuse.wait(20)
      fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, reason="SPOOL_QUOTA_EXCEEDED")
      yield holkas.ImportResponse()

    read = [0]

    class Endless(io.RawIOBase):

      def read(self, size: int = -1) -> bytes:
        read[0] += size
        return bytes(size)

    server.on("Import", take_little)
    threading.Timer(1, refuse.set).start()
    with pytest.raises(holkas.ResourceExhaustedError, match="SPOOL_QUOTA_EXCEEDED"):
      client.result("import_archive", holkas.ImportOptions(), Endless())
    assert read[0] < 32 << 20


def exported(*chunks: bytes, result: bool = True) -> Any:
  events = [holkas.ExportResponse(copy=RESULT)] if result else []
  events += [holkas.ExportResponse(chunk=chunk) for chunk in chunks]
  return lambda request, context: iter(events)


def cut_off(request: Any, context: grpc.ServicerContext) -> Any:
  yield holkas.ExportResponse(copy=RESULT)
  yield holkas.ExportResponse(chunk=b"half")
  fail(context, grpc.StatusCode.DATA_LOSS)


class TestExport:

  def test_a_path_has_the_archive(self, server: FakeServer, client: Either,
                                  tmp_path: pathlib.Path) -> None:
    server.on("Export", exported(ARCHIVE[:10], ARCHIVE[10:]))
    result = client.result("export_archive", holkas.ExportRequest(), tmp_path / "to")
    assert result.manifest_digest == "sha256:12"
    assert (tmp_path / "to").read_bytes() == ARCHIVE
    assert os.listdir(tmp_path) == ["to"]
    assert (tmp_path / "to").stat().st_mode & 0o777 == 0o666 & ~umask()

  def test_the_events_are_those_of_the_copy(self, server: FakeServer, client: Either,
                                            tmp_path: pathlib.Path) -> None:
    server.on("Export", exported(b"a"))
    assert client.events("export_archive", holkas.ExportRequest(), tmp_path / "to") == [RESULT]
    assert (tmp_path / "to").read_bytes() == b"a"

  def test_a_stream_gets_the_archive_and_stays_open(self, server: FakeServer,
                                                    client: Either) -> None:
    server.on("Export", exported(ARCHIVE[:10], ARCHIVE[10:]))
    stream = io.BytesIO()
    client.result("export_archive", holkas.ExportRequest(), stream)
    assert stream.getvalue() == ARCHIVE

  def test_half_an_archive_is_removed(self, server: FakeServer, client: Either,
                                      tmp_path: pathlib.Path) -> None:
    (tmp_path / "to").write_bytes(b"before")
    server.on("Export", cut_off)
    with pytest.raises(holkas.DataLossError):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "to")
    assert os.listdir(tmp_path) == ["to"]
    assert (tmp_path / "to").read_bytes() == b"before"

  def test_an_archive_without_a_result_is_removed(self, server: FakeServer, client: Either,
                                                  tmp_path: pathlib.Path) -> None:
    server.on("Export", exported(b"a", result=False))
    with pytest.raises(holkas.InternalError, match="without a result"):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "to")
    assert os.listdir(tmp_path) == []

  def test_a_loop_that_is_left_removes_it(self, server: FakeServer, client: Either,
                                          tmp_path: pathlib.Path) -> None:
    server.on("Export", exported(b"a"))
    client.events("export_archive", holkas.ExportRequest(), tmp_path / "to", leave_after=1)
    assert os.listdir(tmp_path) == []

  def test_a_callback_that_fails_removes_it(self, server: FakeServer, client: Either,
                                            tmp_path: pathlib.Path) -> None:
    def refuse(event: Any) -> None:
      raise ZeroDivisionError

    server.on("Export", exported(b"a"))
    with pytest.raises(ZeroDivisionError) as kept:
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "to", on_event=refuse)
    assert os.listdir(tmp_path) == []
    # Until here it keeps what it passed through.
    assert kept.value is not None

  def test_a_directory_that_is_not_there(self, server: FakeServer, client: Either,
                                         tmp_path: pathlib.Path) -> None:
    server.on("Export", exported(b"a"))
    with pytest.raises(FileNotFoundError):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "no" / "to")
    assert server.calls == [] or server.calls[0].over.wait(5)

  def test_what_cannot_be_written_ends_the_call(self, server: FakeServer, client: Either) -> None:
    class Full(io.RawIOBase):

      def write(self, content: Any) -> int:
        raise OSError(28, "full")

    server.on("Export", exported(b"a"))
    with pytest.raises(OSError, match="full"):
      client.result("export_archive", holkas.ExportRequest(), Full())
    assert server.calls[0].over.wait(5)

  def test_a_full_disk_leaves_nothing(self, server: FakeServer, client: Either,
                                      tmp_path: pathlib.Path) -> None:
    # Two, that the first is in a buffer when the second finds no room; or one that closing writes.
    for chunks in ((b"a" * 1000, ARCHIVE), (b"a" * 1000,)):
      server.on("Export", exported(*chunks))
      with files_of_at_most(500):
        with pytest.raises(OSError, match="too large"):
          client.result("export_archive", holkas.ExportRequest(), tmp_path / "to")
      assert os.listdir(tmp_path) == []

  def test_its_name_is_on_the_disk(self, server: FakeServer, client: Either, tmp_path: pathlib.Path,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    synced: List[str] = []
    sync = os.fsync

    def record(file: int) -> None:
      synced.append(os.readlink("/proc/self/fd/%d" % file))
      sync(file)

    monkeypatch.setattr(os, "fsync", record)
    server.on("Export", exported(b"a"))
    client.result("export_archive", holkas.ExportRequest(), tmp_path / "to")
    assert [os.path.dirname(synced[0]), synced[1]] == [str(tmp_path)] * 2

  def test_a_stream_that_does_not_block_is_refused(self, server: FakeServer,
                                                   client: Either) -> None:
    class NotYet(io.RawIOBase):

      def write(self, content: Any) -> None:
        return None

    server.on("Export", exported(b"a"))
    with pytest.raises(BlockingIOError, match="must be a blocking one"):
      client.result("export_archive", holkas.ExportRequest(), NotYet())
    assert server.calls[0].over.wait(5)

  def test_what_a_link_leads_to_is_replaced(self, server: FakeServer, client: Either,
                                            tmp_path: pathlib.Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").write_bytes(b"before")
    (tmp_path / "to").symlink_to("there/old")
    (tmp_path / "dangling").symlink_to("there/new")
    server.on("Export", exported(b"a"))
    for name in ("to", "dangling"):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / name)
      assert (tmp_path / name).is_symlink()
    assert (tmp_path / "there" / "old").read_bytes() == b"a"
    assert (tmp_path / "there" / "new").read_bytes() == b"a"
    assert sorted(os.listdir(tmp_path / "there")) == ["new", "old"]

  def test_what_is_no_file_stays(self, server: FakeServer, client: Either,
                                 tmp_path: pathlib.Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
      listener.bind(str(tmp_path / "socket"))
    before = sorted(os.listdir(tmp_path))
    server.on("Export", exported(b"a"))
    for name in ("directory", "link", "socket"):
      with pytest.raises(FileExistsError, match="not a regular file"):
        client.result("export_archive", holkas.ExportRequest(), tmp_path / name)
    with pytest.raises(OSError, match="symbolic links"):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "loop")
    assert sorted(os.listdir(tmp_path)) == before

  def test_pipes_and_devices_get_the_bytes(self, server: FakeServer, client: Either,
                                           tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")

    def read_late() -> bytes:
      time.sleep(0.2)
      return (tmp_path / "pipe").read_bytes()

    for name, archive in (("pipe", ARCHIVE), ("link", b"a")):
      server.on("Export", exported(archive))
      with concurrent.futures.ThreadPoolExecutor() as thread:
        read = thread.submit(read_late)
        client.result("export_archive", holkas.ExportRequest(), tmp_path / name)
        assert read.result(5) == archive
    assert (tmp_path / "pipe").is_fifo()
    client.result("export_archive", holkas.ExportRequest(), "/dev/null")
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]

  def test_a_pipe_that_nobody_reads_is_waited_for_until_the_timeout(
      self, server: FakeServer, client: Either, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    server.on("Export", exported(ARCHIVE))
    with pytest.raises(holkas.DeadlineExceededError):
      client.result("export_archive", holkas.ExportRequest(), tmp_path / "pipe", timeout=0.3)


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
  """This process's files, as on a disk with so little room: beyond there is EFBIG, and no signal, which
  Python ignores."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def umask() -> int:
  mask = os.umask(0o22)
  os.umask(mask)
  return mask
