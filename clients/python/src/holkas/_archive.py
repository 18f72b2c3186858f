"""Archives on their way from and to the caller: the pieces of what is read, and a file that has its
name only when it is whole."""

import errno
import os
import secrets
import stat
from types import TracebackType
from typing import BinaryIO, Iterator, Optional, Type, Union, cast

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


def check_replaceable(path: str) -> None:
  """Raises OSError where something is at `path`, which has no links, that is no file: FileExistsError for a
  directory, a socket, a block device."""
  if os.path.islink(path):
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
  if os.path.exists(path) and not os.path.isfile(path):
    raise FileExistsError(errno.EEXIST, "not a regular file", path)


def kind_of(path: str) -> int:
  """The kind of what is at `path`, as S_IFMT gives it; 0 for nothing."""
  try:
    return stat.S_IFMT(os.stat(path).st_mode)
  except OSError:
    return 0


# Between two looks at a pipe that nobody reads yet, in seconds.
PIPE_INTERVAL = 0.05


class ArchiveOutput:
  """Where the bytes of an archive go, while it is entered as a context: a path or a binary stream.

  A path's bytes are in a file beside it until `publish`, which gives that its name; without it the file
  is removed at the end. Where the path is a symbolic link, what it leads to is replaced. A pipe and a
  character device get the bytes at once; what else is no file stays, and FileExistsError is raised. A
  stream gets the bytes at once, too, and stays open. Nothing is written before `open` was True.
  """

  def __init__(self, output: Union[Path, BinaryIO]) -> None:
    self._file: Optional[BinaryIO] = None
    self._path: Optional[str] = None
    # The file beside `_path`, as long as it is there.
    self._part: Optional[str] = None
    if isinstance(output, (str, os.PathLike)):
      self._path = os.fsdecode(output)
    else:
      self._file = output

  def __enter__(self) -> "ArchiveOutput":
    return self

  def open(self) -> bool:
    """False where that is to be done again after PIPE_INTERVAL: a pipe has no reader yet. Raises OSError."""
    if self._path is None:
      return True
    kind = kind_of(self._path)
    if stat.S_ISFIFO(kind):
      self._file = open_pipe(self._path)
    elif stat.S_ISCHR(kind):
      self._file = open(self._path, "wb", buffering=0)
    else:
      self._create_part()
    return self._file is not None

  def _create_part(self) -> None:
    self._path = os.path.realpath(cast(str, self._path))
    check_replaceable(self._path)
    directory, name = os.path.split(self._path)
    part = os.path.join(directory, ".%s.%s" % (name[:200], secrets.token_hex(8)))
    # With the rights that the umask leaves, as any new file.
    self._file = open(part, "xb")
    self._part = part

  def write(self, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
      # A stream without a buffer may take less than it is given.
      taken: Optional[int] = cast(BinaryIO, self._file).write(rest)
      if taken is None:
        raise BlockingIOError("the archive's stream takes no bytes yet: it must be a blocking one")
      rest = rest[taken:]

  def publish(self) -> None:
    """Gives the file its name, on the disk too: everything is written."""
    if self._part is None:
      return
    file, path = cast(BinaryIO, self._file), cast(str, self._path)
    file.flush()
    os.fsync(file.fileno())
    check_replaceable(path)
    os.replace(self._part, path)
    self._part = None
    sync_directory(os.path.dirname(path))

  def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
               traceback: Optional[TracebackType]) -> None:
    try:
      if self._path is not None and self._file is not None:
        # Writes what is in its buffer still, for which there may be no room.
        self._file.close()
    finally:
      if self._part is not None:
        os.unlink(self._part)


def sync_directory(path: str) -> None:
  """Puts the names in a directory on the disk, where the system has a call for that. Raises OSError."""
  if os.name != "posix":
    return
  directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(directory)
  finally:
    os.close(directory)


def open_pipe(path: str) -> Optional[BinaryIO]:
  """A pipe for writing; None where nobody reads it. Raises OSError."""
  try:
    pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
  except OSError as error:
    if error.errno == errno.ENXIO:
      return None
    raise
  os.set_blocking(pipe, True)
  return open(pipe, "wb", buffering=0)
