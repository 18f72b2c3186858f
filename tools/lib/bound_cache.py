"""Keeps a disk cache of Bazel from growing without bound, as Debian's Bazel does not.

usage: bound_cache.py DIRECTORY GIBIBYTES

Removes the files that were not used for longest until the others take no more than so much, and the
results of actions that name one of them. Bazel may run meanwhile: what is gone is a miss to it, and
it runs the action again.
"""

import argparse
import os
import re
import sys

GIB = 1 << 30
DIGEST = re.compile(rb"[0-9a-f]{64}")  # as results name files, and as files are named


def files_below(directory):
  """The (last use, bytes on disk, path) of each file; those that vanish meanwhile are left out.

  Bazel changes nothing of a file when it reads it. The kernel notes that it was read, at least once
  a day with `relatime`; with `noatime` the age is what counts.
  """
  pending = [directory]
  while pending:
    try:
      with os.scandir(pending.pop()) as entries:
        for entry in entries:
          if entry.is_dir(follow_symlinks=False):
            pending.append(entry.path)
            continue
          try:
            status = entry.stat(follow_symlinks=False)
          except FileNotFoundError:
            continue
          yield max(status.st_atime, status.st_mtime), status.st_blocks * 512, entry.path
    except FileNotFoundError:
      pass


def bound(directory, most_bytes):
  """Removes files until at most `most_bytes` are left; returns how many bytes it removed."""
  files = sorted(files_below(directory))
  excess = sum(size for _, size, _ in files) - most_bytes
  removed, gone = 0, set()
  for _, size, path in files:
    if removed >= excess:
      break
    remove(path)
    removed += size
    gone.add(os.fsencode(os.path.basename(path)))
  if gone:
    forget(os.path.join(directory, "ac"), gone)
  return removed


def forget(results, gone):
  """Removes the results that name files that are gone: Bazel, which never replaces a result, would
  run their actions each time if they do not make the same bytes again, as tests do not."""
  for _, _, path in files_below(results):
    try:
      with open(path, "rb", opener=open_unnoticed) as file:
        if not gone.isdisjoint(DIGEST.findall(file.read())):
          remove(path)
    except FileNotFoundError:
      pass


def open_unnoticed(path, flags):
  """To look at a file is not to use it."""
  return os.open(path, flags | os.O_NOATIME)


def remove(path):
  try:
    os.unlink(path)
  except FileNotFoundError:
    pass


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("directory")
  parser.add_argument("gibibytes", type=float)
  arguments = parser.parse_args()
  removed = bound(arguments.directory, int(arguments.gibibytes * GIB))
  if removed >= GIB // 10:
    print(f"removed {removed / GIB:.1f} GiB that were not used for long from {arguments.directory}",
          file=sys.stderr)


if __name__ == "__main__":
  main()
