"""`holkas delete oci:`: the image goes, and with it the blobs that no other image of the layout needs."""

import concurrent.futures
import json
import os
import random
import shutil
import signal
import time

import pytest

from conftest import skopeo, soak
from support.images import Image, index, write_layout, OCI_INDEX
from support.oracle import Layout, REF_NAME, sha256, tree
from support.programs import Server, run

TURNS = soak(4, 60)
KILLS = soak(6, 100)


class Deletable(Layout):
  """A layout that has no blob which its list does not lead to."""

  def needed(self, missing_images_allowed=False):
    found = set()

    def follow(descriptor):
      digest = descriptor["digest"]
      if digest in found or (missing_images_allowed and not self._has(digest)):
        return
      found.add(digest)
      if descriptor["mediaType"].endswith(("manifest.v1+json", "index.v1+json")):
        manifest = json.loads(self.blob(digest))
        for listed in manifest.get("manifests") or [manifest["config"], *manifest["layers"]]:
          follow(listed)

    for entry in self.index()["manifests"]:
      follow(entry)
    return found

  def there(self):
    return {"%s:%s" % (path.parent.name, path.name)
            for path in (self.path / "blobs").rglob("*") if path.is_file()}

  def check_exactly(self, **more):
    self.check(**more)
    assert self.there() == self.needed(**more)
    return self

  def check_copied_by_skopeo(self, tmp_path):
    """Skopeo copies every image."""
    for name in self.names():
      out = tmp_path / ("skopeo-%d" % random.getrandbits(64))
      skopeo("copy", "--all", "oci:%s:%s" % (self.path, name), "dir:%s" % out).ok()
      shutil.rmtree(out)


def names_of(layout):
  return sorted(Layout(layout).names())


@pytest.fixture(params=["private server", "running server"])
def delete(request, programs, shared_server):
  server = shared_server if request.param == "running server" else None
  return lambda *arguments, **more: programs.holkas("delete", *arguments, server=server, **more)


def shared_images():
  """Images by name; all have the first layer, and `c` is `a` with a layer more."""
  return {"a": Image(layer_sizes=(1000, 2000), seed=1), "b": Image(layer_sizes=(1000, 3000), seed=1),
          "c": Image(layer_sizes=(1000, 2000, 500), seed=1), "d": Image(seed=2)}


@pytest.fixture
def layout(tmp_path):
  return write_layout(tmp_path / "layout", shared_images())


def add_entry(layout, data, media_type, name=None):
  """Adds a manifest or index to the layout's list."""
  (layout / "blobs" / "sha256" / sha256(data).split(":")[1]).write_bytes(data)
  document = json.loads((layout / "index.json").read_text())
  entry = {"mediaType": media_type, "digest": sha256(data), "size": len(data)}
  if name:
    entry["annotations"] = {REF_NAME: name}
  document["manifests"].append(entry)
  (layout / "index.json").write_text(json.dumps(document))


class TestWhatStays:

  def test_images_that_share_layers(self, delete, layout, tmp_path):
    for name in "acbd":
      result = delete("oci:%s:%s" % (layout, name)).ok()
      assert result.stdout == result.stderr == ""
      assert name not in names_of(layout)
      Deletable(layout).check_exactly().check_copied_by_skopeo(tmp_path)
    assert Deletable(layout).there() == set()
    assert Layout(layout).index()["manifests"] == []

  def test_same_image_under_two_names(self, delete, layout):
    image = shared_images()["a"]
    skopeo("copy", "oci:%s:a" % layout, "oci:%s:again" % layout).ok()
    delete("oci:%s:a" % layout).ok()
    assert Deletable(layout).check_exactly().names()["again"] == image.digest

  def test_index_of_two_platforms(self, programs, delete, image_layout, tmp_path):
    to = tmp_path / "to"
    whole = "oci:%s:latest" % image_layout
    skopeo("copy", "--all", whole, "oci:%s:all" % to).ok()
    skopeo("copy", whole, "oci:%s:one" % to).ok()
    delete("oci:%s:all" % to).ok()
    Deletable(to).check_exactly().check_copied_by_skopeo(tmp_path)
    assert names_of(to) == ["one"]
    programs.copy(whole, "oci:%s:all" % to, "--all").ok()
    delete("oci:%s:one" % to).ok()
    Deletable(to).check_exactly().check_copied_by_skopeo(tmp_path)
    assert names_of(to) == ["all"]

  def test_nested_index(self, delete, layout):
    images = shared_images()
    inner = index({"amd64": images["a"]})
    add_entry(layout, inner, OCI_INDEX)
    outer = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": OCI_INDEX, "digest": sha256(inner), "size": len(inner)},
        images["b"].descriptor("arm64")]}).encode()
    add_entry(layout, outer, OCI_INDEX, "outer")
    delete("oci:%s:@4" % layout).ok()  # the inner index, which the outer one still needs
    delete("oci:%s:a" % layout).ok()
    Deletable(layout).check_exactly()
    assert sha256(inner) in Deletable(layout).there()
    delete("oci:%s:outer" % layout).ok()
    assert names_of(layout) == ["b", "c", "d"]
    Deletable(layout).check_exactly()

  def test_images_of_an_index_that_are_not_there(self, delete, image_layout, tmp_path):
    to = tmp_path / "to"
    skopeo("copy", "--multi-arch=index-only", "oci:%s:latest" % image_layout,
           "oci:%s:sparse" % to).ok()
    skopeo("copy", "oci:%s:latest" % image_layout, "oci:%s:one" % to).ok()
    delete("oci:%s:one" % to).ok()
    assert names_of(to) == ["sparse"]
    delete("oci:%s:sparse" % to).ok()
    assert Layout(to).index()["manifests"] == []

  def test_what_umoci_wrote(self, delete, image_layout, tmp_path):
    to = tmp_path / "to"
    skopeo("copy", "oci:%s:latest" % image_layout, "oci:%s:x" % to).ok()
    for name in "yz":
      run(["umoci", "config", "--image", "%s:x" % to, "--tag", name,
           "--config.label", "name=" + name]).ok()
    run(["umoci", "tag", "--image", "%s:y" % to, "other"]).ok()
    run(["umoci", "gc", "--layout", to]).ok()
    for left in (["other", "y", "z"], ["other", "y"], ["y"]):
      gone, = set(names_of(to)) - set(left)
      delete("oci:%s:%s" % (to, gone)).ok()
      assert names_of(to) == left
      before = tree(to)
      Deletable(to).check_exactly().check_copied_by_skopeo(tmp_path)
      # umoci's collector of garbage finds none.
      run(["umoci", "gc", "--layout", to]).ok()
      assert tree(to).keys() == before.keys()

  def test_shared_blobs(self, delete, layout, tmp_path):
    shared = tmp_path / "shared"
    for name in "ab":
      skopeo("copy", "--dest-shared-blob-dir", shared, "oci:%s:%s" % (layout, name),
             "oci:%s:%s" % (tmp_path / "to", name)).ok()
    before = tree(shared)
    delete("--shared-blob-dir", shared, "oci:%s:a" % (tmp_path / "to")).ok()
    assert names_of(tmp_path / "to") == ["b"]
    assert tree(shared) == before
    skopeo("copy", "--src-shared-blob-dir", shared, "oci:%s:b" % (tmp_path / "to"),
           "dir:%s" % (tmp_path / "out")).ok()


class TestWhichImage:

  def test_position(self, delete, layout):
    delete("oci:%s:@1" % layout).ok()
    assert names_of(layout) == ["a", "c", "d"]
    Deletable(layout).check_exactly()

  def test_only_image(self, delete, tmp_path):
    layout = write_layout(tmp_path / "layout", {"a": Image(seed=1)})
    delete("oci:%s" % layout).ok()
    assert Layout(layout).index()["manifests"] == []
    Deletable(layout).check_exactly()

  @pytest.mark.parametrize("name, code, says", [
      ("", 1, "more than one image in oci, choose an image"),
      (":nothing", 2, 'no descriptor found for reference \\"nothing\\"'),
      (":@4", 2, "index 4 is too large, only 4 entries available"),
  ])
  def test_errors(self, delete, layout, name, code, says):
    before = tree(layout)
    result = delete("oci:%s%s" % (layout, name))
    assert result.code == code
    assert says in result.stderr
    assert tree(layout) == before

  @pytest.mark.parametrize("there", ["nothing", "nothing/in/it", "empty", "no-layout"])
  def test_missing_layout_is_not_made(self, delete, tmp_path, there):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-layout").mkdir()
    (tmp_path / "no-layout" / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    result = delete("oci:%s:x" % (tmp_path / there))
    assert result.code == 1
    assert "open %s/index.json: no such file or directory" % (tmp_path / there) in result.stderr
    assert sorted(tmp_path.rglob("*")) == before

  def test_list_with_what_is_no_image(self, delete, layout):
    add_entry(layout, b"x", "application/x", "x")
    before = tree(layout)
    for name in "ax":
      result = delete("oci:%s:%s" % (layout, name))
      assert result.code == 1 and "unsupported" in result.stderr
    assert tree(layout) == before

  def test_only_tag_is_refused(self, delete, layout):
    before = tree(layout)
    result = delete("--only-tag", "oci:%s:a" % layout)
    assert result.code == 1 and "Deleting tags alone not implemented for oci: images" in result.stderr
    assert tree(layout) == before


class TestRpc:

  def test_digest_is_told_and_errors_have_reasons(self, shared_server, layout):
    path = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    if not path or not os.access(path, os.X_OK):
      pytest.skip("GRPCURL is not set and grpcurl is not installed")

    def call(image):
      return run([path, "-plaintext", "-unix", "-d", json.dumps({"image": image}),
                  shared_server.socket, "holkas.v1.ImageService/Delete"])

    assert json.loads(call("oci:%s:a" % layout).ok().stdout) == {
        "digest": shared_images()["a"].digest}
    for image, code, reason in (("oci:%s:a" % layout, "NotFound", "MANIFEST_UNKNOWN"),
                                ("oci:%s" % layout, "InvalidArgument", "INVALID_REFERENCE"),
                                ("oci:%s-2:a" % layout, "NotFound", "REPOSITORY_UNKNOWN")):
      result = call(image)
      assert "Code: " + code in result.stderr and reason in result.stderr, result

  def test_only_callers_who_may_write_there(self, programs, layout, tmp_path):
    (tmp_path / "root").mkdir()
    config = 'access: {local_roots: ["%s"], own_user_paths: roots}' % (tmp_path / "root")
    before = tree(layout)
    with Server(programs, tmp_path / "server", config=config) as server:
      result = programs.holkas("delete", "oci:%s:a" % layout, server=server)
    assert result.code == 1 and "local_roots" in result.stderr
    assert tree(layout) == before


class TestAtOnce:

  def test_copies_and_deletions(self, programs, shared_server, tmp_path):
    """Images that share their layers come and go: what is there is whole, and there is no more."""
    images = {"v%d" % i: Image(layer_sizes=(50_000, 1000), seed=i % 3, labels={"number": str(i)})
              for i in range(9)}
    source = write_layout(tmp_path / "source", images)
    to = tmp_path / "to"
    skopeo("copy", "oci:%s:v0" % source, "oci:%s:kept" % to).ok()
    chance = random.Random(1)

    def act(name, deletes, server):
      if not deletes:
        programs.copy("oci:%s:%s" % (source, name), "oci:%s:%s" % (to, name), server=server,
                      timeout=120).ok()
      else:
        result = programs.holkas("delete", "oci:%s:%s" % (to, name), server=server, timeout=120)
        assert result.code in (0, 2), result

    with concurrent.futures.ThreadPoolExecutor(max_workers=9) as pool:
      for _ in range(TURNS):
        tasks = [pool.submit(act, name, chance.random() < 0.5,
                             shared_server if chance.random() < 0.8 else None)
                 for name in list(images) * 3]
        for task in tasks:
          task.result()
        Deletable(to).check_no_residue()
        layout = Deletable(to).check()
        assert layout.names().pop("kept") == images["v0"].digest
        assert all(digest == images[name].digest for name, digest in layout.names().items()
                   if name != "kept")
        # What a copy moved off a name, and no deletion names, is in the list still.
        assert layout.there() == layout.needed()
    for name in set(names_of(to)) - {"kept"}:
      programs.holkas("delete", "oci:%s:%s" % (to, name), server=shared_server).ok()
    Deletable(to).check_exactly().check_copied_by_skopeo(tmp_path)

  def test_all_images_of_a_layout(self, programs, shared_server, tmp_path):
    images = {"v%d" % i: Image(layer_sizes=(2000, i + 1), seed=1) for i in range(16)}
    layout = write_layout(tmp_path / "layout", images)
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
      for result in pool.map(lambda name: programs.holkas(
          "delete", "oci:%s:%s" % (layout, name), server=shared_server, timeout=120), images):
        result.ok()
    assert Layout(layout).index()["manifests"] == []
    assert Deletable(layout).check_exactly().there() == set()


def kill_soon(programs, process, victim, seconds):
  time.sleep(seconds)
  pids = {"worker": programs.workers, "holkasd": programs.private_servers}[victim]()
  for pid in pids:
    try:
      os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
      pass
  process.communicate(timeout=60)
  programs.wait_until_gone(timeout=20)


@pytest.mark.parametrize("victim", ["worker", "holkasd"])
def test_killed_deletions_leave_every_remaining_image_whole(programs, tmp_path, victim):
  count = 300
  images = {"v%d" % i: Image(layer_sizes=(100, 10, 10), seed=i % 7, labels={"number": str(i)})
            for i in range(count)}
  layout = write_layout(tmp_path / "layout", images)
  big = index({"arch-%d" % i: image for i, image in enumerate(images.values()) if i % 2})
  chance = random.Random(victim)
  add_entry(layout, big, OCI_INDEX, "big")
  kept = tmp_path / "all"
  shutil.copytree(layout, kept)
  start = time.monotonic()
  programs.holkas("delete", "oci:%s:big" % layout).ok()
  whole = time.monotonic() - start
  for turn in range(KILLS):
    shutil.rmtree(layout)
    shutil.copytree(kept, layout)
    # The index alone has what goes: half of the images have no name of their own then.
    document = json.loads((layout / "index.json").read_text())
    document["manifests"] = [m for i, m in enumerate(document["manifests"]) if i % 2 == 0]
    (layout / "index.json").write_text(json.dumps(document))
    process = programs.start("delete", "oci:%s:big" % layout)
    kill_soon(programs, process, victim, chance.uniform(0.2, 1.1) * whole)
    names = names_of(layout)
    assert len(names) in (count // 2, count // 2 + 1)
    for descriptor in Layout(layout).index()["manifests"]:
      Layout(layout)._check_descriptor(descriptor, False)
    # Whoever comes next removes what the killed one had begun.
    programs.holkas("delete", "oci:%s:%s" % (layout, names[0])).ok()
    Layout(layout).check()
