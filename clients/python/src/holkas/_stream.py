"""The calls that answer with several messages, for the client that blocks."""

import abc
import contextlib
import threading
import time
from types import TracebackType
from typing import (BinaryIO, Callable, Generator, Generic, Iterable, Iterator, List, Optional, Protocol, Type,
                    TypeVar, Union, cast)

import grpc

from holkas import _archive
from holkas._connection import Path
from holkas.errors import InternalError, error_of
from holkas.v1.image_service_pb2 import (CopyResponse, CopyResult, ExportResponse, ImportOptions,
                                         ImportRequest, ImportResponse, ListTagsResponse)

Event = TypeVar("Event")
_Self = TypeVar("_Self", bound="Stream")  # type: ignore[type-arg]


class Cancellable(Protocol):
  """Of a grpc.Call what streams need."""

  def cancel(self) -> object: ...


class Stream(Generic[Event]):
  """The events of a call, one after the other as they come. Iterating raises HolkasError.

  A loop that is left early ends the call, and so do a context that is, and `cancel()`:

      with client.copy(request) as events:
        for event in events:
          ...

  `with` does it at once in every case; without it, a loop that an exception leaves ends the call when
  the exception is forgotten. One thread may iterate.
  """

  def __init__(self, call: Cancellable, events: Generator[Event, None, None]) -> None:
    self._call = call
    self._events = events

  def __iter__(self) -> Iterator[Event]:
    try:
      yield from self._events
    except grpc.RpcError as error:
      raise self._failure(error) from error
    finally:
      self.cancel()

  def _failure(self, error: grpc.RpcError) -> BaseException:
    return error_of(error)

  def cancel(self) -> None:
    """Ends the call, and the server's worker with it. Any thread may do so; the one that iterates gets
    CancelledError. Nothing happens to a call that is over."""
    self._call.cancel()

  def __enter__(self: _Self) -> _Self:
    return self

  def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
               traceback: Optional[TracebackType]) -> None:
    self.cancel()
    # What the events still hold: an exception may keep the loop, and with it them. Where another
    # thread iterates, its loop does that.
    with contextlib.suppress(ValueError):
      self._events.close()


def messages(call: "grpc.CallIterator[Event]") -> Generator[Event, None, None]:
  """The messages of a call as they are."""
  yield from call


class _ResultStream(Stream[Event], abc.ABC):
  """Events of which the last one holds a result."""

  def result(self, on_event: Optional[Callable[[Event], object]] = None) -> CopyResult:
    """Waits for the end, and gives every event to `on_event` as it comes, on this thread. What that
    raises ends the call. Raises HolkasError."""
    result: Optional[CopyResult] = None
    with self:
      for event in self:
        result = self._result_of(event) or result
        if on_event is not None:
          on_event(event)
    if result is None:
      raise without_result()
    return result

  @abc.abstractmethod
  def _result_of(self, event: Event) -> Optional[CopyResult]:
    """The result, where the event is that."""


def without_result() -> InternalError:
  """The error of a stream that ended well, and without a result."""
  return InternalError(grpc.StatusCode.INTERNAL, "the server ended the call without a result")


def result_of(event: CopyResponse) -> Optional[CopyResult]:
  return event.result if event.HasField("result") else None


class CopyStream(_ResultStream[CopyResponse]):
  """The events of a Copy: progress, and the result as the last one."""

  def _result_of(self, event: CopyResponse) -> Optional[CopyResult]:
    return result_of(event)


class TagStream(Stream[ListTagsResponse]):
  """The tags of a repository, page by page."""

  def tags(self) -> List[str]:
    """All tags, when all are there. Raises HolkasError."""
    with self:
      return [tag for page in self for tag in page.tags]


class ImportStream(_ResultStream[ImportResponse]):
  """The events of an Import: how much of the archive has arrived, and those of the copy."""

  def __init__(self, call: "grpc.CallIterator[ImportResponse]", upload: "Upload") -> None:
    super().__init__(call, self._responses(call, upload))
    self._upload = upload
    upload.start(call)

  @staticmethod
  def _responses(call: "grpc.CallIterator[ImportResponse]",
                 upload: "Upload") -> Generator[ImportResponse, None, None]:
    for response in call:
      if response.HasField("attached"):
        upload.stop()
      yield response

  def _failure(self, error: grpc.RpcError) -> BaseException:
    # A call that ended because the archive could not be read.
    return self._upload.error or error_of(error)

  def _result_of(self, event: ImportResponse) -> Optional[CopyResult]:
    return result_of(event.copy)


class ExportStream(_ResultStream[CopyResponse]):
  """The events of the copy of an Export. The archive is whole when they are over, without an error:
  whoever iterates writes it meanwhile."""

  def __init__(self, call: "grpc.CallIterator[ExportResponse]",
               output: Union[Path, BinaryIO]) -> None:
    super().__init__(call, self._saved(call, output))

  @staticmethod
  def _saved(call: "grpc.CallIterator[ExportResponse]",
             output: Union[Path, BinaryIO]) -> Generator[CopyResponse, None, None]:
    result: Optional[CopyResult] = None
    with _archive.ArchiveOutput(output) as archive:
      # A call that is over says why below.
      while not archive.open() and call.is_active():
        time.sleep(_archive.PIPE_INTERVAL)
      for response in call:
        if response.WhichOneof("event") == "chunk":
          archive.write(response.chunk)
        else:
          result = result_of(response.copy) or result
          yield response.copy
      if result is None:
        raise without_result()
      archive.publish()

  def _result_of(self, event: CopyResponse) -> Optional[CopyResult]:
    return result_of(event)


class Upload:
  """The messages of an Import. gRPC's thread takes one when the one before is sent, so that the archive
  is never held whole."""

  def __init__(self, options: ImportOptions,
               archive: Union[Path, BinaryIO, Iterable[bytes]]) -> None:
    """Opens an archive that is a path, and tells its size in `options`. Raises OSError."""
    self.error: Optional[BaseException] = None
    self._options = options
    self._pieces = _pieces(archive, options)
    self._call: Optional[Cancellable] = None
    self._started = threading.Event()
    self._stopped = False

  def start(self, call: Cancellable) -> None:
    """Tells which call to end where the archive cannot be read."""
    self._call = call
    self._started.set()

  def stop(self) -> None:
    """No more of the archive is wanted."""
    self._stopped = True

  def __iter__(self) -> Iterator[ImportRequest]:
    yield ImportRequest(options=self._options)
    self._started.wait()
    try:
      for piece in self._pieces:
        for chunk in _archive.split(piece):
          if self._stopped:
            return
          yield ImportRequest(chunk=chunk)
    except Exception as error:
      # Before this ends: its end would tell the server that the archive is whole.
      self.error = error
      assert self._call is not None
      self._call.cancel()


def _pieces(archive: Union[Path, BinaryIO, Iterable[bytes]],
            options: ImportOptions) -> Iterable[bytes]:
  if _archive.is_path(archive):
    return _chunks(_archive.open_archive(cast(Path, archive), options), close=True)
  if hasattr(archive, "read"):
    return _chunks(cast(BinaryIO, archive), close=False)
  return cast(Iterable[bytes], archive)


def _chunks(file: BinaryIO, close: bool) -> Iterator[bytes]:
  try:
    while True:
      chunk = _archive.read_chunk(file)
      if not chunk:
        return
      yield chunk
  finally:
    if close:
      file.close()
