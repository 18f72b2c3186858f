"""A real registry: Debian's docker-registry on a free port of 127.0.0.1."""

import re
import subprocess
import time

SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

_CONFIG = """\
version: 0.1
log: {{level: info, formatter: text}}
storage:
  filesystem: {{rootdirectory: "{root}"}}
  delete: {{enabled: {deletes}}}
http:
  addr: 127.0.0.1:0
"""

# 127.0.0.1 - - [date] "GET /v2/app/blobs/sha256:... HTTP/1.1" 200 ...
_ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<url>\S+) HTTP/[0-9.]+" (?P<code>[0-9]+) (?P<size>[0-9]+)')


class Registry:
  """Runs while it is entered as a context. `address` is host:port."""

  takes_indexes = True

  def __init__(self, directory, deletes=True):
    self.directory = directory
    self._deletes = deletes
    self._repositories = 0

  def __enter__(self):
    self.directory.mkdir(parents=True, exist_ok=True)
    config = self.directory / "config.yml"
    config.write_text(self.config())
    self._log = self.directory / "log"
    with open(self._log, "wb") as log:
      self.process = subprocess.Popen(["docker-registry", "serve", str(config)],
                                      stdout=log, stderr=subprocess.STDOUT,
                                      env={"OTEL_TRACES_EXPORTER": "none"})
    self.address = "127.0.0.1:%d" % self._wait_for_port()
    return self

  def config(self):
    """The registry's configuration file."""
    return _CONFIG.format(root=self.directory / "storage",
                          deletes="true" if self._deletes else "false")

  def _wait_for_port(self):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
      found = re.search(r"listening on 127\.0\.0\.1:([0-9]+)", self._log.read_text())
      if found:
        return int(found[1])
      if self.process.poll() is not None:
        break
      time.sleep(0.02)
    raise RuntimeError("docker-registry does not listen: " + self._log.read_text())

  def __exit__(self, *unused):
    self.process.kill()
    self.process.wait()

  def repository(self, name="repo"):
    """A repository that nobody used, as docker://host:port/path."""
    self._repositories += 1
    return "docker://%s/%s-%d" % (self.address, name, self._repositories)

  def mark(self):
    """Where the access log is now."""
    return self._log.stat().st_size

  def requests(self, mark=0):
    """The (method, url, code) of the requests since `mark`."""
    return [answer[:3] for answer in self.answers(mark)]

  def answers(self, mark=0):
    """The (method, url, code, bytes of the body) of the requests since `mark`."""
    with open(self._log, "rb") as log:
      log.seek(mark)
      text = log.read().decode(errors="replace")
    return [(m["method"], m["url"], int(m["code"]), int(m["size"]))
            for m in _ACCESS.finditer(text)]

  def blob_downloads(self, mark=0):
    return [r for r in self.requests(mark) if r[0] == "GET" and "/blobs/sha256:" in r[1]]

  def blob_uploads(self, mark=0):
    """The requests that carried bytes of blobs."""
    return [r for r in self.requests(mark)
            if r[0] == "PATCH" or (r[0] == "PUT" and "/blobs/uploads/" in r[1])]


class Schema1Registry(Registry):
  """A registry that takes manifests of schema 1, whose signatures it verifies."""

  def config(self):
    return super().config() + "compatibility: {schema1: {enabled: true}}\n"
