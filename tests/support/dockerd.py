"""A Docker daemon of a test's own: on a unix socket, and where it is wanted on TCP with TLS."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from support import nginx
from support.programs import run
from support.removal import remove_tree, unmount

DOCKERD = shutil.which("dockerd", path="/usr/sbin:/usr/bin:/sbin:/bin")
# Another one may come first in PATH.
DOCKER = shutil.which("docker", path="/usr/bin:/bin")


class Dockerd:
  """Runs while it is entered as a context; skips the test where it cannot. It makes no bridge, no
  rules of a firewall, and forwards no packets."""

  def __init__(self, *options):
    self._options = options

  def __enter__(self):
    if DOCKERD is None or DOCKER is None:
      pytest.skip("docker.io is not installed")
    if os.geteuid() != 0:
      pytest.skip("only root can run dockerd")
    # A socket's path is short, and memory is quick.
    self.directory = pathlib.Path(tempfile.mkdtemp(prefix="holkas-dockerd-", dir="/tmp"))
    self.data = pathlib.Path(tempfile.mkdtemp(prefix="holkas-dockerd-", dir="/dev/shm"))
    self.socket = self.directory / "docker.sock"
    self.host = "unix://%s" % self.socket
    self.process = None
    try:
      self.start()
    except BaseException:
      self.__exit__()
      raise
    return self

  def start(self):
    with open(self.directory / "log", "ab") as log:
      self.process = subprocess.Popen(
          [DOCKERD, "--iptables=false", "--ip6tables=false", "--ip-forward=false",
           "--ip-masq=false", "--bridge=none", "--storage-driver=vfs", "-H", self.host,
           "--data-root", str(self.data), "--exec-root", str(self.directory / "exec"),
           "--pidfile", str(self.directory / "pid"), *self._options],
          stdout=log, stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    deadline = time.monotonic() + 60
    while run([DOCKER, "-H", self.host, "version"], env={"HOME": str(self.directory)}).code != 0:
      if self.process.poll() is not None or time.monotonic() > deadline:
        log = (self.directory / "log").read_text(errors="replace")[-500:]
        pytest.skip("dockerd does not run here: " + log)
      time.sleep(0.1)

  def kill(self):
    """Ends it as a power cut does; its containerd goes with it."""
    containerd = self._containerd()
    for pid in filter(None, (self.process.pid, containerd)):
      try:
        os.kill(pid, signal.SIGKILL)
      except ProcessLookupError:
        pass
    self.process.wait()
    # What a daemon that was killed leaves mounted: its directory, on itself.
    for directory in (self.data, self.directory):
      unmount(directory)
    for stale in (self.directory / "pid", self.socket):
      stale.unlink(missing_ok=True)
    # It would take another process of the number for its containerd.
    shutil.rmtree(self.directory / "exec", ignore_errors=True)

  def _containerd(self):
    try:
      return int((self.directory / "exec" / "containerd" / "containerd.pid").read_text())
    except (OSError, ValueError):
      return None

  def __exit__(self, *unused):
    if self.process is not None and self.process.poll() is None:
      self.process.send_signal(signal.SIGTERM)
      try:
        self.process.wait(30)
      except subprocess.TimeoutExpired:
        self.kill()
    for directory in (self.data, self.directory):
      remove_tree(directory)

  def docker(self, *arguments):
    return run([DOCKER, "-H", self.host, *arguments], env={"HOME": str(self.directory)}, timeout=120)

  def image(self, name):
    """What the daemon says of an image; None where it has none of the name."""
    answer = self.docker("image", "inspect", name)
    return json.loads(answer.stdout)[0] if answer.code == 0 else None

  def images(self):
    """The IDs of all images."""
    return sorted(set(self.docker("images", "--no-trunc", "--quiet", "--all").ok().stdout.split()))

  def leftovers(self):
    """What a load or a save that ended early might have left in the daemon's directory."""
    return [path.name for path in (self.data / "tmp").iterdir()]


def tls_options(directory, port):
  """Options for a daemon that serves TLS on 127.0.0.1:`port`, for clients of its own authority
  alone; `directory` is the clients' certificates as --cert-dir has them."""
  directory.mkdir()
  server = directory.parent / "server"
  server.mkdir()
  openssl = lambda *arguments: subprocess.run(["openssl", *map(str, arguments)], check=True,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", server / "ca-key.pem", "-out",
          directory / "ca.pem", "-days", "30", "-subj", "/CN=test authority")
  for key, request, certificate, extension in (
      (server / "key.pem", server / "csr", server / "cert.pem", "subjectAltName=IP:127.0.0.1"),
      (directory / "key.pem", server / "csr2", directory / "cert.pem",
       "extendedKeyUsage=clientAuth")):
    (server / "extension").write_text(extension + "\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj",
            "/CN=test")
    openssl("x509", "-req", "-in", request, "-CA", directory / "ca.pem", "-CAkey",
            server / "ca-key.pem", "-CAcreateserial", "-days", "30", "-out", certificate, "-extfile",
            server / "extension")
  return ["-H", "tcp://127.0.0.1:%d" % port, "--tlsverify", "--tlscacert", directory / "ca.pem",
          "--tlscert", server / "cert.pem", "--tlskey", server / "key.pem"]


def free_port():
  return nginx.free_port()
