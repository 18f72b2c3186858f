"""kill -9 of the worker or the server at random moments of what changes a store of
containers/storage: afterwards Podman reads every image that the store has."""

import json
import os
import random
import shutil
import signal
import time

import pytest

from conftest import skopeo, soak
from support.images import Image
from support.storage import StorageRoot

# For each driver and each victim.
KILLS = soak(3, 50)

KEPT = Image(layer_sizes=(200_000,), seed=31, devices=50)
# On the kept image's layer.
KILLED = Image(layer_sizes=(200_000,) * 7, seed=31, devices=50)


@pytest.fixture(params=["overlay", "vfs"])
def store(request):
  for tool in ("podman", "skopeo"):
    if shutil.which(tool) is None:
      pytest.skip("%s is not installed" % tool)
  if os.geteuid() != 0:
    pytest.skip("layers have owners: this takes root")
  store = StorageRoot(request.param)
  yield store
  store.remove()


def write_dir(path, image):
  path.mkdir()
  for digest, data in image.blobs.items():
    (path / digest.split(":")[1]).write_bytes(data)
  (path / "manifest.json").write_bytes(image.manifest)
  (path / "version").write_text("Directory Transport Version: 1.1\n")
  return "dir:%s" % path


def check(store, tmp_path):
  """Podman shows and reads all images; the kept one is there; each has all of its layers."""
  store.check()
  images = json.loads(store.podman("images", "--format", "json").ok().stdout)
  names = [name for image in images for name in image["Names"] or []]
  assert "localhost/kept:1" in names
  assert len(names) == len(images) == len(store.list("images"))
  for name in names:
    store.podman("image", "inspect", name).ok()
    saved = tmp_path / "saved.tar"
    store.podman("save", "-q", "--format", "oci-archive", "-o", saved, name).ok()
    saved.unlink()


def kill_at(programs, process, victim, seconds):
  """Kills after so long; whether there was somebody to be killed, and whether it was too late."""
  time.sleep(seconds)
  too_late = process.poll() is not None
  pids = programs.workers() if victim == "worker" else programs.private_servers()
  for pid in pids:
    try:
      os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
      pass
  process.communicate(timeout=60)
  programs.wait_until_gone(timeout=20)
  return bool(pids), too_late


@pytest.mark.parametrize("victim", ["worker", "holkasd"])
def test_podman_reads_every_image_after_a_kill(programs, store, tmp_path, victim):
  kept, killed = (write_dir(tmp_path / name, image)
                  for name, image in (("kept", KEPT), ("killed", KILLED)))
  to = store.name("localhost/killed:1")
  programs.copy(kept, store.name("localhost/kept:1")).ok()
  whole = programs.copy(killed, to).ok().seconds
  chance = random.Random("%s of %s" % (victim, store.driver))
  left = KILLS
  for turn in range(20 * KILLS):
    # What is there after a kill is deleted, half of the time in vain, too.
    if "localhost/killed:1" in store.names() and turn % 4 == 3:
      process = programs.start("delete", to)
    else:
      programs.holkas("delete", to)
      process = programs.start_copy(killed, to)
    # The lists are written towards the end.
    hit, too_late = kill_at(programs, process, victim,
                            chance.uniform(0.5 * (turn % 2), 1.05) * whole)
    left -= hit
    if too_late:
      whole *= 0.95  # the first copy, which found nothing in memory, took longer
    check(store, tmp_path)
    if left == 0:
      break
  assert left == 0, "most copies ended before they could be killed"
  programs.copy(killed, to).ok()
  check(store, tmp_path)
  assert store.leftovers() == []
  assert len(store.list("layers")) == len(KILLED.layers)
  skopeo("copy", to, "dir:%s" % (tmp_path / "out")).ok()
