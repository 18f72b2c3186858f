"""Many calls at a time through a client's conformance runner, and what must be left of them: nothing.

The runner is a program that reads JSON objects, one in a line, and answers each with one:
  {"load": "inspect", "count": N, "parallel": P, "request": {...}}
  {"load": "cancel", "count": N, "parallel": P, "max_delay_seconds": S, "request": {...}}
with
  {"ok": N, "completed": M, "errors": [...]}
A Copy is cancelled after a random delay of at most S seconds; `{n}` in its request is its number.
"""

import os
import pathlib
import time

from support import client_runners

# Of thousands of calls.
ANSWER_SECONDS = 1800

INSECURE = {"tlsVerification": "TLS_VERIFICATION_DISABLED"}


class Runner:
  """A conformance runner that runs while it is entered as a context. `command` lacks --server."""

  def __init__(self, command, server):
    self._command, self._server = command, server

  def __enter__(self):
    self._program = client_runners.Program(self._command, self._server.address,
                                           answer_seconds=ANSWER_SECONDS)
    return self

  def __exit__(self, *unused):
    self._program.close()

  def ask(self, **task):
    """The answer to one line."""
    return self._program.ask(task)

  def running_requests(self):
    answer = self.ask(rpc="GetServerInfo", request={})
    assert answer["error"] is None, answer
    return answer["response"].get("runningRequests", 0)

  def wait_until_idle(self, timeout=5):
    """Waits until the server runs no request."""
    deadline = time.monotonic() + timeout
    while self.running_requests() != 0:
      assert time.monotonic() < deadline, "%d requests run still" % self.running_requests()
      time.sleep(0.01)


def check_inspects(command, server, image, count=200):
  """So many Inspects at the same time all answer."""
  with Runner(command, server) as runner:
    answer = runner.ask(load="inspect", count=count, parallel=count,
                        request={"image": image, "registry": INSECURE})
    assert answer == {"ok": count, "completed": count, "errors": []}
    runner.wait_until_idle()


def check_cancelled_copies(command, server, registry, image, count, parallel=8):
  """So many Copies of an image to repositories of a registry, each cancelled at its own moment, leave
  no request, no worker and no temporary file."""
  request = {"source": image, "destination": registry.repository("cancelled") + "-{n}:x",
             "sourceRegistry": INSECURE, "destinationRegistry": INSECURE}
  with Runner(command, server) as runner:
    seconds = _seconds_of_a_copy(runner, request, registry)
    files = temporary_files(server)
    answer = runner.ask(load="cancel", count=count, parallel=parallel,
                        max_delay_seconds=seconds * 1.2, request=request)
    assert (answer["ok"], answer["errors"]) == (count, [])
    # Most must have been stopped on their way, or this tests nothing.
    assert answer["completed"] < count * 0.9, answer
    runner.wait_until_idle()
    server.programs.wait_for_workers(0)
    assert temporary_files(server) == files


def _seconds_of_a_copy(runner, request, registry):
  start = time.monotonic()
  whole = runner.ask(rpc="Copy", request={
      **request, "destination": registry.repository("whole") + ":x"})
  assert whole["error"] is None, whole
  return time.monotonic() - start


def uploads(registry):
  """What upload sessions have in the directory of a docker-registry; it keeps the rest of ended ones."""
  return sorted(registry.directory.glob("storage/**/_uploads/*/data"))


def temporary_files(server):
  """The files without a name that the server has open."""
  found = []
  for descriptor in pathlib.Path("/proc/%d/fd" % server.process.pid).iterdir():
    try:
      target = os.readlink(descriptor)
    except OSError:
      continue
    if target.endswith(" (deleted)"):
      found.append(target)
  return sorted(found)
