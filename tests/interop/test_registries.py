"""What every registry is held to, against registries of two families."""

import json

import pytest

from conftest import skopeo
from support import zot
from support.images import Image, write_layout
from support.oracle import Layout
from support.registry import Registry


@pytest.fixture(scope="module", params=["docker-registry", "zot"])
def registry(request, tmp_path_factory):
  directory = tmp_path_factory.mktemp(request.param)
  if request.param == "zot" and zot.program() is None:
    pytest.skip("zot is not there: tools/setup builds it, ZOT names it")
  with (Registry if request.param == "docker-registry" else zot.Zot)(directory) as running:
    yield running


@pytest.fixture(scope="module")
def what(registry):
  """Flags that choose what is copied."""
  return ["--all"] if registry.takes_indexes else []


@pytest.fixture
def image(programs, registry, image_layout, shared_server, what):
  """An index and its images, or an image, pushed by Holkas."""
  name = registry.repository() + ":v1"
  programs.copy("oci:%s:latest" % image_layout, name, *what, server=shared_server).ok()
  return name


def raw(name):
  return skopeo("inspect", "--raw", "--tls-verify=false", name).ok().stdout_bytes


def test_skopeo_reads_what_was_pushed(image, image_layout, tmp_path, what):
  skopeo("copy", *what, "--src-tls-verify=false", image, "oci:%s:x" % (tmp_path / "pushed")).ok()
  skopeo("copy", *what, "oci:%s:latest" % image_layout, "oci:%s:x" % (tmp_path / "theirs")).ok()
  assert Layout(tmp_path / "pushed").check().names() == Layout(tmp_path / "theirs").names()


def test_what_skopeo_pushed_is_read(programs, registry, image_layout, shared_server, tmp_path,
                                    what):
  name = registry.repository("theirs") + ":v1"
  skopeo("copy", *what, "--dest-tls-verify=false", "oci:%s:latest" % image_layout, name).ok()
  programs.copy(name, "oci:%s:x" % (tmp_path / "ours"), *what, server=shared_server).ok()
  skopeo("copy", *what, "--src-tls-verify=false", name, "oci:%s:x" % (tmp_path / "theirs")).ok()
  assert Layout(tmp_path / "ours").check().names() == Layout(tmp_path / "theirs").names()


def test_inspect_is_skopeos(programs, image, shared_server):
  ours = json.loads(programs.inspect(image, server=shared_server).ok().stdout)
  theirs = json.loads(skopeo("inspect", "--tls-verify=false", image).ok().stdout)
  assert {key: ours[key] for key in theirs} == theirs  # and what newer ones have besides


def test_from_one_repository_to_another(programs, registry, shared_server, tmp_path):
  # Of small blobs: while this zot sends one it takes none, and Skopeo waits for it for ever.
  write_layout(tmp_path, {"v1": Image()})
  name, copy = registry.repository() + ":v1", registry.repository("copied") + ":v2"
  programs.copy("oci:%s:v1" % tmp_path, name, server=shared_server).ok()
  programs.copy(name, copy, server=shared_server).ok()
  assert raw(copy) == raw(name)
  again = programs.copy(name, copy, "--progress=json", server=shared_server).ok()
  result = [json.loads(line) for line in again.stdout.splitlines()][-1]["result"]
  assert "copiedBlobs" not in result  # all were there


def test_tags(programs, image, shared_server, what):
  repository = image.rsplit(":", 1)[0]
  for number in range(12):
    programs.copy(image, "%s:t%02d" % (repository, number), *what, server=shared_server).ok()
  ours = programs.holkas("list-tags", "--tls-verify=false", repository, server=shared_server).ok()
  assert sorted(json.loads(ours.stdout)["Tags"]) == sorted(
      json.loads(skopeo("list-tags", "--tls-verify=false", repository).ok().stdout)["Tags"])
  assert len(json.loads(ours.stdout)["Tags"]) == 13


def test_deletion(programs, image, shared_server):
  programs.holkas("delete", "--tls-verify=false", image, server=shared_server).ok()
  assert programs.inspect(image, "--raw", server=shared_server).code == 2
  assert programs.holkas("delete", "--tls-verify=false", image, server=shared_server).code == 2


def test_deletion_of_a_tag_alone(programs, image, shared_server, what):
  other = image.rsplit(":", 1)[0] + ":other"
  programs.copy(image, other, *what, server=shared_server).ok()
  before = raw(image)
  programs.holkas("delete", "--only-tag", "--tls-verify=false", other, server=shared_server).ok()
  assert programs.inspect(other, "--raw", server=shared_server).code == 2
  assert raw(image) == before


def test_what_is_not_there(programs, registry, shared_server):
  name = registry.repository("none")
  assert programs.inspect(name + ":v1", server=shared_server).code == 2
  result = programs.holkas("list-tags", "--tls-verify=false", name, server=shared_server)
  assert result.code != 0
  assert "name" in result.stderr.lower()
