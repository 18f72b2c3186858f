"""The events of a call, and the ways in which a caller ends it."""

import asyncio
import sys
import threading
from typing import Any, Callable, List

import grpc
import pytest

import holkas
import holkas.aio
from conftest import Either
from either_client import Blocking
from fake_server import FakeServer, wait_for_end

STARTED = holkas.CopyResponse(image_started=holkas.ImageStarted(number=1))
FINISHED = holkas.CopyResponse(blob_finished=holkas.BlobFinished(digest="sha256:34"))
RESULT = holkas.CopyResponse(result=holkas.CopyResult(manifest_digest="sha256:12"))


def endless(request: Any, context: grpc.ServicerContext) -> Any:
  """Begins, and goes on until the caller ends the call."""
  yield STARTED
  yield FINISHED
  yield from wait_for_end(context)


def is_over(server: FakeServer) -> bool:
  return server.calls[-1].over.wait(5)


class TestEvents:

  def test_they_come_in_order(self, server: FakeServer, client: Either) -> None:
    server.on("Copy", lambda request, context: iter([STARTED, FINISHED, RESULT]))
    assert client.events("copy", holkas.CopyRequest()) == [STARTED, FINISHED, RESULT]

  def test_the_result_comes_with_or_without_them(self, server: FakeServer, client: Either) -> None:
    server.on("Copy", lambda request, context: iter([STARTED, FINISHED, RESULT]))
    told: List[Any] = []
    result = client.result("copy", holkas.CopyRequest(), on_event=told.append)
    assert result.manifest_digest == "sha256:12"
    assert told == [STARTED, FINISHED, RESULT]
    assert client.result("copy", holkas.CopyRequest()).manifest_digest == "sha256:12"

  def test_an_end_without_a_result_is_an_error(self, server: FakeServer, client: Either) -> None:
    server.on("Copy", lambda request, context: iter([STARTED]))
    with pytest.raises(holkas.InternalError, match="without a result"):
      client.result("copy", holkas.CopyRequest())


class TestEnds:

  def test_a_loop_that_is_left_ends_the_call(self, server: FakeServer, client: Either) -> None:
    server.on("Copy", endless)
    assert client.events("copy", holkas.CopyRequest(), leave_after=1) == [STARTED]
    assert is_over(server)

  def test_a_callback_that_fails_ends_the_call(self, server: FakeServer, client: Either) -> None:
    def refuse(event: Any) -> None:
      raise ZeroDivisionError

    server.on("Copy", endless)
    with pytest.raises(ZeroDivisionError):
      client.result("copy", holkas.CopyRequest(), on_event=refuse)
    assert is_over(server)

  def test_closing_the_client_ends_the_call(self, server: FakeServer,
                                            connect: Callable[..., Either]) -> None:
    client = connect(server.address)
    server.on("Copy", endless)
    if isinstance(client, Blocking):
      events = iter(client.client.copy(holkas.CopyRequest()))
      next(events)
      client.client.close()
    else:
      async def begin_and_close() -> None:
        events = client.client.copy(holkas.CopyRequest()).__aiter__()
        await events.__anext__()
        await client.client.close()
      client.run(begin_and_close())
    assert is_over(server)


class TestBlockingEnds:

  @pytest.fixture
  def blocking(self, server: FakeServer) -> Any:
    server.on("Copy", endless)
    with holkas.Client(server.address) as client:
      yield client

  def test_a_context_that_is_left_ends_the_call(self, server: FakeServer,
                                                blocking: holkas.Client) -> None:
    with blocking.copy(holkas.CopyRequest()) as events:
      loop = iter(events)
      next(loop)
    assert is_over(server)

  def test_a_loop_that_is_left_ends_the_call_at_once(self, server: FakeServer,
                                                     blocking: holkas.Client) -> None:
    stream = blocking.copy(holkas.CopyRequest())
    for _ in stream:
      break
    assert is_over(server)

  def test_another_thread_may_cancel(self, server: FakeServer, blocking: holkas.Client) -> None:
    stream = blocking.copy(holkas.CopyRequest())
    timer = threading.Timer(0.1, stream.cancel)
    timer.start()
    with pytest.raises(holkas.CancelledError):
      for _ in stream:
        pass
    timer.join()
    assert is_over(server)

  def test_cancelling_what_is_over_does_nothing(self, server: FakeServer,
                                                blocking: holkas.Client) -> None:
    server.on("Copy", lambda request, context: iter([RESULT]))
    stream = blocking.copy(holkas.CopyRequest())
    assert list(stream) == [RESULT]
    stream.cancel()
    assert list(stream) == []


class TestAsyncioEnds:

  def run(self, server: FakeServer, work: Callable[[holkas.aio.Client], Any]) -> Any:
    async def connect_and_work() -> Any:
      async with holkas.aio.Client(server.address) as client:
        return await work(client)

    server.on("Copy", endless)
    return asyncio.run(connect_and_work())

  def test_a_context_that_is_left_ends_the_call(self, server: FakeServer) -> None:
    async def work(client: holkas.aio.Client) -> bool:
      async with client.copy(holkas.CopyRequest()) as stream:
        async for _ in stream:
          break
      return await asyncio.to_thread(is_over, server)

    assert self.run(server, work)

  def test_cancel_is_no_cancelled_task(self, server: FakeServer) -> None:
    async def work(client: holkas.aio.Client) -> bool:
      stream = client.copy(holkas.CopyRequest())
      asyncio.get_running_loop().call_later(0.1, stream.cancel)
      with pytest.raises(holkas.CancelledError):
        await stream.result()
      return await asyncio.to_thread(is_over, server)

    assert self.run(server, work)

  def test_a_cancelled_task_ends_its_call(self, server: FakeServer) -> None:
    async def work(client: holkas.aio.Client) -> bool:
      task = asyncio.create_task(client.copy(holkas.CopyRequest()).result())
      await asyncio.sleep(0.1)
      task.cancel()
      with pytest.raises(asyncio.CancelledError):
        await task
      return await asyncio.to_thread(is_over, server)

    assert self.run(server, work)

  @pytest.mark.skipif(sys.version_info < (3, 11), reason="a task does not tell whether it is cancelled")
  def test_a_cancelled_task_is_one_though_its_stream_is_cancelled(self, server: FakeServer) -> None:
    async def work(client: holkas.aio.Client) -> bool:
      stream = client.copy(holkas.CopyRequest())
      task = asyncio.create_task(stream.result())
      await asyncio.sleep(0.1)
      stream.cancel()
      task.cancel()
      with pytest.raises(asyncio.CancelledError):
        await task
      return await asyncio.to_thread(is_over, server)

    assert self.run(server, work)

  def test_a_cancelled_task_ends_a_call_of_one_answer(self, server: FakeServer) -> None:
    server.on("Inspect", lambda request, context: list(wait_for_end(context)))

    async def work(client: holkas.aio.Client) -> bool:
      task = asyncio.create_task(client.inspect(holkas.InspectRequest()))
      await asyncio.sleep(0.1)
      task.cancel()
      with pytest.raises(asyncio.CancelledError):
        await task
      return await asyncio.to_thread(is_over, server)

    assert self.run(server, work)
