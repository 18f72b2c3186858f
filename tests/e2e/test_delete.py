"""`holkas delete` does what `skopeo delete` does, and --only-tag what it does not."""

import json
import os
import re
import shutil

import pytest

from conftest import skopeo
from fakes.actions import error
from support.images import Image, write_layout
from support.oracle import sha256
from support.programs import run
from support.registry import Registry

INSECURE = "--tls-verify=false"


@pytest.fixture(scope="module")
def image():
  return Image(seed=31)


@pytest.fixture(scope="module")
def layout(image, tmp_path_factory):
  return write_layout(tmp_path_factory.mktemp("deleted") / "layout",
                      {"x": image, "y": Image(seed=32)})


@pytest.fixture(scope="module")
def push(layout):
  """Puts the image into a repository under these tags, and another one under `other`."""
  def act(repository, *tags):
    for tag in tags:
      skopeo("copy", "--dest-tls-verify=false", "oci:%s:x" % layout,
             "%s:%s" % (repository, tag)).ok()
    skopeo("copy", "--dest-tls-verify=false", "oci:%s:y" % layout, repository + ":other").ok()
    return repository
  return act


@pytest.fixture(scope="module")
def keeping_registry(tmp_path_factory):
  """A registry that deletes nothing."""
  with Registry(tmp_path_factory.mktemp("keeping-registry"), deletes=False) as registry:
    yield registry


@pytest.fixture(params=["private server", "running server"])
def delete(request, programs, shared_server):
  server = shared_server if request.param == "running server" else None
  return lambda *arguments: programs.holkas("delete", *arguments, server=server)


def tags_of(repository):
  return sorted(json.loads(skopeo("list-tags", INSECURE, repository).ok().stdout)["Tags"])


def is_there(repository, digest):
  return skopeo("inspect", "--raw", INSECURE, "%s@%s" % (repository, digest)).code == 0


def message(result):
  """The text of the last line, without its time."""
  found = re.search(r'time="[^"]*" level=fatal msg=(.*)\n$', result.stderr)
  assert found, result
  return found[1]


class TestLikeSkopeo:

  def test_image_goes_with_all_its_tags(self, delete, registry, push, image):
    ours, theirs = (push(registry.repository(), "a", "b") for _ in range(2))
    said = skopeo("delete", INSECURE, theirs + ":a")
    result = delete(INSECURE, ours + ":a")
    assert (result.code, result.stdout, result.stderr) == (said.code, said.stdout, said.stderr)
    assert (result.code, result.stdout, result.stderr) == (0, "", "")
    assert tags_of(ours) == tags_of(theirs) == ["other"]
    assert not is_there(ours, image.digest)

  def test_image_goes_by_its_digest(self, delete, registry, push, image):
    ours = push(registry.repository(), "a")
    delete(INSECURE, "%s@%s" % (ours, image.digest)).ok()
    assert tags_of(ours) == ["other"]

  def test_index_goes_and_its_images_stay(self, delete, registry, image_layout):
    ours = registry.repository()
    skopeo("copy", "--all", "--dest-tls-verify=false", "oci:%s:latest" % image_layout,
           ours + ":a").ok()
    index = skopeo("inspect", "--raw", INSECURE, ours + ":a").ok().stdout_bytes
    delete(INSECURE, ours + ":a").ok()
    assert not is_there(ours, sha256(index))
    assert all(is_there(ours, child["digest"]) for child in json.loads(index)["manifests"])

  @pytest.mark.parametrize("name", [":nothing", "@sha256:" + "0" * 64])
  def test_missing_image_is_told_in_skopeos_words(self, delete, registry, push, name):
    ours = push(registry.repository())
    said = skopeo("delete", INSECURE, ours + name)
    result = delete(INSECURE, ours + name)
    # Skopeo gives 2 from version 1.16 on.
    assert (result.code, said.code in (1, 2)) == (2, True)
    assert message(result) == message(said)
    assert tags_of(ours) == ["other"]

  def test_missing_repository_is_told_in_skopeos_words(self, delete, registry):
    name = registry.repository() + ":x"
    result = delete(INSECURE, name)
    assert result.code == 2
    assert message(result) == message(skopeo("delete", INSECURE, name))

  def test_unreachable_registry_is_told_in_skopeos_words(self, delete):
    result = delete(INSECURE, "docker://127.0.0.1:1/app")
    said = skopeo("delete", INSECURE, "docker://127.0.0.1:1/app")
    assert (result.code, message(result)) == (said.code, message(said))

  @pytest.mark.parametrize("arguments", [
      [], ["docker://a.example/b", "docker://a.example/c"], ["--bogus"], ["bla"], ["bla:x"],
      ["docker:x"], ["docker://"], ["docker://a.example/UPPER"], ["dir:/x"],
      ["--creds=a:b", "--no-creds", "docker://a.example/b"],
      ["--username=a", "docker://a.example/b"],
  ], ids=" ".join)
  def test_wrong_arguments_are_told_in_skopeos_words(self, delete, arguments):
    result, said = delete(*arguments), skopeo("delete", *arguments)
    assert (result.code, message(result)) == (said.code, message(said))
    assert result.stdout == said.stdout == ""

  def test_disabled_deletion_is_told(self, delete, keeping_registry, push):
    ours = push(keeping_registry.repository(), "a")
    said = skopeo("delete", INSECURE, ours + ":a")
    result = delete(INSECURE, ours + ":a")
    assert (result.code, said.code) == (1, 1)
    assert "The operation is unsupported." in message(result)
    assert "The operation is unsupported." in message(said)
    assert tags_of(ours) == ["a", "other"]


class TestOnlyTag:

  def test_image_and_other_tags_stay(self, delete, registry, push, image):
    ours = push(registry.repository(), "a", "b")
    result = delete("--only-tag", INSECURE, ours + ":a").ok()
    assert result.stdout == result.stderr == ""
    assert tags_of(ours) == ["b", "other"]
    raw = skopeo("inspect", "--raw", INSECURE, ours + ":b").ok()
    assert raw.stdout_bytes == image.manifest
    # And it is whole.
    skopeo("inspect", INSECURE, ours + ":b").ok()

  def test_image_stays_without_any_tag(self, delete, registry, push, image):
    ours = push(registry.repository(), "a")
    delete("--only-tag", INSECURE, ours + ":a").ok()
    assert tags_of(ours) == ["other"]
    assert is_there(ours, image.digest)

  def test_nothing_is_left_of_the_placeholder(self, delete, registry, push, image):
    ours = push(registry.repository(), "a")
    mark = registry.mark()
    delete("--only-tag", INSECURE, ours + ":a").ok()
    deleted = {url.rsplit("/", 1)[1] for method, url, code in registry.requests(mark)
               if method == "DELETE" and code == 202}
    placeholder, = deleted
    assert placeholder != image.digest
    assert not is_there(ours, placeholder)

  def test_tag_that_is_gone_can_be_pushed_again(self, delete, registry, push, image):
    ours = push(registry.repository(), "a")
    delete("--only-tag", INSECURE, ours + ":a").ok()
    push(ours, "a")
    assert tags_of(ours) == ["a", "other"]
    assert skopeo("inspect", "--raw", INSECURE, ours + ":a").ok().stdout_bytes == image.manifest

  def test_disabled_deletion_changes_nothing(self, delete, keeping_registry, push, image):
    ours = push(keeping_registry.repository(), "a")
    mark = keeping_registry.mark()
    result = delete("--only-tag", INSECURE, ours + ":a")
    assert result.code == 1
    assert "The operation is unsupported." in message(result)
    assert {method for method, _, _ in keeping_registry.requests(mark)} == {"GET", "DELETE"}
    assert skopeo("inspect", "--raw", INSECURE, ours + ":a").ok().stdout_bytes == image.manifest

  def test_missing_tag_is_2(self, delete, registry, push):
    result = delete("--only-tag", INSECURE, push(registry.repository()) + ":nothing")
    assert result.code == 2
    assert "Unable to delete" in message(result)

  def test_digest_has_no_tag(self, delete, registry, push, image):
    ours = push(registry.repository(), "a")
    result = delete("--only-tag", INSECURE, "%s@%s" % (ours, image.digest))
    assert result.code == 1
    assert "only_tag" in message(result)
    assert tags_of(ours) == ["a", "other"]

  def test_registry_that_deletes_tags_is_left_to_do_it(self, delete, scripted, image):
    name = scripted.add("app", "a", image)
    scripted.add("app", "b", image)
    delete("--only-tag", INSECURE, name).ok()
    assert ("app", "a") not in scripted.manifests and ("app", "b") in scripted.manifests
    assert ("app", image.digest) in scripted.manifests
    assert scripted.asked("PUT") == scripted.asked("POST") == []

  def test_tag_is_put_back_where_the_last_step_fails(self, delete, scripted, image):
    name = scripted.add("app", "a", image)
    scripted.on("DELETE", "/manifests/a", error(405, "UNSUPPORTED"))
    # What is not there may be deleted, what is there may not.
    scripted.on("DELETE", "/manifests/sha256:", error(404, "MANIFEST_UNKNOWN"), times=1)
    scripted.on("DELETE", "/manifests/sha256:", error(403, "DENIED"))
    result = delete("--only-tag", INSECURE, name)
    assert result.code == 1
    assert "tag a is as it was" in message(result)
    assert scripted.manifests[("app", "a")] == (image.media_type, image.manifest)


class TestRpc:

  @pytest.fixture
  def rpc(self, programs, shared_server):
    path = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    if not path or not os.access(path, os.X_OK):
      pytest.skip("GRPCURL is not set and grpcurl is not installed")

    def call(image, **more):
      request = {"image": image, "registry": {"tlsVerification": "TLS_VERIFICATION_DISABLED"},
                 **more}
      return run([path, "-plaintext", "-unix", "-d", json.dumps(request), shared_server.socket,
                  "holkas.v1.ImageService/Delete"])
    return call

  @pytest.mark.parametrize("only_tag", [False, True])
  def test_digest_is_told(self, rpc, registry, push, image, only_tag):
    ours = push(registry.repository(), "a")
    assert json.loads(rpc(ours + ":a", onlyTag=only_tag).ok().stdout) == {"digest": image.digest}
    assert is_there(ours, image.digest) == only_tag

  def test_errors_have_codes_and_reasons(self, rpc, registry, keeping_registry, push, image):
    def expect(result, code, reason):
      assert result.code != 0
      assert "Code: " + code in result.stderr and reason in result.stderr, result

    ours = push(registry.repository(), "a")
    kept = push(keeping_registry.repository(), "a")
    expect(rpc(ours + ":nothing"), "NotFound", "MANIFEST_UNKNOWN")
    expect(rpc(kept + ":a"), "FailedPrecondition", "DELETE_DISABLED")
    expect(rpc(kept + ":a", onlyTag=True), "FailedPrecondition", "DELETE_DISABLED")
    expect(rpc("%s@%s" % (ours, image.digest), onlyTag=True), "InvalidArgument", "INVALID_FIELD")
    expect(rpc("dir:/x"), "Unimplemented", "TRANSPORT_UNIMPLEMENTED")
    expect(rpc("docker://127.0.0.1:1/x"), "Unavailable", "REGISTRY_UNAVAILABLE")
    expect(rpc(""), "InvalidArgument", "INVALID_FIELD")
