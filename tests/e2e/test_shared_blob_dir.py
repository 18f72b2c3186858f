"""Layouts with their blobs in a directory that several share: the flags, and Skopeo as the peer."""

import json
import os
import random
import shutil
import signal
import time

import pytest

from conftest import skopeo, soak
from fakes.actions import slow
from support.images import Image, write_layout
from support.oracle import Directory, Layout, tree
from support.programs import Server

COPIES = soak(8, 60)
KILLS = soak(4, 60)


@pytest.fixture
def image():
  return Image(seed=31)


@pytest.fixture
def source(tmp_path, image):
  return "oci:%s:app" % write_layout(tmp_path / "source", {"app": image})


@pytest.fixture
def shared(tmp_path):
  return tmp_path / "shared"


def check(layout, shared):
  """The layout with its blobs, in one place and whole; neither has anything that it should not."""
  assert list((layout / "blobs").iterdir()) == []
  together = layout.parent / ("checked-%d" % random.getrandbits(64))
  shutil.copytree(layout, together)
  shutil.rmtree(together / "blobs")
  shutil.copytree(shared, together / "blobs")
  return Layout(together).check()


def test_skopeo_reads_what_was_written(programs, source, image, shared, tmp_path):
  layout = tmp_path / "layout"
  name = "oci:%s:app" % layout
  programs.copy(source, name, "--dest-shared-blob-dir", shared).ok()
  assert check(layout, shared).names() == {"app": image.digest}
  skopeo("copy", "--src-shared-blob-dir", shared, name, "dir:%s" % (tmp_path / "dir")).ok()
  assert Directory(tmp_path / "dir").check().digest() == image.digest


def test_what_skopeo_wrote_is_read(programs, source, image, shared, tmp_path):
  name = "oci:%s:app" % (tmp_path / "layout")
  skopeo("copy", "--dest-shared-blob-dir", shared, source, name).ok()
  programs.copy(name, "dir:%s" % (tmp_path / "dir"), "--src-shared-blob-dir", shared).ok()
  assert Directory(tmp_path / "dir").check().digest() == image.digest
  theirs = skopeo("inspect", "--shared-blob-dir", shared, name).ok()
  ours = json.loads(programs.inspect(name, "--shared-blob-dir", shared).ok().stdout)
  del ours["LayersData"]
  assert ours == json.loads(theirs.stdout)


def test_the_same_files_as_with_skopeo(programs, source, tmp_path):
  for run, place in ((programs.holkas, tmp_path / "ours"), (skopeo, tmp_path / "theirs")):
    place.mkdir()
    run("copy", "--dest-shared-blob-dir", "some/where/shared", source, "oci:layout:app",
        cwd=place).ok()
  ours, theirs = tree(tmp_path / "ours"), tree(tmp_path / "theirs")
  assert set(ours) == set(theirs)
  for place in ("ours", "theirs"):
    assert list((tmp_path / place / "layout" / "blobs").iterdir()) == []
  shared = {path for path in ours if path.startswith("some")}
  assert shared and all(ours[path] == theirs[path] for path in shared)


def test_all_images_of_an_index(programs, image_layout, shared, tmp_path):
  whole = "oci:%s:latest" % image_layout
  name = "oci:%s:all" % (tmp_path / "layout")
  programs.copy(whole, name, "--all", "--dest-shared-blob-dir", shared).ok()
  check(tmp_path / "layout", shared)
  skopeo("copy", "--all", "--src-shared-blob-dir", shared, name,
         "oci:%s:all" % (tmp_path / "theirs")).ok()
  programs.copy(name, "oci:%s:all" % (tmp_path / "ours"), "--all", "--src-shared-blob-dir",
                shared).ok()
  assert (Layout(tmp_path / "ours").check().names() == Layout(tmp_path / "theirs").check().names()
          == check(tmp_path / "layout", shared).names())


def test_second_layout_takes_over_the_blobs(programs, source, shared, tmp_path):
  programs.copy(source, "oci:%s:a" % (tmp_path / "one"), "--dest-shared-blob-dir", shared).ok()
  result = programs.copy(source, "oci:%s:b" % (tmp_path / "two"), "--dest-shared-blob-dir", shared,
                         "--progress=json").ok()
  outcomes = {event["blobFinished"]["outcome"] for event in result.events()
              if "blobFinished" in event}
  assert outcomes == {"BLOB_OUTCOME_ALREADY_PRESENT"}
  digests = {*check(tmp_path / "one", shared).names().values(),
             *check(tmp_path / "two", shared).names().values()}
  assert len(digests) == 1


def test_corrupt_shared_blob_is_replaced(programs, source, image, shared, tmp_path):
  blob = shared / image.layers[0]["digest"].replace(":", "/")
  blob.parent.mkdir(parents=True)
  blob.write_bytes(b"x" * image.layers[0]["size"])
  programs.copy(source, "oci:%s:a" % (tmp_path / "one"), "--dest-shared-blob-dir", shared).ok()
  check(tmp_path / "one", shared)


def test_corrupt_shared_blob_is_not_read(programs, source, image, shared, tmp_path):
  name = "oci:%s:a" % (tmp_path / "one")
  programs.copy(source, name, "--dest-shared-blob-dir", shared).ok()
  blob = shared / image.layers[0]["digest"].replace(":", "/")
  blob.write_bytes(b"x" * image.layers[0]["size"])
  result = programs.copy(name, "dir:%s" % (tmp_path / "dir"), "--src-shared-blob-dir", shared)
  assert result.code == 1 and image.layers[0]["digest"] in result.stderr
  assert not (tmp_path / "dir").exists()


def test_shared_directory_may_be_the_layouts_own(programs, source, tmp_path):
  layout = tmp_path / "layout"
  programs.copy(source, "oci:%s:a" % layout, "--dest-shared-blob-dir", layout / "blobs").ok()
  Layout(layout).check()


@pytest.mark.parametrize("flags", [["--src-shared-blob-dir", "nowhere"], []])
def test_blobs_that_are_not_there_fail_as_with_skopeo(programs, source, shared, tmp_path, flags):
  name = "oci:%s:a" % (tmp_path / "one")
  programs.copy(source, name, "--dest-shared-blob-dir", shared).ok()
  ours = programs.copy(name, "dir:%s" % (tmp_path / "dir"), *flags, cwd=tmp_path)
  theirs = skopeo("copy", *flags, name, "dir:%s" % (tmp_path / "dir"), cwd=tmp_path)
  for result in (ours, theirs):
    assert result.code != 0 and "no such file" in result.stderr


def test_layout_with_its_own_blobs_is_not_read_with_the_flag(programs, source, tmp_path, shared):
  shared.mkdir()
  for result in (programs.copy(source, "dir:%s" % (tmp_path / "x"), "--src-shared-blob-dir",
                               shared),
                 skopeo("copy", "--src-shared-blob-dir", shared, source,
                        "dir:%s" % (tmp_path / "y"))):
    assert result.code != 0 and "no such file" in result.stderr


def test_file_in_the_shared_directorys_place_is_refused(programs, source, tmp_path):
  (tmp_path / "file").write_text("x")
  for number, run in enumerate((programs.holkas, skopeo)):
    result = run("copy", "--dest-shared-blob-dir", tmp_path / "file", source,
                 "oci:%s:a" % (tmp_path / ("layout%d" % number)))
    assert result.code == 1 and "not a directory" in result.stderr.lower()
  assert not (tmp_path / "layout0").exists()


def test_other_transports_take_no_notice(programs, source, image, shared, tmp_path):
  archive = "oci-archive:%s:app" % (tmp_path / "app.tar")
  flags = ["--src-shared-blob-dir", shared, "--dest-shared-blob-dir", shared]
  programs.copy(source, archive, *flags[2:]).ok()
  programs.copy(archive, "dir:%s" % (tmp_path / "dir"), *flags).ok()
  assert Directory(tmp_path / "dir").check().digest() == image.digest
  programs.copy("dir:%s" % (tmp_path / "dir"), "oci:%s:x" % (tmp_path / "last"), flags[0],
                flags[1]).ok()
  Layout(tmp_path / "last").check()
  assert not shared.exists()


def test_empty_value_is_no_directory(programs, source, tmp_path):
  programs.copy(source, "oci:%s:x" % (tmp_path / "to"), "--dest-shared-blob-dir", "",
                "--src-shared-blob-dir", "").ok()
  Layout(tmp_path / "to").check()


def test_shared_directory_must_be_beneath_the_roots(programs, image, tmp_path):
  (tmp_path / "open").mkdir()
  opened = "oci:%s:app" % write_layout(tmp_path / "open" / "source", {"app": image})
  os.symlink(tmp_path, tmp_path / "open" / "escape")
  config = 'access: {local_roots: ["%s"], own_user_paths: roots}' % (tmp_path / "open")
  with Server(programs, tmp_path / "server", config) as server:
    for outside in (tmp_path / "closed", tmp_path / "open" / "escape" / "closed"):
      result = programs.copy(opened, "oci:%s:x" % (tmp_path / "open" / "to"),
                             "--dest-shared-blob-dir", outside, server=server)
      assert result.code == 1 and "local_roots" in result.stderr
      result = programs.inspect(opened, "--shared-blob-dir", outside, server=server)
      assert result.code == 1 and "local_roots" in result.stderr
    assert not (tmp_path / "closed").exists()
    inside = tmp_path / "open" / "new" / "blobs"
    programs.copy(opened, "oci:%s:x" % (tmp_path / "open" / "to"), "--dest-shared-blob-dir", inside,
                  server=server).ok()
    check(tmp_path / "open" / "to", inside)


def test_many_copies_at_once_into_one_shared_directory(programs, shared_server, tmp_path, shared):
  images = [Image(layer_sizes=(1000, 50_000 + n % 2), seed=40 + n % 3) for n in range(COPIES)]
  sources = [write_layout(tmp_path / ("from%d" % n), {"app": one}) for n, one in enumerate(images)]
  copies = [programs.start_copy("oci:%s:app" % path, "oci:%s:n%d" % (tmp_path / ("to%d" % (n % 3)),
                                                                      n),
                                "--dest-shared-blob-dir", str(shared),
                                server=shared_server if n % 2 else None)
            for n, path in enumerate(sources)]
  for process in copies:
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0, errors
  for to in range(3):
    names = check(tmp_path / ("to%d" % to), shared).names()
    assert names == {"n%d" % n: images[n].digest for n in range(to, COPIES, 3)}


def test_killed_at_random_moments(programs, scripted, tmp_path, shared):
  old, new = Image(seed=12), Image(layer_sizes=(200_000, 100_000, 1000), seed=11)
  for layer in new.layers:
    scripted.on("GET", layer["digest"], slow(800_000))
  names = [scripted.add("app", "old", old), scripted.add("app", "new", new)]
  layout = tmp_path / "layout"
  flags = ["--dest-shared-blob-dir", str(shared)]
  programs.copy(names[0], "oci:%s:app" % layout, *flags).ok()
  moments = random.Random("shared")
  for _ in range(KILLS):
    process = programs.start_copy(names[1], "oci:%s:app" % layout, *flags)
    time.sleep(moments.uniform(0.05, 0.6))
    for pid in programs.private_servers():
      os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=20)
    programs.wait_until_gone()
    # Its successor removes what is left, and finds what was there.
    programs.copy(names[0], "oci:%s:app" % layout, *flags).ok()
    assert check(layout, shared).names()["app"] == old.digest
