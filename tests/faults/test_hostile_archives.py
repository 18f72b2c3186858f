"""Archives that were made to do harm: the right image or the right error, and nothing else happens.

Each form stands before a good image, behind it, or in its place. Whatever its members are called,
no file appears or changes, no worker dies, and an answer comes at once.
"""

import hashlib
import os

import pytest

from support.oracle import sha256
from support.tar import (BLOCK, END, DockerImage, base256, header, member, octal, padded, pax,
                         record)

# An answer takes no longer, whatever the archive says of its sizes.
SECONDS = 2

GOOD = DockerImage()

NAMES = {
    "parent": b"../escaped", "parents": b"../" * 20 + b"tmp/escaped", "absolute": b"/tmp/escaped",
    "absolute parents": b"/../../tmp/escaped", "inner parents": b"a/../../escaped",
    "dot": b".", "dots": b"..", "slash": b"/", "slashes": b"//////", "empty": b"",
    "blank": b" ", "newline": b"a\nb", "escape": b"\x1b[2Jescaped", "not utf-8": b"\xff\xfe\xfd",
    "backslashes": b"..\\..\\escaped", "drive": b"C:\\escaped", "nul": b"a\0b",
    "nul and manifest": b"manifest.json\0.txt"[:13] + b"x", "long": b"n" * 100,
    "proc": b"/proc/self/mem", "device": b"/dev/sda", "home": b"~/.ssh/authorized_keys",
    "trailing slash": b"directory/", "dot directory": b"./././x", "right to left": "a\u202eb".encode(),
}

TARGETS = {
    "passwd": b"/etc/passwd", "up": b"../../../../etc/passwd", "itself": b"link", "dot": b".",
    "nothing": b"", "missing": b"missing", "proc": b"/proc/self/root/etc/shadow", "nul": b"a\0b",
    "long": b"t" * 100, "the configuration": GOOD.members[2][:64] + b".json",
}

KINDS = {
    "character device": b"3", "block device": b"4", "directory": b"5", "fifo": b"6",
    "contiguous": b"7", "old file": b"\0", "volume label": b"V", "multi-volume": b"M",
    "dump directory": b"D", "unknown letter": b"Z", "unknown byte": b"\xff", "solaris": b"X",
}

SIZES = {
    "minus one": base256(-1), "least": base256(-(1 << 62)), "2^62": base256(1 << 62),
    "2^63-1": base256((1 << 63) - 1), "2^63": base256(1 << 63), "2^80": base256(1 << 80),
    "2^70": base256(1 << 70),
    "octal maximum": b"7" * 11 + b"\0", "octal without end": b"7" * 12, "minus": b"-0000000001\0",
    "hexadecimal": b"0x0000000ff\0", "letters": b"abcdefghijk\0", "eights": b"88888888888\0",
    "blanks in it": b"00 00 000 1\0", "8 GiB": octal((1 << 33) - 1, 12),
}


def harmless():
  """Forms that say nothing about the image: the image is read all the same."""
  for name, text in NAMES.items():
    yield "file " + name, member(text, b"x" * 10)
    yield "directory " + name, header(text, kind=b"5")
    yield "symlink " + name, header(text, kind=b"2", link=b"/etc/passwd")
    yield "pax path " + name, (pax((b"path", text.replace(b"\0", b""))) + member(b"x", b"y"))
  for name, target in TARGETS.items():
    yield "symlink to " + name, header(b"link", kind=b"2", link=target)
    yield "hard link to " + name, header(b"link", kind=b"1", link=target)
  for name, kind in KINDS.items():
    yield "a " + name, header(b"special", kind=kind)
  yield "chain of links", b"".join(
      header(b"link%d" % n, kind=b"2", link=b"link%d" % (n + 1)) for n in range(1000))
  yield "loop of links", (header(b"one", kind=b"2", link=b"two") +
                          header(b"two", kind=b"2", link=b"one"))
  yield "hard link with a size", header(b"link", kind=b"1", link=b"x", size=1 << 30)
  yield "symlink with a size", header(b"link", kind=b"2", link=b"x", size=1 << 30)
  yield "directory with a size", header(b"directory/", kind=b"5", size=1 << 30)
  yield "device with a size", header(b"device", kind=b"3", size=1 << 30)
  yield "a file twice", member(b"twice", b"1") + member(b"twice", b"2")
  yield "a directory twice", 2 * header(b"directory/", kind=b"5")
  yield "ten thousand files", b"".join(member(b"file%d" % n) for n in range(10000))
  yield "file below a file", member(b"a", b"x") + member(b"a/b", b"y")
  yield "prefix of parents", header(b"x", prefix=b"../../..")
  yield "GNU long name", member(b"././@LongLink", b"../" * 300 + b"x\0", kind=b"L") + member(b"x")
  yield "GNU long link", (member(b"././@LongLink", b"../" * 300 + b"x\0", kind=b"K") +
                          header(b"x", kind=b"2"))
  yield "long name without an end", member(b"L", b"n" * 1000, kind=b"L") + member(b"x")
  yield "old sparse file", header(b"holes", kind=b"S")
  yield "sparse file of pax", (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9" * 18)) +
                               member(b"holes", b"x"))
  yield "comment for all", pax((b"comment", b"x" * 1000), kind=b"g")
  yield "pax of unknown keys", pax(*((b"key%d" % n, b"v") for n in range(1000))) + member(b"x")
  yield "old magic", header(b"x", magic=b"\0" * 8)
  yield "GNU magic", header(b"x", magic=b"ustar  \0")
  yield "wrong magic", header(b"x", magic=b"xxxxx\x0000")
  yield "signed checksum", signed(b"\xff\xfe")


def signed(name):
  block = header(name)
  total = sum(byte - 256 if byte > 127 else byte for byte in
              block[:148] + b" " * 8 + block[156:])
  return header(name, checksum=total)


def harmful():
  """Forms after which nothing can be read, and an error says why."""
  for name, size in SIZES.items():
    yield "size " + name, header(b"x", size_field=size)
    yield "size of a long name " + name, header(b"L", kind=b"L", size_field=size)
    yield "size of records " + name, header(b"p", kind=b"x", size_field=size)
  for name, value in {"minus": b"-1", "huge": b"9" * 30, "2^63": b"9223372036854775808",
                      "letters": b"abc", "fraction": b"1.5", "exponent": b"1e3",
                      "another": b"1"}.items():
    yield "pax size " + name, pax((b"size", value)) + member(b"x", b"xx")
    yield "pax size for all " + name, pax((b"size", value), kind=b"g") + member(b"x", b"xx")
  yield "path for all", pax((b"path", b"manifest.json"), kind=b"g")
  yield "link for all", pax((b"linkpath", b"manifest.json"), kind=b"g")
  yield "holes for all", pax((b"GNU.sparse.major", b"1"), kind=b"g")
  for name, records in {
      "no blank": b"12345", "no length": b" a=b\n", "zero": b"0 a=b\n", "too long": b"99 a=b\n",
      "too short": b"3 a=b\n", "no equals": b"6 abc\n", "no key": b"5 =b\n", "no newline": b"6 a=bx",
      "minus": b"-6 a=b\n", "many digits": b"0000000000006 a=b\n", "huge": b"9" * 25 + b" a=b\n",
      "nul in a path": record(b"path", b"a\0b"), "nul in a key": record(b"a\0b", b"c"),
      "nul in a link": record(b"linkpath", b"a\0b")}.items():
    yield "records: " + name, member(b"p", records, kind=b"x") + member(b"x")
  yield "records of 2 MiB", member(b"p", b"x" * (2 << 20), kind=b"x")
  yield "long name of 2 MiB", member(b"L", b"x" * (2 << 20), kind=b"L")
  yield "name of 5000 bytes", member(b"L", b"n" * 5000, kind=b"L") + member(b"x")
  yield "path of 5000 bytes", pax((b"path", b"n" * 5000)) + member(b"x")
  yield "wrong checksum", header(b"x", checksum=1)
  yield "random block", hashlib.sha512(b"x").digest() * 8
  yield "a block of ones", b"\xff" * BLOCK
  yield "endless sparse blocks", (bytearray(header(b"h", kind=b"S")[:482] + b"\1") +
                                  bytes(29) + (bytes(504) + b"\1" + bytes(7)) * 3)
  yield "200,000 headers", header(b"x") * 200_000
  yield "40 MiB of names", b"".join(
      pax((b"path", b"%05d" % n * 700)) + header(b"x") for n in range(12_000))


def replaced():
  """The image's own members, made ambiguous or false."""
  good = GOOD.members
  config_name = good[2][:good[2].index(b"\0")]
  everything = b"".join(good)
  yield "manifest twice", everything + good[3]
  yield "another manifest before", member(b"manifest.json", b"[]") + everything
  yield "another manifest by another name", member(b"./manifest.json", b"[]") + everything
  yield "manifest by a pax path", (pax((b"path", b"manifest.json")) + member(b"x", b"[]") +
                                   everything)
  yield "configuration twice", everything + member(config_name, b"{}")
  yield "layer twice", everything + good[0]
  yield "manifest is a directory", b"".join(good[:3]) + header(b"manifest.json", kind=b"5")
  yield "manifest is a device", b"".join(good[:3]) + header(b"manifest.json", kind=b"3")
  yield "manifest is a link to itself", b"".join(good[:3]) + header(
      b"manifest.json", kind=b"2", link=b"manifest.json")
  yield "manifest is a link outside", b"".join(good[:3]) + header(
      b"manifest.json", kind=b"2", link=b"/etc/passwd")
  yield "manifest is a link above", b"".join(good[:3]) + header(
      b"manifest.json", kind=b"2", link=b"../../../etc/passwd")
  yield "layer is a link outside", b"".join(good[1:]) + header(
      b"0/layer.tar", kind=b"2", link=b"/etc/passwd")
  yield "layer is a loop", b"".join(good[1:]) + header(
      b"0/layer.tar", kind=b"2", link=b"../x") + header(b"x", kind=b"2", link=b"0/layer.tar")
  yield "layer is a fifo", b"".join(good[1:]) + header(b"0/layer.tar", kind=b"6")
  yield "layer has holes", b"".join(good[1:]) + header(b"0/layer.tar", kind=b"S")
  yield "layer is missing", b"".join(good[1:])
  yield "configuration is missing", good[0] + good[1] + good[3]
  yield "manifest of 2 MiB", b"".join(good[:3]) + member(b"manifest.json", b" " * (2 << 20))
  yield "configuration of 5 MiB", (good[0] + good[1] + good[3] +
                                   member(config_name, b" " * (5 << 20)))
  yield "manifest is deep", b"".join(good[:3]) + member(b"manifest.json", b"[" * 100_000)
  yield "manifest has two keys", b"".join(good[:3]) + member(
      b"manifest.json", b'[{"Config":"a","Config":"b"}]')
  yield "manifest has keys of two cases", b"".join(good[:3]) + member(
      b"manifest.json", b'[{"Config":"a","config":"b"}]')
  yield "manifest names a host file", b"".join(good[:3]) + member(
      b"manifest.json", b'[{"Config":"/etc/passwd","Layers":["/etc/shadow"]}]')
  yield "manifest is no utf-8", b"".join(good[:3]) + member(b"manifest.json", b'[{"Config":"\xff"}]')
  yield "only repositories", member(b"repositories", b"{}")
  yield "nothing", b""
  for length in (1, 511, 513, 1000, len(everything) // 2, len(everything) - 1024):
    yield "truncated at %d" % length, everything[:length]


def cases():
  everything = b"".join(GOOD.members)
  for name, form in harmless():
    yield "before: " + name, form + everything + END, True
    yield "behind: " + name, everything + form + END, True
  for name, form in harmful():
    yield "before: " + name, bytes(form) + everything + END, False
    yield "behind: " + name, everything + bytes(form) + END, False
  yield "before: one zero block", bytes(BLOCK) + everything + END, False
  for name, form in replaced():
    yield "instead: " + name, form + (b"" if "truncated" in name else END), False


CASES = {name: (archive, good) for name, archive, good in cases()}


def snapshot(directory):
  return sorted((str(path), os.lstat(path).st_size, os.lstat(path).st_mtime_ns)
                for path in directory.rglob("*"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  directory = tmp_path_factory.mktemp("hostile")
  (directory / "inner").mkdir()
  return directory


def test_there_are_enough_forms():
  assert len(CASES) >= 200


@pytest.mark.parametrize("group", ["before", "behind", "instead"])
def test_the_right_image_or_the_right_error(programs, shared_server, place, group):
  wrong = []
  for name, (archive, good) in CASES.items():
    if not name.startswith(group):
      continue
    path = place / "inner" / "archive.tar"
    path.write_bytes(archive)
    before = snapshot(place)
    result = programs.holkas("inspect", "--raw", "docker-archive:%s" % path, server=shared_server)
    if snapshot(place) != before:
      wrong.append((name, "a file changed"))
    if result.seconds > SECONDS:
      wrong.append((name, "it took %.1f s" % result.seconds))
    if "worker" in result.stderr:
      wrong.append((name, result.stderr))
    if good and result.stdout_bytes != GOOD.manifest:
      wrong.append((name, repr(result)))
    if not good and (result.code != 1 or not result.stderr or result.stdout):
      wrong.append((name, repr(result)))
  assert not wrong, "\n".join("%s: %s" % pair for pair in wrong)
  assert not os.path.exists("/tmp/escaped")


def test_a_layer_that_is_another_is_not_copied(programs, shared_server, place, tmp_path):
  archive = bytearray(GOOD.bytes)
  archive[BLOCK + 600] ^= 1
  path = place / "inner" / "altered.tar"
  path.write_bytes(archive)
  result = programs.copy("docker-archive:%s" % path, "dir:%s" % (tmp_path / "to"),
                         server=shared_server)
  assert result.code == 1 and sha256(b"")[:7] in result.stderr
  assert not (tmp_path / "to").exists()


def test_an_archive_in_an_archive_layout(programs, shared_server, place):
  """The same for oci-archive: names of blobs are digests, and nothing else is looked for."""
  for target in (b"/etc/passwd", b"../../../../etc/passwd", b"index.json"):
    path = place / "inner" / "oci.tar"
    path.write_bytes(header(b"index.json", kind=b"2", link=target) + END)
    result = programs.inspect("oci-archive:%s" % path, server=shared_server)
    assert result.code == 1 and "worker" not in result.stderr
