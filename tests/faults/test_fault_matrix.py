"""Kinds of trouble with a registry, at the first, a middle and the last byte.

Each case says what is to come of it: the fault is hidden from the caller, or the command fails and
says why. Whatever comes, nothing wrong gets a name, the old image stays, nothing hangs and nothing
is left behind.
"""

from conftest import SOAK
from fakes import actions as fake
from support.fault_cases import Case, EITHER, HIDDEN, sample
from support.fault_kinds import lasting, passing, POSITIONS
from support.fault_runner import FaultRunner

LIMIT_SECONDS = 150 if SOAK else 60


# --- what a registry answers -------------------------------------------------------------------


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
  def case(*arguments):
    return Case(*arguments, place="destination")

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
      yield case(kind, "upload", position, [("PATCH", "/uploads/", act, 1)], outcome)
    yield case("state unknown after a break", "upload", position,
               [("PATCH", "/uploads/", fake.cut_upload(fraction), 1),
                ("GET", "/uploads/", fake.error(404, "BLOB_UPLOAD_UNKNOWN"), None)], HIDDEN)
    yield case("breaks again and again", "upload", position,
               [("PATCH", "/uploads/", fake.cut_upload(fraction), 4)], HIDDEN)
    for status in (400, 403, 405, 413):
      yield case("status %d" % status, "upload", position,
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
      yield case("status %d" % status, target, "first",
                 [(method, part, fake.error(status), 2)], HIDDEN)
    for status in (400, 401, 403, 413, 501):
      yield case("status %d" % status, target, "first",
                 [(method, part, fake.error(status), None)], "")
    yield case("reset before the head", target, "first",
               [(method, part, fake.raw(b"", and_reset=True), 2)], HIDDEN)
    yield case("not HTTP", target, "first", [(method, part, fake.raw(b"220 smtp\r\n"), None)], "")
  nowhere = {"no Location": {}, "Location in a file": {"Location": "file:///etc/passwd"},
             "Location at an inner address": {"Location": "http://127.0.0.2:1/x"}}
  for kind, headers in nowhere.items():
    yield case(kind, "start of an upload", "first",
               [("POST", "/uploads/", fake.answer(202, b"", headers), None)], "")
  yield case("stored as another", "end of an upload", "last",
             [("PUT", "/uploads/", fake.answer(201, b"", {"Docker-Content-Digest": other}), None)],
             "the registry stored")
  yield case("stored as another", "manifest's upload", "last",
             [("PUT", "/manifests/", fake.answer(201, b"", {"Docker-Content-Digest": other}), None)],
             "the registry stored")
  yield case("there but of another size", "question for a blob", "first",
             [("HEAD", "/blobs/", fake.answer(200, b"x"), None)], HIDDEN)


# --- running them ------------------------------------------------------------------------------


def test_faults_are_hidden_or_told_and_leave_nothing(programs, shared_server, tmp_path, capsys):
  runner = FaultRunner(programs, shared_server, tmp_path, LIMIT_SECONDS)
  cases = list(read_cases(runner.image)) + list(upload_cases())
  chosen = cases if SOAK else sample(cases, whole=("layer", "upload"))
  assert len({case.kind for case in chosen}) >= 45
  runner.check(chosen, cases, "at registries", capsys)
