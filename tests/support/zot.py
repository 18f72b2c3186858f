"""zot, an OCI registry of another family than docker-registry, on a free port of 127.0.0.1."""

import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from support import nginx
from support.registry import Registry


def program():
  """Where zot is; None where tools/setup did not build it."""
  named = os.environ.get("ZOT")
  return named if named and pathlib.Path(named).exists() else shutil.which("zot")


class Zot(Registry):
  """Runs while it is entered as a context. Writes no log of accesses that `requests` could read."""

  takes_indexes = False

  def __enter__(self):
    self.directory.mkdir(parents=True, exist_ok=True)
    for _ in range(5):  # somebody else may have taken the port
      if self._start(nginx.free_port()):
        return self
    raise RuntimeError("zot does not listen: " + (self.directory / "log").read_text())

  def _start(self, port):
    self.address = "127.0.0.1:%d" % port
    config = self.directory / "config.json"
    config.write_text(json.dumps({
        "version": "0.1.0", "log": {"level": "info"},
        "storage": {"rootDirectory": str(self.directory / "storage")},
        "http": {"address": "127.0.0.1", "port": str(port)}}))
    with open(self.directory / "log", "wb") as log:
      self.process = subprocess.Popen([program(), "serve", str(config)], stdout=log,
                                      stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and self.process.poll() is None:
      try:
        with urllib.request.urlopen("http://%s/v2/" % self.address, timeout=5):
          return True
      except urllib.error.URLError:
        time.sleep(0.05)
    self.__exit__()
    return False
