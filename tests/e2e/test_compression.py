"""Copies that change layers, and what other tools make of the result."""

import bz2
import gzip
import json
import lzma
import random
import subprocess

import pytest

from bench.measure import PeakMemory
from conftest import skopeo
from support.compressed_images import COMPRESSORS, PLAIN, make_dir, tar, write_dir, zstd
from support.oracle import Directory, Layout, sha256

MIB = 1 << 20


@pytest.fixture(scope="module")
def images(tmp_path_factory):
  """`dir:` images of the same layers in every compression."""
  path = tmp_path_factory.mktemp("images")
  for compression in COMPRESSORS:
    make_dir(path / (compression or "plain"), compression)
  make_dir(path / "docker", "", docker=True)
  make_dir(path / "docker-gzip", "gzip", docker=True)
  return path


def manifest(path):
  return json.loads((path / "manifest.json").read_bytes())


def diff_ids(count=3):
  return [sha256(tar(number)) for number in range(count)]


def decompressed_by_skopeo(image, path, *flags):
  """The layers' digests after skopeo decompressed them: it reads what we wrote, and checks it."""
  skopeo("copy", "-q", "--dest-decompress", *flags, image, "dir:%s" % path).ok()
  return [layer["digest"] for layer in manifest(path)["layers"]]


@pytest.mark.parametrize("flags, suffix", [
    ([], "+gzip"),
    (["--dest-compress-level=9"], "+gzip"),
    (["--dest-compress-format=zstd"], "+zstd"),
    (["--dest-compress-format=zstd", "--dest-compress-level=9"], "+zstd"),
])
def test_registry_gets_compressed_layers(programs, images, registry, tmp_path, flags, suffix):
  to = registry.repository() + ":t"
  programs.copy("dir:%s" % (images / "plain"), to, *flags).ok()
  raw = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", to).ok().stdout_bytes)
  assert [layer["mediaType"] for layer in raw["layers"]] == [PLAIN + suffix] * 3
  assert decompressed_by_skopeo(to, tmp_path / "back", "--src-tls-verify=false") == diff_ids()


def test_layout_gets_compressed_layers_unless_it_takes_others(programs, images, tmp_path):
  to = tmp_path / "layout"
  programs.copy("dir:%s" % (images / "plain"), "oci:%s:gzip" % to).ok()
  programs.copy("dir:%s" % (images / "plain"), "oci:%s:plain" % to,
                "--dest-oci-accept-uncompressed-layers").ok()
  layout = Layout(to).check()
  assert layout.names()["plain"] == sha256((images / "plain" / "manifest.json").read_bytes())
  assert decompressed_by_skopeo("oci:%s:gzip" % to, tmp_path / "back") == diff_ids()


@pytest.mark.parametrize("compression", [name for name in COMPRESSORS if name])
def test_decompressed_it_is_what_skopeo_makes_of_it(programs, images, tmp_path, compression):
  source = "dir:%s" % (images / compression)
  programs.copy(source, "dir:%s" % (tmp_path / "ours"), "--dest-decompress").ok()
  skopeo("copy", "-q", "--dest-decompress", source, "dir:%s" % (tmp_path / "theirs")).ok()
  assert Directory(tmp_path / "ours").check().manifest_bytes() == \
      Directory(tmp_path / "theirs").manifest_bytes()
  assert [layer["digest"] for layer in manifest(tmp_path / "ours")["layers"]] == diff_ids()


@pytest.mark.parametrize("docker", ["docker", "docker-gzip"])
def test_docker_images_keep_their_types_but_for_zstd(programs, images, registry, tmp_path, docker):
  to = registry.repository() + ":t"
  programs.copy("dir:%s" % (images / docker), to).ok()
  raw = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", to).ok().stdout_bytes)
  assert {layer["mediaType"] for layer in raw["layers"]} == {
      "application/vnd.docker.image.rootfs.diff.tar.gzip"}
  programs.copy("dir:%s" % (images / docker), to, "--dest-compress-format=zstd",
                "--dest-force-compress-format").ok()
  raw = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", to).ok().stdout_bytes)
  assert {layer["mediaType"] for layer in raw["layers"]} == {PLAIN + "+zstd"}
  assert decompressed_by_skopeo(to, tmp_path / "back", "--src-tls-verify=false") == diff_ids()


def test_the_same_image_becomes_the_same_bytes(programs, images, tmp_path):
  for number, flags in enumerate(([], ["--image-parallel-copies=1"],
                                  ["--image-parallel-copies=16"])):
    programs.copy("dir:%s" % (images / "plain"), "oci:%s:t%d" % (tmp_path / "to", number),
                  *flags).ok()
  assert len(set(Layout(tmp_path / "to").check().names().values())) == 1


def test_umoci_unpacks_what_was_compressed(programs, images, tmp_path):
  for compression in ("gzip", "zstd"):
    programs.copy("dir:%s" % (images / "plain"), "oci:%s:%s" % (tmp_path / "to", compression),
                  "--dest-compress-format=" + compression).ok()
  unpacked = subprocess.run(["umoci", "unpack", "--rootless", "--image",
                             "%s:gzip" % (tmp_path / "to"), tmp_path / "bundle"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
  assert unpacked.returncode == 0, unpacked.stdout.decode()
  assert sorted(p.name for p in (tmp_path / "bundle" / "rootfs").iterdir()) == sorted(
      "%s-%d" % (kind, number) for kind in ("words", "noise") for number in range(3))


def test_json_tells_what_was_made(programs, images, tmp_path):
  output = programs.copy("dir:%s" % (images / "plain"), "oci:%s:t" % (tmp_path / "to"),
                         "--progress=json").ok().stdout
  events = [json.loads(line) for line in output.splitlines()]
  finished = [e["blobFinished"] for e in events if "blobFinished" in e]
  layers = [b for b in finished if b["kind"] == "BLOB_KIND_LAYER"]
  assert {b["change"] for b in layers} == {"LAYER_CHANGE_COMPRESSED"}
  names = Layout(tmp_path / "to").check().names()
  image = json.loads(Layout(tmp_path / "to").blob(names["t"]))
  assert {b["destinationDigest"] for b in layers} == {l["digest"] for l in image["layers"]}


def test_preserved_digests_are_preserved(programs, images, tmp_path):
  result = programs.copy("dir:%s" % (images / "plain"), "oci:%s:t" % (tmp_path / "to"),
                         "--preserve-digests", "--dest-compress-format=zstd").ok()
  assert "Instructed to preserve digests" in result.stderr
  assert Layout(tmp_path / "to").check().names()["t"] == \
      sha256((images / "plain" / "manifest.json").read_bytes())


def test_precomputed_layer_is_not_sent_again(programs, images, registry):
  to = registry.repository() + ":t"
  programs.copy("dir:%s" % (images / "plain"), to).ok()
  output = programs.copy("dir:%s" % (images / "plain"), to, "--dest-precompute-digests",
                         "--progress=json").ok().stdout
  result = [json.loads(line) for line in output.splitlines()][-1]["result"]
  assert result["reusedBlobs"] == 4


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_memory_does_not_grow_with_the_layers(programs, tmp_path, compression):
  source = random.Random(1)
  image = write_dir(tmp_path / "image",
                    [(PLAIN, source.randbytes(4 * MIB) * 6) for _ in range(6)])
  with PeakMemory(programs.workers) as peak:
    programs.copy("dir:%s" % image, "oci:%s:t" % (tmp_path / "to"),
                  "--dest-compress-format=" + compression).ok()
  Layout(tmp_path / "to").check()
  assert peak.peak_bytes <= 64 * MIB


class TestBombs:
  """Little that becomes a lot, through a real worker."""

  BOMBS = {
      "zstd": lambda: zstd(b"\0" * (64 * MIB)) * 24,
      "xz": lambda: lzma.compress(b"\0" * (64 * MIB), preset=0) * 24,
      "bzip2": lambda: bz2.compress(b"\0" * (32 * MIB)) * 4,
  }

  @pytest.mark.parametrize("compression", list(BOMBS))
  def test_is_refused(self, programs, tmp_path, compression):
    bomb = self.BOMBS[compression]()
    assert len(bomb) < MIB
    image = write_dir(tmp_path / "image", [(PLAIN + "+gzip", bomb)])
    with PeakMemory(programs.workers) as peak:
      result = programs.copy("dir:%s" % image, "dir:%s" % (tmp_path / "to"), "--dest-decompress")
    assert result.code == 1
    assert "for each" in result.stderr
    assert not (tmp_path / "to").exists()
    assert peak.peak_bytes <= 64 * MIB

  @pytest.mark.parametrize("compress", [
      lambda: zstd(b"\0" * 1000, "--ultra", "-20", "--zstd=wlog=27", "--no-check"),
      lambda: lzma.compress(b"\0" * 1000, preset=9),
  ], ids=["zstd", "xz"])
  def test_that_wants_memory_is_refused(self, programs, tmp_path, compress):
    image = write_dir(tmp_path / "image", [(PLAIN + "+gzip", compress())])
    with PeakMemory(programs.workers) as peak:
      result = programs.copy("dir:%s" % image, "dir:%s" % (tmp_path / "to"), "--dest-decompress")
    assert result.code == 1 or peak.peak_bytes <= 64 * MIB
    assert peak.peak_bytes <= 64 * MIB

  def test_sparse_gzip_layer_passes(self, programs, tmp_path):
    image = write_dir(tmp_path / "image",
                      [(PLAIN + "+gzip", gzip.compress(b"\0" * (300 * MIB), 9, mtime=0))])
    with PeakMemory(programs.workers) as peak:
      programs.copy("dir:%s" % image, "dir:%s" % (tmp_path / "to"), "--dest-decompress").ok()
    Directory(tmp_path / "to").check()
    assert peak.peak_bytes <= 64 * MIB

  @pytest.mark.parametrize("cut", [1, 10, 1000])
  def test_truncated_layer_is_an_error(self, programs, tmp_path, cut):
    layer = gzip.compress(tar(1), 6, mtime=0)[:-cut]
    image = write_dir(tmp_path / "image", [(PLAIN + "+gzip", layer)])
    result = programs.copy("dir:%s" % image, "dir:%s" % (tmp_path / "to"), "--dest-decompress")
    assert result.code == 1
    assert "the data ends too early" in result.stderr
    assert not (tmp_path / "to").exists()
