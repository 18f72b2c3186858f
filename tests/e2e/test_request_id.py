"""Requests with an id: one that comes again finds what the first one began."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

import pytest

from conftest import soak
from fakes.scripted_registry import ScriptedRegistry
from support import grpcurl as find_grpcurl
from support.images import Image
from support.oracle import Layout
from support.programs import Server

SERVICE = "holkas.v1.ImageService/"
INSECURE = {"tlsVerification": "TLS_VERIFICATION_DISABLED"}


class Call:
  """A call by grpcurl, as another program makes it, that runs beside the test."""

  def __init__(self, server, rpc, request, user=None, program=None):
    command = [program or find_grpcurl.program(), "-plaintext", "-unix", "-d", json.dumps(request),
               str(server.socket), SERVICE + rpc]
    if user is not None:
      command = ["setpriv", "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid,
                 "--clear-groups", "--", *command]
    self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True)

  def hang_up(self):
    self._process.kill()
    self._process.communicate()

  def end(self):
    """The messages of the call, and its error."""
    out, self.error = self._process.communicate(timeout=60)
    decoder, at, self.messages = json.JSONDecoder(), 0, []
    while out[at:].strip():
      message, at = decoder.raw_decode(out, at + len(out[at:]) - len(out[at:].lstrip()))
      self.messages.append(message)
    return self

  def ok(self):
    self.end()
    assert self._process.returncode == 0, self.error
    return self.messages

  def failed(self, code, reason):
    self.end()
    assert "Code: " + code in self.error and reason in self.error, self.error


class Gate:
  """An action of a scripted registry: an answer that comes when the test says."""

  def __init__(self):
    self.asked, self.go_on = threading.Event(), threading.Event()

  def __call__(self, handler, body):
    self.asked.set()
    self.go_on.wait(60)
    handler.respond(200, body, handler.truth)


@pytest.fixture
def image():
  return Image(layer_sizes=(100_000, 200_000), seed=71)


@pytest.fixture
def gate(scripted, image):
  """Holds the image's first layer back."""
  gate = Gate()
  scripted.on("GET", image.layers[0]["digest"], gate, times=1)
  yield gate
  gate.go_on.set()


@pytest.fixture
def source(scripted, image):
  return scripted.add("app", "v1", image)


def copy_request(source, destination, **more):
  return {"source": source, "sourceRegistry": INSECURE, "destination": destination,
          "destinationRegistry": INSECURE, "requestId": str(uuid.uuid4()), **more}


def result_of(messages):
  assert all("result" not in message for message in messages[:-1])
  return messages[-1]["result"]


def jobs(server):
  """How many jobs of rpcs the server began."""
  return server.log().count("request started")


def wait_for(condition, timeout=10):
  deadline = time.monotonic() + timeout
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.01)


def test_a_repeated_copy_attaches_and_later_gets_the_result(programs, own_server, scripted, gate,
                                                            source, image, tmp_path):
  request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
  first = Call(own_server, "Copy", request)
  assert gate.asked.wait(20)
  second = Call(own_server, "Copy", request)
  time.sleep(0.5)
  gate.go_on.set()
  results = [result_of(first.ok()), result_of(second.ok())]
  assert any("blob_finished" in message for message in second.messages)
  requests = len(scripted.log)
  results += [result_of(Call(own_server, "Copy", request).ok()) for _ in range(3)]
  assert all(result == results[0] for result in results)
  assert results[0]["manifest_digest"] == image.digest
  assert len(scripted.log) == requests
  assert len(scripted.asked("GET", image.layers[0]["digest"])) == 1
  assert jobs(own_server) == 1
  Layout(tmp_path / "to").check()


def test_who_waits_when_the_server_ends_is_told_why(programs, tmp_path, scripted, gate, source,
                                                    image):
  """Attached to a request with an id, and not."""
  scripted.on("GET", image.layers[0]["digest"], gate)
  with Server(programs, tmp_path / "server", "drain_timeout: 1s") as server:
    request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
    calls = [Call(server, "Copy", request) for _ in range(2)]
    assert gate.asked.wait(20)
    calls.append(Call(server, "Copy", {**request, "requestId": "",
                                       "destination": "oci:%s:x" % (tmp_path / "other")}))
    wait_for(lambda: jobs(server) == 2)
    # The second one has none of its own.
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    for call in calls:
      call.failed("Unavailable", "SERVER_DRAINING")
    server.process.wait(10)


def test_another_request_with_the_id_is_refused(programs, own_server, source, tmp_path):
  request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
  Call(own_server, "Copy", request).ok()
  for change in ({"destination": "oci:%s:y" % (tmp_path / "to")}, {"removeSignatures": True},
                 {"sourceRegistry": {**INSECURE, "basic": {"username": "u", "password": "p"}}}):
    Call(own_server, "Copy", {**request, **change}).failed("InvalidArgument", "REQUEST_ID_REUSED")
  assert jobs(own_server) == 1
  assert Layout(tmp_path / "to").check().names().keys() == {"x"}


def test_an_id_that_is_no_uuid_is_refused(programs, shared_server, source, tmp_path):
  request = copy_request(source, "oci:%s:x" % (tmp_path / "to"), requestId="build-17")
  Call(shared_server, "Copy", request).failed("InvalidArgument", "INVALID_FIELD")


def test_an_error_is_given_again(programs, own_server, scripted, tmp_path):
  request = copy_request("docker://%s/app:none" % scripted.address, "oci:%s:x" % (tmp_path / "to"))
  Call(own_server, "Copy", request).failed("NotFound", "MANIFEST_UNKNOWN")
  requests = len(scripted.log)
  Call(own_server, "Copy", request).failed("NotFound", "MANIFEST_UNKNOWN")
  assert len(scripted.log) == requests and jobs(own_server) == 1


def test_a_registry_that_is_not_reached_is_tried_anew(programs, own_server, image, tmp_path):
  with ScriptedRegistry() as gone:
    address = gone.address
  request = copy_request("docker://%s/app:v1" % address, "oci:%s:x" % (tmp_path / "to"))
  for _ in range(2):
    Call(own_server, "Copy", request).failed("Unavailable", "REGISTRY_UNAVAILABLE")
  assert jobs(own_server) == 2


class TestHangingUp:

  def test_who_comes_back_in_time_finds_the_copy(self, programs, own_server, scripted, gate, source,
                                                 image, tmp_path):
    request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
    first = Call(own_server, "Copy", request)
    assert gate.asked.wait(20)
    first.hang_up()
    time.sleep(soak(2, 10))
    assert len(programs.workers()) == 1
    second = Call(own_server, "Copy", request)
    time.sleep(0.5)
    gate.go_on.set()
    assert result_of(second.ok())["manifest_digest"] == image.digest
    assert len(scripted.asked("GET", image.layers[0]["digest"])) == 1
    assert jobs(own_server) == 1

  def test_the_copy_is_done_without_anybody(self, programs, own_server, gate, source, image,
                                            tmp_path):
    request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
    first = Call(own_server, "Copy", request)
    assert gate.asked.wait(20)
    first.hang_up()
    gate.go_on.set()
    programs.wait_for_workers(0)
    assert Layout(tmp_path / "to").check().names() == {"x": image.digest}
    assert result_of(Call(own_server, "Copy", request).ok())["manifest_digest"] == image.digest
    assert jobs(own_server) == 1

  @pytest.mark.soak
  def test_who_never_comes_back_ends_it_after_15_seconds(self, programs, own_server, gate, source,
                                                         image, tmp_path):
    request = copy_request(source, "oci:%s:x" % (tmp_path / "to"))
    first = Call(own_server, "Copy", request)
    assert gate.asked.wait(20)
    first.hang_up()
    start = time.monotonic()
    programs.wait_for_workers(0, timeout=20)
    assert 14.5 < time.monotonic() - start < 17
    wait_for(lambda: not [path for path in (tmp_path / "to").rglob("*") if path.is_file() and
                          path.name != "oci-layout" and not path.name.endswith(".lock")])
    gate.go_on.set()
    assert result_of(Call(own_server, "Copy", request).ok())["manifest_digest"] == image.digest
    assert jobs(own_server) == 2

  def test_without_an_id_the_copy_ends_at_once(self, programs, own_server, gate, source, tmp_path):
    request = copy_request(source, "oci:%s:x" % (tmp_path / "to"), requestId="")
    first = Call(own_server, "Copy", request)
    assert gate.asked.wait(20)
    first.hang_up()
    programs.wait_for_workers(0)

  def test_the_server_waits_for_it_before_it_ends(self, programs, own_server, gate, source, image,
                                                  tmp_path):
    first = Call(own_server, "Copy", copy_request(source, "oci:%s:x" % (tmp_path / "to")))
    assert gate.asked.wait(20)
    first.hang_up()
    own_server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert own_server.process.poll() is None
    gate.go_on.set()
    assert own_server.process.wait(10) == 0
    assert Layout(tmp_path / "to").check().names() == {"x": image.digest}

  def test_a_second_signal_ends_it(self, programs, own_server, gate, source, tmp_path):
    first = Call(own_server, "Copy", copy_request(source, "oci:%s:x" % (tmp_path / "to")))
    assert gate.asked.wait(20)
    first.hang_up()
    for _ in range(2):
      own_server.process.send_signal(signal.SIGTERM)
      time.sleep(0.5)
    assert own_server.process.wait(10) == 0
    programs.wait_for_workers(0)


def test_a_deletion_gives_its_digest_twice(programs, own_server, scripted, source, image):
  request = {"image": source, "registry": INSECURE, "requestId": str(uuid.uuid4())}
  assert Call(own_server, "Delete", request).ok() == [{"digest": image.digest}]
  assert Call(own_server, "Delete", request).ok() == [{"digest": image.digest}]
  assert len(scripted.asked("DELETE")) == 1 and jobs(own_server) == 1
  Call(own_server, "Delete", {**request, "requestId": str(uuid.uuid4())}).failed(
      "NotFound", "MANIFEST_UNKNOWN")


@pytest.mark.skipif(os.getuid() != 0, reason="to be somebody else takes root")
def test_ids_are_each_users_own(programs, scripted, source, image):
  nobody = pwd.getpwnam("nobody")
  base = pathlib.Path(tempfile.mkdtemp(prefix="holkas-request-id-"))
  try:
    base.chmod(0o755)
    grpcurl = shutil.copy(os.path.realpath(find_grpcurl.program()), base / "grpcurl")
    config = "access: {allowed_user_ids: [%d]}" % nobody.pw_uid
    with Server(programs, base / "server", config=config) as server:
      request = {"image": source, "registry": INSECURE, "requestId": str(uuid.uuid4())}
      assert Call(server, "Delete", request).ok() == [{"digest": image.digest}]
      other = {**request, "image": scripted.add("app", "v2", image)}
      call = Call(server, "Delete", other, user=nobody, program=grpcurl)
      assert call.ok() == [{"digest": image.digest}]
      Call(server, "Delete", other).failed("InvalidArgument", "REQUEST_ID_REUSED")
      assert jobs(server) == 2
  finally:
    shutil.rmtree(base)
