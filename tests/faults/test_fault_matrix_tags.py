"""Kinds of trouble with a list of tags: all of it is shown, or nothing and why."""

from conftest import SOAK
from fakes import actions as fake
from support.fault_cases import Case, EITHER, HIDDEN, sample
from support.fault_kinds import lasting, passing
from support.fault_runner import FaultRunner

LIMIT_SECONDS = 150 if SOAK else 60
# A list has no digest: of what is changed between two quotes nobody knows.
POSITIONS = {"first": fake.FIRST, "middle": lambda body: body.index(b'"', len(body) // 2),
             "last": fake.LAST}
# Which part of the address it takes to hit a page.
TARGETS = {"tags": "/tags/list", "second page": "page=2"}
NOT_JSON = "the list of tags is not JSON"
SAYS = {
    "one bit wrong": NOT_JSON, "longer": NOT_JSON, "shorter": NOT_JSON, "empty": NOT_JSON,
    "longer without a length": NOT_JSON, "shorter without a length": NOT_JSON,
    "HTML page": NOT_JSON,
    "redirect to a file": "Location",
    "redirect to nowhere": "Location", "redirect to an inner address": "127.0.0.2",
}
# The redirect leaves the number of the page out.
REDIRECTED = {"tags": "redirects", "second page": "comes back to a page"}


def list_case(kind, target, position, act, times, outcome, **more):
  return Case(kind, target, position, [("GET", TARGETS.get(target, "/tags/list"), act, times)],
              outcome, "list-tags", **more)


def list_cases():
  for position, at in POSITIONS.items():
    for target in TARGETS:
      for kind, (act, times) in passing(at).items():
        yield list_case(kind, target, position, act, times, HIDDEN)
      for kind, (act, _, _) in lasting(at).items():
        says = REDIRECTED[target] if kind == "redirect to itself" else SAYS.get(kind, "")
        yield list_case(kind, target, position, act, None, says)
      yield list_case("stall in the body", target, position, fake.stall(at), None,
                      "no byte for 30s", slow=True)
      for status in (500, 502, 503):
        yield list_case("status %d for ever" % status, target, position, fake.error(status), None,
                        "status %d" % status, slow=True)
    # Tags that were handed on cannot be taken back, so that the rest is not asked for again.
    for kind, act in long_list_faults(at).items():
      yield list_case(kind, "long list", position, act, 1, EITHER)
      yield list_case(kind + ", for ever", "long list", position, act, None, "")


def long_list_faults(at):
  return {"reset in the body": fake.reset(at), "hang-up in the body": fake.hang_up(at),
          "last chunk missing": fake.cut_chunks(at),
          "shorter without a length": fake.without_length(lambda body: body[:at(body)]),
          "one bit wrong": fake.wrong_bytes(at)}


def test_lists_are_whole_or_not_shown(programs, shared_server, tmp_path, capsys):
  cases = list(list_cases())
  assert len({case.kind for case in cases}) >= 45
  FaultRunner(programs, shared_server, tmp_path, LIMIT_SECONDS).check(
      cases if SOAK else sample(cases), cases, "at lists of tags", capsys)
