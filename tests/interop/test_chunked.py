"""Layers in zstd:chunked: Skopeo and Podman read them, and their tables of contents are those that
Skopeo makes."""

import base64
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import tarfile

import pytest

from conftest import skopeo
from support.compressed_images import PLAIN, write_dir, zstd
from support.oracle import Layout, sha256
from support.storage import StorageRoot

OURS = "io.github.containers.zstd-chunked."
# Of Skopeo 1.9 and Podman 4.3.
OLD = "io.containers.zstd-chunked."
CHUNKED = "--dest-compress-format=zstd:chunked"
TYPES = {"hard": (tarfile.LNKTYPE, "etc/hello"), "soft": (tarfile.SYMTYPE, "etc/hello"),
         "pipe": (tarfile.FIFOTYPE, ""), "etc": (tarfile.DIRTYPE, "")}
LONG = "long-%s/%s" % ("d" * 120, "f" * 120)


def contents(changed=b""):
  source = random.Random(1)
  noise = source.randbytes(700_000)
  return {
      "etc": b"", "etc/hello": b"hello\n", "empty": b"", "hard": b"", "soft": b"", "pipe": b"",
      "big": noise[:350_000] + changed + noise[350_000:], LONG: b"long name\n",
      "words": b" ".join(b"word%d" % source.randrange(2000) for _ in range(100_000)),
      "mixed": noise[:90_000] + bytes(5000) + b"x" + bytes(1023) + noise[:90_000] + bytes(2000),
      "zeros": bytes(3 << 20), "\u00fcml\u00e4ut": b"name\n",
  }


def layer(files, form=tarfile.PAX_FORMAT):
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w", format=form) as archive:
    for name, data in files.items():
      member = tarfile.TarInfo(name)
      member.type, member.linkname = TYPES.get(name, (tarfile.REGTYPE, ""))
      member.size, member.mode, member.mtime = len(data), 0o755, 1_600_000_000
      if form == tarfile.PAX_FORMAT and name == "etc/hello":
        member.mtime = 1_600_000_000.25
        member.pax_headers = {"SCHILY.xattr.user.a": "b", "atime": "1600000001.5"}
      archive.addfile(member, io.BytesIO(data))
  return output.getvalue()


def image(path, *layers):
  return "dir:%s" % write_dir(path, [(PLAIN, data) for data in layers])


def layers_of(name, *flags):
  return json.loads(skopeo("inspect", "--raw", *flags, name).ok().stdout_bytes)["layers"]


def blob(layout, descriptor):
  return (layout / "blobs" / "sha256" / descriptor["digest"].split(":")[1]).read_bytes()


def unzstd(data):
  return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def table(layout, descriptor, prefix):
  offset, size, plain_size, kind = map(
      int, descriptor["annotations"][prefix + "manifest-position"].split(":"))
  compressed = blob(layout, descriptor)[offset:offset + size]
  assert descriptor["annotations"][prefix + "manifest-checksum"] == sha256(compressed)
  plain = unzstd(compressed)
  assert (len(plain), kind) == (plain_size, 1)
  return json.loads(plain)


def comparable(entries):
  """What does not depend on how a frame is compressed, nor on the reader's time zone."""
  result = []
  for entry in entries:
    entry = {key: value for key, value in entry.items() if key not in ("offset", "endOffset")}
    for key in ("modtime", "accesstime", "changetime"):
      if entry.get(key, "0001-01-01T00:00:00Z") == "0001-01-01T00:00:00Z":
        entry.pop(key, None)
    result.append(entry)
  return result


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_table_of_contents_is_skopeos(programs, tmp_path, form):
  tar = layer(contents(), form)
  source = image(tmp_path / "image", tar)
  programs.copy(source, "oci:%s:x" % (tmp_path / "ours"), CHUNKED).ok()
  skopeo("copy", "-q", CHUNKED, source, "oci:%s:x" % (tmp_path / "theirs"),
         env={**os.environ, "TZ": "UTC"}).ok()
  Layout(tmp_path / "ours").check()
  ours, = layers_of("oci:%s:x" % (tmp_path / "ours"))
  theirs, = layers_of("oci:%s:x" % (tmp_path / "theirs"))
  assert unzstd(blob(tmp_path / "ours", ours)) == tar
  our_table = table(tmp_path / "ours", ours, OURS)
  assert our_table == table(tmp_path / "ours", ours, OLD)
  their_table = table(tmp_path / "theirs", theirs, OLD)
  assert our_table["version"] == their_table["version"]
  assert comparable(our_table["entries"]) == comparable(their_table["entries"])
  assert any(entry["type"] == "chunk" for entry in our_table["entries"])


def headers_of(tar_split):
  """What later readers of containers/storage find in a tar-split: a header in every segment, behind
  the padding of the file before it."""
  padding = 0
  for line in tar_split.splitlines():
    entry = json.loads(line)
    if entry["type"] == 2:
      payload = base64.b64decode(entry["payload"])
      assert len(payload) >= padding
      # Nobody reads the content that would follow.
      member = tarfile.open(fileobj=io.BytesIO(payload[padding:] + bytes(4 << 20))).next()
      padding = -member.size % 512 if member and member.isreg() else 0
      if member:
        yield member


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_tar_split_says_the_same_as_the_table(programs, tmp_path, form):
  """Later readers refuse a layer where it does not."""
  programs.copy(image(tmp_path / "image", layer(contents(), form)), "oci:%s:x" % (tmp_path / "to"),
                CHUNKED).ok()
  descriptor, = layers_of("oci:%s:x" % (tmp_path / "to"))
  contents_table = table(tmp_path / "to", descriptor, OURS)
  offset, size, plain_size = map(
      int, descriptor["annotations"][OURS + "tarsplit-position"].split(":"))
  compressed = blob(tmp_path / "to", descriptor)[offset:offset + size]
  assert contents_table["tarSplitDigest"] == sha256(compressed)
  tar_split = unzstd(compressed)
  assert len(tar_split) == plain_size
  entries = [e for e in contents_table["entries"] if e["type"] != "chunk"]
  assert [(e["name"].rstrip("/"), e.get("size", 0), e["mode"], e.get("linkName", ""))
          for e in entries] == [(m.name, m.size, m.mode, m.linkname)
                                for m in headers_of(tar_split)]


def test_skopeo_reads_it_as_zstd(programs, registry, tmp_path):
  tars = [layer(contents()), layer({"one": b"1"})]
  source = image(tmp_path / "image", *tars)
  to = registry.repository() + ":t"
  programs.copy(source, to, CHUNKED).ok()
  skopeo("copy", "-q", "--src-tls-verify=false", "--dest-decompress", to,
         "dir:%s" % (tmp_path / "back")).ok()
  plain = json.loads((tmp_path / "back" / "manifest.json").read_bytes())
  assert [descriptor["digest"] for descriptor in plain["layers"]] == [sha256(t) for t in tars]


def test_copies_keep_the_annotations(programs, registry, tmp_path):
  to = registry.repository() + ":t"
  programs.copy(image(tmp_path / "image", layer({"a": b"1"})), to, CHUNKED).ok()
  programs.copy(to, "oci:%s:x" % (tmp_path / "again"), "--src-tls-verify=false", CHUNKED).ok()
  made = layers_of(to, "--tls-verify=false")
  assert layers_of("oci:%s:x" % (tmp_path / "again")) == made
  assert OURS + "tarsplit-position" in made[0]["annotations"]


def test_broken_tars_are_refused_and_odd_ones_are_ordinary_zstd(programs, tmp_path):
  tar = layer({"a": b"1" * 2000})
  for name, broken in (("garbage", b"hello " * 500), ("cut", tar[:1000])):
    result = programs.copy(image(tmp_path / name, broken), "oci:%s:x" % (tmp_path / "to"), CHUNKED)
    assert result.code == 1
    assert sha256(broken) in result.stderr and "read tar" in result.stderr
  twice = tar[:512 + 2048] + tar
  programs.copy(image(tmp_path / "twice", twice), "oci:%s:x" % (tmp_path / "twice-to"),
                CHUNKED).ok()
  descriptor, = layers_of("oci:%s:x" % (tmp_path / "twice-to"))
  assert descriptor["mediaType"] == PLAIN + "+zstd" and "annotations" not in descriptor
  assert unzstd(blob(tmp_path / "twice-to", descriptor)) == twice


@pytest.fixture
def store(tmp_path):
  for tool in ("podman", "skopeo"):
    if shutil.which(tool) is None:
      pytest.skip("%s is not installed" % tool)
  if os.geteuid() != 0:
    pytest.skip("layers have owners: this takes root")
  store = StorageRoot("overlay")
  config = tmp_path / "storage.conf"
  config.write_text('[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n'
                    '[storage.options]\npull_options = {enable_partial_images = "true"}\n' %
                    (store.graph, store.run))
  store.env = {**os.environ, "CONTAINERS_STORAGE_CONF": str(config)}
  yield store
  store.remove()


def fetched_parts(registry, mark):
  """How many bytes each answer with parts of a blob had, since `mark`."""
  return [size for method, _, code, size in registry.answers(mark)
          if (method, code) == ("GET", 206)]


def test_podman_pulls_parts_of_it(programs, registry, store, tmp_path):
  """The second image's files are the first's, but for some bytes in the middle of one."""
  to = registry.repository()
  fetched = []
  for tag, files in (("old", contents()), ("new", contents(b"changed"))):
    programs.copy(image(tmp_path / tag, layer(files)), "%s:%s" % (to, tag), CHUNKED).ok()
    mark = registry.mark()
    pulled = store.podman("--log-level=debug", "pull", "--tls-verify=false", "%s:%s" % (to, tag),
                          env=store.env).ok()
    assert "Retrieved partial blob" in pulled.stderr
    fetched.append(sum(fetched_parts(registry, mark)))
    name = "%s:%s" % (to.split("//")[1], tag)
    mount = pathlib.Path(store.podman("image", "mount", name, env=store.env).ok().stdout.strip())
    for path, data in files.items():
      if path not in TYPES:
        assert (mount / path).read_bytes() == data, path
    assert os.readlink(mount / "soft") == "etc/hello"
    assert os.getxattr(mount / "etc/hello", "user.a") == b"b"
    assert (mount / "hard").stat().st_ino == (mount / "etc/hello").stat().st_ino
    store.podman("image", "unmount", name, env=store.env).ok()
  assert 0 < fetched[1] < fetched[0] / 2
