"""What the clients in Go and C++ do on a live server, by their conformance runners: errors arrive, and
who hangs up leaves nothing."""

import os
import pathlib

import pytest

from conftest import ROOT, skopeo, soak
from fakes.actions import stall
from support import client_load, go
from support.images import Image
from support.client_load import Runner


def go_runner(directory):
  return [go.build_conformance_runner(directory)]


def cpp_runner(unused_directory):
  path = pathlib.Path(os.environ.get("HOLKAS_BIN_DIR") or ROOT / ".cache" / "bin") / "conformance_runner"
  if not path.exists():
    pytest.skip("%s is not there: tools/test builds it" % path)
  return [path]


@pytest.fixture(scope="module", params=[go_runner, cpp_runner], ids=["go", "cpp"])
def runner(request, tmp_path_factory):
  return request.param(tmp_path_factory.mktemp("runner"))


INSECURE = client_load.INSECURE


def test_cancelled_copies_leave_nothing(programs, shared_server, scripted, registry, runner):
  image = Image(layer_sizes=(500_000,), seed=31)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  repository = registry.repository("cancelled")
  request = {"source": scripted.add("app", "stalls", image), "sourceRegistry": INSECURE,
             "destination": repository + ":v1", "destinationRegistry": INSECURE}
  with Runner(runner, shared_server) as client:
    for _ in range(soak(5, 100)):
      answer = client.ask(rpc="Copy", request=request, cancel_after_events=2)
      assert answer["error"]["code"] == "CANCELLED", answer
      assert len(answer["events"]) == 2
    programs.wait_for_workers(0)
    client.wait_until_idle()
  assert skopeo("list-tags", "--tls-verify=false", repository).code != 0


def test_deadline_is_the_servers_too(programs, shared_server, scripted, runner, tmp_path):
  image = Image(layer_sizes=(500_000,), seed=32)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  with Runner(runner, shared_server) as client:
    answer = client.ask(rpc="Copy", timeout_seconds=0.5, request={
        "source": scripted.add("app", "stalls", image), "sourceRegistry": INSECURE,
        "destination": "dir:%s" % (tmp_path / "to")})
  assert answer["error"]["code"] == "DEADLINE_EXCEEDED"
  programs.wait_for_workers(0, timeout=1)


def test_errors_of_the_server_arrive(programs, shared_server, scripted, runner):
  scripted.add("app", "v1", Image())
  with Runner(runner, shared_server) as client:
    gone = client.ask(rpc="Inspect", request={
        "image": "docker://%s/app:gone" % scripted.address, "registry": INSECURE})
    malformed = client.ask(rpc="Copy", request={"source": "dir:/a", "destination": "nonsense"})
  assert (gone["error"]["code"], gone["error"]["reason"]) == ("NOT_FOUND", "MANIFEST_UNKNOWN")
  assert malformed["error"]["code"] == "INVALID_ARGUMENT"
  assert malformed["error"]["metadata"]["field"] == "destination"
  assert malformed["error"]["domain"] == "holkas.dev"


def test_200_inspects_at_the_same_time(shared_server, pushed, tmp_path):
  client_load.check_inspects(go_runner(tmp_path), shared_server, pushed)


def test_copies_cancelled_at_random_moments_leave_nothing(shared_server, registry, image_layout, tmp_path):
  client_load.check_cancelled_copies(go_runner(tmp_path), shared_server, registry,
                                     "oci:%s:latest" % image_layout, soak(20, 1000))
