"""Kinds of trouble with the realm that a registry wants tokens of."""

import time

import pytest

from conftest import SOAK
from fakes import actions as fake
from fakes.scripted_registry import ScriptedRegistry
from support.fault_cases import Case, HIDDEN, sample
from support.fault_kinds import CHUNKS, HEADS, lasting, passing, POSITIONS
from support.fault_runner import FaultRunner
from support.images import Image, write_layout
from support.programs import ANY_REGISTRY, Server

LIMIT_SECONDS = 150 if SOAK else 60
NO_TOKEN = "the realm's answer is no token"
# Kinds that stay, and what the message says beside that it is about a token.
REFUSED = "unable to retrieve auth token"
LASTING = {
    "one bit wrong": NO_TOKEN, "longer": NO_TOKEN, "shorter": NO_TOKEN, "empty": NO_TOKEN,
    "longer without a length": NO_TOKEN, "shorter without a length": NO_TOKEN,
    "HTML page": NO_TOKEN,
    "redirect to itself": "redirects", "not HTTP": "", "endless header": HEADS,
    "flood of headers": HEADS, "flood of interim answers": HEADS, "bad chunk size": CHUNKS,
    "negative length": "", "length beyond numbers": "", "two lengths": "", "NUL in a header": "",
    "redirect to a file": "Location", "redirect to nowhere": "Location",
    "redirect to an inner address": "127.0.0.2", "redirect with a password": REFUSED,
    "status 999": "status 999",
    **{"status %d" % status: REFUSED
       for status in (400, 401, 403, 404, 405, 410, 413, 418, 451, 501)},
}
ANSWERS = {
    "no object": (b"[]", NO_TOKEN), "no token in it": (b"{}", NO_TOKEN),
    "token that is a number": (b'{"token": 1}', NO_TOKEN),
    "token with a line break": (b'{"token": "a\\r\\nX-Evil: 1"}', NO_TOKEN),
    "endless answer": (b" " * (20 << 20), "more than 1048576 bytes"),
    "endless token": (b'{"token": "%s"}' % (b"t" * (100 << 10)), "the realm's token"),
}
REQUESTS = {
    "copy": "source's realm", "inspect": "source's realm", "list-tags": "source's realm",
    "push": "destination's realm",
}


def cases_of(request, place):
  command, refusal = (("copy", "authentication required") if request == "push" else
                      (request, "unauthorized"))

  def case(kind, position, act, times, outcome, slow=False):
    return Case(kind, "token to " + request, position, [("GET", "/token", act, times)], outcome,
                command, place, slow)

  for position, at in POSITIONS.items():
    for kind, (act, times) in passing(at).items():
      yield case(kind, position, act, times, HIDDEN)
    for kind, (act, _, _) in lasting(at).items():
      says = refusal if (kind, position) == ("one bit wrong", "middle") else LASTING.get(kind)
      if says is not None:
        yield case(kind, position, act, None, says)
    yield case("stall in the body", position, fake.stall(at), None, "no byte for 30s", slow=True)
    for status in (500, 502, 503):
      yield case("status %d for ever" % status, position, fake.error(status), None,
                 "status %d" % status, slow=True)
  for kind, (body, says) in ANSWERS.items():
    yield case(kind, "first", fake.answer(200, body), None, says)
  yield case("somebody else's token", "first", fake.answer(200, b'{"token": "x"}'), None, refusal)


def token_cases():
  for request, place in REQUESTS.items():
    yield from cases_of(request, place)


@pytest.fixture
def server(programs, tmp_path):
  """A holkasd that trusts realms at this address, which are other origins than the registries."""
  with Server(programs, tmp_path / "server",
              registries=ANY_REGISTRY + '\ntoken_realms: ["127.0.0.1"]') as server:
    programs.shared_servers.append(server)
    yield server
    programs.shared_servers.remove(server)


def test_faults_of_realms_are_hidden_or_told(programs, server, tmp_path, capsys):
  cases = list(token_cases())
  assert len({case.kind for case in cases}) >= 45
  FaultRunner(programs, server, tmp_path, LIMIT_SECONDS).check(
      cases if SOAK else sample(cases), cases, "at realms", capsys)


class TestPushes:
  """Each of many blobs needs the token."""

  @pytest.fixture
  def realm(self):
    with ScriptedRegistry() as realm:
      realm.documents["/token"] = b'{"token": "t"}'
      yield realm

  @pytest.fixture
  def push(self, programs, server, tmp_path, realm):
    layout = write_layout(tmp_path / "layout", {"v1": Image(layer_sizes=range(10, 20))})

    def run_push(*flags):
      with ScriptedRegistry() as destination:
        destination.challenge = 'Bearer realm="http://%s/token",service="s"' % realm.address
        destination.accepted = {"Bearer t"}
        return programs.copy("oci:%s:v1" % layout, "docker://%s/copy:x" % destination.address,
                             *flags, server=server, timeout=150)
    return run_push

  def test_realm_that_stalls_is_waited_for_once(self, push, realm):
    realm.on("GET", "/token", fake.stall())
    start = time.monotonic()
    result = push()
    assert result.code == 1 and "no byte for 30s" in result.stderr, result
    assert 28 < time.monotonic() - start < 45
    assert len(realm.asked("GET", "/token")) == 1

  def test_repeated_job_asks_again(self, push, realm):
    realm.on("GET", "/token", fake.raw(b"220 smtp.test ESMTP\r\n"), times=1)
    assert "(1/1)" in push("--retry-times=1").ok().stderr

  def test_trouble_that_passes_is_hidden(self, push, realm):
    realm.on("GET", "/token", fake.error(503), times=2)
    assert push().ok().stderr == ""
