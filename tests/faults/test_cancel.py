"""A caller that hangs up, and deadlines: the worker is gone within 500 ms, with what it wrote."""

import signal
import time

import pytest

from fakes.actions import slow, stall
from support.images import Image
from support.oracle import Directory, Layout
from support.registry import Registry


@pytest.fixture
def stalling(scripted):
  image = Image(layer_sizes=(500_000,), seed=21)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  return scripted.add("app", "stalls", image)


def end(process):
  code = process.wait(20)
  process.stdout.close()
  process.stderr.close()
  return code


def eventually(check, timeout=1):
  """Gives holkasd the time to tidy up after a worker that is gone."""
  deadline = time.monotonic() + timeout
  while True:
    try:
      return check()
    except (AssertionError, OSError, ValueError):
      if time.monotonic() > deadline:
        raise
      time.sleep(0.01)


def check_no_file_in(path):
  assert [p for p in path.rglob("*")
          if p.is_file() and p.name != "oci-layout" and not p.name.endswith(".lock")] == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_hung_up_caller_ends_the_worker(programs, shared_server, stalling, tmp_path, how):
  process = programs.start_copy(stalling, "oci:%s:x" % (tmp_path / "to"), server=shared_server)
  programs.wait_for_workers(1)
  time.sleep(0.05)
  process.send_signal(how)
  start = time.monotonic()
  programs.wait_for_workers(0)
  assert time.monotonic() - start < 0.5
  assert end(process) != 0
  eventually(lambda: check_no_file_in(tmp_path / "to"))


def uploaded(registry):
  """What upload sessions have of their blobs; a docker-registry keeps the rest of ended ones."""
  return sorted(registry.directory.glob("storage/**/_uploads/*/data"))


@pytest.fixture
def own_registry(tmp_path):
  """A registry that no other test left anything in."""
  with Registry(tmp_path / "registry") as registry:
    yield registry


def hang_up(process, programs):
  """Result: how long the worker took to end."""
  process.kill()
  start = time.monotonic()
  try:
    programs.wait_for_workers(0)
  finally:
    end(process)
  return time.monotonic() - start


def test_hung_up_caller_leaves_no_upload(programs, shared_server, scripted, own_registry):
  image = Image(layer_sizes=(3_000_000, 2_000_000, 1_000_000), seed=22)
  for layer in image.layers:
    scripted.on("GET", layer["digest"], slow(2))
  source = scripted.add("app", "slow", image)
  seen = 0
  for number in range(8):
    process = programs.start_copy(source, own_registry.repository("left-%d" % number) + ":x",
                                  server=shared_server)
    programs.wait_for_workers(1)
    time.sleep(0.1 + 0.1 * number)
    seen += len(uploaded(own_registry))
    hang_up(process, programs)
    eventually(lambda: check_equal(uploaded(own_registry), []))
  assert seen > 8


def test_hung_up_caller_of_a_stalled_source_leaves_no_upload(programs, shared_server, stalling,
                                                             own_registry):
  process = programs.start_copy(stalling, own_registry.repository("stalled") + ":x",
                                server=shared_server)
  try:
    eventually(lambda: check_equal(len(uploaded(own_registry)), 1), timeout=5)
  finally:
    seconds = hang_up(process, programs)
  assert seconds < 0.5
  eventually(lambda: check_equal(uploaded(own_registry), []))


def check_equal(got, want):
  assert got == want


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_private_server_ends_with_its_command(programs, stalling, tmp_path, how):
  process = programs.start_copy(stalling, "oci:%s:x" % (tmp_path / "to"))
  programs.wait_for_workers(1)
  time.sleep(0.05)
  process.send_signal(how)
  assert end(process) != 0
  programs.wait_until_gone(0.5)
  eventually(lambda: check_no_file_in(tmp_path / "to"))


def test_killed_command_leaves_no_server(programs, stalling, tmp_path):
  process = programs.start_copy(stalling, "oci:%s:x" % (tmp_path / "to"))
  programs.wait_for_workers(1)
  process.kill()
  programs.wait_until_gone(1)
  end(process)
  eventually(lambda: check_no_file_in(tmp_path / "to"))


def test_deadline_ends_the_worker(programs, shared_server, stalling, tmp_path):
  process = programs.start_copy(stalling, "oci:%s:x" % (tmp_path / "to"), "--command-timeout=1s",
                                server=shared_server)
  programs.wait_for_workers(1)
  start = time.monotonic()
  programs.wait_for_workers(0, timeout=3)
  assert time.monotonic() - start < 1.6
  assert end(process) == 1


def test_cancelled_copy_keeps_the_old_image(programs, shared_server, scripted, stalling, tmp_path):
  old = Image(seed=22)
  for to in ("oci:%s:x" % (tmp_path / "oci"), "dir:%s" % (tmp_path / "dir")):
    programs.copy(scripted.add("app", "old", old), to, server=shared_server).ok()
    process = programs.start_copy(stalling, to, server=shared_server)
    programs.wait_for_workers(1)
    time.sleep(0.05)
    process.kill()
    programs.wait_for_workers(0)
    end(process)
  assert eventually(Layout(tmp_path / "oci").check).names() == {"x": old.digest}
  assert eventually(Directory(tmp_path / "dir").check).digest() == old.digest


def test_terminated_server_lets_a_copy_end(programs, own_server, scripted, tmp_path):
  image = Image(layer_sizes=(400_000,), seed=23)
  scripted.on("GET", image.layers[0]["digest"], slow(400_000))
  process = programs.start_copy(scripted.add("app", "v1", image), "oci:%s:x" % (tmp_path / "to"),
                                server=own_server)
  eventually(lambda: own_server.log().index('"request started"'))
  own_server.process.send_signal(signal.SIGTERM)
  assert end(process) == 0
  assert own_server.process.wait(10) == 0
  assert Layout(tmp_path / "to").check().names() == {"x": image.digest}


def test_reader_that_went_away_leaves_nothing_behind(programs, scripted, tmp_path):
  """As in `holkas copy --progress=json ... | head -1`."""
  image = Image(layer_sizes=(400_000,), seed=24)
  scripted.on("GET", image.layers[0]["digest"], slow(400_000))
  process = programs.start_copy(scripted.add("app", "v1", image), "oci:%s:x" % (tmp_path / "to"),
                                "--progress=json")
  programs.wait_for_workers(1)
  process.stdout.close()
  process.wait(20)
  process.stderr.close()
  programs.wait_until_gone()
