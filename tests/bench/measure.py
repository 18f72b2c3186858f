"""Time, CPU and memory of a command with everything that it started."""

import ctypes
import os
import pathlib
import statistics
import subprocess
import threading
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x4000 | 0x40000


class Run:
  """What one command took."""

  def __init__(self, wall, cpu):
    self.wall = wall
    self.cpu = cpu


def adopt_orphans():
  """Makes processes whose parent dies children of this one, so that their CPU time is counted."""
  _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def hide_skopeos_cache():
  """In a child before exec: an empty cache of blobs' places, so that Skopeo starts cold."""
  if os.geteuid() == 0 and os.path.isdir("/var/lib/containers"):
    if _LIBC.unshare(_CLONE_NEWNS) == 0:
      _LIBC.mount(None, b"/", None, _MS_REC_PRIVATE, None)
      _LIBC.mount(b"tmpfs", b"/var/lib/containers", b"tmpfs", 0, None)


def run(command, env, before_exec=None):
  """Runs `command` to its end and the end of all that it started."""
  with open(os.devnull, "wb") as null:
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], env=env, stdout=null,
                             stderr=subprocess.PIPE, preexec_fn=before_exec)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
  child.returncode = os.waitstatus_to_exitcode(status)
  cpu = usage.ru_utime + usage.ru_stime + _adopted_cpu()
  error = child.stderr.read().decode(errors="replace")
  child.stderr.close()
  if child.returncode != 0:
    raise RuntimeError("%s: exit code %d: %s" % (command, child.returncode, error))
  return Run(wall, cpu)


def _adopted_cpu():
  """The CPU of orphans that ended; the registries, which live on, are told apart by WNOHANG."""
  cpu = 0.0
  deadline = time.monotonic() + 0.2
  while time.monotonic() < deadline:
    try:
      pid, _, usage = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
      break
    if pid == 0:
      break
    cpu += usage.ru_utime + usage.ru_stime
  return cpu


def median(values):
  return statistics.median(values)


class PeakMemory:
  """Watches the processes of a program and keeps the largest resident set that any had."""

  def __init__(self, pids):
    self._pids = pids
    self.peak_bytes = 0

  def __enter__(self):
    self._stop = threading.Event()
    self._thread = threading.Thread(target=self._watch)
    self._thread.start()
    return self

  def __exit__(self, *unused):
    self._stop.set()
    self._thread.join()

  def _watch(self):
    while not self._stop.wait(0.005):
      for pid in self._pids():
        try:
          for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines():
            if line.startswith("VmHWM:"):
              self.peak_bytes = max(self.peak_bytes, int(line.split()[1]) * 1024)
        except OSError:
          pass


def tree_cpu(pid):
  """The CPU seconds so far of a process, of its descendants, and of those that they waited for."""
  ticks = os.sysconf("SC_CLK_TCK")
  parents, used = {}, {}
  for entry in os.listdir("/proc"):
    if entry.isdigit():
      try:
        fields = pathlib.Path("/proc/%s/stat" % entry).read_text().rsplit(")", 1)[1].split()
      except OSError:
        continue
      parents[int(entry)] = int(fields[1])
      used[int(entry)] = sum(map(int, fields[11:15])) / ticks
  total = 0.0
  for process in used:
    ancestor = process
    while ancestor > 1 and ancestor != pid:
      ancestor = parents.get(ancestor, 0)
    if ancestor == pid:
      total += used[process]
  return total


def machine():
  model = next((line.split(":", 1)[1].strip()
                for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown CPU")
  load = os.getloadavg()[0]
  return "%d CPUs (%s), Linux %s, load %.1f" % (os.cpu_count(), model, os.uname().release, load)


class Figure:
  """One line of the result."""

  def __init__(self, name, ours, theirs=None, unit="s", target=None, more_is_better=False,
               detail="", other="skopeo"):
    self.name, self.ours, self.theirs, self.unit = name, ours, theirs, unit
    self.target, self.more_is_better, self.detail = target, more_is_better, detail
    self.other = other

  @property
  def ratio(self):
    if self.theirs is None:
      return None
    return self.ours / self.theirs if self.more_is_better else self.theirs / self.ours

  def reached(self):
    """Whether the target is: a least ratio, or with no pair a largest value."""
    if self.target is None:
      return None
    if self.ratio is not None:
      return self.ratio >= self.target
    return self.ours >= self.target if self.more_is_better else self.ours <= self.target

  def line(self):
    text = "%-34s %10.3f %-4s" % (self.name, self.ours, self.unit)
    if self.theirs is not None:
      text += " %s %10.3f %-4s ratio %6.2f" % (self.other, self.theirs, self.unit, self.ratio)
    if self.target is not None:
      text += "  target %g %s" % (self.target, "PASS" if self.reached() else "FAIL")
    return text + ("  " + self.detail if self.detail else "")

  def fields(self):
    return {"name": self.name, "holkas": self.ours, "skopeo": self.theirs, "unit": self.unit,
            "ratio": self.ratio, "target": self.target, "reached": self.reached(),
            "detail": self.detail}
