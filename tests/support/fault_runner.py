"""Runs commands against registries with faults, and checks what comes of them.

Whatever comes, nothing wrong gets a name, the old image stays, nothing hangs, nothing is left
behind, and nobody is told what is not for them.
"""

import base64
import concurrent.futures
import contextlib
import json
import time

from fakes.scripted_registry import ScriptedRegistry
from support.fault_cases import EITHER, HIDDEN
from support.images import Image
from support.oracle import Layout

# Tokens that the command line is given, one for each registry.
SECRETS = ("canary-source", "canary-destination")
USER = "alice"
PASSWORD = "canary-password"
LOGIN = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
TOKEN = "canary-token-" + "t" * 40  # that a realm issues
ALL_SECRETS = (*SECRETS, PASSWORD, LOGIN, TOKEN)
TAGS = ["v1"] + ["tag-%d" % i for i in range(39)]
MANY_TAGS = ["v1"] + ["tag-%050d" % i for i in range(20_000)]  # more than is kept of an answer
TAGS_PER_PAGE = 20
# What a registry's refusal of a token is called, with a text of its own and without.
UNAUTHORIZED = ("unauthorized", "authentication required")

_THREADS = 12


class FaultRunner:
  """Runs cases, each with registries of its own.

  `certificates` is a directory for the certificate of the source, which then speaks TLS.
  """

  def __init__(self, programs, server, directory, limit_seconds, certificates=None):
    self.programs, self.server, self.directory = programs, server, directory
    self.limit_seconds = limit_seconds
    self.certificates = certificates
    self.image = Image(layer_sizes=(50_000, 300_000, 10))
    self.old = Image(seed=7)

  def check(self, chosen, cases, where, capsys):
    """Runs the chosen ones of the cases; fails with all that is wrong."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=_THREADS) as pool:
      wrong = [w for w in pool.map(lambda c: self._run_one(*c), enumerate(chosen)) if w is not None]
    self.programs.wait_for_workers(0)
    with capsys.disabled():
      print("\n%d kinds of faults %s, %d cases of %d" % (
          len({case.kind for case in chosen}), where, len(chosen), len(cases)))
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(chosen), "\n".join(wrong))
    log = self.server.log()
    assert not [secret for secret in ALL_SECRETS if secret in log]

  def _run_one(self, number, case):
    try:
      with contextlib.ExitStack() as stack:
        registry = lambda **more: stack.enter_context(ScriptedRegistry(**more))
        servers = {"source": registry(tls=self.certificates), "destination": registry()}
        if case.place.endswith("realm"):
          servers[case.place] = registry()
        self._run(number, case, servers)
    except AssertionError as wrong:
      return "%s: %s" % (case, wrong)
    return None

  def _run(self, number, case, servers):
    source, destination = servers["source"], servers["destination"]
    source.add("app", "v1", self.image)
    destination.add("copy", "x", self.old)
    if case.command == "list-tags":
      self._tag(source, case)
    secret_flags = self._give_secrets(number, case, servers)
    for rule in case.rules:
      servers[case.place].on(*rule)
    to_layout = not case.place.startswith("destination") and number % 2 == 0
    layout = self.directory / str(number) if to_layout and case.command == "copy" else None
    start = time.monotonic()
    result = self.programs.holkas(*self._arguments(case, servers, layout), *secret_flags,
                                  server=self.server, timeout=self.limit_seconds)
    assert time.monotonic() - start < self.limit_seconds
    self._check_outcome(case, result)
    if case.place.endswith("realm") and result.code != 0:
      assert any(text in result.stderr for text in (
          "token", servers[case.place].address, *UNAUTHORIZED)), "not about a realm: %s" % result
    if case.command == "copy":
      self._check_copy(result, layout, destination)
    elif result.code != 0:
      assert result.stdout == "", result
    elif case.command == "inspect":
      assert json.loads(result.stdout)["Digest"] == self.image.digest
    else:
      assert json.loads(result.stdout) == {"Repository": source.address + "/app",
                                           "Tags": tags_of(case)}
    for name, server in servers.items():
      assert not server.leaks, "%s: %s" % (name, server.leaks)

  @staticmethod
  def _tag(source, case):
    media_type, data = source.manifests[("app", "v1")]
    for tag in tags_of(case):
      source.manifests[("app", tag)] = (media_type, data)
    source.tags_per_page = TAGS_PER_PAGE if case.target == "second page" else None

  def _arguments(self, case, servers, layout):
    name = "docker://%s/app" % servers["source"].address
    prefix = "src-" if case.command == "copy" else ""
    access = (["--%stls-verify=false" % prefix] if self.certificates is None else
              ["--%scert-dir=%s" % (prefix, self.certificates / "trusted")])
    if case.command == "list-tags":
      return ["list-tags", *access, name]
    if case.command == "inspect":
      return ["inspect", *access, name + ":v1"]
    to = ("oci:%s:x" % layout if layout is not None else
          "docker://%s/copy:x" % servers["destination"].address)
    return ["copy", *access, "--dest-tls-verify=false", name + ":v1", to]

  @staticmethod
  def _give_secrets(number, case, servers):
    """Flags with secrets; the servers watch for those that they are not to be told."""
    source, destination = servers["source"], servers["destination"]
    if not case.place.endswith("realm"):
      source.secrets, destination.secrets = [SECRETS[1]], [SECRETS[0]]
      return [] if case.command != "copy" else [
          "--src-registry-token=" + SECRETS[0], "--dest-registry-token=" + SECRETS[1]]
    realm = servers[case.place]
    realm.documents["/token"] = json.dumps({"token": TOKEN, "expires_in": 300}).encode()
    realm.secrets = [TOKEN]
    wanting, other = ((source, destination) if case.place.startswith("source") else
                      (destination, source))
    # A service of its own: the realm may have the port of an earlier one, whose token is kept.
    wanting.challenge = 'Bearer realm="http://%s/token",service="%d"' % (realm.address, number)
    wanting.accepted = {"Bearer " + TOKEN}
    wanting.secrets = [PASSWORD, LOGIN]
    other.secrets = [PASSWORD, LOGIN, TOKEN]
    prefix = "" if case.command != "copy" else "src-" if wanting is source else "dest-"
    return ["--%screds=%s:%s" % (prefix, USER, PASSWORD)]

  @staticmethod
  def _check_outcome(case, result):
    if case.outcome is HIDDEN:
      assert result.code == 0, result
    elif case.outcome is not EITHER:
      assert result.code in (1, 2), result
    if result.code != 0:
      assert "level=fatal" in result.stderr, result
      assert "WORKER_" not in result.stderr and "internal" not in result.stderr.lower(), result
      if case.command == "list-tags":
        assert 'msg="Error listing repository tags: ' in result.stderr, result
    if isinstance(case.outcome, str):
      assert case.outcome in result.stderr, "%r is not in: %s" % (case.outcome, result)
    for secret in ALL_SECRETS:
      assert secret not in result.stderr and secret not in result.stdout, result

  def _check_copy(self, result, layout, destination):
    if layout is not None:
      if result.code == 0:
        assert Layout(layout).check().names() == {"x": self.image.digest}
      else:
        assert not (layout / "index.json").exists()
        assert [p for p in self.directory.glob(".%s.*" % layout.name)] == []
      return
    want = self.image if result.code == 0 else self.old
    assert destination.manifests[("copy", "x")][1] == want.manifest
    for digest, data in want.blobs.items():
      assert destination.blobs[("copy", digest)] == data
    for (_, digest), data in destination.blobs.items():
      assert digest in self.image.blobs or digest in self.old.blobs
      assert data == {**self.image.blobs, **self.old.blobs}[digest]
    self._check_no_session(destination)

  @staticmethod
  def _check_no_session(destination):
    deadline = time.monotonic() + 2
    while destination.uploads and time.monotonic() < deadline:
      time.sleep(0.02)
    assert not destination.uploads, "open uploads: %s" % list(destination.uploads)


def tags_of(case):
  """The tags that the source has for a list."""
  return MANY_TAGS if case.target == "long list" else TAGS
