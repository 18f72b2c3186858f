"""What the clients in Go and C++ do on a live server, by their conformance runners: errors arrive, and
who hangs up leaves nothing."""

import os
import pathlib
import types

import pytest

from conftest import ROOT, skopeo, soak
from fakes.actions import stall
from support import client_load, go, tls_server
from support.images import Image
from support.oracle import Layout
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


def test_archives_come_and_go(shared_server, scripted, runner, tmp_path):
  image = Image(layer_sizes=(3_000_000, 1000), seed=33)
  archive = tmp_path / "archive.tar"
  with Runner(runner, shared_server) as client:
    exported = client.ask(rpc="Export", output=str(archive), request={
        "copy": {"source": scripted.add("app", "v1", image), "sourceRegistry": INSECURE}})
    assert exported["error"] is None, exported
    imported = client.ask(rpc="Import", archive=str(archive), request={
        "copy": {"destination": "oci:%s:app" % (tmp_path / "to")}})
  assert imported["error"] is None, imported
  received = [int(event["receivedBytes"]) for event in imported["events"] if "receivedBytes" in event]
  assert received[-1] == archive.stat().st_size
  for events in (exported["events"], imported["events"]):
    assert events[-1]["copy"]["result"]["manifestDigest"] == image.digest
  assert Layout(tmp_path / "to").check().names() == {"app": image.digest}


def test_archive_that_cannot_be_made_leaves_no_file(shared_server, scripted, runner, tmp_path):
  with Runner(runner, shared_server) as client:
    answer = client.ask(rpc="Export", output=str(tmp_path / "archive.tar"), request={
        "copy": {"source": "docker://%s/app:gone" % scripted.address, "sourceRegistry": INSECURE}})
  assert (answer["error"]["code"], answer["error"]["reason"]) == ("NOT_FOUND", "MANIFEST_UNKNOWN")
  assert list(tmp_path.iterdir()) == []


def test_server_of_another_machine_knows_its_callers(programs, runner, tmp_path):
  files = tls_server.Files(tmp_path / "files")
  files.allowed.write_text(tls_server.allow_file(
      cert_ci=tls_server.EVERYTHING, token_bob=tls_server.EVERYTHING))
  certificate, key = files.authority.issue("ci", "DNS:ci")
  trusted = ["--ca", files.authority.certificate]
  with tls_server.TlsServer(programs, tmp_path / "server", files.config()) as server:
    for identity, flags in (("cert:ci", [*trusted, "--cert", certificate, "--key", key]),
                            ("token:bob", [*trusted, "--token-file", files.token]),
                            (None, ["--ca", files.other_authority.certificate, "--token-file", files.token])):
      with Runner([*runner, *flags], types.SimpleNamespace(address=server.tcp)) as client:
        answer = client.ask(rpc="GetServerInfo", request={}, timeout_seconds=20)
      if identity is None:
        assert answer["error"]["code"] == "UNAVAILABLE"
      else:
        assert answer["error"] is None and answer["response"]["identity"] == identity


def test_200_inspects_at_the_same_time(shared_server, pushed, tmp_path):
  client_load.check_inspects(go_runner(tmp_path), shared_server, pushed)


def test_copies_cancelled_at_random_moments_leave_nothing(shared_server, registry, image_layout, tmp_path):
  client_load.check_cancelled_copies(go_runner(tmp_path), shared_server, registry,
                                     "oci:%s:latest" % image_layout, soak(20, 1000))
