"""kill -9 of every process at random moments: the old or the new image, and no residue."""

import os
import random
import signal
import tarfile
import time

import pytest

from conftest import soak
from fakes.actions import slow, stall
from support.images import Image
from support.oracle import Directory, Layout
from support.programs import Server

KILLS = soak(6, 200)


@pytest.fixture
def image():
  return Image(layer_sizes=(200_000, 100_000, 1000), seed=11)


@pytest.fixture
def old_image():
  return Image(seed=12)


def slowly(scripted, image):
  """Serves the image so that its copy takes some 0.3 s."""
  for layer in image.layers:
    scripted.on("GET", layer["digest"], slow(800_000))
  return scripted.add("app", "new", image)


class Places:
  """The kinds of destination, each holding the old image."""

  def __init__(self, programs, server, scripted, registry, tmp_path, old):
    self.tmp_path, self.registry_name = tmp_path, registry.repository() + ":app"
    self.archives = tmp_path / "archives"
    self.archives.mkdir()
    self.names = {"oci": "oci:%s:app" % (tmp_path / "oci"), "dir": "dir:%s" % (tmp_path / "dir"),
                  "archive": "oci-archive:%s:app" % (self.archives / "app.tar"),
                  "registry": self.registry_name}
    source = scripted.add("app", "old", old)
    for name in self.names.values():
      programs.copy(source, name, server=server).ok()

  def check(self, programs, kind, allowed):
    """Whole, and one of the allowed images; nothing is left over."""
    if kind == "oci":
      layout = Layout(self.tmp_path / "oci").check()
      assert layout.names()["app"] in allowed
    elif kind == "archive":
      self.check_residue()
      with tarfile.open(self.archives / "app.tar") as archive:
        archive.extractall(self.tmp_path / "extracted")
      assert Layout(self.tmp_path / "extracted").check().names()["app"] in allowed
    elif kind == "dir":
      assert Directory(self.tmp_path / "dir").check().digest() in allowed
    else:
      from support.oracle import sha256
      raw = programs.inspect(self.registry_name, "--raw").ok().stdout_bytes
      assert sha256(raw) in allowed

  def check_residue(self):
    """An archive has no staging directory that a successor would have to remove."""
    assert [path.name for path in self.archives.iterdir()] == ["app.tar"]


def kill(pid):
  try:
    os.kill(pid, signal.SIGKILL)
  except ProcessLookupError:
    pass


def wait_for_end(process):
  code = process.wait(20)
  process.stdout.close()
  process.stderr.close()
  return code


@pytest.mark.parametrize("kind", ["oci", "dir", "archive", "registry"])
@pytest.mark.parametrize("victim", ["worker", "holkasd", "holkas"])
def test_killed_at_random_moments(programs, scripted, registry, tmp_path, image, old_image, kind,
                                  victim):
  rng = random.Random(victim + kind)
  source = slowly(scripted, image)
  places = Places(programs, None, scripted, registry, tmp_path, old_image)
  for _ in range(max(1, KILLS // 3)):
    process = programs.start_copy(source, places.names[kind])
    time.sleep(rng.uniform(0.02, 0.6))
    for pid in {"worker": programs.workers, "holkas": lambda: [process.pid],
                "holkasd": programs.private_servers}[victim]():
      kill(pid)
    wait_for_end(process)
    programs.wait_until_gone()
    places.check_residue()
    # What holkasd could not sweep, because it was killed, its successor does.
    programs.copy(scripted.add("app", "old", old_image), places.names[kind]).ok()
    places.check(programs, kind, {old_image.digest})


@pytest.mark.parametrize("kind", ["oci", "dir", "archive", "registry"])
def test_killed_copy_leaves_the_old_or_the_new_image(programs, scripted, registry, tmp_path, image,
                                                     old_image, kind):
  rng = random.Random(kind)
  source = slowly(scripted, image)
  places = Places(programs, None, scripted, registry, tmp_path, old_image)
  for _ in range(max(1, KILLS // 3)):
    process = programs.start_copy(source, places.names[kind])
    time.sleep(rng.uniform(0.02, 0.6))
    workers = programs.workers()
    for pid in workers:
      kill(pid)
    start = time.monotonic()
    wait_for_end(process)
    assert not workers or time.monotonic() - start < 3
    programs.wait_until_gone()
    places.check(programs, kind, {old_image.digest, image.digest})


def test_killed_worker_costs_its_own_request_alone(programs, shared_server, scripted, tmp_path,
                                                   image):
  name = scripted.add("app", "stalls", image)
  scripted.on("GET", image.layers[0]["digest"], stall(10))
  process = programs.start_copy(name, "oci:%s:x" % (tmp_path / "one"), server=shared_server)
  worker, = programs.wait_for_workers(1)
  other = Image(seed=99)
  kill(worker)
  stderr = process.stderr.read().decode()
  assert wait_for_end(process) == 1
  assert "signal" in stderr and "9" in stderr, stderr
  programs.copy(scripted.add("app", "other", other), "oci:%s:x" % (tmp_path / "two"),
                server=shared_server).ok()
  assert Layout(tmp_path / "two").check().names() == {"x": other.digest}


def test_killed_server_takes_its_workers_along(programs, scripted, tmp_path, image):
  name = scripted.add("app", "stalls", image)
  scripted.on("GET", image.layers[0]["digest"], stall(10))
  with Server(programs, tmp_path / "server") as server:
    process = programs.start_copy(name, "oci:%s:x" % (tmp_path / "one"), server=server)
    programs.wait_for_workers(1)
    server.process.kill()
    start = time.monotonic()
    programs.wait_until_gone(names=("holkas-worker",))
    assert time.monotonic() - start < 0.3  # of which a look at all of /proc takes a good part
    server.process.wait()
  assert wait_for_end(process) == 1
  # A new server on the same socket serves.
  with Server(programs, tmp_path / "server") as server:
    programs.copy(scripted.add("app", "other", Image(seed=3)), "oci:%s:x" % (tmp_path / "one"),
                  server=server).ok()
  Layout(tmp_path / "one").check()


def test_killed_zygote_is_replaced(programs, own_server, scripted, tmp_path):
  name = scripted.add("app", "v1", Image(seed=3))
  programs.inspect(name, server=own_server).ok()
  for pid, _ in programs.running("holkas-worker"):
    kill(pid)
  programs.copy(name, "oci:%s:x" % (tmp_path / "to"), server=own_server).ok()
  Layout(tmp_path / "to").check()
