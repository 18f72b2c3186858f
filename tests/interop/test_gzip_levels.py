"""With a level, layers are gzip of several members: other tools read all of them."""

import gzip
import json
import os
import random
import subprocess

import pytest

from conftest import skopeo
from support.compressed_images import PLAIN, write_dir
from support.dockerd import Dockerd
from support.oracle import sha256
from support.storage import StorageRoot
from support.tar import END, member

MEMBER = 512 << 10
# A level for each library, and the one for both.
LEVELS = ["1", "5", "6"]


def content():
  random.seed(3)
  return b"".join(b"line %d of %d\n" % (random.randrange(1000), n) for n in range(150_000))


LAYER = member(b"file", content()) + END


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
  assert len(LAYER) > 4 * MEMBER
  return "dir:%s" % write_dir(tmp_path_factory.mktemp("plain") / "image", [(PLAIN, LAYER)],
                              [sha256(LAYER)])


@pytest.fixture(params=LEVELS)
def compressed(request, programs, plain, registry):
  """An image in a registry."""
  name = registry.repository("levels") + ":1"
  programs.copy(plain, name, "--dest-compress-level=" + request.param).ok()
  return name


def layer_of(directory):
  manifest = json.loads((directory / "manifest.json").read_bytes())
  return directory / manifest["layers"][0]["digest"].split(":")[1]


def test_the_layer_has_several_members_and_skopeo_reads_them(compressed, tmp_path):
  skopeo("copy", "--src-tls-verify=false", compressed, "dir:%s" % (tmp_path / "as-it-is")).ok()
  blob = layer_of(tmp_path / "as-it-is").read_bytes()
  assert blob.count(b"\x1f\x8b\x08\0\0\0\0\0\0\xff") >= len(LAYER) // MEMBER
  assert gzip.decompress(blob) == LAYER
  skopeo("copy", "--src-tls-verify=false", "--dest-decompress", compressed,
         "dir:%s" % (tmp_path / "plain")).ok()
  assert layer_of(tmp_path / "plain").read_bytes() == LAYER


def test_umoci_unpacks_it(compressed, tmp_path):
  skopeo("copy", "--src-tls-verify=false", compressed, "oci:%s:x" % (tmp_path / "layout")).ok()
  subprocess.run(["umoci", "unpack", "--rootless", "--image", "%s:x" % (tmp_path / "layout"),
                  tmp_path / "bundle"], stdout=subprocess.DEVNULL, check=True)
  assert (tmp_path / "bundle" / "rootfs" / "file").read_bytes() == content()


def test_podman_pulls_it(compressed, tmp_path):
  if os.geteuid() != 0:
    pytest.skip("layers have owners: this takes root")
  store = StorageRoot("vfs")
  try:
    store.podman("pull", "--tls-verify=false", compressed).ok()
    layer = store.list("images")[0]["layer"]
    assert (store.layer_files(layer) / "file").read_bytes() == content()
  finally:
    store.remove()


def test_docker_pulls_it(compressed):
  name = compressed.removeprefix("docker://")
  with Dockerd() as daemon:
    daemon.docker("pull", name).ok()
    assert daemon.image(name)["RootFS"]["Layers"] == [sha256(LAYER)]


def test_holkas_reads_it(programs, compressed, tmp_path):
  programs.copy(compressed, "dir:%s" % (tmp_path / "to"), "--dest-decompress").ok()
  assert layer_of(tmp_path / "to").read_bytes() == LAYER
