"""Blobs that earlier copies of the same user made or saw are neither made nor sent again."""

import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from conftest import skopeo
from support.compressed_images import PLAIN, make_dir, tar
from support.grpcurl import program as grpcurl
from support.oracle import Directory, sha256
from support.programs import Server
from support.storage import StorageRoot

pytestmark = pytest.mark.skipif(shutil.which("docker-registry") is None,
                                reason="docker-registry is not installed")


class Memory:
  """Copies by a server that remembers blobs, in a file of the test's own."""

  def __init__(self, programs, path, server=None):
    self.programs = programs
    self.path = path
    self.server = server

  def copy(self, source, destination, *flags):
    return self.programs.copy(source, destination, *flags, server=self.server,
                              env={"HOLKAS_BLOB_INFO_CACHE": str(self.path)}).ok()

  def change(self, sql, *parameters):
    """Changes rows behind the server's back; how many."""
    with sqlite3.connect(self.path, timeout=10) as database:
      return database.execute(sql, parameters).rowcount

  def rows(self, sql):
    with sqlite3.connect(self.path, timeout=10) as database:
      return database.execute(sql).fetchall()


@pytest.fixture(params=["private server", "running server"])
def memory(request, programs, tmp_path):
  path = tmp_path / "cache" / "blobs.sqlite"
  if request.param == "private server":
    yield Memory(programs, path)
    return
  with Server(programs, tmp_path / "server", config="blob_info_cache: %s" % path) as server:
    yield Memory(programs, path, server)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
  path = tmp_path_factory.mktemp("images")
  for compression in ("", "gzip", "zstd"):
    make_dir(path / (compression or "plain"), compression)
  return path


def image(images, compression="plain"):
  return "dir:%s" % (images / compression)


def layers(name):
  raw = skopeo("inspect", "--raw", "--tls-verify=false", name).ok().stdout_bytes
  return json.loads(raw)["layers"]


def digests(name):
  return [layer["digest"] for layer in layers(name)]


def uploads_of(registry, mark, *some):
  """The uploads that ended with one of these digests."""
  return [url for method, url, _ in registry.requests(mark)
          if method == "PUT" and "/blobs/uploads/" in url
          and any(digest.replace(":", "%3A") in url for digest in some)]


def mounts(registry, mark):
  return [url for method, url, code in registry.requests(mark)
          if method == "POST" and "mount=" in url and code == 201]


def delete_blob(registry, name, digest):
  """Takes a blob away from the whole registry."""
  repository = name.split("/", 3)[3]
  storage = registry.directory / "storage" / "docker" / "registry" / "v2"
  algorithm, value = digest.split(":")
  for path in (storage / "repositories" / repository / "_layers" / algorithm / value,
               storage / "blobs" / algorithm / value[:2] / value):
    shutil.rmtree(path, ignore_errors=True)


def check(name, path):
  """That another reader finds the image whole, with the layers that it is to have."""
  skopeo("copy", "-q", "--dest-decompress", "--src-tls-verify=false", name, "dir:%s" % path).ok()
  manifest = json.loads(Directory(path).manifest_bytes())
  assert [layer["digest"] for layer in manifest["layers"]] == [sha256(tar(n)) for n in range(3)]


class TestPlainLayersToARegistry:

  def test_what_they_were_compressed_to_is_not_sent_again(self, memory, images, registry, tmp_path):
    to = registry.repository()
    memory.copy(image(images), to + ":1")
    mark = registry.mark()
    memory.copy(image(images), to + ":2")
    assert registry.blob_uploads(mark) == []
    assert digests(to + ":2") == digests(to + ":1")
    check(to + ":2", tmp_path / "back")

  def test_another_repository_gets_it_by_mounts(self, memory, images, registry, tmp_path):
    first, second = registry.repository(), registry.repository()
    memory.copy(image(images), first + ":t")
    mark = registry.mark()
    memory.copy(image(images), second + ":t")
    assert registry.blob_uploads(mark) == []
    assert len(mounts(registry, mark)) == 4  # three layers, a configuration
    check(second + ":t", tmp_path / "back")

  def test_another_registry_gets_its_own(self, memory, images, registry, other_registry, tmp_path):
    memory.copy(image(images), registry.repository() + ":t")
    to = other_registry.repository() + ":t"
    mark = other_registry.mark()
    memory.copy(image(images), to)
    assert len(uploads_of(other_registry, mark, *digests(to))) == 3
    check(to, tmp_path / "back")

  def test_the_compression_asked_for_must_match(self, memory, images, registry, tmp_path):
    to = registry.repository()
    memory.copy(image(images), to + ":gzip")
    mark = registry.mark()
    memory.copy(image(images), to + ":zstd", "--dest-compress-format=zstd")
    assert len(uploads_of(registry, mark, *digests(to + ":zstd"))) == 3
    mark = registry.mark()
    for flags in (["--dest-compress-format=zstd"],
                  ["--dest-compress-format=zstd", "--dest-force-compress-format"]):
      memory.copy(image(images), to + ":again", *flags)
      assert {layer["mediaType"] for layer in layers(to + ":again")} == {PLAIN + "+zstd"}
    memory.copy(image(images), to + ":again", "--dest-compress-level=9")
    assert {layer["mediaType"] for layer in layers(to + ":again")} == {PLAIN + "+gzip"}
    assert registry.blob_uploads(mark) == []

  def test_what_was_recompressed_is_not_recompressed_again(self, memory, images, registry,
                                                           tmp_path):
    to = registry.repository()
    flags = ["--dest-compress-format=zstd", "--dest-force-compress-format"]
    memory.copy(image(images, "gzip"), to + ":1", *flags)
    mark = registry.mark()
    memory.copy(image(images, "gzip"), to + ":2", *flags)
    assert registry.blob_uploads(mark) == []
    assert digests(to + ":2") == digests(to + ":1")
    check(to + ":2", tmp_path / "back")


class TestOtherFormsAndPlaces:

  def test_known_places_are_mounted_from(self, memory, images, registry, other_registry):
    base, source = registry.repository("base") + ":t", other_registry.repository() + ":t"
    memory.copy(image(images, "gzip"), base)
    memory.copy(image(images, "gzip"), source)
    mark, other_mark = registry.mark(), other_registry.mark()
    memory.copy(source, registry.repository("app") + ":t")
    assert registry.blob_uploads(mark) == []
    assert len(mounts(registry, mark)) == 4
    assert other_registry.blob_downloads(other_mark) == []

  def test_a_place_that_was_read_is_mounted_from(self, memory, images, registry, tmp_path):
    base = registry.repository("base") + ":t"
    skopeo("copy", "-q", "--dest-tls-verify=false", image(images, "gzip"), base).ok()
    memory.copy(base, "dir:%s" % (tmp_path / "pulled"))
    mark = registry.mark()
    memory.copy("dir:%s" % (tmp_path / "pulled"), registry.repository("app") + ":t")
    assert registry.blob_uploads(mark) == []

  def test_another_form_takes_the_place_of_what_is_not_there(self, memory, images, registry,
                                                             other_registry, tmp_path):
    # Made here of the plain layers, and there by somebody else: other bytes of the same content.
    to = registry.repository()
    memory.copy(image(images), to + ":ours")
    memory.copy(image(images, "gzip"), "dir:%s" % (tmp_path / "plain"), "--dest-decompress")
    mark = registry.mark()
    memory.copy(image(images, "gzip"), to + ":theirs")
    assert registry.blob_uploads(mark) == []
    assert digests(to + ":theirs") == digests(to + ":ours")
    check(to + ":theirs", tmp_path / "back")

  def test_digests_that_must_stay_do(self, memory, images, registry, tmp_path):
    to = registry.repository()
    memory.copy(image(images), to + ":ours")
    memory.copy(image(images, "gzip"), "dir:%s" % (tmp_path / "plain"), "--dest-decompress")
    memory.copy(image(images, "gzip"), to + ":theirs", "--preserve-digests")
    theirs = json.loads((images / "gzip" / "manifest.json").read_bytes())
    assert digests(to + ":theirs") == [layer["digest"] for layer in theirs["layers"]]

  @pytest.mark.skipif(os.geteuid() != 0, reason="stores of root")
  def test_a_layer_that_a_store_has_is_not_downloaded(self, memory, images, registry):
    store = StorageRoot("vfs")
    try:
      name = registry.repository() + ":zstd"
      # Plain to zstd, and gzip into the store: the plain layers are in the store then.
      memory.copy(image(images), name, "--dest-compress-format=zstd")
      memory.copy(image(images, "gzip"), store.name("localhost/first:1"))
      mark = registry.mark()
      memory.copy(name, store.name("localhost/second:1"))
      downloads = registry.blob_downloads(mark)
      assert not [url for _, url, _ in downloads if any(d in url for d in digests(name))]
      store.check()
      assert len(store.list("layers")) == 3
    finally:
      store.remove()

  @pytest.mark.skipif(os.geteuid() != 0, reason="stores of root")
  def test_a_store_gets_no_layer_that_the_configuration_does_not_name(self, memory, images,
                                                                      registry):
    store = StorageRoot("vfs")
    try:
      name = registry.repository() + ":zstd"
      memory.copy(image(images), name, "--dest-compress-format=zstd")
      memory.copy(image(images, "gzip"), store.name("localhost/first:1"))
      # A liar says that the first layer has the content of the second.
      assert memory.change("UPDATE blobs SET content = ? WHERE digest = ?", sha256(tar(1)),
                           digests(name)[0]) == 1
      mark = registry.mark()
      memory.copy(name, store.name("localhost/second:1"))
      assert [url for _, url, _ in registry.blob_downloads(mark) if digests(name)[0] in url]
      assert len(store.list("layers")) == 3
    finally:
      store.remove()


class TestHintsThatAreNotTrue:

  def test_a_blob_that_is_gone_is_made_again(self, memory, images, registry, tmp_path):
    to = registry.repository()
    memory.copy(image(images), to + ":1")
    gone = digests(to + ":1")[1]
    delete_blob(registry, to, gone)
    mark = registry.mark()
    memory.copy(image(images), to + ":2")
    assert len(registry.blob_uploads(mark)) == 2  # PATCH and PUT
    assert len(uploads_of(registry, mark, gone)) == 1
    check(to + ":2", tmp_path / "back")

  def test_a_place_that_is_gone_is_forgotten(self, memory, images, registry, tmp_path):
    first, second = registry.repository(), registry.repository()
    memory.copy(image(images), first + ":t")
    for digest in digests(first + ":t"):
      delete_blob(registry, first, digest)
    mark = registry.mark()
    memory.copy(image(images), second + ":t")
    assert len(uploads_of(registry, mark, *digests(second + ":t"))) == 3
    check(second + ":t", tmp_path / "back")
    old = "%s/" % first.split("/", 3)[3]
    repositories = [r for (r,) in memory.rows("SELECT repository FROM places")]
    assert repositories.count(old.rstrip("/")) == 1  # of the configuration, which is there

  def test_a_row_of_another_size_is_not_used(self, memory, images, registry, tmp_path):
    to = registry.repository()
    memory.copy(image(images), to + ":1")
    assert memory.change("UPDATE blobs SET size = size + 1 "
                         "WHERE compression = 'BLOB_COMPRESSION_GZIP'") == 3
    mark = registry.mark()
    memory.copy(image(images), to + ":2")
    assert len(uploads_of(registry, mark, *digests(to + ":1"))) == 3
    assert layers(to + ":2") == layers(to + ":1")
    check(to + ":2", tmp_path / "back")

  def test_rows_of_another_user_are_not_used(self, memory, images, registry):
    to = registry.repository()
    memory.copy(image(images), to + ":1")
    memory.change("UPDATE blobs SET user = user + 1")
    memory.change("UPDATE places SET user = user + 1")
    mark = registry.mark()
    memory.copy(image(images), to + ":2")
    assert len(uploads_of(registry, mark, *digests(to + ":1"))) == 3

  def test_a_copy_that_fails_leaves_nothing(self, memory, images, registry, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(images / "plain", broken)
    name = sha256(tar(2)).split(":")[1]
    (broken / name).write_bytes(b"x" * (broken / name).stat().st_size)
    result = memory.programs.copy("dir:%s" % broken, registry.repository() + ":t",
                                  server=memory.server,
                                  env={"HOLKAS_BLOB_INFO_CACHE": str(memory.path)})
    assert result.code == 1
    assert not memory.path.exists() or memory.rows("SELECT * FROM blobs") == []


class TestTheFile:

  def test_a_broken_one_costs_nothing_but_a_warning(self, programs, images, registry, tmp_path):
    path = tmp_path / "blobs.sqlite"
    path.write_bytes(b"no database" * 1000)
    to = registry.repository()
    with Server(programs, tmp_path / "server", config="blob_info_cache: %s" % path) as server:
      for tag in ("1", "2"):
        programs.copy(image(images), "%s:%s" % (to, tag), server=server).ok()
      assert server.log().count("blobs are not remembered") == 1
    assert path.read_bytes() == b"no database" * 1000

  def test_servers_share_one(self, programs, images, registry, tmp_path):
    path = tmp_path / "blobs.sqlite"
    config = "blob_info_cache: %s" % path
    to = registry.repository()
    with Server(programs, tmp_path / "one", config=config) as one, \
        Server(programs, tmp_path / "two", config=config) as two:
      programs.copy(image(images), to + ":1", server=one).ok()
      mark = registry.mark()
      programs.copy(image(images), to + ":2", server=two).ok()
      assert registry.blob_uploads(mark) == []
      assert "blobs are not remembered" not in one.log() + two.log()

  def test_an_empty_key_is_none(self, programs, images, registry, tmp_path):
    to = registry.repository()
    with Server(programs, tmp_path / "server", config="blob_info_cache: ''") as server:
      programs.copy(image(images), to + ":1", server=server).ok()
      mark = registry.mark()
      programs.copy(image(images), to + ":2", server=server).ok()
      assert len(registry.blob_uploads(mark)) > 0


def test_grpcurl_finds_what_the_command_line_made(programs, images, registry, tmp_path):
  path = tmp_path / "blobs.sqlite"
  to = registry.repository()
  with Server(programs, tmp_path / "server", config="blob_info_cache: %s" % path) as server:
    programs.copy(image(images), to + ":1", server=server).ok()
    mark = registry.mark()
    request = {"source": image(images), "destination": to + ":2",
               "destination_registry": {"tls_verification": "TLS_VERIFICATION_DISABLED"}}
    subprocess.run([grpcurl(), "-plaintext", "-unix", "-d", json.dumps(request), server.socket,
                    "holkas.v1.ImageService/Copy"], check=True, stdout=subprocess.DEVNULL)
    assert registry.blob_uploads(mark) == []
