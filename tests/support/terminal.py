"""A program at a terminal."""

import os
import pty
import select
import time


class Terminal:
  """A command that runs at a terminal of its own."""

  def __init__(self, arguments, environment):
    self.pid, self._master = pty.fork()
    if self.pid == 0:
      os.execvpe(str(arguments[0]), list(map(str, arguments)), environment)
    self.shown = ""

  def wait_for(self, text, timeout=30):
    deadline = time.monotonic() + timeout
    while text not in self.shown and time.monotonic() < deadline:
      if select.select([self._master], [], [], 0.1)[0]:
        try:
          self.shown += os.read(self._master, 4096).decode()
        except OSError:  # the other end is closed
          break
    assert text in self.shown, self.shown
    return self

  def type(self, text):
    os.write(self._master, text.encode())

  def end(self):
    """Reads the rest; the exit code."""
    try:
      while True:
        self.shown += os.read(self._master, 4096).decode()
    except OSError:
      pass
    os.close(self._master)
    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
