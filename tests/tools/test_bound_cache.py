"""What was not used for longest leaves Bazel's cache when that is too large."""

import os
import sys

import pytest

from conftest import ROOT
from support.programs import run

MIB = 1 << 20
HOUR = 3600


@pytest.fixture
def cache(tmp_path):
  """Files of 1 MiB, as Bazel keeps them; each was used an hour before the one after it."""
  for hour, name in enumerate(["ac/00/made", "cas/01/read", "cas/01/old", "cas/ff/new"], 1):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(MIB))
    os.utime(path, (hour * HOUR, hour * HOUR))
  return tmp_path


def bound(cache, mebibytes):
  """Bounds the cache, and gives what is left of it."""
  run([sys.executable, ROOT / "tools" / "lib" / "bound_cache.py", cache, mebibytes / 1024]).ok()
  return left(cache)


def left(cache):
  return sorted(path.name for path in cache.rglob("*") if path.is_symlink() or path.is_file())


def test_small_cache_is_left_alone(cache):
  assert bound(cache, 4) == ["made", "new", "old", "read"]


def test_what_was_not_used_for_longest_goes(cache):
  assert bound(cache, 3) == ["new", "old", "read"]
  assert bound(cache, 1.5) == ["new"]


def test_what_was_read_of_late_stays(cache):
  os.utime(cache / "cas/01/read", (9 * HOUR, HOUR))
  assert bound(cache, 2) == ["new", "read"]


def test_results_that_name_what_went_go_with_it(cache):
  digest, kept = "ab" * 32, "cd" * 32
  (cache / "cas" / digest).write_bytes(bytes(MIB))
  os.utime(cache / "cas" / digest, (0, 0))
  for name, text in (("result", digest), ("other", kept)):
    (cache / "ac" / name).write_bytes(b"\n@%s\x10\x20" % text.encode())
  assert "result" in bound(cache, 5.5)
  assert bound(cache, 4.5) == ["made", "new", "old", "other", "read"]


def test_looking_at_a_result_is_not_using_it(cache):
  os.utime(cache / "ac/00/made", (9 * HOUR, 9 * HOUR))
  before = os.stat(cache / "ac/00/made").st_atime_ns
  assert bound(cache, 3) == ["made", "new", "old"]
  assert os.stat(cache / "ac/00/made").st_atime_ns == before


def test_what_a_link_names_is_neither_counted_nor_removed(cache, tmp_path_factory):
  elsewhere = tmp_path_factory.mktemp("elsewhere")
  (elsewhere / "file").write_bytes(bytes(MIB))
  (cache / "link").symlink_to(elsewhere)
  assert bound(cache, 4.5) == ["link", "made", "new", "old", "read"]
  assert bound(cache, 0) == ["link"]
  assert left(elsewhere) == ["file"]


def test_no_cache_is_no_error(tmp_path):
  assert bound(tmp_path / "none", 1) == []
