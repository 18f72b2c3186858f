"""Singularity images (SIF), made object by object, right and wrong ones, and what a layer holds."""

import hashlib
import shutil
import struct
import subprocess
import tarfile
import uuid

import pytest

DEFINITION = 0x4001
ENVIRONMENT = 0x4002
PARTITION = 0x4004
SQUASHFS = 1
ENCRYPTED = 5
SYSTEM = 1
PRIMARY_SYSTEM = 2
ARCHITECTURES = ["unknown", "386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle",
                 "mips64", "mips64le", "s390x", "riscv64"]
HEADER_BYTES = 128
TABLE_AT = 4096
DESCRIPTOR_BYTES = 585
ID = uuid.UUID("01234567-89ab-4cde-8f01-23456789abcd")
TIME = 1_700_000_000


def descriptor(kind, offset, size, extra=b"", used=1, number=1):
  """One row of a SIF file's table."""
  return struct.pack("<ibIIIqqqqqqq128s384s", kind, used, number, 0xf0000001, 0, offset, size, size,
                     TIME, TIME, 0, 0, b"object", extra)


def partition(data, kind=PRIMARY_SYSTEM, file_system=SQUASHFS, used=1):
  return (PARTITION, data, struct.pack("<ii3s", file_system, kind, b"02"), used)


def definition(text):
  return (DEFINITION, text.encode(), b"", 1)


def sif_file(objects, architecture=2, total=48, modified=TIME, magic=b"SIF_MAGIC\0",
             version=b"01\0", free=None):
  """A file with `objects`, (type, bytes, extra, used) each, aligned as siftool does."""
  data_at = TABLE_AT + total * DESCRIPTOR_BYTES
  table, data = b"", b""
  for number, (kind, content, extra, used) in enumerate(objects, 1):
    data += bytes(-(data_at + len(data)) % 4096)
    table += descriptor(kind, data_at + len(data), len(content), extra, used, number)
    data += content
  table += bytes(total * DESCRIPTOR_BYTES - len(table))
  header = struct.pack("<32s10s3s3s16s8q", b"", magic, version, b"%02d" % architecture, ID.bytes,
                       TIME, modified, total - len(objects) if free is None else free, total,
                       TABLE_AT, len(table), data_at, len(data))
  return header + bytes(TABLE_AT - len(header)) + table + data


def squashfs(directory, path, *flags):
  """The squashfs of a directory, made by mksquashfs."""
  if shutil.which("mksquashfs", path="/usr/bin:/bin") is None:
    pytest.skip("squashfs-tools is not installed")
  path.unlink(missing_ok=True)
  subprocess.run(["/usr/bin/mksquashfs", directory, path, "-quiet", "-no-progress", "-noappend",
                  "-processors", "1", *flags], check=True, stdout=subprocess.DEVNULL)
  return path.read_bytes()


def layer_tree(path):
  """What a layer says of its files: a row for each name, without the ./ that it may begin with."""
  rows, names = {}, {}
  with tarfile.open(path) as archive:
    for member in archive:
      name = member.name.removeprefix("./") or "."
      first = names.get(member.linkname.removeprefix("./"), name) if member.islnk() else name
      names[name] = first
      if member.islnk():
        continue
      data = archive.extractfile(member).read() if member.isfile() else b""
      xattrs = {key: value.encode("utf-8", "surrogateescape")
                for key, value in member.pax_headers.items() if key.startswith("SCHILY.")}
      # When Skopeo makes its script, nobody can know.
      time = None if name.split("/")[0] == "podman" else member.mtime
      rows[name] = {"type": member.type, "mode": oct(member.mode), "owner": (member.uid, member.gid),
                    "time": time, "size": member.size, "link": member.linkname, "xattrs": xattrs,
                    "device": (member.devmajor, member.devminor) if member.isdev() else None,
                    "data": hashlib.sha256(data).hexdigest()}
  # A file with several names is the same one by each, whichever came first.
  return ({name: rows[first] for name, first in names.items()},
          sorted(sorted(name for name in names if names[name] == first)
                 for first in set(names.values())))
