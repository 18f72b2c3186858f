"""The same client for asyncio: `holkas.aio.Client` has the calls of `holkas.Client`, to be awaited.

    async with holkas.aio.Client("unix:/run/holkas.sock") as client:
      async with client.copy(request) as events:
        async for event in events:
          ...

Cancelling a task that waits for a call ends the call, and the server's worker with it.
"""

from holkas.aio._client import Client
from holkas.aio._stream import CopyStream, ExportStream, ImportStream, Stream, TagStream

__all__ = ["Client", "CopyStream", "ExportStream", "ImportStream", "Stream", "TagStream"]
