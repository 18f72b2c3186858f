"""Counts test cases: of Bazel's tests, of pytest, and of single checks.

usage: tally.py [--bazel BUILD_EVENTS.json] [--junit PYTEST.xml] [--check NAME:ok|NAME:failed]...

Prints what was skipped and why, what failed and where its log is, and last `N passed, N failed, N
skipped`. Exits 1 when something failed or nothing ran.
"""

import argparse
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree


class Tally:

  def __init__(self):
    self.passed = 0
    self.failed = []  # (name, detail)
    self.skipped = []  # (name, reason)

  def add_cases(self, owner, path):
    """Adds the cases of a JUnit file; returns how many of them failed."""
    failures_before = len(self.failed)
    root = xml.etree.ElementTree.parse(path).getroot()
    for case in root.iter("testcase"):
      if case.get("status") == "notrun":  # disabled, or filtered out
        continue
      name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
      if owner:
        name = f"{owner} {name}"
      bad = case.find("failure")
      if bad is None:
        bad = case.find("error")
      skip = case.find("skipped")
      if bad is not None:
        self.failed.append((name, first_line(bad)))
      elif skip is not None or case.get("result") == "skipped":
        self.skipped.append((name, first_line(skip) if skip is not None else "no reason given"))
      else:
        self.passed += 1
    return len(self.failed) - failures_before


def first_line(element):
  """The message of a failure or skip on one line, without googletest's file:line in front."""
  lines = [line.strip() for line in (element.get("message") or element.text or "").splitlines()]
  lines = [line for line in lines if line]
  if len(lines) > 1 and ".cc:" in lines[0]:
    lines = lines[1:]
  return " ".join(lines)[:300] or "no reason given"


def local_path(uri):
  return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def add_bazel(tally, events_path):
  summaries = {}  # label -> overall status
  results = {}  # label -> list of {output name: path}
  with open(events_path, encoding="utf-8") as events:
    for line in events:
      event = json.loads(line)
      ident = event.get("id", {})
      if "testResult" in ident:
        outputs = {
            output["name"]: local_path(output["uri"])
            for output in event["testResult"].get("testActionOutput", [])
            if "uri" in output
        }
        results.setdefault(ident["testResult"]["label"], []).append(outputs)
      elif "testSummary" in ident:
        summaries[ident["testSummary"]["label"]] = event["testSummary"]["overallStatus"]
      elif "targetCompleted" in ident and not event.get("completed", {}).get("success"):
        if "aborted" in event or "completed" in event:
          tally.failed.append((ident["targetCompleted"]["label"], "does not build"))
  for label, outputs_list in sorted(results.items()):
    failures = 0
    for outputs in outputs_list:
      path = outputs.get("test.xml")
      try:
        failures += tally.add_cases(label, path) if path else 0
      except (OSError, xml.etree.ElementTree.ParseError) as error:
        failures += 1
        tally.failed.append((label, f"test.xml: {error}"))
    status = summaries.get(label, "no summary")
    if status not in ("PASSED", "FLAKY") and not failures:
      log = outputs_list[-1].get("test.log", "no log")
      tally.failed.append((label, f"{status}, see {log}"))
    elif status == "FLAKY":
      tally.failed.append((label, "flaky"))


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--bazel")
  parser.add_argument("--junit", action="append", default=[])
  parser.add_argument("--check", action="append", default=[])
  arguments = parser.parse_args()

  tally = Tally()
  if arguments.bazel and os.path.exists(arguments.bazel):
    add_bazel(tally, arguments.bazel)
  for path in arguments.junit:
    if os.path.exists(path):
      tally.add_cases("", path)
  for check in arguments.check:
    name, _, outcome = check.rpartition(":")
    if outcome == "ok":
      tally.passed += 1
    else:
      tally.failed.append((name, outcome))

  for name, reason in tally.skipped:
    print(f"skipped: {name}: {reason}")
  for name, detail in tally.failed:
    print(f"FAILED: {name}: {detail}")
  print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
  return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
  sys.exit(main())
