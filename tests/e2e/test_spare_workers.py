"""Workers that holkasd keeps ready."""

import concurrent.futures
import os
import signal
import time

import pytest

from support.programs import Server

SPARES = 4  # the default


@pytest.fixture
def server(programs, tmp_path):
  with Server(programs, tmp_path / "server", sandbox="") as server:
    yield server


def spares(programs):
  """Waits until as many are ready as shall be, and gives their pids."""
  workers = set(programs.wait_for_workers(SPARES))
  assert len(workers) == SPARES
  return workers


def test_each_does_one_job_and_is_replaced(programs, server, pushed):
  before = spares(programs)
  programs.inspect(pushed, server=server).ok()
  deadline = time.monotonic() + 5
  while len(before & set(programs.workers())) != SPARES - 1 or len(programs.workers()) != SPARES:
    assert time.monotonic() < deadline, (before, programs.workers())
    time.sleep(0.01)


def test_many_requests_leave_as_many_as_before(programs, server, pushed):
  def inspect(_):
    return programs.inspect(pushed, server=server).ok().stdout

  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(inspect, range(60)))) == 1
  time.sleep(0.5)
  spares(programs)


def test_worker_that_died_waiting_is_not_given_a_job(programs, server, pushed):
  for pid in spares(programs):
    os.kill(pid, signal.SIGKILL)
  programs.inspect(pushed, server=server).ok()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_its_server(programs, server, how):
  ours = spares(programs)
  server.process.send_signal(how)
  deadline = time.monotonic() + (5 if how == signal.SIGTERM else 0.1)
  while ours & set(programs.workers()) and time.monotonic() < deadline:
    time.sleep(0.005)
  assert not ours & set(programs.workers())
  server.process.wait(5)


def test_command_line_alone_keeps_none(programs, pushed, tmp_path):
  programs.copy(pushed, "oci:%s:a" % tmp_path).ok()
  programs.wait_until_gone()
