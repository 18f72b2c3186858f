"""What others see of our processes, and what is left of those that crash, has no secrets."""

import os
import pathlib
import resource
import signal
import subprocess

import pytest

from fakes import actions as fake
from support.http_proxy import HttpProxy
from support.planted_secret import check, percent_odd
from support.secret_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.secret_ways import NAME, WAYS, Ways, rows
from support.secret_world import REALM, USER, make_crash, memory, process_places


class Stalled:
  """A copy that waits in the middle of a layer, while it is entered as a context."""

  def __init__(self, world, programs, way, **more):
    flags = getattr(Ways, way)(world, "src-")
    world.registry.on("GET", world.image.layers[1]["digest"], fake.stall(10))
    at = ["--server", world.central.address] if world.central else ["--token-realms", REALM]
    environment = {**programs.environment, **world.proxy.environment(),
                   "REGISTRY_AUTH_FILE": str(world.auth_file),
                   "PATH": "%s:/usr/bin:/bin" % world.auth_file.parent, **more.pop("env", {})}
    self._command = [programs.path("holkas"), "--debug", *at, "copy", "--src-tls-verify=false",
                     *flags, NAME, "dir:%s" % world.destination]
    self._more = {"env": environment, **more}
    self._world, self._programs = world, programs

  def __enter__(self):
    self.process = subprocess.Popen([str(word) for word in self._command], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, **self._more)
    while not self._world.registry.asked("GET", self._world.image.layers[1]["digest"]):
      assert self.process.poll() is None, self.process.communicate()
    self.worker, = self._programs.workers()
    return self

  def end(self):
    """What it said."""
    stdout, stderr = self.process.communicate(timeout=20)
    return {"stdout": stdout, "stderr": stderr}

  def __exit__(self, *unused):
    if self.process.poll() is None:
      self.process.send_signal(signal.SIGTERM)
      self.end()


class TestProcesses:

  @pytest.mark.parametrize("way, where", rows(WAYS, ("central", "private"), count=1))
  def test_proc_shows_nothing(self, programs, make_world, where, way):
    world = make_world(where)
    with Stalled(world, programs, way) as copy:
      # Who types a password on a command line has it there.
      seen = process_places(programs, but={copy.process.pid})
      assert {"cmdline of holkasd", "cmdline of holkas-worker"} <= set(seen)
      copy.process.send_signal(signal.SIGTERM)
      said = copy.end()
    check(world.planted, {**world.places(), **seen, **said})

  def test_proxys_password_is_in_no_workers_environment(self, programs, make_world):
    world = make_world("private")
    secret = world.plant("password of the proxy", "that proxy", "environ of holkasd")
    with HttpProxy(world.proxy.names, user="%s:%s" % (USER, secret.text)) as proxy:
      # As it is, which a URL would not have: the search is for what is in the environment.
      url = proxy.url.replace("http://", "http://%s:%s@" % (USER, percent_odd(secret.text)))
      with Stalled(world, programs, "creds", env=proxy.environment(url)) as copy:
        seen = process_places(programs, but={copy.process.pid})
        copy.process.send_signal(signal.SIGTERM)
        said = copy.end()
      check(world.planted, {**world.places(), **seen, **said, "that proxy": proxy.received})

  @pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of workers")
  @pytest.mark.parametrize("way, where", [("bearer", "central"), ("identity", "private"),
                                          ("server_bearer", "central")])
  def test_worker_never_has_what_lives_long(self, programs, make_world, where, way):
    world = make_world(where)
    with Stalled(world, programs, way) as copy:
      places = {"worker": memory(copy.worker)}
      servers = [world.central.process.pid] if world.central else programs.private_servers()
      places["server"] = b"".join(memory(pid) for pid in servers)
      places["zygote and keeper"] = b"".join(
          memory(pid) for pid, _ in programs.processes("holkas-worker") if pid != copy.worker)
    password, token = world.planted
    # That the search finds what is there is seen by the token, which the worker needs.
    password.owners, token.owners = {"server"}, {"server", "worker"}
    check(world.planted, places)

  @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a worker crash")
  @pytest.mark.parametrize("way, crash", rows(
      ("creds", "bearer", "registry_token", "server_file"), ("SIGSEGV", "SIGILL"), count=1))
  def test_worker_that_crashes(self, programs, make_world, tmp_path, way, crash):
    world = make_world("private")
    directory = tmp_path / "cores"
    directory.mkdir()
    with Stalled(world, programs, way, cwd=directory, preexec_fn=_allow_cores) as copy:
      make_crash(copy.worker, crash)
      world.registry.ended.set()  # which wakes it
      said = copy.end()
      assert copy.process.returncode == 1
    assert b"signal %d" % signal.Signals[crash] in said["stderr"], said
    cores = b"".join(file.read_bytes() for file in directory.iterdir())
    check(world.planted, {**world.places(), **said, "core": cores})
    assert not list(directory.iterdir())

  def test_other_programs_do_leave_cores(self, tmp_path):
    """So that the test before would see one."""
    if pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")):
      pytest.skip("cores go elsewhere on this machine")
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path, preexec_fn=_allow_cores)
    process.send_signal(signal.SIGSEGV)
    process.wait(10)
    assert list(tmp_path.iterdir())


def _allow_cores():
  resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
