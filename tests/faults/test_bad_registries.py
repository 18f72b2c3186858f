"""Registries that send something else than they should: nothing wrong ever gets a name."""

import itertools
import time

import pytest

from conftest import soak
from fakes import actions as fake
from support.images import Image
from support.oracle import Directory, Layout, tree


@pytest.fixture
def image():
  return Image(layer_sizes=(50_000, 300_000, 10))


FAULTS = {
    "wrong bytes": fake.wrong_bytes(),
    "short, honest length": fake.short(),
    "empty": fake.replaced(lambda body: b""),
    "longer": fake.longer(),
    "longer without a length": fake.without_length(lambda body: body + b"x"),
    "cut off without a length": fake.without_length(lambda body: body[:-1]),
    "missing": fake.error(404, "BLOB_UNKNOWN"),
    "denied": fake.error(403, "DENIED"),
    "an HTML page": fake.answer(200, b"<html>welcome to the portal</html>"),
}


class TestBlobs:

  @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
  @pytest.mark.parametrize("which, destination", soak(
      [("first layer", "oci"), ("last layer", "dir"), ("config", "docker"), ("last layer", "docker")],
      list(itertools.product(["first layer", "last layer", "config"], ["oci", "dir", "docker"]))))
  def test_wrong_blob_fails_and_leaves_nothing(self, programs, shared_server, scripted,
                                               scripted_destination, tmp_path, image, fault, which,
                                               destination):
    name = scripted.add("app", "v1", image)
    blob = {"first layer": image.layers[0], "last layer": image.layers[-1],
            "config": image.config}[which]
    scripted.on("GET", blob["digest"], fault)
    to = {"oci": "oci:%s:x" % (tmp_path / "to"), "dir": "dir:%s" % (tmp_path / "to"),
          "docker": "docker://%s/copy:x" % scripted_destination.address}[destination]
    result = programs.copy(name, to, server=shared_server)
    assert result.code == 1, result
    assert "level=fatal" in result.stderr
    assert scripted_destination.manifests == {}
    assert ("copy", blob["digest"]) not in scripted_destination.blobs
    if destination == "dir":
      assert not (tmp_path / "to").exists()
    if destination == "oci":
      assert not (tmp_path / "to" / "index.json").exists()
      for path in (tmp_path / "to").rglob("*"):
        assert not path.is_file() or path.name in image_names(image) or \
            path.name in ("oci-layout",) or path.name.endswith(".lock"), path

  def test_wrong_size_is_told(self, programs, shared_server, scripted, tmp_path, image):
    name = scripted.add("app", "v1", image)
    layer = image.layers[1]
    scripted.on("GET", layer["digest"], fake.without_length(lambda body: body[:4096]))
    result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server)
    assert result.code == 1
    assert layer["digest"] in result.stderr and str(layer["size"]) in result.stderr

  def test_lost_connections_are_resumed(self, programs, shared_server, scripted, tmp_path, image):
    name = scripted.add("app", "v1", image)
    layer = image.layers[1]
    scripted.on("GET", layer["digest"], fake.reset(100_000), times=1)
    programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server).ok()
    Layout(tmp_path / "to").check()

  def test_honest_cut_off_is_resumed(self, programs, shared_server, scripted, tmp_path, image):
    name = scripted.add("app", "v1", image)
    scripted.on("GET", image.layers[1]["digest"], fake.short(1000, honest=False), times=1)
    programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server).ok()
    Layout(tmp_path / "to").check()


def image_names(image):
  return {digest.split(":")[1] for digest in image.blobs}


class TestOldImage:

  @pytest.mark.parametrize("which", [0, 1, 2])
  def test_failed_copy_over_a_dir_keeps_the_old_image(self, programs, shared_server, scripted,
                                                      tmp_path, image, which):
    old = Image(seed=7)
    programs.copy(scripted.add("app", "old", old), "dir:%s" % (tmp_path / "to"),
                  server=shared_server).ok()
    before = tree(tmp_path / "to")
    scripted.on("GET", image.layers[which]["digest"], fake.wrong_bytes())
    result = programs.copy(scripted.add("app", "new", image), "dir:%s" % (tmp_path / "to"),
                           server=shared_server)
    assert result.code == 1
    assert tree(tmp_path / "to") == before
    assert Directory(tmp_path / "to").check().digest() == old.digest

  def test_failed_copy_into_a_layout_keeps_the_old_name(self, programs, shared_server, scripted,
                                                        tmp_path, image):
    old = Image(seed=7)
    to = "oci:%s:app" % (tmp_path / "to")
    programs.copy(scripted.add("app", "old", old), to, server=shared_server).ok()
    scripted.on("GET", image.layers[2]["digest"], fake.wrong_bytes())
    assert programs.copy(scripted.add("app", "new", image), to, server=shared_server).code == 1
    assert Layout(tmp_path / "to").check().names() == {"app": old.digest}

  def test_failed_copy_to_a_registry_keeps_the_old_tag(self, programs, shared_server, scripted,
                                                       registry, image):
    old = Image(seed=7)
    to = registry.repository() + ":app"
    programs.copy(scripted.add("app", "old", old), to, server=shared_server).ok()
    scripted.on("GET", image.layers[2]["digest"], fake.wrong_bytes())
    assert programs.copy(scripted.add("app", "new", image), to, server=shared_server).code == 1
    assert programs.inspect(to, "--raw", server=shared_server).ok().stdout_bytes == old.manifest


class TestUploads:

  @pytest.mark.parametrize("method, part, fault", [
      ("POST", "/uploads/", fake.error(403, "DENIED")),
      ("PATCH", "/uploads/", fake.error(400, "BLOB_UPLOAD_INVALID")),
      ("PUT", "/uploads/", fake.error(400, "DIGEST_INVALID")),
      ("PUT", "/manifests/", fake.error(400, "MANIFEST_INVALID")),
  ], ids=["start refused", "bytes refused", "end refused", "manifest refused"])
  def test_refused_upload_fails_and_tags_nothing(self, programs, shared_server, scripted, image,
                                                 method, part, fault, tmp_path):
    source = scripted.add("app", "v1", image)
    programs.copy(source, "dir:%s" % (tmp_path / "image"), server=shared_server).ok()
    scripted.on(method, part, fault)
    if method == "PATCH":
      scripted.on("PUT", "/uploads/", fault)
    result = programs.copy("dir:%s" % (tmp_path / "image"),
                           "docker://%s/copy:x" % scripted.address, server=shared_server)
    assert result.code == 1, result
    assert ("copy", "x") not in scripted.manifests

  def test_mount_that_is_not_granted_falls_back(self, programs, shared_server, scripted, image):
    source = scripted.add("app", "v1", image)
    scripted.on("POST", "mount=", fake.error(404, "NAME_UNKNOWN"))
    result = programs.copy(source, "docker://%s/copy:x" % scripted.address, server=shared_server)
    result.ok()
    assert scripted.manifests[("copy", "x")][1] == image.manifest


class TestStall:

  def test_stalled_body_is_taken_up_after_half_a_minute(self, programs, shared_server, scripted,
                                                         tmp_path, image):
    name = scripted.add("app", "v1", image)
    scripted.on("GET", image.layers[1]["digest"], fake.stall(1000), times=1)
    start = time.monotonic()
    programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server).ok()
    assert 28 < time.monotonic() - start < 40
    Layout(tmp_path / "to").check()

  @pytest.mark.soak
  def test_body_that_stalls_for_ever_ends_by_itself(self, programs, shared_server, scripted,
                                                    tmp_path, image):
    name = scripted.add("app", "v1", image)
    scripted.on("GET", image.layers[1]["digest"], fake.stall(1000))
    result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=shared_server, timeout=150)
    assert result.code == 1
    assert "no byte for 30s" in result.stderr
    assert not (tmp_path / "to" / "index.json").exists()
