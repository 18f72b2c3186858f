"""Full and read-only disks: the old image stays, nothing is left over, the code says why."""

import os
import subprocess

import pytest

from support.images import Image
from support.oracle import Directory, Layout
from support.programs import run


@pytest.fixture
def small_disk(tmp_path):
  """A file system of 1 MB."""
  if os.geteuid() != 0:
    pytest.skip("needs root to mount a small tmpfs")
  path = tmp_path / "disk"
  path.mkdir()
  if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]).returncode != 0:
    pytest.skip("cannot mount a tmpfs here")
  yield path
  run(["umount", "-l", path]).ok()


def used(path):
  status = os.statvfs(path)
  return (status.f_blocks - status.f_bfree) * status.f_frsize


@pytest.mark.parametrize("kind", ["oci", "dir"])
def test_full_disk_keeps_the_old_image(programs, shared_server, scripted, small_disk, kind):
  old = Image(seed=31)
  to = {"oci": "oci:%s:x", "dir": "dir:%s"}[kind] % (small_disk / "to")
  programs.copy(scripted.add("app", "old", old), to, server=shared_server).ok()
  before = used(small_disk)
  big = Image(layer_sizes=(300_000, 2_000_000, 300_000), seed=32)
  result = programs.copy(scripted.add("app", "big", big), to, server=shared_server)
  assert result.code == 1
  assert "no space left on device" in result.stderr.lower()
  if kind == "oci":
    assert Layout(small_disk / "to").check().names() == {"x": old.digest}
  else:
    assert Directory(small_disk / "to").check().digest() == old.digest
    assert used(small_disk) <= before
  # And once there is room it works.
  small = Image(seed=33)
  programs.copy(scripted.add("app", "small", small), to, server=shared_server).ok()


def test_full_disk_leaves_no_unfinished_file(programs, shared_server, scripted, small_disk):
  big = Image(layer_sizes=(2_000_000,), seed=32)
  result = programs.copy(scripted.add("app", "big", big), "oci:%s:x" % (small_disk / "to"),
                         server=shared_server)
  assert result.code == 1
  assert used(small_disk) < 200_000


def test_read_only_disk_is_told(programs, shared_server, scripted, small_disk):
  subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
  result = programs.copy(scripted.add("app", "v1", Image()), "oci:%s:x" % (small_disk / "to"),
                         server=shared_server)
  assert result.code == 1
  assert "read-only file system" in result.stderr.lower()
