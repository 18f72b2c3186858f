"""Tar archives, right and wrong ones, made member by member."""

import gzip
import hashlib
import io
import json
import tarfile

from support.images import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST
from support.oracle import sha256

BLOCK = 512
END = bytes(2 * BLOCK)


def octal(value, size):
  return b"%0*o\0" % (size - 1, value)


def header(name, kind=b"0", size=0, link=b"", mode=0o644, prefix=b"", magic=b"ustar\x0000",
           size_field=None, checksum=None):
  """A header with a right checksum, unless another is given; nothing in it is checked."""
  block = bytearray(BLOCK)

  def put(offset, data):
    block[offset:offset + len(data)] = data

  put(0, name[:100])
  put(100, octal(mode, 8))
  put(108, octal(0, 8))
  put(116, octal(0, 8))
  put(124, octal(size, 12) if size_field is None else size_field)
  put(136, octal(0, 12))
  put(148, b" " * 8)
  put(156, kind)
  put(157, link[:100])
  put(257, magic)
  put(329, octal(0, 8))
  put(337, octal(0, 8))
  put(345, prefix[:155])
  total = sum(block) if checksum is None else checksum
  put(148, b"%06o\0 " % total)
  return bytes(block)


def padded(data):
  return data + bytes(-len(data) % BLOCK)


def member(name, data=b"", **more):
  return header(name, size=len(data), **more) + padded(data)


def record(key, value):
  """A pax record: its length counts itself."""
  rest = len(key) + len(value) + 3
  length = rest
  while len(str(length)) + rest != length:
    length = len(str(length)) + rest
  return b"%d %s=%s\n" % (length, key, value)


def pax(*records, kind=b"x"):
  return member(b"PaxHeaders/x", b"".join(record(k, v) for k, v in records), kind=kind)


def base256(value):
  """A size as GNU writes what does not fit into octal digits; negative ones too."""
  data = bytearray((value % (1 << 96)).to_bytes(12, "big"))
  data[0] |= 0x80
  return bytes(data)


class DockerImage:
  """A small image as an archive of `docker save`: `members` in order, `manifest` as it is served."""

  def __init__(self, seed=1, compressed=False):
    layers = [layer_tar(seed, n) for n in range(2)]
    diff_ids = [sha256(layer) for layer in layers]
    self.config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                              "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    config_name = hashlib.sha256(self.config).hexdigest() + ".json"
    names = ["%d/layer.tar" % n for n in range(2)]
    item = {"Config": config_name, "RepoTags": ["some/image:1"], "Layers": names}
    self.members = [
        member(name.encode(), gzip.compress(layer, mtime=0) if compressed else layer)
        for name, layer in zip(names, layers)]
    self.members.append(member(config_name.encode(), self.config))
    self.members.append(member(b"manifest.json", json.dumps([item]).encode()))
    self.manifest = json.dumps({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": DOCKER_CONFIG, "size": len(self.config),
                   "digest": sha256(self.config)},
        "layers": [{"mediaType": DOCKER_LAYER, "size": len(layer), "digest": diff_id}
                   for layer, diff_id in zip(layers, diff_ids)],
    }, separators=(",", ":")).encode()

  @property
  def bytes(self):
    return b"".join(self.members) + END


def layer_tar(seed, number):
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
    info = tarfile.TarInfo("file-%d-%d" % (seed, number))
    info.size = 3000
    archive.addfile(info, io.BytesIO(bytes([seed]) * 3000))
  return output.getvalue()
