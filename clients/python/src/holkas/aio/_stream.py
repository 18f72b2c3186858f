"""The calls that answer with several messages, for asyncio."""

import abc
import asyncio
import concurrent.futures
import contextlib
from types import TracebackType
from typing import (AsyncGenerator, AsyncIterable, AsyncIterator, BinaryIO, Callable, Generic,
                    Iterator, List, Optional, Type, TypeVar, Union)

import grpc
import grpc.aio

from holkas import _archive, _stream
from holkas._connection import Path
from holkas._stream import result_of, without_result
from holkas.errors import CancelledError, error_of
from holkas.v1.image_service_pb2 import (CopyResponse, CopyResult, ExportRequest, ExportResponse,
                                         ImportResponse, ListTagsResponse)

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

  def __init__(self, call: _stream.Cancellable, events: AsyncGenerator[Event, None]) -> None:
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
  """The events of an Import: how much of the archive has arrived, and those of the copy.

  The call is one of gRPC's blocking client, on threads of its own: that for asyncio forgets why the
  server ended a call while something is sent.
  """

  def __init__(self, stream: _stream.ImportStream) -> None:
    super().__init__(stream, self._responses(stream))

  @staticmethod
  async def _responses(stream: _stream.ImportStream) -> AsyncGenerator[ImportResponse, None]:
    loop = asyncio.get_running_loop()
    thread = concurrent.futures.ThreadPoolExecutor(1, "holkas-import")
    events = iter(stream)
    try:
      while True:
        event = await loop.run_in_executor(thread, lambda: next(events, None))
        if event is None:
          return
        yield event
    finally:
      thread.shutdown(wait=False)

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
      # A call that is over says why below.
      while not archive.open() and not call.done():
        await asyncio.sleep(_archive.PIPE_INTERVAL)
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


def pieces_of(archive: AsyncIterable[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
  """The pieces of an archive that a task gives, for another thread."""
  pieces = archive.__aiter__()

  async def take() -> Optional[bytes]:
    async for piece in pieces:
      return piece
    return None

  while True:
    piece = asyncio.run_coroutine_threadsafe(take(), loop).result()
    if piece is None:
      return
    yield piece
