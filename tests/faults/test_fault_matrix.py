"""Kinds of trouble with a registry, at the first, a middle and the last byte.

Each case says what is to come of it: the fault is hidden from the caller, or the command fails and
says why. Whatever comes, nothing wrong gets a name, the old image stays, nothing hangs and nothing
is left behind.
"""

import concurrent.futures
import json
import time

from conftest import SOAK
from fakes import scripted_registry as fake
from support.images import Image
from support.oracle import Layout

HIDDEN = object()   # the command succeeds
EITHER = object()   # it succeeds, or fails
LIMIT_SECONDS = 150 if SOAK else 60
SECRETS = ("canary-source", "canary-destination")

POSITIONS = {"first": fake.FIRST, "middle": fake.MIDDLE, "last": fake.LAST}


class Case:
  """One fault: the rules that make it, and what is to come of it."""

  def __init__(self, kind, target, position, rules, outcome, command="copy", slow=False,
               session_stays=False):
    self.kind, self.target, self.position = kind, target, position
    self.rules, self.outcome, self.command = rules, outcome, command
    self.slow, self.session_stays = slow, session_stays

  def __str__(self):
    return "%s, %s, %s byte, %s" % (self.kind, self.target, self.position, self.command)


# --- what a registry answers -------------------------------------------------------------------


def _http(body, *headers, status=b"HTTP/1.1 200 OK"):
  return b"\r\n".join([status, *headers, b"", body])


def _length(body):
  return b"Content-Length: %d" % len(body)


def passing(at):
  """Kinds that pass: action and how often; a blob and a manifest survive them."""
  kinds = {
      "reset in the body": (fake.reset(at), 1),
      "hang-up in the body": (fake.hang_up(at), 1),
      "last chunk missing": (fake.cut_chunks(at), 1),
      "reset before the head": (fake.raw(b"", and_reset=True), 2),
      "hang-up before the head": (fake.raw(b""), 2),
      "Retry-After in seconds": (fake.error(429, headers={"Retry-After": "1"}), 1),
      "Retry-After 0": (fake.error(503, headers={"Retry-After": "0"}), 3),
      "Retry-After garbage": (fake.error(429, headers={"Retry-After": "soon"}), 1),
      "Retry-After negative": (fake.error(429, headers={"Retry-After": "-5"}), 1),
      "Retry-After past date": (fake.error(
          503, headers={"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), 1),
      "HTTP/1.0": (fake.raw(lambda b: _http(b, _length(b), status=b"HTTP/1.0 200 OK")), None),
      "HTTP/1.0 without a length": (fake.raw(lambda b: _http(b, status=b"HTTP/1.0 200 OK")), None),
      "junk after the body": (fake.raw(lambda b: _http(b, _length(b)) + b"HTTP/1.1 200 OK\r\n"),
                              None),
      "content encoding that is none": (fake.raw(
          lambda b: _http(b, _length(b), b"Content-Encoding: gzip")), None),
      "interim answers": (fake.raw(
          lambda b: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5 + _http(b, _length(b))), None),
  }
  for status in (408, 429, 500, 502, 503, 504):
    kinds["status %d" % status] = (fake.error(status), 2 if status == 500 else 1)
  return kinds


def lasting(at):
  """Kinds that stay: action, and what the message says, of a blob and of a manifest."""
  redirect = lambda where: fake.answer(307, b"", {"Location": where} if where else {})
  kinds = {
      "one bit wrong": (fake.wrong_bytes(at), "sha256:", "announced"),
      "longer": (fake.longer(), "announces", "announced"),
      "shorter": (fake.short(), "announces", "announced"),
      "empty": (fake.replaced(lambda body: b""), "announces 0", "announced"),
      "longer without a length": (fake.without_length(lambda b: b + b"x"), "more than", "announced"),
      "shorter without a length": (fake.without_length(lambda b: b[:fake._count(at, b)]), "bytes",
                                   "announced"),
      "HTML page": (fake.answer(200, b"<html>welcome</html>"), "announces", ""),
      "redirect to itself": (redirect("?again"), "redirects", "redirects"),
      "redirect to a file": (redirect("file:///etc/passwd"), "Location", "Location"),
      "redirect to nowhere": (redirect(None), "Location", "Location"),
      "redirect to an inner address": (redirect("http://127.0.0.2:1/x"), "127.0.0.2", "127.0.0.2"),
      "redirect with a password": (redirect("http://a:b@127.0.0.1:1/"), "", ""),
      "not HTTP": (fake.raw(b"220 smtp.test ESMTP\r\n"), "", ""),
      "endless header": (fake.raw(_http(b"", b"X: " + b"x" * (1 << 20))), "", ""),
      "flood of headers": (fake.raw(_http(b"", *[b"X-%d: x" % i for i in range(20_000)])), "", ""),
      "flood of interim answers": (fake.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "", ""),
      "bad chunk size": (fake.raw(_http(b"zz\r\n", b"Transfer-Encoding: chunked")), "", ""),
      "negative length": (fake.raw(_http(b"", b"Content-Length: -1")), "", ""),
      "length beyond numbers": (fake.raw(_http(b"", b"Content-Length: " + b"9" * 30)), "", ""),
      "two lengths": (fake.raw(lambda b: _http(b, _length(b), b"Content-Length: 1")), "", ""),
      "status 999": (fake.raw(_http(b"", b"Content-Length: 0", status=b"HTTP/1.1 999 X")), "", ""),
      "NUL in a header": (fake.raw(_http(b"", b"X: a\0b", b"Content-Length: 0")), "", ""),
  }
  for status in (400, 401, 403, 404, 405, 410, 413, 418, 451, 501):
    kinds["status %d" % status] = (fake.error(status), "", "")
  return kinds


def after_break(at):
  """Kinds of answers to the request to go on after a break, and what comes of them."""
  right = "bytes {first}-{last}/{total}"
  answers = {
      "begins again": (fake.replaced(lambda body: body), HIDDEN),
      "503 first": (fake.error(503), HIDDEN),
      "refuses the range": (fake.error(416), "refuses to continue"),
      "forgets the blob": (fake.error(404, "BLOB_UNKNOWN"), "blob unknown"),
      "begins again with another size": (fake.longer(), "announces"),
      "range without a total": (fake.range_answer([("Content-Range", "bytes {first}-{last}/*")]),
                                HIDDEN),
  }
  wrong = {
      "wrong start": "bytes {other}-{last}/{total}", "wrong last": "bytes {first}-{other}/{total}",
      "wrong total": "bytes {first}-{last}/9999999", "no range": None, "two ranges": [right, right],
      "range in items": "items {first}-{last}/{total}", "range with =": "bytes={first}-{last}/{total}",
      "range backwards": "bytes {other}-{first}/{total}", "range of signs": "bytes -/-",
      "range of letters": "bytes x-y/z", "list of ranges": right + ", " + right,
      "empty range": "",
  }
  for name, value in wrong.items():
    values = value if isinstance(value, list) else [] if value is None else [value]
    answers[name] = (fake.range_answer([("Content-Range", v) for v in values]), "another range")
  answers["several parts"] = (fake.range_answer(
      [("Content-Type", "multipart/byteranges; boundary=b")]), "another range")
  # At least one byte comes before the break: without one there is nothing to go on from.
  part = fake.hang_up(lambda body: max(1, at(body)))
  return {"after a break: " + name: (
      [("GET", part, 1), ("GET", act, 1 if name == "503 first" else None)], outcome)
          for name, (act, outcome) in answers.items()}


def read_cases(image):
  targets = {"manifest": "/manifests/", "config": image.config["digest"],
             "layer": image.layers[1]["digest"]}
  for position, at in POSITIONS.items():
    for target, part in targets.items():
      for command in ("copy", "inspect"):
        if command == "inspect" and target == "layer":
          continue  # is not read
        for kind, (act, times) in passing(at).items():
          yield Case(kind, target, position, [("GET", part, act, times)], HIDDEN, command)
        for kind, (act, of_blob, of_manifest) in lasting(at).items():
          outcome = of_manifest if target == "manifest" else of_blob
          if kind == "shorter without a length" and target != "manifest":
            outcome = EITHER if position == "first" else outcome
          yield Case(kind, target, position, [("GET", part, act, None)], outcome, command)
      if target != "layer":
        continue
      for kind, (rules, outcome) in after_break(at).items():
        yield Case(kind, target, position, [(m, part, a, t) for m, a, t in rules], outcome)
    for kind, (act, times) in passing(at).items():
      yield Case(kind, "tags", position, [("GET", "/tags/list", act, times)], HIDDEN, "inspect")
    for kind, (act, _, _) in lasting(at).items():
      yield Case(kind, "tags", position, [("GET", "/tags/list", act, None)], EITHER, "inspect")
    # These take all of a peer's patience.
    yield Case("stall in the body", "layer", position,
               [("GET", targets["layer"], fake.stall(at), 1)], HIDDEN, slow=True)
    yield Case("stall in the body", "manifest", position,
               [("GET", "/manifests/", fake.stall(at), None)], "no byte for 30s", "inspect",
               slow=True)
    for status in (500, 502, 503):
      yield Case("status %d for ever" % status, "layer", position,
                 [("GET", targets["layer"], fake.error(status), None)], "status %d" % status,
                 slow=True)


# --- what a registry does with what it gets ----------------------------------------------------


def upload_cases():
  for position, fraction in (("first", 1), ("middle", 150_000), ("last", 299_000)):
    broken = {
        "reset in the upload": (fake.cut_upload(fraction), HIDDEN),
        "answer to the upload lost": (fake.after_upload(fake.raw(b"", and_reset=True)), HIDDEN),
        "503 after a part": (fake.after_upload(fake.error(503), fraction), HIDDEN),
        "500 after the upload": (fake.after_upload(fake.error(500)), HIDDEN),
        "429 after the upload": (fake.after_upload(fake.error(429)), HIDDEN),
        "408 after a part": (fake.after_upload(fake.error(408), fraction), HIDDEN),
        "part kept, honestly": (fake.after_upload(fake.upload_state(202), fraction), HIDDEN),
        "session forgotten": (fake.error(404, "BLOB_UPLOAD_UNKNOWN"), HIDDEN),
        "range refused": (fake.after_upload(fake.upload_state(416), fraction), HIDDEN),
    }
    for kind, (act, outcome) in broken.items():
      yield Case(kind, "upload", position, [("PATCH", "/uploads/", act, 1)], outcome)
    yield Case("state unknown after a break", "upload", position,
               [("PATCH", "/uploads/", fake.cut_upload(fraction), 1),
                ("GET", "/uploads/", fake.error(404, "BLOB_UPLOAD_UNKNOWN"), None)], HIDDEN)
    yield Case("breaks again and again", "upload", position,
               [("PATCH", "/uploads/", fake.cut_upload(fraction), 4)], HIDDEN)
    for status in (400, 403, 405, 413):
      yield Case("status %d" % status, "upload", position,
                 [("PATCH", "/uploads/", fake.after_upload(fake.error(status)), None)], "")
  other = "sha256:" + "0" * 64
  requests = {
      "start of an upload": ("POST", "/uploads/", 202),
      "end of an upload": ("PUT", "/uploads/", 201),
      "manifest's upload": ("PUT", "/manifests/", 201),
      "question for a blob": ("HEAD", "/blobs/", 200),
  }
  for target, (method, part, _) in requests.items():
    for status in (408, 429, 500, 502, 503, 504):
      yield Case("status %d" % status, target, "first",
                 [(method, part, fake.error(status), 2)], HIDDEN)
    for status in (400, 401, 403, 413, 501):
      yield Case("status %d" % status, target, "first",
                 [(method, part, fake.error(status), None)], "")
    yield Case("reset before the head", target, "first",
               [(method, part, fake.raw(b"", and_reset=True), 2)], HIDDEN)
    yield Case("not HTTP", target, "first", [(method, part, fake.raw(b"220 smtp\r\n"), None)], "")
  nowhere = {"no Location": {}, "Location in a file": {"Location": "file:///etc/passwd"},
             "Location at an inner address": {"Location": "http://127.0.0.2:1/x"}}
  for kind, headers in nowhere.items():
    yield Case(kind, "start of an upload", "first",
               [("POST", "/uploads/", fake.answer(202, b"", headers), None)], "")
  yield Case("stored as another", "end of an upload", "last",
             [("PUT", "/uploads/", fake.answer(201, b"", {"Docker-Content-Digest": other}), None)],
             "the registry stored")
  yield Case("stored as another", "manifest's upload", "last",
             [("PUT", "/manifests/", fake.answer(201, b"", {"Docker-Content-Digest": other}), None)],
             "the registry stored")
  yield Case("there but of another size", "question for a blob", "first",
             [("HEAD", "/blobs/", fake.answer(200, b"x"), None)], HIDDEN)


# --- running them ------------------------------------------------------------------------------


class Runner:

  def __init__(self, programs, server, directory):
    self.programs, self.server, self.directory = programs, server, directory
    self.image = Image(layer_sizes=(50_000, 300_000, 10))
    self.old = Image(seed=7)

  def run(self, number, case):
    """What is wrong; nothing where all is well."""
    try:
      with fake.ScriptedRegistry() as source, fake.ScriptedRegistry() as destination:
        self._run(number, case, source, destination)
    except AssertionError as wrong:
      return "%s: %s" % (case, wrong)
    return None

  def _run(self, number, case, source, destination):
    name = source.add("app", "v1", self.image)
    destination.add("copy", "x", self.old)
    faulty = destination if case in self.uploads else source
    for rule in case.rules:
      faulty.on(*rule)
    # What one registry is told is not for the other.
    source.secrets, destination.secrets = [SECRETS[1]], [SECRETS[0]]
    to_layout = faulty is source and number % 2 == 0
    to = self.directory / str(number)
    start = time.monotonic()
    if case.command == "inspect":
      result = self.programs.inspect(name, server=self.server, timeout=LIMIT_SECONDS)
    else:
      result = self.programs.copy(
          name, "oci:%s:x" % to if to_layout else "docker://%s/copy:x" % destination.address,
          "--src-registry-token=" + SECRETS[0], "--dest-registry-token=" + SECRETS[1],
          server=self.server, timeout=LIMIT_SECONDS)
    assert time.monotonic() - start < LIMIT_SECONDS
    self._check_outcome(case, result)
    self._check_nothing_wrong(case, result, to if to_layout else None, destination)
    assert not source.leaks and not destination.leaks, source.leaks + destination.leaks

  def _check_outcome(self, case, result):
    if case.outcome is HIDDEN:
      assert result.code == 0, result
    elif case.outcome is not EITHER:
      assert result.code in (1, 2), result
    if result.code != 0:
      assert "level=fatal" in result.stderr, result
      assert "WORKER_" not in result.stderr and "internal" not in result.stderr.lower(), result
    if isinstance(case.outcome, str):
      assert case.outcome in result.stderr, "%r is not in: %s" % (case.outcome, result)

  def _check_nothing_wrong(self, case, result, layout, destination):
    if case.command == "inspect":
      if result.code == 0:
        assert json.loads(result.stdout)["Digest"] == self.image.digest
      return
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
    if not case.session_stays:
      self._check_no_session(destination)

  def _check_no_session(self, destination):
    deadline = time.monotonic() + 2
    while destination.uploads and time.monotonic() < deadline:
      time.sleep(0.02)
    assert not destination.uploads, "open uploads: %s" % list(destination.uploads)


def sample(cases):
  """One case of each kind and request, at positions in turn."""
  seen = {}
  chosen = []
  for case in cases:
    key = (case.kind, case.target, case.command)
    seen.setdefault(key, []).append(case)
  for number, group in enumerate(seen.values()):
    chosen.append(group[number % len(group)])
  # Of those that differ in the request alone, every other one.
  return [case for number, case in enumerate(chosen)
          if not case.slow and (number % 2 == 0 or case.target in ("layer", "upload"))]


def test_faults_are_hidden_or_told_and_leave_nothing(programs, shared_server, tmp_path, capsys):
  runner = Runner(programs, shared_server, tmp_path)
  uploads = list(upload_cases())
  cases = list(read_cases(runner.image)) + uploads
  runner.uploads = set(uploads)
  chosen = cases if SOAK else sample(cases)
  with concurrent.futures.ThreadPoolExecutor(max_workers=12) as pool:
    wrong = [w for w in pool.map(lambda c: runner.run(*c), enumerate(chosen)) if w is not None]
  programs.wait_for_workers(0)
  with capsys.disabled():
    print("\n%d kinds of faults at registries, %d cases of %d" % (
        len({case.kind for case in chosen}), len(chosen), len(cases)))
  assert len({case.kind for case in chosen}) >= 45
  assert not wrong, "%d of %d:\n%s" % (len(wrong), len(chosen), "\n".join(wrong))
