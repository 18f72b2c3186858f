"""Copies between real places, through the command line, a server and a sandboxed worker."""

import json
import platform

import pytest

from conftest import skopeo
from support.oracle import Directory, Layout, sha256, tree


@pytest.fixture(params=["private server", "running server"])
def server(request):
  """Both ways to reach a server."""
  return request.getfixturevalue("shared_server") if request.param == "running server" else None


def raw(image):
  """The manifest that a name stands for, as skopeo sees it."""
  return skopeo("inspect", "--raw", *(["--tls-verify=false"] if image.startswith("docker:") else []),
                image).ok().stdout_bytes


def amd64_digest(image):
  return next(m["digest"] for m in json.loads(raw(image))["manifests"]
              if m["platform"]["architecture"] == "amd64")


class TestEveryDirection:

  def test_registry_to_oci(self, programs, server, pushed, tmp_path):
    programs.copy(pushed, "oci:%s:app" % (tmp_path / "to"), "--override-arch=amd64",
                  server=server).ok()
    layout = Layout(tmp_path / "to").check()
    assert layout.names() == {"app": amd64_digest(pushed)}

  def test_registry_to_dir(self, programs, server, pushed, tmp_path):
    programs.copy(pushed, "dir:%s" % (tmp_path / "to"), "--override-arch=amd64",
                  server=server).ok()
    assert Directory(tmp_path / "to").check().digest() == amd64_digest(pushed)

  def test_oci_to_registry(self, programs, server, image_layout, registry):
    to = registry.repository() + ":t"
    programs.copy("oci:%s:latest" % image_layout, to, "--all", server=server).ok()
    assert sha256(raw(to)) == Layout(image_layout).names()["latest"]

  def test_registry_to_registry(self, programs, server, pushed, other_registry):
    to = other_registry.repository() + ":t"
    programs.copy(pushed, to, "--all", server=server).ok()
    assert raw(to) == raw(pushed)

  def test_oci_to_oci(self, programs, server, image_layout, tmp_path):
    programs.copy("oci:%s:latest" % image_layout, "oci:%s:other" % (tmp_path / "to"), "--all",
                  server=server).ok()
    assert Layout(tmp_path / "to").check().names() == {
        "other": Layout(image_layout).names()["latest"]}


def test_all_the_way_round_keeps_the_digest(programs, shared_server, pushed, other_registry,
                                            tmp_path):
  places = [pushed, "oci:%s:a" % (tmp_path / "a"), other_registry.repository() + ":b",
            "dir:%s" % (tmp_path / "c"), "oci:%s:d" % (tmp_path / "d"),
            "dir:%s" % (tmp_path / "e"), other_registry.repository() + ":f"]
  for source, destination in zip(places, places[1:]):
    programs.copy(source, destination, "--all", server=shared_server).ok()
  assert raw(places[-1]) == raw(pushed)
  Layout(tmp_path / "a").check()
  Directory(tmp_path / "c").check()
  Layout(tmp_path / "d").check()
  assert tree(tmp_path / "c") == tree(tmp_path / "e")


class TestChoiceOfImages:

  def test_system_platform_is_the_default(self, programs, shared_server, pushed, tmp_path):
    programs.copy(pushed, "dir:%s" % (tmp_path / "to"), server=shared_server).ok()
    manifest = json.loads(Directory(tmp_path / "to").check().manifest_bytes())
    config = json.loads((tmp_path / "to" / manifest["config"]["digest"].split(":")[1]).read_text())
    assert config["architecture"] == {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

  @pytest.mark.parametrize("architecture", ["amd64", "arm64"])
  def test_override_arch(self, programs, shared_server, pushed, tmp_path, architecture):
    programs.holkas("--override-arch", architecture, "copy", "--src-tls-verify=false", pushed,
                    "oci:%s:x" % (tmp_path / "to"), server=shared_server).ok()
    layout = Layout(tmp_path / "to").check()
    manifest = json.loads(layout.blob(layout.names()["x"]))
    assert json.loads(layout.blob(manifest["config"]["digest"]))["architecture"] == architecture

  def test_platform_that_is_not_there(self, programs, shared_server, pushed, tmp_path):
    result = programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"), "--override-arch=s390x",
                           server=shared_server)
    assert result.code == 1
    assert 'architecture \\"s390x\\"' in result.stderr
    assert not (tmp_path / "to" / "index.json").exists()

  def test_all_copies_the_index_and_every_image(self, programs, shared_server, pushed, tmp_path):
    programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"), "--all", server=shared_server).ok()
    layout = Layout(tmp_path / "to").check()
    assert layout.blob(layout.names()["x"]) == raw(pushed)

  def test_index_only_copies_no_image(self, programs, shared_server, pushed, tmp_path):
    programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"), "--multi-arch=index-only",
                  server=shared_server).ok()
    layout = Layout(tmp_path / "to").check(missing_images_allowed=True)
    assert layout.blob(layout.names()["x"]) == raw(pushed)
    assert len(list((tmp_path / "to" / "blobs" / "sha256").iterdir())) == 1


class TestReuse:

  def test_what_is_there_is_not_sent_again(self, programs, shared_server, pushed, other_registry):
    to = other_registry.repository() + ":t"
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    mark = other_registry.mark()
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    assert other_registry.blob_uploads(mark) == []

  def test_what_is_there_is_not_read_again(self, programs, shared_server, pushed, registry,
                                           tmp_path):
    to = "oci:%s:x" % (tmp_path / "to")
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    mark = registry.mark()
    events = programs.copy(pushed, to, "--all", "--progress=json", server=shared_server).ok()
    assert registry.blob_downloads(mark) == []
    assert '"reusedBlobs"' in events.stdout or '"reused_blobs"' in events.stdout
    Layout(tmp_path / "to").check()

  def test_same_registry_is_mounted_cold(self, programs, shared_server, pushed, registry):
    to = registry.repository() + ":t"
    mark = registry.mark()
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    assert registry.blob_downloads(mark) == []
    assert registry.blob_uploads(mark) == []
    mounts = [r for r in registry.requests(mark) if r[0] == "POST" and "mount=" in r[1]]
    assert mounts and all(code == 201 for _, _, code in mounts)
    assert raw(to) == raw(pushed)

  def test_corrupt_blob_in_a_layout_is_repaired(self, programs, shared_server, pushed, tmp_path):
    to = "oci:%s:x" % (tmp_path / "to")
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    blobs = sorted((tmp_path / "to" / "blobs" / "sha256").iterdir(),
                   key=lambda path: path.stat().st_size)
    for victim in (blobs[-1], blobs[len(blobs) // 2]):  # a large one and a small one
      content = bytearray(victim.read_bytes())
      content[len(content) // 2] ^= 1
      victim.chmod(0o644)
      victim.write_bytes(content)
    programs.copy(pushed, to, "--all", server=shared_server).ok()
    Layout(tmp_path / "to").check()

  def test_truncated_blob_in_a_layout_is_repaired(self, programs, shared_server, pushed, tmp_path):
    to = "oci:%s:x" % (tmp_path / "to")
    programs.copy(pushed, to, server=shared_server).ok()
    for victim in (tmp_path / "to" / "blobs" / "sha256").iterdir():
      victim.chmod(0o644)
      victim.write_bytes(victim.read_bytes()[:-1])
    programs.copy(pushed, to, server=shared_server).ok()
    Layout(tmp_path / "to").check()


class TestDestination:

  def test_tag_moves_to_the_new_image(self, programs, shared_server, pushed, tmp_path):
    to = "oci:%s:app" % (tmp_path / "to")
    programs.copy(pushed, to, "--override-arch=arm64", server=shared_server).ok()
    programs.copy(pushed, to, "--override-arch=amd64", server=shared_server).ok()
    assert Layout(tmp_path / "to").check().names() == {"app": amd64_digest(pushed)}

  def test_names_beside_stay(self, programs, shared_server, pushed, tmp_path):
    for name in ("a", "b", "c"):
      programs.copy(pushed, "oci:%s:%s" % (tmp_path / "to", name), server=shared_server).ok()
    assert sorted(Layout(tmp_path / "to").check().names()) == ["a", "b", "c"]

  def test_dir_is_replaced_whole(self, programs, shared_server, pushed, tmp_path):
    to = tmp_path / "to"
    programs.copy(pushed, "dir:%s" % to, "--all", server=shared_server).ok()
    programs.copy(pushed, "dir:%s" % to, "--override-arch=amd64", server=shared_server).ok()
    assert Directory(to).check().digest() == amd64_digest(pushed)

  def test_foreign_directory_is_not_overwritten(self, programs, shared_server, pushed, tmp_path):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "thesis.txt").write_text("years of work")
    result = programs.copy(pushed, "dir:%s" % (tmp_path / "to"), server=shared_server)
    assert result.code == 1
    assert "not a containers image directory, don't want to overwrite" in result.stderr
    assert tree(tmp_path / "to") == {"thesis.txt": sha256(b"years of work")}

  def test_relative_paths_are_the_callers(self, programs, shared_server, pushed, tmp_path):
    programs.copy(pushed, "oci:to:x", server=shared_server, cwd=tmp_path).ok()
    Layout(tmp_path / "to").check()


class TestOutput:

  def test_lines_are_skopeos(self, programs, shared_server, pushed, tmp_path):
    lines = programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"),
                          server=shared_server).ok().stdout.splitlines()
    layout = Layout(tmp_path / "to")
    manifest = json.loads(layout.blob(layout.names()["x"]))
    assert lines[0] == "Getting image source signatures"
    assert sorted(l for l in lines if l.startswith("Copying blob")) == sorted(
        "Copying blob " + layer["digest"] for layer in manifest["layers"])
    assert lines.index("Copying config " + manifest["config"]["digest"]) > max(
        i for i, l in enumerate(lines) if l.startswith("Copying blob"))
    assert lines[-1] in ("Writing manifest to image destination", "Storing signatures")

  def test_quiet_says_nothing(self, programs, shared_server, pushed, tmp_path):
    result = programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"), "--quiet",
                           server=shared_server).ok()
    assert result.stdout == "" and result.stderr == ""

  def test_digestfile_has_the_digest_alone(self, programs, shared_server, pushed, tmp_path):
    programs.copy(pushed, "oci:%s:x" % (tmp_path / "to"), "--digestfile", tmp_path / "digest",
                  server=shared_server).ok()
    assert (tmp_path / "digest").read_text() == Layout(tmp_path / "to").names()["x"]


def test_preserve_digests_refuses_a_conversion(programs, shared_server, scripted, tmp_path):
  from support.images import Image
  image = scripted.add("app", "v1", Image(docker=True))
  result = programs.copy(image, "oci:%s:x" % (tmp_path / "to"), "--preserve-digests",
                         server=shared_server)
  assert result.code == 1
  assert not (tmp_path / "to" / "index.json").exists()
