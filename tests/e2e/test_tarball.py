"""Images of plain tar files, `tarball:`, beside the installed skopeo, which makes the same ones."""

import gzip
import io
import json
import os
import subprocess
import tarfile

import pytest

from conftest import skopeo

OTHERS = {"xz": ["xz", "-k"], "bz2": ["bzip2", "-k"], "zst": ["zstd", "-qk"]}


def tar_of(name, data):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w") as tar:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
  return buffer.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """Files by their ending, each changed last at another time."""
  directory = tmp_path_factory.mktemp("tarballs")
  plain = directory / "a.tar"
  plain.write_bytes(tar_of("etc/motd", b"hello" * 5000))
  (directory / "b.tar").write_bytes(tar_of("b", b"b"))
  (directory / "a.tar.gz").write_bytes(gzip.compress(plain.read_bytes()))
  (directory / "junk.tar").write_bytes(b"no archive at all")
  (directory / "empty.tar").write_bytes(b"")
  for command in OTHERS.values():
    subprocess.run([*command, str(plain)], check=True)
  for i, path in enumerate(sorted(directory.iterdir())):
    os.utime(path, ns=(0, 1_600_000_000_123_456_000 + i * 1_000_000_000_000))
  return directory


def content(directory):
  return {path.name: path.read_bytes() for path in directory.iterdir()}


NAMES = ["a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2", "a.tar.zst", "junk.tar", "empty.tar",
         "a.tar:b.tar:a.tar.gz", "b.tar:a.tar:b.tar"]


@pytest.mark.parametrize("names", NAMES)
def test_copy_is_skopeos(programs, files, tmp_path, names):
  skopeo("copy", "tarball:" + names, "dir:%s" % (tmp_path / "theirs"), cwd=files).ok()
  ours = programs.copy("tarball:" + names, "dir:%s" % (tmp_path / "ours"), cwd=files).ok()
  assert content(tmp_path / "ours") == content(tmp_path / "theirs")
  assert "Copying config sha256:" in ours.stdout


@pytest.mark.parametrize("flags", [[], ["--raw"], ["--config"], ["--config", "--raw"]])
def test_inspect_is_skopeos(programs, shared_server, files, flags):
  name = "tarball:%s:%s" % (files / "b.tar", files / "a.tar.gz")
  theirs = skopeo("inspect", *flags, name).ok().stdout
  ours = programs.inspect(name, *flags, server=shared_server).ok().stdout
  if not flags:
    theirs, ours = json.loads(theirs), json.loads(ours)
    theirs.pop("LayersData", None)
    ours.pop("LayersData", None)
  assert ours == theirs


@pytest.mark.parametrize("shared", [False, True], ids=["private server", "shared server"])
def test_standard_input_is_a_layer(programs, shared_server, files, tmp_path, shared):
  with open(files / "a.tar", "rb") as stdin:
    programs.copy("tarball:%s:-:-" % (files / "b.tar"), "dir:%s" % (tmp_path / "to"),
                  stdin=stdin, server=shared_server if shared else None).ok()
  manifest = json.loads((tmp_path / "to" / "manifest.json").read_text())
  layers = [(tmp_path / "to" / layer["digest"].split(":")[1]).read_bytes()
            for layer in manifest["layers"]]
  assert layers == [(files / "b.tar").read_bytes(), (files / "a.tar").read_bytes(), b""]


def test_registry_takes_it(programs, shared_server, registry, files, tmp_path):
  name = registry.repository("tarball") + ":x"
  programs.copy("tarball:%s" % (files / "a.tar"), name, server=shared_server).ok()
  # Layers are compressed for registries.
  skopeo("copy", "--src-tls-verify=false", "--dest-decompress", name,
         "dir:%s" % (tmp_path / "to")).ok()
  assert json.loads((tmp_path / "to" / "manifest.json").read_text())["layers"][0]["size"] == \
      (files / "a.tar").stat().st_size


# The installed skopeo is told of a directory when it reads, holkas when it opens.
@pytest.mark.parametrize("arguments", [
    ["inspect", "tarball:"], ["inspect", "tarball:a.tar:"], ["inspect", "tarball:missing.tar"],
    ["inspect", "tarball:a.tar:missing.tar"], ["copy", "tarball:missing.tar", "dir:to"],
    ["copy", "dir:x", "tarball:a.tar"], ["list-tags", "tarball:a.tar"],
    ["inspect", "ostree:x"], ["copy", "ostree:x", "dir:to"], ["copy", "dir:x", "ostree:x@/repo"],
    ["list-tags", "ostree:x"], ["inspect", "atomic:host.test/ns/stream:tag"],
    ["copy", "dir:x", "atomic:x"], ["delete", "atomic:x"],
], ids=" ".join)
def test_refusals_are_skopeos(programs, files, arguments):
  def words(result):
    assert result.code == 1
    return result.stderr.partition("level=")[2]

  assert words(programs.holkas(*arguments, cwd=files)) == words(skopeo(*arguments, cwd=files))


def test_file_is_not_deleted(programs, files):
  """Which skopeo does."""
  result = programs.holkas("delete", "tarball:%s" % (files / "a.tar"))
  assert result.code == 1
  assert "Deleting images not implemented for tarball: images" in result.stderr
  assert (files / "a.tar").exists()


def test_only_regular_files_are_read(programs, tmp_path):
  os.mkfifo(tmp_path / "fifo")
  for name in ("/dev/zero", str(tmp_path), str(tmp_path / "fifo")):
    result = programs.inspect("tarball:" + name)
    assert result.code == 1
    assert "error opening" in result.stderr


def test_cut_gzip_is_refused(programs, files, tmp_path):
  """Skopeo says the digest of what it could read of it is the layer's."""
  (tmp_path / "cut.gz").write_bytes((files / "a.tar.gz").read_bytes()[:-10])
  result = programs.copy("tarball:%s" % (tmp_path / "cut.gz"), "dir:%s" % (tmp_path / "to"))
  assert result.code == 1
  assert "gzip" in result.stderr
  assert not (tmp_path / "to").exists()
