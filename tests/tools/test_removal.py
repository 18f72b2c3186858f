"""What a test made goes with it, and nothing else does."""

import os
import shutil
import subprocess

import pytest

from support import removal


@pytest.fixture
def place(tmp_path):
  """A directory to remove, with a file in a directory."""
  path = tmp_path / "place"
  (path / "inner").mkdir(parents=True)
  (path / "inner" / "file").touch()
  return path


def test_directory_goes(place):
  removal.remove_tree(place)
  assert not place.exists()


def test_read_only_directories_of_a_user_go(place):
  if os.getuid() == 0:
    pytest.skip("root writes everywhere")
  (place / "inner").chmod(0)
  place.chmod(0o555)
  removal.remove_tree(place)
  assert not place.exists()


def test_what_links_name_stays(place, tmp_path):
  kept = tmp_path / "kept"
  kept.mkdir()
  (kept / "file").touch()
  (place / "inner" / "link").symlink_to(kept)
  removal.remove_tree(place)
  assert not place.exists() and (kept / "file").exists()
  link = tmp_path / "link"
  link.symlink_to(kept)
  removal.remove_tree(link)
  assert not link.is_symlink() and (kept / "file").exists()


def test_what_is_not_there_is_no_error(tmp_path):
  removal.remove_tree(tmp_path / "none" / "none")


@pytest.fixture
def mounted(place, tmp_path):
  """A directory elsewhere that is mounted, twice, in the one to remove."""
  if os.getuid() != 0:
    pytest.skip("only root mounts")
  kept = tmp_path / "kept"
  kept.mkdir()
  (kept / "file").touch()
  point = place / "a mount"
  point.mkdir()
  for _ in range(2):
    if subprocess.run(["mount", "--bind", kept, point], check=False).returncode != 0:
      pytest.skip("no mounts here")
  yield kept
  for _ in removal.mounts_at(point):
    subprocess.run(["umount", point], check=True)


def test_mounts_go_and_what_is_mounted_stays(place, mounted):
  removal.remove_tree(place)
  assert not place.exists() and (mounted / "file").exists()


def test_nothing_goes_where_a_mount_stays(place, mounted, tmp_path, monkeypatch):
  programs = tmp_path / "without-umount"
  programs.mkdir()
  for name in ("rm", "chmod"):
    (programs / name).symlink_to(shutil.which(name))
  monkeypatch.setenv("PATH", str(programs))
  removal.remove_tree(place)
  assert (place / "inner" / "file").exists() and (mounted / "file").exists()
