"""Little that becomes a lot: layers and archives of at most 1 MiB.

What comes of one is an image or an error that says what there was too much of. Either way it takes
seconds of a processor, of all processes together, and no process takes 64 MiB; and where there is an
error, the files of the host are as they were.
"""

import bz2
import functools
import gzip
import hashlib
import itertools
import json
import lzma
import os
import random
import struct
import zlib

import pytest

from conftest import soak
from support.compressed_images import PLAIN, write_dir, zstd
from support.oracle import sha256
from support.storage import StorageRoot
from support.tar import END, header, member, pax
from support.usage import Usage

MIB = 1 << 20
# On a machine that does nothing else it is two; without limits it would be minutes.
SECONDS, MEMORY = 5, 64 * MIB


def repeated(data):
  return data * (MIB // len(data))


def gzipped(pieces):
  """One member of 9 bits for each 258 bytes that repeat."""
  packer = zlib.compressobj(9, zlib.DEFLATED, 31)
  return b"".join([*map(packer.compress, pieces), packer.flush()])


def zeros(count):
  """Of 1 MiB each."""
  return itertools.repeat(bytes(MIB), count)


def big_file(count):
  """A tar with a file of so many MiB of zeros."""
  return itertools.chain([header(b"zeros", size=count * MIB)], zeros(count), [END])


def skippable(size):
  """A frame of zstd that is passed over."""
  return struct.pack("<II", 0x184D2A50, size)


# What decompresses to more than there may be.
TOO_MUCH = {
    "bzip2": lambda: bz2.compress(bytes(32 * MIB)) * 20,
    "xz": lambda: repeated(lzma.compress(bytes(64 * MIB), preset=0)),
    "zstd": lambda: repeated(zstd(bytes(64 * MIB))),
    # Memory, and not bytes.
    "xz with a window of 64 MiB": lambda: lzma.compress(bytes(MIB), preset=9),
    "zstd with a window of 128 MiB": lambda: zstd(bytes(64 * MIB), "--long=27"),
    "zstd with a window of 2 GiB": lambda: b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(1000),
}
# What is nothing, many times.
NOTHING = {
    "bzip2": lambda: repeated(bz2.compress(b"")),
    "gzip": lambda: repeated(gzip.compress(b"", mtime=0)),
    "xz": lambda: repeated(lzma.compress(b"", preset=6)),
    "xz with padding": lambda: lzma.compress(b"") + bytes(MIB - 32),
    "zstd": lambda: repeated(zstd(b"")),
    "zstd of frames that are skipped": lambda: zstd(b"") + repeated(skippable(0))[:-16],
}
# What says that more comes than does.
CUT = {
    "zstd that skips 4 GiB": lambda: zstd(b"") + skippable((1 << 32) - 1),
    "gzip": lambda: gzip.compress(bytes(MIB))[:-9],
}


class Cost:
  """Copies with limits to what they take."""

  def __init__(self, programs, directory):
    self.programs, self.directory = programs, directory

  def copy(self, *arguments):
    before = tree(self.directory)
    usage = Usage([self.programs.path("holkas"), "copy", *arguments], self.programs.environment)
    self.programs.wait_until_gone()
    assert usage.cpu_seconds <= SECONDS
    assert usage.peak_bytes <= MEMORY
    assert "the worker ended" not in usage.stderr
    if usage.code != 0:
      assert tree(self.directory) == before
    return usage


def tree(directory):
  return sorted((str(path), os.lstat(path).st_size, os.lstat(path).st_mtime_ns)
                for path in directory.rglob("*"))


@pytest.fixture
def cost(programs, tmp_path):
  return Cost(programs, tmp_path)


def image_of(path, *layers):
  """A `dir:` image of layers that are at most 1 MiB each."""
  assert all(len(layer) <= MIB for layer in layers)
  diff_ids = [tar_digest(layer) for layer in layers]
  return "dir:%s" % write_dir(path, [(PLAIN + "+gzip", layer) for layer in layers], diff_ids)


def tar_digest(layer):
  """The digest of what a layer of gzip decompresses to; the others that get anywhere are empty."""
  if not layer.startswith(b"\x1f\x8b"):
    return sha256(b"")
  digest, unpacker = hashlib.sha256(), zlib.decompressobj(31)
  while layer and not unpacker.eof:
    digest.update(unpacker.decompress(layer, MIB))
    layer = unpacker.unconsumed_tail
  return "sha256:" + digest.hexdigest()


def to_place(place, kind, directory):
  """Where layers are decompressed, with the flags that make them so."""
  if place == "dir":
    return ["--dest-decompress", "dir:%s" % (directory / "to")]
  if place == "docker-archive":
    return ["docker-archive:%s:x:1" % (directory / "to")]
  other = "gzip" if kind.startswith("zstd") else "zstd"
  return ["--dest-compress-format=" + other, "--dest-force-compress-format",
          "oci:%s:x" % (directory / "to")]


places = pytest.mark.parametrize("place", ["dir", "oci", "docker-archive"])


@places
@pytest.mark.parametrize("kind", list(TOO_MUCH))
def test_layer_that_becomes_too_much(cost, tmp_path, kind, place):
  image = image_of(tmp_path / "image", TOO_MUCH[kind]())
  *flags, to = to_place(place, kind, tmp_path)
  usage = cost.copy(*flags, image, to)
  assert usage.code == 1
  assert "decompress " + kind.split()[0] in usage.stderr
  # The measure sees what a worker does.
  assert "window" in kind or usage.cpu_seconds > 0.1


@places
@pytest.mark.parametrize("kind", list(NOTHING))
def test_layer_that_is_nothing_many_times(cost, tmp_path, kind, place):
  image = image_of(tmp_path / "image", NOTHING[kind]())
  *flags, to = to_place(place, kind, tmp_path)
  assert cost.copy(*flags, image, to).code == 0


@places
@pytest.mark.parametrize("kind", list(CUT))
def test_layer_that_ends_too_early(cost, tmp_path, kind, place):
  image = image_of(tmp_path / "image", CUT[kind]())
  *flags, to = to_place(place, kind, tmp_path)
  usage = cost.copy(*flags, image, to)
  assert usage.code == 1
  assert "decompress " + kind.split()[0] in usage.stderr


# One of these is taken: zeros of a file are not always an attack.
MANY = {
    "bzip2": lambda n: bz2.compress(b"".join(big_file(40)) + bytes(n)),
    "xz": lambda n: lzma.compress(b"".join(big_file(300)) + bytes(n), preset=0),
    "zstd": lambda n: zstd(b"".join(big_file(300)) + bytes(n)),
}


@functools.cache
def many(kind):
  return [MANY[kind](n) for n in range(3)]


@places
@pytest.mark.parametrize("kind", list(MANY))
def test_layers_that_become_too_much_together(cost, tmp_path, kind, place):
  image = image_of(tmp_path / "image", *many(kind))
  *flags, to = to_place(place, kind, tmp_path)
  usage = cost.copy(*flags, image, to)
  assert usage.code == 1
  assert "decompress %s: " % kind in usage.stderr
  assert "all blobs of which so much comes" in usage.stderr


@places
def test_zeros_that_gzip_makes_smallest(cost, tmp_path, place):
  """A gibibyte: Skopeo takes it, and so does Holkas."""
  image = image_of(tmp_path / "image", gzipped(big_file(1010)))
  *flags, to = to_place(place, "gzip", tmp_path)
  assert cost.copy(*flags, image, to).code == 0


@pytest.mark.parametrize("kind", [*TOO_MUCH, *NOTHING])
@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_archive(cost, tmp_path, kind, transport):
  (tmp_path / "bomb.tar").write_bytes({**NOTHING, **TOO_MUCH}[kind]())
  usage = cost.copy("%s:%s" % (transport, tmp_path / "bomb.tar"), "dir:%s" % (tmp_path / "to"))
  assert usage.code == 1
  assert "decompress %s: " % kind.split()[0] in usage.stderr or ".json" in usage.stderr


@functools.cache
def gzip_of_gzip():
  """A layer of 10 GiB, whose 10 MiB of gzip are almost nothing when they are compressed again."""
  return gzipped(zeros(1024)) * 10


class TestLayerInACompressedArchive:
  """What it becomes is measured by what the archive came as."""

  TOO_MUCH = "decompress gzip: more than 1073741824 bytes come of an archive"

  def test_docker_archive(self, cost, tmp_path):
    bomb = gzipped([docker_archive(gzip_of_gzip(), sha256(b"any"))])
    assert len(bomb) <= MIB // 10
    (tmp_path / "bomb.tar").write_bytes(bomb)
    name = "docker-archive:%s" % (tmp_path / "bomb.tar")
    usage = cost.copy(name, "dir:%s" % (tmp_path / "to"))
    assert usage.code == 1
    assert self.TOO_MUCH in usage.stderr

  def test_oci_archive(self, cost, tmp_path):
    bomb = gzipped([oci_archive(gzip_of_gzip())])
    assert len(bomb) <= MIB // 10
    (tmp_path / "bomb.tar").write_bytes(bomb)
    name = "oci-archive:%s" % (tmp_path / "bomb.tar")
    usage = cost.copy("--dest-decompress", name, "dir:%s" % (tmp_path / "to"))
    assert usage.code == 1
    assert self.TOO_MUCH in usage.stderr


def config_of(diff_id):
  return json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()


def docker_archive(layer, diff_id):
  manifest = json.dumps([{"Config": "config.json", "RepoTags": None,
                          "Layers": ["layer.tar"]}]).encode()
  return b"".join([member(b"config.json", config_of(diff_id)), member(b"manifest.json", manifest),
                   member(b"layer.tar", layer), END])


def oci_archive(layer):
  config = config_of(sha256(b"any"))
  manifest = json.dumps({
      "schemaVersion": 2,
      "config": descriptor("application/vnd.oci.image.config.v1+json", config),
      "layers": [descriptor(PLAIN + "+gzip", layer)]}).encode()
  index = json.dumps({
      "schemaVersion": 2,
      "manifests": [descriptor("application/vnd.oci.image.manifest.v1+json", manifest)]}).encode()
  blobs = [member(("blobs/" + sha256(blob).replace(":", "/")).encode(), blob)
           for blob in (config, layer, manifest)]
  return b"".join([member(b"oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
                   member(b"index.json", index), *blobs, END])


def descriptor(media_type, blob):
  return {"mediaType": media_type, "digest": sha256(blob), "size": len(blob)}


@functools.cache
def empty_files():
  return b"".join(header(b"%d" % n) for n in range(110_000)) + END


COMPRESSED = {
    "bzip2": bz2.compress,
    "gzip": lambda data: gzipped([data]),
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstd,
}


@pytest.mark.parametrize("kind", list(COMPRESSED))
@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_archive_of_headers(cost, tmp_path, kind, transport):
  bomb = COMPRESSED[kind](empty_files())
  assert len(bomb) <= MIB
  (tmp_path / "bomb.tar").write_bytes(bomb)
  usage = cost.copy("%s:%s" % (transport, tmp_path / "bomb.tar"), "dir:%s" % (tmp_path / "to"))
  assert usage.code == 1
  assert "headers: more than 100000" in usage.stderr


DRIVERS = ["overlay", "vfs"]
# A file system that forgets what was removed: ext4 without a journal searches past all that other
# tests removed within minutes, for each file that is made.
FRESH = "/dev/shm"


@pytest.fixture(params=DRIVERS)
def store(request):
  if os.geteuid() != 0:
    pytest.skip("layers have owners: this takes root")
  made = StorageRoot(request.param, FRESH if os.path.isdir(FRESH) else None)
  yield made
  made.remove()


class StoreCost:
  """Copies into a store: what it has of names and blocks is limited, too."""

  def __init__(self, cost, store, directory):
    self.cost, self.store, self.directory = cost, store, directory

  def copy(self, *layers):
    usage = self.cost.copy(image_of(self.directory / "image", *layers),
                           self.store.name("localhost/bomb:1"))
    if usage.code != 0:
      assert self.store.list("images") == [] and self.store.leftovers() == []
    return usage

  def blocks(self):
    return sum(os.lstat(path).st_blocks * 512 for path in self.store.graph.rglob("*"))


@pytest.fixture
def into_store(cost, store, tmp_path):
  return StoreCost(cost, store, tmp_path)


def sparse(size):
  return (pax((b"GNU.sparse.size", b"%d" % size), (b"GNU.sparse.map", b"4096,3"))
          + member(b"holes", b"abc") + END)


def sparse_in_parts(part):
  """A sparse file of 65,536 parts, whose list is before the content."""
  parts = b"65536\n" + b"".join(part(n) for n in range(65_536))
  parts += bytes(-len(parts) % 512)
  content = bytes(65_536 * int(part(1).split()[1]))
  return (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
              (b"GNU.sparse.name", b"f"), (b"GNU.sparse.realsize", b"%d" % (1 << 28)))
          + member(b"f", parts + content))


def xattrs(count, name=b"file"):
  """A file with so many extended attributes."""
  return pax(*((b"SCHILY.xattr.user.%d" % n, b"") for n in range(count))) + member(name)


ENTRIES_THAT_TAKE_LONG = {
    "a list of parts that are nothing":
        lambda: [sparse_in_parts(lambda n: b"000000\n000000\n")] * 40 + [END],
    "parts that take a block each":
        lambda: [sparse_in_parts(lambda n: b"%d\n1\n" % (n * 4096))] * 12 + [END],
    "extended attributes": lambda: [xattrs(4000)] * 400 + [END],
}


def headers(make):
  """More entries than a layer may have, in 1 MiB of gzip at most; `make` gets their number."""
  packer = zlib.compressobj(9, zlib.DEFLATED, 31)
  parts, size = [], 0
  for n in range(80_000):
    parts.append(packer.compress(make(n)))
    size += len(parts[-1])
    # What is in the packer still comes out at the end.
    if size > MIB - 60_000:
      break
  return b"".join([*parts, packer.compress(END), packer.flush()])


def path(name):
  """A header of a file with a name of any length."""
  return pax((b"path", name)) + header(b"x")


def through_links(n):
  """Each link leads there and back before it comes to the one before it."""
  if n == 0:
    return header(b"a/b", kind=b"5")
  if n <= 30:
    before = b"l%d" % (n - 1) if n > 1 else b"a"
    return pax((b"linkpath", b"a/../" * 15 + before)) + header(b"l%d" % n, kind=b"2")
  return header((b"l30/%d" if n % 2 else b"l30/b/%d") % n)


HEADERS = {
    "files": lambda n: header(b"%d" % n),
    "one file, many times": lambda n: header(b"file"),
    "directories": lambda n: header(b"%d" % n, kind=b"5"),
    "directories without a header": lambda n: header(b"%d/f" % n),
    "symbolic links": lambda n: header(b"%d" % n, kind=b"2", link=b"/x"),
    "hard links": lambda n: header(b"%d" % n, kind=b"1", link=b"0") if n else header(b"0"),
    "pipes": lambda n: header(b"%d" % n, kind=b"6"),
    "whiteouts": lambda n: header(b".wh.%d" % n),
    "opaque directories": lambda n: header(b"%d/.wh..wh..opq" % n),
    "one opaque directory with many files": lambda n: header(
        b"%d" % n if n < 10_000 else b".wh..wh..opq"),
    "names that are deep": lambda n: path(b"%d/" % n + b"d/" * 2000 + b"f"),
    "directories that are deep": lambda n: path(b"d/" * 2000 + (b"%d" if n % 2 else b"d/%d") % n),
    "names through links": through_links,
}


# Each kind into one of the stores, and at length into both.
HEADERS_AND_STORES = soak([(DRIVERS[number % 2], kind) for number, kind in enumerate(HEADERS)],
                          list(itertools.product(DRIVERS, HEADERS)))


class TestStore:

  @pytest.mark.parametrize("store, kind", HEADERS_AND_STORES, indirect=["store"])
  def test_layer_of_headers(self, into_store, kind):
    usage = into_store.copy(headers(HEADERS[kind]))
    assert usage.code == 1
    assert "unpack a layer: too much" in usage.stderr

  def test_layers_share_what_they_may_have(self, into_store):
    layers = [gzipped([header(b"%d-%d" % (layer, n)) for n in range(26_000)] + [END])
              for layer in range(2)]
    usage = into_store.copy(*layers)
    assert usage.code == 1
    assert "unpack a layer: too much" in usage.stderr

  def test_layer_in_a_compressed_archive(self, cost, store, tmp_path):
    """An oci-archive's layers are decompressed by the store itself."""
    (tmp_path / "bomb.tar").write_bytes(gzipped([oci_archive(gzip_of_gzip())]))
    usage = cost.copy("oci-archive:%s" % (tmp_path / "bomb.tar"), store.name("localhost/bomb:1"))
    assert usage.code == 1
    assert "unpack a layer: " in usage.stderr

  @pytest.mark.parametrize("kind", list(ENTRIES_THAT_TAKE_LONG))
  def test_entries_that_take_long(self, into_store, kind):
    usage = into_store.copy(gzipped([member(b"other", b"x"), END]),
                            zstd(b"".join(ENTRIES_THAT_TAKE_LONG[kind]())))
    assert usage.code == 1
    assert "unpack a layer: " in usage.stderr

  @pytest.mark.parametrize("kind", list(MANY))
  def test_layers_that_become_too_much_together(self, into_store, kind):
    usage = into_store.copy(*many(kind))
    assert usage.code == 1
    assert "decompress %s: " % kind in usage.stderr
    assert "all blobs of which so much comes" in usage.stderr

  @pytest.mark.parametrize("store", ["vfs"], indirect=True)
  @pytest.mark.parametrize("below", ["files", "zeros", "attributes"])
  def test_layers_that_are_copied_for_each_one_above(self, into_store, below):
    """vfs has all files of the layers below in each layer."""
    lowest = {
        "files": lambda: gzipped([*(header(b"%d" % n) for n in range(30_000)), END]),
        "zeros": lambda: gzipped(big_file(1010)),
        "attributes": lambda: gzipped([*(xattrs(40, b"%d" % n) for n in range(1000)), END]),
    }[below]()
    above = [gzipped([member(b"%d" % n, b"x"), END]) for n in range(20)]
    usage = into_store.copy(lowest, *above)
    assert usage.code == 1
    assert "unpack a layer: too much" in usage.stderr

  @pytest.mark.parametrize("where", ["the archive", "the layer"])
  def test_archive_of_a_layer_of_headers(self, cost, store, tmp_path, where):
    layer = b"".join(header(b"%d" % n) for n in range(80_000)) + END
    within = gzipped([layer]) if where == "the layer" else layer
    archive = docker_archive(within, sha256(layer))
    bomb = gzipped([archive]) if where == "the archive" else archive
    assert len(bomb) <= MIB
    (tmp_path / "bomb.tar").write_bytes(bomb)
    usage = cost.copy("docker-archive:%s" % (tmp_path / "bomb.tar"), store.name("localhost/bomb:1"))
    assert usage.code == 1
    assert "unpack a layer: too much" in usage.stderr

  @pytest.mark.parametrize("kind", list(TOO_MUCH))
  def test_layer_that_becomes_too_much(self, into_store, kind):
    usage = into_store.copy(TOO_MUCH[kind]())
    assert usage.code == 1
    said = ("decompress " + kind.split()[0], "read tar", "unpack a layer")
    assert any(words in usage.stderr for words in said)

  @pytest.mark.parametrize("kind", list(NOTHING))
  def test_layer_that_is_nothing_many_times(self, into_store, kind):
    assert into_store.copy(NOTHING[kind]()).code == 0

  @pytest.mark.parametrize("below", [[], [gzipped([member(b"other", b"x"), END])]],
                           ids=["alone", "above another layer"])
  def test_file_of_zeros(self, into_store, below):
    assert into_store.copy(*below, gzipped(big_file(1010))).code == 0

  def test_zeros_behind_the_end(self, into_store):
    usage = into_store.copy(gzipped(itertools.chain([member(b"file", b"x"), END], zeros(1010))))
    assert usage.code == 1
    assert "LIMIT" in usage.stderr or "more than" in usage.stderr

  @pytest.mark.parametrize("size", [1 << 40, 1 << 59], ids=["1 TiB", "2^59"])
  def test_holes(self, into_store, size):
    """Two layers: vfs copies the first."""
    usage = into_store.copy(gzipped([sparse(size)]), gzipped([member(b"other", b"x") + END]))
    assert (usage.code == 0) == (size == 1 << 40)
    assert into_store.blocks() < 4 * MIB
