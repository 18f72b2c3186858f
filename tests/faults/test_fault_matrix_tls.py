"""Kinds of trouble over TLS: those of bodies, and those of TLS itself."""

import shutil

from conftest import SOAK
from fakes import actions as fake
from fakes.scripted_registry import ScriptedRegistry
from fakes.tls_faults import ALERT, BAD_RECORD, beside_tls, handshake, polite, SERVER_HELLO
from support.fault_cases import Case, EITHER, HIDDEN, sample
from support.fault_kinds import lasting, passing, POSITIONS
from support.fault_runner import FaultRunner

LIMIT_SECONDS = 150 if SOAK else 60
REQUESTS = [("manifest", "inspect"), ("config", "inspect"), ("layer", "copy"),
            ("tags", "list-tags")]
# What each of them says of a body that is not what it should be.
WRONG = {"manifest": "announced", "config": "", "layer": "", "tags": "not JSON"}
# Of the kinds that any connection has; without TLS there are all.
PASSING = ["reset in the body", "hang-up in the body", "last chunk missing",
           "reset before the head", "hang-up before the head", "status 503", "Retry-After 0",
           "HTTP/1.0", "junk after the body", "interim answers"]
LASTING = ["one bit wrong", "longer", "shorter", "empty", "HTML page", "redirect to itself",
           "not HTTP", "endless header", "flood of headers", "flood of interim answers",
           "negative length", "two lengths", "status 404", "NUL in a header"]
HANDSHAKES = {
    "greeting instead of a hello": b"220 smtp.test ESMTP\r\n",
    "HTTP instead of a hello": b"HTTP/1.1 400 X\r\n\r\n",
    "alert instead of a hello": ALERT, "data instead of a hello": BAD_RECORD,
}


def tls_passing(at):
  """Kinds of TLS that pass when they come once."""
  return {
      "close_notify in the body": polite(fake.hang_up(at)),
      "bytes beside TLS": beside_tls(BAD_RECORD, at),
      "alert beside TLS": beside_tls(ALERT, at),
      "reset within a record": beside_tls(BAD_RECORD[:9], at),
  }


def body_cases(target, part, command, position, at):
  def case(kind, act, times, outcome, slow=False):
    return Case(kind, target, position, [("GET", part, act, times)], outcome, command, slow=slow)

  is_blob = target in ("config", "layer")
  cut = fake.without_length(lambda body: body[:at(body)])
  longer = fake.without_length(lambda body: body + b"x")
  for kind, (act, times) in passing(at).items():
    if kind in PASSING:
      yield case(kind, act, times, HIDDEN)
  for kind, (act, _, _) in lasting(at).items():
    if kind in LASTING:
      yield case(kind, act, None, "")
  for kind, act in tls_passing(at).items():
    yield case(kind, act, 1, HIDDEN)
    yield case(kind + ", for ever", act, None, "", slow=is_blob)
  yield case("HTTP/1.0 without a length", polite(fake.without_length()), None, HIDDEN)
  # Without a close_notify the body may have been cut off: a part of it is never taken for all.
  yield case("no length, no close_notify", fake.without_length(), None, EITHER)
  yield case("no length, no close_notify, once cut", cut, 1, HIDDEN if is_blob else EITHER)
  yield case("longer without a length", polite(longer), None, WRONG[target])
  for kind, act in {"no length": polite(cut), "no length, no close_notify": cut}.items():
    # A blob of which nothing came is asked for again.
    yield case(kind + ", always cut", act, None, WRONG[target],
               slow=is_blob and position == "first")


def handshake_cases():
  target = "handshake"
  for command in ("copy", "inspect", "list-tags"):
    for position, data in (("first", b""), ("middle", SERVER_HELLO[:5]),
                           ("last", SERVER_HELLO)):
      yield Case("reset", target, position,
                 [("TLS", "", handshake(data, and_reset=True), 1)], HIDDEN, command)
      yield Case("hang-up", target, position, [("TLS", "", handshake(data), 1)], HIDDEN, command)
      yield Case("hang-up, for ever", target, position,
                 [("TLS", "", handshake(data), None)], "", command)
      yield Case("stall", target, position,
                 [("TLS", "", handshake(data, and_stall=True), None)], "", command, slow=True)
    for kind, data in HANDSHAKES.items():
      yield Case(kind, target, "first", [("TLS", "", handshake(data), None)], "", command)


def tls_cases(image):
  parts = {"manifest": "/manifests/", "config": image.config["digest"],
           "layer": image.layers[1]["digest"], "tags": "/tags/list"}
  for target, command in REQUESTS:
    for position, at in POSITIONS.items():
      if target == "tags" and position == "middle":
        at = lambda body: body.index(b'"', len(body) // 2)
      yield from body_cases(target, parts[target], command, position, at)
  yield from handshake_cases()


def test_faults_over_tls_are_hidden_or_told(programs, shared_server, tmp_path, capsys):
  with ScriptedRegistry(tls=tmp_path):
    (tmp_path / "trusted").mkdir()
    shutil.copy(tmp_path / "ca.crt", tmp_path / "trusted")
  runner = FaultRunner(programs, shared_server, tmp_path, LIMIT_SECONDS, certificates=tmp_path)
  cases = list(tls_cases(runner.image))
  runner.check(cases if SOAK else sample(cases), cases, "over TLS", capsys)
