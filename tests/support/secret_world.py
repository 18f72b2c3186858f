"""A registry, its realm, and strangers, all behind a proxy that alone knows their names.

So they have names of different domains, and the strangers can be reached as public hosts can: what
is not sent to them is not sent because they are strangers.
"""

import base64
import concurrent.futures
import json
import os
import pathlib
import subprocess
import time

from fakes import actions as fake
from fakes.scripted_registry import ScriptedRegistry
from support.images import Image
from support.planted_secret import PlantedSecret

REGISTRY = "registry.home.test:5000"
OTHER_PORT = "registry.home.test:5001"
REALM = "realm.trusted.test:5000"
FOREIGN = "foreign.away.test:5000"
# These look like the registry's name.
LONGER = "registry.home.test.away.test:5000"
DOTTED = "registry.home.test.:5000"
SIBLING = "sibling.home.test:5000"
FOREIGN_TLS = "foreign-tls.away.test:5000"
MIRROR = "mirror.elsewhere.test:5000"
STRANGERS = (FOREIGN, OTHER_PORT, LONGER, DOTTED, SIBLING)
HELPER = "docker-credential-planted"
USER = "alice"


def basic(secret, user=USER):
  return "Basic " + base64.b64encode(("%s:%s" % (user, secret.text)).encode()).decode()


def auth_entry(secret, user=USER):
  return {"auth": base64.b64encode(("%s:%s" % (user, secret.text)).encode()).decode()}


class World:
  """Runs while it is entered as a context. `central` is a Server that uses `proxy`, or None.

  `directory` keeps what is made once; `path` is this test's own. `planted` has the secrets, for the
  places `registry`, `realm`, `mirror`, `foreign` and `foreign over TLS`.
  """

  def __init__(self, directory, path, proxy, auth_file, central=None, tls=False,
               client_authority=None):
    self.path = path
    self.proxy = proxy
    self.auth_file = auth_file
    self.central = central
    self.directory = directory
    self.planted = []
    self.image = Image(layer_sizes=(700, 900))
    self.registry = ScriptedRegistry(directory if tls else None, client_authority, keep_bytes=True)
    self.realm = ScriptedRegistry(keep_bytes=True)
    self.mirror = ScriptedRegistry(keep_bytes=True)
    self.foreign = ScriptedRegistry(keep_bytes=True)
    self.foreign_tls = ScriptedRegistry(directory, client_authority, keep_bytes=True)
    self.destination = path / "destination"

  def __enter__(self):
    for server in self.servers().values():
      server.__enter__()
    self.proxy.names.update({
        REGISTRY: self.registry.address, REALM: self.realm.address, MIRROR: self.mirror.address,
        FOREIGN_TLS: self.foreign_tls.address,
        **{name: self.foreign.address for name in STRANGERS}})
    for server in (self.registry, self.mirror, self.foreign, self.foreign_tls):
      server.add("app", "v1", self.image)
    self._log_before = len(self.central.log()) if self.central else 0
    self._proxy_before = len(self.proxy.received)
    return self

  def __exit__(self, *unused):
    with concurrent.futures.ThreadPoolExecutor() as pool:  # each waits a little
      list(pool.map(lambda server: server.__exit__(), self.servers().values()))
    self.auth_file.write_text("{}")

  def servers(self):
    return {"registry": self.registry, "realm": self.realm, "mirror": self.mirror,
            "foreign": self.foreign, "foreign over TLS": self.foreign_tls}

  def plant(self, what, *owners, **more):
    secret = PlantedSecret(what, owners, **more)
    self.planted.append(secret)
    return secret

  def strangers_take_uploads(self):
    """At /v2/app/blobs/uploads/there."""
    for server in (self.foreign, self.foreign_tls):
      server.on("PATCH", "/uploads/there", fake.answer(202, b"", {
          "Location": "/v2/app/blobs/uploads/there"}))
      server.on("PUT", "/uploads/there", fake.answer(201))

  def wants_basic(self, *secrets, server=None):
    server = server or self.registry
    server.challenge = 'Basic realm="planted"'
    server.accepted = {basic(secret) for secret in secrets}

  def wants_token(self, realm="http://%s/token" % REALM):
    """The registry sends to the realm, which issues the token that is returned, a new secret."""
    token = self.plant("bearer token that the realm issued", "registry", odd=False)
    self.registry.challenge = 'Bearer realm="%s",service="planted"' % realm
    self.registry.accepted = {"Bearer " + token.text}
    body = json.dumps({"token": token.text, "access_token": token.text, "expires_in": 300}).encode()
    issue = fake.answer(200, body)

    def act(handler, unused_body):
      if handler.command == "GET" and "Authorization" not in handler.headers:
        fake.answer(200, b'{"token": "nobodys"}')(handler, b"")
      else:
        issue(handler, b"")

    for method in ("GET", "POST"):
      self.realm.on(method, "/token", act)
    return token

  def run(self, programs, command, *arguments, env=None, **more):
    """Runs the command line, with the central server or its own."""
    environment = {**self.proxy.environment(), "PATH": "%s:/usr/bin:/bin" % self.auth_file.parent,
                   **(env or {})}
    realms = [] if self.central else ["--token-realms", REALM]
    return programs.holkas("--debug", *realms, command, *arguments, server=self.central,
                           env=environment, **more)

  def places(self, result=None, programs=None):
    """What everybody got, and everything that the programs said and left."""
    found = {name: server.received for name, server in self.servers().items()}
    found["proxy"] = self.proxy.received[self._proxy_before:]
    if result is not None:
      found["stdout"] = result.stdout_bytes
      found["stderr"] = result.stderr.encode()
    if self.central is not None:
      found["log"] = self.central.log()[self._log_before:].encode()
    if self.destination.exists():
      found["files"] = b"".join(str(file).encode() + file.read_bytes()
                                for file in self.destination.rglob("*") if file.is_file())
    if programs is not None:
      found.update(process_places(programs))
    return found


def process_places(programs, but=()):
  """The command lines and environments of the programs' processes, but for those given."""
  found = {}
  for pid, name in programs.processes():
    if pid in but:
      continue
    for what in ("cmdline", "environ"):
      try:
        data = pathlib.Path("/proc/%d/%s" % (pid, what)).read_bytes()
      except OSError:
        continue  # it is gone, or not for us
      key = "%s of %s" % (what, name)
      found[key] = found.get(key, b"") + b"\n" + data
  return found


def memory(pid):
  """All that a process can write to or read, as root sees it, in pieces."""
  pieces = []
  with open("/proc/%d/maps" % pid, encoding="ascii", errors="replace") as maps, \
      open("/proc/%d/mem" % pid, "rb", 0) as mem:
    for line in maps:
      fields = line.split()
      if "r" not in fields[1] or (len(fields) > 5 and fields[5] in ("[vvar]", "[vsyscall]")):
        continue
      if "w" not in fields[1] and len(fields) > 5 and fields[5].startswith("/"):
        continue  # the program's own text
      first, last = (int(text, 16) for text in fields[0].split("-"))
      while first < last:
        try:
          mem.seek(first)
          data = mem.read(min(last - first, 1 << 24))
        except (OSError, ValueError, OverflowError):
          break
        if not data:
          break
        pieces.append(data)
        first += len(data)
  return b"".join(pieces)


_CRASH = {"SIGSEGV": b"\xf4", "SIGILL": b"\x0f\x0b"}  # hlt, ud2


def make_crash(pid, signal_name):
  """Has each thread of a process run, when it wakes, an instruction that ends the process by the
  signal. The first process of a namespace ignores signals that are merely sent."""
  deadline = time.monotonic() + 10
  where = ["running"]
  while "running" in where:  # rather than waiting in a system call
    assert time.monotonic() < deadline, where
    where = [(thread / "syscall").read_text().split()[-1]
             for thread in pathlib.Path("/proc/%d/task" % pid).iterdir()]
  with open("/proc/%d/mem" % pid, "r+b", 0) as mem:
    for address in where:
      mem.seek(int(address, 16))
      mem.write(_CRASH[signal_name])


def write_helper(directory, registry, secret):
  """A credential helper that gives the secret to who asks for the registry."""
  program = directory / HELPER
  program.write_text('#!/bin/sh\n[ "$1" = get ] && cat "${0%/*}/kept"\n')
  program.chmod(0o755)
  (directory / "kept").write_text(json.dumps(
      {"ServerURL": registry, "Username": USER, "Secret": secret.text}))


def make_client_certificate(directory):
  """A pair of client.cert and client.key in a directory of certificates; the key's PEM."""
  directory.mkdir(parents=True, exist_ok=True)
  subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:P-256", "-nodes", "-keyout", directory / "client.key", "-out",
                  directory / "client.cert", "-days", "2", "-subj", "/CN=client"],
                 check=True, stderr=subprocess.DEVNULL)
  os.chmod(directory / "client.key", 0o600)
  return (directory / "client.key").read_text()
