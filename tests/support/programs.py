"""Runs holkas, holkasd and their workers, and finds their processes."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import textwrap
import time

PROGRAMS = ("holkas", "holkasd", "holkas-worker")


class Result:
  """How a command ended."""

  def __init__(self, arguments, code, stdout, stderr, seconds):
    self.arguments = arguments
    self.code = code
    self.stdout_bytes = stdout
    self.stdout = stdout.decode(errors="replace")
    self.stderr = stderr.decode(errors="replace")
    self.seconds = seconds

  def ok(self):
    """This result, or a failure that shows everything."""
    assert self.code == 0, "%s: exit code %d\n%s%s" % (
        " ".join(map(str, self.arguments)), self.code, self.stdout, self.stderr)
    return self

  def events(self):
    """The events of a copy with --progress=json."""
    return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]

  def __repr__(self):
    return "exit code %d\nstdout: %s\nstderr: %s" % (self.code, self.stdout, self.stderr)


def run(arguments, env=None, timeout=60, **more):
  start = time.monotonic()
  process = subprocess.Popen(list(map(str, arguments)), env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, **more)
  try:
    stdout, stderr = process.communicate(timeout=timeout)
  except subprocess.TimeoutExpired:
    process.kill()
    stdout, stderr = process.communicate()
    raise AssertionError("%s: does not end: %s%s" % (
        arguments, stdout.decode(errors="replace"), stderr.decode(errors="replace"))) from None
  return Result(arguments, process.returncode, stdout, stderr, time.monotonic() - start)


class Programs:
  """A private copy of the programs, so that their processes are known from others' by the file."""

  def __init__(self, source, directory):
    self.directory = pathlib.Path(directory)
    self.directory.mkdir(parents=True, exist_ok=True)
    self._files = {}
    self.shared_servers = []
    for name in PROGRAMS:
      shutil.copy2(pathlib.Path(source) / name, self.directory / name)
      status = (self.directory / name).stat()
      self._files[(status.st_dev, status.st_ino)] = name
    self.environment = {
        "HOME": str(self.directory), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "TZ": "UTC",
        "XDG_RUNTIME_DIR": str(self.directory), "LANG": "C.UTF-8",
        # What one test copies is not another's to find.
        "HOLKAS_BLOB_INFO_CACHE": "",
    }

  def path(self, name):
    return self.directory / name

  def holkas(self, *arguments, server=None, env=None, **more):
    """Runs the command line; without `server` it starts its own."""
    command = [self.path("holkas"), *self.to(server)]
    return run(command + list(arguments), env={**self.environment, **(env or {})}, **more)

  @staticmethod
  def to(server):
    """The flags for a server whose own files the paths of images mean."""
    return ["--server", server.address, "--server-paths"] if server is not None else []

  def copy(self, source, destination, *flags, **more):
    return self.holkas("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *flags, source,
                       destination, **more)

  def inspect(self, image, *flags, **more):
    return self.holkas("inspect", "--tls-verify=false", *flags, image, **more)

  def start(self, *arguments, **more):
    """Starts the command line and does not wait."""
    return subprocess.Popen([str(self.path("holkas")), *map(str, arguments)], env=self.environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

  def start_copy(self, source, destination, *flags, server=None, **more):
    return self.start(*self.to(server), "copy", "--src-tls-verify=false", "--dest-tls-verify=false", *flags,
                      source, destination, **more)

  def processes(self, name=None):
    """The (pid, name) of the running processes of these programs."""
    found = []
    for entry in os.listdir("/proc"):
      if not entry.isdigit():
        continue
      try:
        state = pathlib.Path("/proc/%s/stat" % entry).read_text().rsplit(")", 1)[1].split()[0]
        program = self._program(int(entry))
      except OSError:
        continue
      if program is not None and state not in "ZX" and name in (None, program):
        found.append((int(entry), program))
    return found

  def _program(self, pid):
    """The name of the program that a process runs; None where it is none of these."""
    try:
      status = os.stat("/proc/%d/exe" % pid)
      return self._files.get((status.st_dev, status.st_ino))
    except PermissionError:
      # A worker, its zygote or its keeper lets root alone look. Its holkasd does not hide; one whose
      # holkasd is gone may be ours.
      if _comm(pid) not in ("holkas-worker", "holkas-zygote", "holkas-keeper"):
        return None
      parent = _parent(pid)
      ours = parent <= 1 or self._program(parent) is not None
      return "holkas-worker" if ours else None

  def workers(self):
    """The pids of the workers; the zygote, their parent, and its keeper are none."""
    return [pid for pid, _ in self.processes("holkas-worker")
            if _comm(pid) == "holkas-worker" and _comm(_parent(pid)) == "holkas-zygote"]

  def private_servers(self):
    """The pids of the servers that command lines started for themselves."""
    pids = {pid for pid, _ in self.processes()}
    return [pid for pid, name in self.processes("holkasd") if _parent(pid) in pids]

  def wait_for_workers(self, count, timeout=5):
    """Waits until at least so many workers run; `count` 0: until none does."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
      workers = self.workers()
      if (count == 0 and not workers) or (count > 0 and len(workers) >= count):
        return workers
      time.sleep(0.002)
    raise AssertionError("%d workers wanted, %s run" % (count, self.workers()))

  def running(self, *names):
    """As `processes`, without the shared servers, their zygotes and the zygotes' keepers."""
    servers = [server.process.pid for server in self.shared_servers]
    workers = self.workers()
    return [(pid, name) for pid, name in self.processes() if not names or name in names
            if pid in workers or not any(_descends(pid, server) for server in servers)]

  def wait_until_gone(self, timeout=2, names=()):
    """Waits until none of these programs' processes runs, but the shared server and its zygote."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
      left = self.running(*names)
      if not left:
        return
      time.sleep(0.002)
    raise AssertionError("these run still: %s" % left)


def _descends(pid, ancestor):
  while pid > 1 and pid != ancestor:
    pid = _parent(pid)
  return pid == ancestor


def _comm(pid):
  """The name of a process; empty for one that is gone."""
  try:
    return pathlib.Path("/proc/%d/comm" % pid).read_text().strip()
  except OSError:
    return ""


def _parent(pid):
  try:
    return int(pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[1])
  except OSError:
    return 0


# The registries of tests are on this machine, where no server goes unless it is told to.
ANY_REGISTRY = "egress: {allowed_registries: ['*:*']}"


class Server:
  """A holkasd that runs while it is entered as a context."""

  def __init__(self, programs, directory, config="", registries=ANY_REGISTRY,
               sandbox="spare_workers: 0", listen=(), **more):
    """`registries` and `sandbox` are lines of those sections of the configuration, `listen` has
    addresses beside the unix socket; `more` is for subprocess.Popen. Without spare workers, each
    worker that runs has a job."""
    self._more = {"env": programs.environment, **more}
    self.programs = programs
    self.directory = pathlib.Path(directory)
    self.socket = self.directory / "holkas.sock"
    self.address = "unix:%s" % self.socket
    self._listen = [self.address, *listen]
    self._config = config
    for name, lines in (("registries", registries), ("sandbox", sandbox)):
      if lines:
        self._config += "\n%s:\n%s" % (name, textwrap.indent(lines, "  "))

  def __enter__(self):
    self.directory.mkdir(parents=True, exist_ok=True)
    config = self.directory / "holkasd.yaml"
    config.write_text("listen: %s\n%s\n" % (json.dumps(self._listen), self._config))
    self.log_path = self.directory / "log"
    with open(self.log_path, "ab") as log:
      self.process = subprocess.Popen(
          [str(self.programs.path("holkasd")), "--config", str(config)],
          stdout=log, stderr=log, **self._more)
    deadline = time.monotonic() + 20
    while not self._listens():
      if self.process.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError("holkasd does not listen: " + self.log())
      time.sleep(0.005)
    return self

  def _listens(self):
    """Whether somebody accepts connections: a killed server leaves its socket's file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
      return probe.connect_ex(str(self.socket)) == 0

  def __exit__(self, *unused):
    if self.process.poll() is None:
      self.process.send_signal(signal.SIGTERM)
      try:
        self.process.wait(15)
      except subprocess.TimeoutExpired:
        self.process.kill()
        self.process.wait()
        raise AssertionError("holkasd does not end after SIGTERM: " + self.log()) from None

  def addresses(self, timeout=20):
    """Where it listens, as it says itself once it serves: with real ports."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
      serving = [line for line in self.log_lines() if line["message"] == "serving"]
      if serving:
        return serving[-1]["listen"].split()
      time.sleep(0.005)
    raise AssertionError("holkasd does not serve: " + self.log())

  def log_lines(self):
    """What it has said: its last line may be half written."""
    lines = self.log().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

  def log(self):
    return self.log_path.read_text(errors="replace")
