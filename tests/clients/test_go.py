"""The client in Go: its own checks, and what takes a server: the README's example, cancellation."""

import json
import re
import subprocess
import time

import pytest

from conftest import SOAK, skopeo, soak
from fakes.actions import stall
from support import go
from support.images import Image
from support.oracle import Layout
from support.programs import Server, run


def test_its_own_tests_pass():
  flags = ["-race", "-count=5"] if SOAK else []
  go.go("test", *flags, "./...", env={"CGO_ENABLED": "1" if SOAK else "0"}).ok()


def test_vet_finds_nothing():
  go.go("vet", "./...").ok()


def test_staticcheck_finds_nothing():
  go.tool("staticcheck", "./...").ok()


def test_it_is_formatted():
  assert run(["/usr/bin/gofmt", "-l", go.CLIENT]).ok().stdout == ""


def test_readmes_example_works_when_pasted(programs, registry, pushed, tmp_path):
  main = re.search(r"(?s)```go\n(package main.*?)```", (go.CLIENT / "README.md").read_text())[1]
  with Server(programs, tmp_path / "server", registries='insecure: ["%s"]' % registry.address) as server:
    for stands_for, real in (("unix:/run/ci/holkas.sock", server.address),
                             ("docker://registry.example.com/app:1", pushed),
                             ("oci:/srv/layout:app", "oci:%s:app" % (tmp_path / "layout"))):
      assert main.count(stands_for) == 1
      main = main.replace(stands_for, real)
    user = tmp_path / "user"
    user.mkdir()
    go.write_user_module(user, main)
    printed = go.go("run", ".", cwd=user).ok().stdout
  assert Layout(tmp_path / "layout").check().names() == {"app": printed.strip()}


class Runner:
  """Calls that the client makes, while it is entered as a context."""

  def __init__(self, program, server):
    self._command = [program, "--server", server.address]

  def __enter__(self):
    self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return self

  def __exit__(self, *unused):
    self._process.stdin.close()
    self._process.wait(10)
    self._process.stdout.close()

  def call(self, rpc, request, **more):
    self._process.stdin.write(json.dumps({"rpc": rpc, "request": request, **more}).encode() + b"\n")
    self._process.stdin.flush()
    return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
  return go.build_conformance_runner(tmp_path_factory.mktemp("go"))


INSECURE = {"tlsVerification": "TLS_VERIFICATION_DISABLED"}


def running(server_info):
  return server_info["response"].get("runningRequests", 0)


def test_cancelled_copies_leave_nothing(programs, shared_server, scripted, registry, runner, tmp_path):
  image = Image(layer_sizes=(500_000,), seed=31)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  repository = registry.repository("cancelled")
  request = {"source": scripted.add("app", "stalls", image), "sourceRegistry": INSECURE,
             "destination": repository + ":v1", "destinationRegistry": INSECURE}
  with Runner(runner, shared_server) as client:
    for _ in range(soak(5, 100)):
      answer = client.call("Copy", request, cancel_after_events=2)
      assert answer["error"]["code"] == "CANCELLED", answer
      assert len(answer["events"]) == 2
    programs.wait_for_workers(0)
    deadline = time.monotonic() + 2
    while running(client.call("GetServerInfo", {})) != 0:
      assert time.monotonic() < deadline
      time.sleep(0.01)
  assert skopeo("list-tags", "--tls-verify=false", repository).code != 0
  uploads = registry.directory / "storage" / "docker" / "registry" / "v2" / "repositories"
  assert list(uploads.glob("cancelled*/**/_uploads/*")) == []


def test_deadline_is_the_servers_too(programs, shared_server, scripted, runner, tmp_path):
  image = Image(layer_sizes=(500_000,), seed=32)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  with Runner(runner, shared_server) as client:
    answer = client.call("Copy", {"source": scripted.add("app", "stalls", image), "sourceRegistry": INSECURE,
                                  "destination": "dir:%s" % (tmp_path / "to")}, timeout_seconds=0.5)
  assert answer["error"]["code"] == "DEADLINE_EXCEEDED"
  programs.wait_for_workers(0, timeout=1)


def test_errors_of_the_server_arrive(programs, shared_server, scripted, runner):
  scripted.add("app", "v1", Image())
  with Runner(runner, shared_server) as client:
    gone = client.call("Inspect", {"image": "docker://%s/app:gone" % scripted.address, "registry": INSECURE})
    malformed = client.call("Copy", {"source": "dir:/a", "destination": "nonsense"})
  assert (gone["error"]["code"], gone["error"]["reason"]) == ("NOT_FOUND", "MANIFEST_UNKNOWN")
  assert malformed["error"]["code"] == "INVALID_ARGUMENT"
  assert malformed["error"]["metadata"]["field"] == "destination"
  assert malformed["error"]["domain"] == "holkas.dev"
