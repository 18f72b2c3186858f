"""The calls that answer with several messages, for asyncio."""

import abc
import asyncio
import contextlib
from types import TracebackType
from typing import (AsyncGenerator, AsyncIterable, AsyncIterator, BinaryIO, Callable, Generic, List, Optional, Type,
                    TypeVar, Union, cast)

import grpc
import grpc.aio

from holkas import _archive
from holkas._connection import Path
from holkas._stream import result_of, without_result
from holkas.errors import CancelledError, error_of
from holkas.v1.image_service_pb2 import (CopyResponse, CopyResult, ExportRequest, ExportResponse,
                                         ImportOptions, ImportRequest, ImportResponse,
                                         ListTagsResponse)

Event = TypeVar("Event")
_Request = TypeVar("_Request")
_Self = TypeVar("_Self", bound="Stream")  # type: ignore[type-arg]


class Stream(Generic[Event]):
  """The events of a call, one after the other as they come. Iterating raises HolkasError.

  A loop that is left early ends the call, and so do a context that is, `cancel()`, and cancelling the
  task that iterates:

      async with client.copy(request) as events:
        async for event in events:
          ...

  `async with` does it at once in every case; without it, a loop that is left ends the call when the
  event loop comes to it. One task may iterate.
  """

  def __init__(self, call: grpc.aio.Call, events: AsyncGenerator[Event, None]) -> None:
    self._call = call
    self._events = events
    self._cancelled = False

  async def __aiter__(self) -> AsyncIterator[Event]:
    try:
      async for event in self._events:
        yield event
    except grpc.RpcError as error:
      raise self._failure(error) from error
    except asyncio.CancelledError as error:
      # gRPC raises it for a call that this side ended, too.
      failure = self._own_end()
      if failure is None or _task_is_cancelled():
        raise
      raise failure from error
    finally:
      self._call.cancel()
      await self._close()

  def _failure(self, error: grpc.RpcError) -> BaseException:
    return error_of(error)

  def _own_end(self) -> Optional[BaseException]:
    """Why this side ended the call; None where it did not."""
    if not self._cancelled:
      return None
    return CancelledError(grpc.StatusCode.CANCELLED, "the call was cancelled")

  def cancel(self) -> None:
    """Ends the call, and the server's worker with it. The task that iterates gets CancelledError (of
    `holkas`). Nothing happens to a call that is over."""
    self._cancelled = True
    self._call.cancel()

  async def __aenter__(self: _Self) -> _Self:
    return self

  async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                      traceback: Optional[TracebackType]) -> None:
    self.cancel()
    await self._close()

  async def _close(self) -> None:
    """Lets go of what the events still hold. Where another task iterates, its loop does that."""
    with contextlib.suppress(RuntimeError):
      await self._events.aclose()


async def messages(
    call: "grpc.aio.UnaryStreamCall[_Request, Event]") -> AsyncGenerator[Event, None]:
  """The messages of a call as they are."""
  async for message in call:
    yield message


def _task_is_cancelled() -> bool:
  """Whether somebody cancelled the task that runs; not known before Python 3.11."""
  cancelling = getattr(asyncio.current_task(), "cancelling", None)
  return cancelling is not None and cancelling() > 0


class _ResultStream(Stream[Event], abc.ABC):
  """Events of which the last one holds a result."""

  async def result(self, on_event: Optional[Callable[[Event], object]] = None) -> CopyResult:
    """Waits for the end, and gives every event to `on_event` as it comes. What that raises ends the
    call. Raises HolkasError."""
    result: Optional[CopyResult] = None
    async with self:
      async for event in self:
        result = self._result_of(event) or result
        if on_event is not None:
          on_event(event)
    if result is None:
      raise without_result()
    return result

  @abc.abstractmethod
  def _result_of(self, event: Event) -> Optional[CopyResult]:
    """The result, where the event is that."""


class CopyStream(_ResultStream[CopyResponse]):
  """The events of a Copy: progress, and the result as the last one."""

  def _result_of(self, event: CopyResponse) -> Optional[CopyResult]:
    return result_of(event)


class TagStream(Stream[ListTagsResponse]):
  """The tags of a repository, page by page."""

  async def tags(self) -> List[str]:
    """All tags, when all are there. Raises HolkasError."""
    async with self:
      return [tag async for page in self for tag in page.tags]


class ImportStream(_ResultStream[ImportResponse]):
  """The events of an Import: how much of the archive has arrived, and those of the copy."""

  def __init__(self, call: "grpc.aio.StreamStreamCall[ImportRequest, ImportResponse]",
               upload: "Upload") -> None:
    super().__init__(call, self._responses(call, upload))
    self._upload = upload

  @staticmethod
  async def _responses(call: "grpc.aio.StreamStreamCall[ImportRequest, ImportResponse]",
                       upload: "Upload") -> AsyncGenerator[ImportResponse, None]:
    async for response in call:
      if response.HasField("attached"):
        upload.stop()
      yield response

  def _failure(self, error: grpc.RpcError) -> BaseException:
    return self._upload.error or super()._failure(error)

  def _own_end(self) -> Optional[BaseException]:
    return self._upload.error or super()._own_end()

  def _result_of(self, event: ImportResponse) -> Optional[CopyResult]:
    return result_of(event.copy)


class ExportStream(_ResultStream[CopyResponse]):
  """The events of the copy of an Export. The archive is whole when they are over, without an error:
  whoever iterates writes it meanwhile, on a thread."""

  def __init__(self, call: "grpc.aio.UnaryStreamCall[ExportRequest, ExportResponse]",
               output: Union[Path, BinaryIO]) -> None:
    super().__init__(call, self._saved(call, output))

  @staticmethod
  async def _saved(call: "grpc.aio.UnaryStreamCall[ExportRequest, ExportResponse]",
                   output: Union[Path, BinaryIO]) -> AsyncGenerator[CopyResponse, None]:
    result: Optional[CopyResult] = None
    with _archive.ArchiveOutput(output) as archive:
      async for response in call:
        if response.WhichOneof("event") == "chunk":
          await asyncio.to_thread(archive.write, response.chunk)
        else:
          result = result_of(response.copy) or result
          yield response.copy
      if result is None:
        raise without_result()
      await asyncio.to_thread(archive.publish)

  def _result_of(self, event: CopyResponse) -> Optional[CopyResult]:
    return result_of(event)


class Upload:
  """The messages of an Import. gRPC takes one when the one before is sent, so that the archive is never
  held whole. What reading raises ends the call: gRPC does that."""

  def __init__(self, options: ImportOptions,
               archive: Union[Path, BinaryIO, AsyncIterable[bytes]]) -> None:
    """Opens an archive that is a path, and tells its size in `options`. Raises OSError."""
    self.error: Optional[BaseException] = None
    self._options = options
    self._pieces = _pieces(archive, options)
    self._stopped = False

  def stop(self) -> None:
    """No more of the archive is wanted."""
    self._stopped = True

  async def __aiter__(self) -> AsyncIterator[ImportRequest]:
    yield ImportRequest(options=self._options)
    try:
      async for piece in self._pieces:
        for chunk in _archive.split(piece):
          if self._stopped:
            return
          yield ImportRequest(chunk=chunk)
    except Exception as error:
      self.error = error
      raise


def _pieces(archive: Union[Path, BinaryIO, AsyncIterable[bytes]],
            options: ImportOptions) -> AsyncIterable[bytes]:
  if _archive.is_path(archive):
    return _chunks(_archive.open_archive(cast(Path, archive), options), close=True)
  if hasattr(archive, "read"):
    return _chunks(cast(BinaryIO, archive), close=False)
  return cast(AsyncIterable[bytes], archive)


async def _chunks(file: BinaryIO, close: bool) -> AsyncIterator[bytes]:
  try:
    while True:
      chunk = await asyncio.to_thread(_archive.read_chunk, file)
      if not chunk:
        return
      yield chunk
  finally:
    if close:
      file.close()
