"""`dir:` images whose layers are compressed as a test says."""

import bz2
import gzip
import io
import json
import lzma
import random
import subprocess
import tarfile

from support.images import OCI_CONFIG, OCI_MANIFEST
from support.oracle import sha256

PLAIN = "application/vnd.oci.image.layer.v1.tar"
DOCKER_PLAIN = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def zstd(data, *flags):
  return subprocess.run(["zstd", "-q", "-c", *flags], input=data, stdout=subprocess.PIPE,
                        check=True).stdout


COMPRESSORS = {
    "": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "zstd": zstd,
    "xz": lambda data: lzma.compress(data, preset=1),
    "bzip2": bz2.compress,
}
SUFFIXES = {"": "", "gzip": "+gzip", "zstd": "+zstd", "xz": "+gzip", "bzip2": "+gzip"}


def tar(number, size=300_000):
  """A layer: a file that is made of words, and one that nothing makes smaller."""
  source = random.Random(number)
  words = b" ".join(b"word%d" % source.randrange(2000) for _ in range(size // 8))
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w") as archive:
    for name, data in (("words-%d" % number, words), ("noise-%d" % number,
                                                      source.randbytes(size // 4))):
      member = tarfile.TarInfo(name)
      member.size = len(data)
      archive.addfile(member, io.BytesIO(data))
  return output.getvalue()


def write_dir(path, layers, diff_ids=None, docker=False):
  """Writes a `dir:` image; `layers` are (media type, bytes)."""
  path.mkdir(parents=True)

  def write(media_type, data):
    (path / sha256(data).split(":")[1]).write_bytes(data)
    return {"mediaType": media_type, "size": len(data), "digest": sha256(data)}

  config = write(DOCKER_CONFIG if docker else OCI_CONFIG, json.dumps({
      "architecture": "amd64", "os": "linux", "config": {},
      "rootfs": {"type": "layers", "diff_ids": diff_ids or [sha256(l) for _, l in layers]},
  }).encode())
  (path / "version").write_text("Directory Transport Version: 1.1\n")
  (path / "manifest.json").write_text(json.dumps({
      "schemaVersion": 2, "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
      "config": config, "layers": [write(*layer) for layer in layers]}))
  return path


def make_dir(path, compression="", count=3, docker=False):
  """A `dir:` image of layers that are all compressed so."""
  tars = [tar(number) for number in range(count)]
  suffix = SUFFIXES[compression]
  kind = DOCKER_PLAIN + suffix.replace("+", ".") if docker else PLAIN + suffix
  return write_dir(path, [(kind, COMPRESSORS[compression](data)) for data in tars],
                   [sha256(data) for data in tars], docker)
