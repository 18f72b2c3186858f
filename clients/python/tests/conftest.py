"""Fixtures: a fake server on a unix socket, and each of the two clients of it."""

import pathlib
import tempfile
from typing import Any, Callable, Iterator, List, Union

import pytest

from either_client import Asyncio, Blocking
from fake_server import FakeServer

Either = Union[Blocking, Asyncio]


@pytest.fixture
def server() -> Iterator[FakeServer]:
  # Not tmp_path: the path of a socket is at most 107 bytes.
  with tempfile.TemporaryDirectory() as directory:
    with FakeServer("unix:%s" % (pathlib.Path(directory) / "holkas.sock")) as server:
      yield server


@pytest.fixture(params=[Blocking, Asyncio], ids=lambda kind: kind.name)
def connect(request: Any) -> Iterator[Callable[..., Either]]:
  """Makes a client that is closed at the end."""
  made: List[Either] = []

  def make(address: str, **options: Any) -> Either:
    client: Either = request.param(address, **options)
    made.append(client)
    return client
  yield make
  for client in made:
    client.close()


@pytest.fixture
def client(server: FakeServer, connect: Callable[..., Either]) -> Either:
  return connect(server.address)
