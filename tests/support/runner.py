"""A client's conformance runner: calls as lines of JSON, made through the client."""

import json
import subprocess


class Runner:
  """Runs while it is entered as a context."""

  def __init__(self, program, server):
    self._command = [program, "--server", server.address]

  def __enter__(self):
    self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return self

  def __exit__(self, *unused):
    self._process.stdin.close()
    self._process.wait(10)
    self._process.stdout.close()

  def call(self, rpc, request, **more):
    """The answer: `events`, `response` and `error`."""
    self._process.stdin.write(json.dumps({"rpc": rpc, "request": request, **more}).encode() + b"\n")
    self._process.stdin.flush()
    return json.loads(self._process.stdout.readline())
