"""The Java client: its own tests and javadoc by Maven, and the client at work with a real holkasd and
a real registry."""

import re
import shutil

import pytest

from conftest import soak
from support import client_load, java
from support.client_load import Runner
from support.oracle import Layout
from support.programs import ANY_REGISTRY, Server, run
from support.registry import Registry


@pytest.fixture(scope="module")
def tested():
  """How Maven's run of the unit tests ended."""
  shutil.rmtree(java.BUILD / "surefire-reports", ignore_errors=True)
  return java.build("test", "-Dmaven.test.failure.ignore=true")


@pytest.fixture(scope="module")
def runner_command(tested):
  tested.ok()
  return java.conformance_runner()


def test_unit_tests(tested):
  tested.ok()
  reports = list((java.BUILD / "surefire-reports").glob("TEST-*.xml"))
  counts = [re.search(r'tests="(\d+)" errors="(\d+)" skipped="\d+" failures="(\d+)"', r.read_text())
            for r in reports]
  assert sum(int(c[1]) for c in counts) > 50
  assert [r.name for r, c in zip(reports, counts) if c[2] != "0" or c[3] != "0"] == [], tested.stdout


def test_javadoc_is_complete(tested):
  java.maven("javadoc:javadoc").ok()
  assert (java.BUILD / "reports/apidocs/dev/holkas/client/HolkasClient.html").exists()


@pytest.fixture(scope="module")
def server(programs, registry, tmp_path_factory):
  """A holkasd that takes the registry as it is, so that requests need not say it."""
  with Server(programs, tmp_path_factory.mktemp("java"),
              registries="insecure: ['%s']\n%s" % (registry.address, ANY_REGISTRY)) as server:
    programs.shared_servers.append(server)
    yield server
    programs.shared_servers.remove(server)


def test_the_readmes_five_lines_work_when_pasted(tested, server, pushed, tmp_path):
  lines = re.search(r"```java\n(.*?)```", (java.CLIENT / "README.md").read_text(), re.S)[1].splitlines()
  assert len(lines) == 5
  layout = tmp_path / "layout"
  text = "\n".join(lines + ["/exit", ""])
  for name, here in (("unix:/run/holkas/holkas.sock", server.address),
                     ("docker://registry.example.com/app:1", pushed),
                     ("oci:/srv/layout:app", "oci:%s:app" % layout)):
    assert name in text
    text = text.replace(name, here)
  pasted = tmp_path / "pasted"
  pasted.write_text(text)
  with open(pasted) as stdin:
    result = run(["jshell", "-s", "--class-path", java.classpath(), "-"], stdin=stdin).ok()
  assert result.stdout.split()[-1] == Layout(layout).names()["app"]
  assert "image_started" in result.stderr + result.stdout


def test_calls_on_a_live_server(runner_command, server, registry, pushed, tmp_path):
  with Runner(runner_command, server) as runner:
    image = runner.ask(rpc="Inspect", request={"image": pushed})
    assert image["error"] is None and image["response"]["digest"].startswith("sha256:")
    copy = runner.ask(rpc="Copy", request={"source": pushed, "destination": "dir:%s" % (tmp_path / "to")})
    assert copy["error"] is None and "imageStarted" in copy["events"][0]
    assert copy["events"][-1]["result"]["copiedBlobs"] > 0
    tags = runner.ask(rpc="ListTags", request={"repository": pushed.rsplit(":", 1)[0]})
    assert [page["tags"] for page in tags["events"]] == [["latest"]]
    check = runner.ask(rpc="CheckCredentials", request={"registry": registry.address})
    assert check["error"] is None
    missing = runner.ask(rpc="Inspect", request={"image": pushed + "-not"})
    assert missing["error"]["code"] == "NOT_FOUND"
    assert (missing["error"]["reason"], missing["error"]["domain"]) == ("MANIFEST_UNKNOWN", "holkas.dev")
    wrong = runner.ask(rpc="Inspect", request={"image": "nonsense"})
    assert (wrong["error"]["code"], wrong["error"]["reason"]) == ("INVALID_ARGUMENT", "INVALID_REFERENCE")


def test_archives_come_and_go_with_the_request(runner_command, server, registry, pushed, tmp_path):
  archive, name = tmp_path / "archive.tar", registry.repository("imported") + ":x"
  with Runner(runner_command, server) as runner:
    taken = runner.ask(rpc="Export", output=str(archive),
                       request={"copy": {"source": pushed, "multiArch": "MULTI_ARCH_ALL"}})
    assert taken["error"] is None and list(tmp_path.iterdir()) == [archive]
    given = runner.ask(rpc="Import", archive=str(archive), request={
        "copy": {"destination": name, "multiArch": "MULTI_ARCH_ALL"}})
    assert given["error"] is None
    received = [int(event["receivedBytes"]) for event in given["events"] if "receivedBytes" in event]
    assert received[-1] == archive.stat().st_size
    digests = [runner.ask(rpc="Inspect", request={"image": image})["response"]["digest"]
               for image in (pushed, name)]
    assert digests[0] == digests[1]
    truncated = tmp_path / "truncated.tar"
    truncated.write_bytes(archive.read_bytes()[:archive.stat().st_size // 2])
    refused = runner.ask(rpc="Import", archive=str(truncated),
                         request={"copy": {"destination": name}})
    assert refused["error"]["reason"] == "INVALID_ARCHIVE"
    runner.wait_until_idle()


def test_cancelling_stops_the_worker(runner_command, server, image_layout, registry):
  with Runner(runner_command, server) as runner:
    answer = runner.ask(rpc="Copy", cancel_after_events=2, request={
        "source": "oci:%s:latest" % image_layout, "multiArch": "MULTI_ARCH_ALL",
        "destination": registry.repository("left") + ":x"})
    assert answer["error"]["code"] == "CANCELLED"
    assert not any("result" in event for event in answer["events"])
    runner.wait_until_idle()
  server.programs.wait_for_workers(0)


def test_200_inspects_at_the_same_time(runner_command, server, pushed):
  client_load.check_inspects(runner_command, server, pushed)


def test_copies_cancelled_at_random_moments_leave_nothing(runner_command, server, registry, image_layout):
  client_load.check_cancelled_copies(runner_command, server, registry, "oci:%s:latest" % image_layout,
                                     soak(20, 1000))


def test_a_cancelled_copy_leaves_no_upload_session(runner_command, server, image_layout, tmp_path):
  with Registry(tmp_path / "registry") as registry:
    with Runner(runner_command, server) as runner:
      for i in range(5):
        answer = runner.ask(rpc="Copy", cancel_after_events=2 + i, request={
            "source": "oci:%s:latest" % image_layout, "multiArch": "MULTI_ARCH_ALL",
            "destination": registry.repository("left") + ":x",
            "destinationRegistry": client_load.INSECURE})
        assert answer["error"]["code"] == "CANCELLED"
      runner.wait_until_idle()
    server.programs.wait_for_workers(0)
    assert client_load.uploads(registry) == []
