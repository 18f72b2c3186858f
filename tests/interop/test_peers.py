"""Other tools read what Holkas writes, and give the same digests from the same sources."""

import json
import os
import shutil

import pytest

from conftest import skopeo
from support.images import DOCKER_LIST, Image, index
from support.oracle import Layout, sha256
from support.programs import run


def need(tool):
  if shutil.which(tool) is None:
    pytest.skip("%s is not installed" % tool)


def copied(programs, server, source, tmp_path, *flags):
  """An OCI layout that holds a copy of `source` as `x`."""
  programs.copy(source, "oci:%s:x" % (tmp_path / "ours"), *flags, server=server).ok()
  return tmp_path / "ours"


class TestSameResultAsSkopeo:

  @pytest.mark.parametrize("flags", [[], ["--all"]], ids=["one image", "index"])
  @pytest.mark.parametrize("destination", ["oci:%s:x", "dir:%s"])
  def test_from_a_registry(self, programs, shared_server, pushed, tmp_path, flags, destination):
    programs.copy(pushed, destination % (tmp_path / "ours"), *flags, server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", *flags, pushed,
           destination % (tmp_path / "theirs")).ok()
    assert (skopeo("inspect", "--raw", destination % (tmp_path / "ours")).ok().stdout_bytes ==
            skopeo("inspect", "--raw", destination % (tmp_path / "theirs")).ok().stdout_bytes)

  @pytest.mark.parametrize("flags", [[], ["--all"]], ids=["one image", "index"])
  def test_docker_images_become_the_same_oci_images(self, programs, shared_server, scripted,
                                                    tmp_path, flags):
    images = {"amd64": Image(docker=True, seed=1, labels={"a": "<b>"}),
              "arm64": Image(docker=True, seed=2, architecture="arm64")}
    for architecture, image in images.items():
      scripted.add("app", architecture, image)
    name = scripted.add_manifest("app", "list", DOCKER_LIST, index(images, docker=True))
    layout = Layout(copied(programs, shared_server, name, tmp_path, *flags)).check()
    skopeo("copy", "--src-tls-verify=false", *flags, name, "oci:%s:x" % (tmp_path / "theirs")).ok()
    assert layout.names() == Layout(tmp_path / "theirs").names()

  def test_docker_images_stay_as_they_are_in_a_dir(self, programs, shared_server, scripted,
                                                   tmp_path):
    image = Image(docker=True)
    name = scripted.add("app", "v1", image)
    programs.copy(name, "dir:%s" % (tmp_path / "ours"), server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", name, "dir:%s" % (tmp_path / "theirs")).ok()
    for path in (tmp_path / "theirs").iterdir():
      assert (tmp_path / "ours" / path.name).read_bytes() == path.read_bytes(), path.name
    assert len(list((tmp_path / "ours").iterdir())) == len(list((tmp_path / "theirs").iterdir()))


class TestPeersRead:

  def test_skopeo(self, programs, shared_server, pushed, tmp_path):
    layout = copied(programs, shared_server, pushed, tmp_path, "--all")
    skopeo("copy", "--all", "oci:%s:x" % layout, "oci:%s:x" % (tmp_path / "again")).ok()
    assert Layout(tmp_path / "again").names() == Layout(layout).names()

  def test_umoci(self, programs, shared_server, pushed, tmp_path):
    need("umoci")
    layout = copied(programs, shared_server, pushed, tmp_path)
    options = [] if os.geteuid() == 0 else ["--rootless"]
    run(["umoci", "unpack", *options, "--image", "%s:x" % layout, tmp_path / "bundle"]).ok()
    assert (tmp_path / "bundle" / "rootfs" / "usr").is_dir()

  def test_podman(self, programs, shared_server, pushed, tmp_path):
    need("podman")
    layout = copied(programs, shared_server, pushed, tmp_path)
    podman = ["podman", "--root", tmp_path / "storage", "--runroot", tmp_path / "run",
              "--storage-driver", "vfs"]
    pulled = run([*podman, "pull", "-q", "oci:%s:x" % layout], timeout=120)
    if pulled.code != 0 and "permission" in (pulled.stderr + pulled.stdout).lower():
      pytest.skip("podman cannot store images here: " + pulled.stderr.strip()[-200:])
    image = pulled.ok().stdout.strip()
    layers = json.loads(run([*podman, "image", "inspect", image]).ok().stdout)[0]["RootFS"]["Layers"]
    manifest = json.loads(Layout(layout).blob(Layout(layout).names()["x"]))
    assert len(layers) == len(manifest["layers"])

  def test_skopeo_reads_our_pushes(self, programs, shared_server, image_layout, other_registry,
                                   tmp_path):
    to = other_registry.repository() + ":t"
    programs.copy("oci:%s:latest" % image_layout, to, "--all", server=shared_server).ok()
    skopeo("copy", "--all", "--src-tls-verify=false", to, "oci:%s:x" % (tmp_path / "again")).ok()
    assert Layout(tmp_path / "again").check().names()["x"] == Layout(image_layout).names()["latest"]

  def test_skopeo_writes_beside_us_in_one_layout(self, programs, shared_server, pushed, tmp_path):
    layout = tmp_path / "shared"
    skopeo("copy", "--src-tls-verify=false", pushed, "oci:%s:theirs" % layout).ok()
    programs.copy(pushed, "oci:%s:ours" % layout, server=shared_server).ok()
    skopeo("copy", "--src-tls-verify=false", pushed, "oci:%s:theirs2" % layout).ok()
    assert sorted(Layout(layout).names()) == ["ours", "theirs", "theirs2"]


def test_we_read_what_umoci_wrote(programs, shared_server, image_layout, tmp_path):
  programs.copy("oci:%s:latest" % image_layout, "dir:%s" % (tmp_path / "to"), "--all",
                server=shared_server).ok()
  assert sha256((tmp_path / "to" / "manifest.json").read_bytes()) == \
      Layout(image_layout).names()["latest"]
