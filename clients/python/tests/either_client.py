"""Both clients under one face, so that one test says what both do."""

import asyncio
from typing import Any, Callable, List, Optional

import holkas
import holkas.aio


class Blocking:
  """holkas.Client."""

  name = "blocking"

  def __init__(self, address: str, **options: Any) -> None:
    self.client: Any = holkas.Client(address, **options)

  def call(self, method: str, *arguments: Any, **options: Any) -> Any:
    return getattr(self.client, method)(*arguments, **options)

  def events(self, method: str, *arguments: Any, leave_after: Optional[int] = None,
             **options: Any) -> List[Any]:
    """What a stream gives, of which a loop is left after so many."""
    found = []
    # What has a name is not forgotten with the loop.
    stream = getattr(self.client, method)(*arguments, **options)
    for event in stream:
      found.append(event)
      if len(found) == leave_after:
        break
    return found

  def result(self, method: str, *arguments: Any, on_event: Optional[Callable[[Any], None]] = None,
             **options: Any) -> Any:
    return getattr(self.client, method)(*arguments, **options).result(on_event)

  def tags(self, *arguments: Any) -> Any:
    return self.client.list_tags(*arguments).tags()

  def pieces(self, pieces: List[bytes]) -> Any:
    return iter(pieces)

  def close(self) -> None:
    self.client.close()


class Asyncio:
  """holkas.aio.Client, in an event loop of its own."""

  name = "asyncio"

  def __init__(self, address: str, **options: Any) -> None:
    self._loop = asyncio.new_event_loop()
    self.client: Any = None

    async def make() -> None:
      self.client = holkas.aio.Client(address, **options)
    try:
      self._loop.run_until_complete(make())
    except BaseException:
      self._loop.close()
      raise

  def run(self, awaitable: Any) -> Any:
    return self._loop.run_until_complete(awaitable)

  def call(self, method: str, *arguments: Any, **options: Any) -> Any:
    return self.run(getattr(self.client, method)(*arguments, **options))

  def events(self, method: str, *arguments: Any, leave_after: Optional[int] = None,
             **options: Any) -> List[Any]:
    async def collect() -> List[Any]:
      found = []
      stream = getattr(self.client, method)(*arguments, **options)
      async for event in stream:
        found.append(event)
        if len(found) == leave_after:
          break
      # The loop that was left is closed by the event loop, at its next turns.
      await asyncio.sleep(0.05)
      return found
    events: List[Any] = self.run(collect())
    return events

  def result(self, method: str, *arguments: Any, on_event: Optional[Callable[[Any], None]] = None,
             **options: Any) -> Any:
    async def wait() -> Any:
      return await getattr(self.client, method)(*arguments, **options).result(on_event)
    return self.run(wait())

  def tags(self, *arguments: Any) -> Any:
    async def wait() -> Any:
      return await self.client.list_tags(*arguments).tags()
    return self.run(wait())

  def pieces(self, pieces: List[bytes]) -> Any:
    async def give() -> Any:
      for piece in pieces:
        yield piece
    return give()

  def close(self) -> None:
    self.run(self.client.close())
    self.run(self._loop.shutdown_asyncgens())
    self.run(self._loop.shutdown_default_executor())
    self._loop.close()
