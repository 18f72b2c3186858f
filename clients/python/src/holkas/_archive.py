"""Archives on their way from and to the caller: the pieces of what is read, and a file that has its
name only when it is whole."""

import os
import secrets
import stat
from types import TracebackType
from typing import BinaryIO, Iterator, Optional, Type, Union

from holkas._connection import Path
from holkas.v1.image_service_pb2 import ImportOptions

# How much of an archive one message of an Import holds, in bytes.
CHUNK_BYTES = 512 << 10


def is_path(place: object) -> bool:
  return isinstance(place, (str, os.PathLike))


def open_archive(path: Path, options: ImportOptions) -> BinaryIO:
  """The file, whose size is told in `options` where they do not have one. Raises OSError."""
  file = open(path, "rb")
  status = os.fstat(file.fileno())
  if options.size_bytes == 0 and stat.S_ISREG(status.st_mode):
    options.size_bytes = status.st_size
  return file


def read_chunk(reader: BinaryIO) -> bytes:
  """The next bytes of a stream, at most CHUNK_BYTES; none at its end."""
  chunk: Optional[bytes] = reader.read(CHUNK_BYTES)
  if chunk is None:
    raise BlockingIOError("the archive's stream has no bytes yet: it must be a blocking one")
  return chunk


def split(piece: bytes) -> Iterator[bytes]:
  """The parts of a piece of an archive, each at most CHUNK_BYTES and none of them empty."""
  for start in range(0, len(piece), CHUNK_BYTES):
    yield piece[start:start + CHUNK_BYTES]


class ArchiveOutput:
  """Where the bytes of an archive go, while it is entered as a context: a path or a binary stream.

  A path's bytes are in a file beside it until `publish`, which gives that its name; without it the file
  is removed at the end. A stream gets the bytes at once, and stays open.
  """

  def __init__(self, output: Union[Path, BinaryIO]) -> None:
    self._file: BinaryIO
    self._name: Optional[str] = None
    if isinstance(output, (str, os.PathLike)):
      self._name = os.path.abspath(output)
    else:
      self._file = output

  def __enter__(self) -> "ArchiveOutput":
    if self._name is not None:
      directory, name = os.path.split(self._name)
      self._part = os.path.join(directory, ".%s.%s" % (name[:200], secrets.token_hex(8)))
      # With the rights that the umask leaves, as any new file.
      self._file = open(self._part, "xb")
    return self

  def write(self, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
      # A stream without a buffer may take less than it is given.
      rest = rest[self._file.write(rest):]

  def publish(self) -> None:
    """Gives the file its name: everything is written."""
    if self._name is None:
      return
    self._file.flush()
    os.fsync(self._file.fileno())
    os.replace(self._part, self._name)
    self._name = None
    self._file.close()

  def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
               traceback: Optional[TracebackType]) -> None:
    if self._name is not None:
      self._file.close()
      os.unlink(self._part)
