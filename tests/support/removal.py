"""Takes directories away whose owners no longer want them: for tests, and for tools/test at its end.

usage: removal.py DIRECTORY
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys


def remove_tree(path):
  """Takes away all that there is at a path, read-only directories and what is mounted in it, too.

  Never follows a link, and touches nothing where something stays mounted. What cannot be removed
  stays, and is no error. Of users' stores, files of their other ids go as Podman reaches them.
  """
  path = os.path.abspath(path)
  path = pathlib.Path(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
  unmount(path)
  if mounts_at(path):
    return
  remove = ("rm", "-rf", "--one-file-system", "--", path)
  if _run(*remove):
    return
  _run("chmod", "-R", "u+rwX", "--", path)
  if not _run(*remove) and os.geteuid() != 0 and shutil.which("podman"):
    _run("podman", "unshare", *remove)


def unmount(path):
  """Takes away what is mounted at or below a path without links; what stays is no error."""
  for mount in reversed(mounts_at(path)):
    _run("umount", "--lazy", "--no-canonicalize", mount)


def mounts_at(path):
  """Where something is mounted at or below a path without links, in the order of the mounts."""
  with open("/proc/self/mountinfo", "rb") as mounts:
    fields = [line.split()[4] for line in mounts]
  points = [pathlib.Path(os.fsdecode(_ESCAPE.sub(_character, field))) for field in fields]
  return [point for point in points if point == path or path in point.parents]


_ESCAPE = re.compile(rb"\\([0-7]{3})")


def _character(escape):
  return bytes([int(escape[1], 8)])


def _run(*command):
  """Whether a command is there and does what it shall."""
  try:
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0
  except OSError:
    return False


if __name__ == "__main__":
  remove_tree(sys.argv[1])
