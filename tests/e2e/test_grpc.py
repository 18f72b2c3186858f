"""The API from a client that knows nothing of Holkas: grpcurl, by reflection."""

import base64
import json

import pytest

from support import grpcurl as find_grpcurl
from support.images import Image
from support.oracle import Layout
from support.programs import run

SERVICE = "holkas.v1.ImageService"


@pytest.fixture(scope="module")
def grpcurl():
  path = find_grpcurl.program()

  def call(server, *arguments, request=None):
    options = ["-plaintext", "-unix"]
    if request is not None:
      options += ["-d", json.dumps(request)]
    return run([path, *options, server.socket, *arguments])

  return call


INSECURE = {"tlsVerification": "TLS_VERIFICATION_DISABLED"}


def stream(result):
  """The messages that grpcurl printed. gRPC's reflection in C++ leaves out the JSON names of
  fields, so that grpcurl prints them as the proto has them."""
  decoder, at, found = json.JSONDecoder(), 0, []
  text = result.ok().stdout.strip()
  while at < len(text):
    message, end = decoder.raw_decode(text, at)
    found.append(message)
    at = end + len(text[end:]) - len(text[end:].lstrip())
  return found


def only(result):
  message, = stream(result)
  return message


def test_services_are_listed(grpcurl, programs, shared_server):
  services = grpcurl(shared_server, "list").ok().stdout.split()
  assert SERVICE in services and "grpc.health.v1.Health" in services


def test_every_rpc_is_described(grpcurl, programs, shared_server):
  rpcs = grpcurl(shared_server, "list", SERVICE).ok().stdout.split()
  assert [rpc.rsplit(".", 1)[1] for rpc in rpcs] == sorted([
      "CheckCredentials", "Copy", "Delete", "Export", "GetServerInfo", "Import", "Inspect", "ListTags", "Sign", "Sync",
      "Verify"])


def test_health(grpcurl, programs, shared_server):
  result = grpcurl(shared_server, "grpc.health.v1.Health/Check", request={"service": SERVICE})
  assert only(result) == {"status": "SERVING"}


def test_inspect_is_typed(grpcurl, programs, shared_server, scripted):
  image = Image(labels={"a": "b"})
  name = scripted.add("app", "v1", image)
  answer = only(grpcurl(shared_server, SERVICE + "/Inspect",
                        request={"image": name, "registry": INSECURE}))
  assert answer["digest"] == image.digest
  assert answer["create_time"] == "2024-01-02T03:04:05.600Z"
  assert answer["labels"] == {"a": "b"}
  assert answer["platform"] == {"os": "linux", "architecture": "amd64"}
  assert [l["digest"] for l in answer["layers"]] == [l["digest"] for l in image.layers]
  assert answer["repo_tags"] == ["v1"]


def test_inspect_gives_the_manifest_as_bytes(grpcurl, programs, shared_server, scripted):
  image = Image()
  name = scripted.add("app", "v1", image)
  answer = only(grpcurl(shared_server, SERVICE + "/Inspect", request={
      "image": name, "registry": INSECURE, "view": "INSPECT_VIEW_MANIFEST"}))
  assert base64.b64decode(answer["manifest"]) == image.manifest


def test_copy_streams_events(grpcurl, programs, shared_server, scripted, tmp_path):
  image = Image()
  name = scripted.add("app", "v1", image)
  events = stream(grpcurl(shared_server, SERVICE + "/Copy", request={
      "source": name, "sourceRegistry": INSECURE,
      "destination": "oci:%s:x" % (tmp_path / "to")}))
  assert "image_started" in events[0]
  assert events[-1]["result"]["manifest_digest"] == image.digest
  Layout(tmp_path / "to").check()


@pytest.mark.parametrize("request_body, code, reason", [
    ({"image": "nonsense"}, "InvalidArgument", "INVALID_REFERENCE"),
    ({}, "InvalidArgument", "INVALID"),
    ({"image": "dir:/nonexistent/image"}, "NotFound", ""),
])
def test_errors_have_codes_and_reasons(grpcurl, programs, shared_server, request_body, code,
                                       reason):
  result = grpcurl(shared_server, SERVICE + "/Inspect", request=request_body)
  assert result.code != 0
  assert "Code: " + code in result.stderr
  assert reason in result.stderr and "holkas.dev" in result.stderr


@pytest.mark.parametrize("rpc", ["Sync", "Sign", "Verify"])
def test_later_rpcs_say_so(grpcurl, programs, shared_server, rpc):
  result = grpcurl(shared_server, "%s/%s" % (SERVICE, rpc), request={})
  assert "Code: Unimplemented" in result.stderr
  assert "RPC_UNIMPLEMENTED" in result.stderr


def test_server_info(grpcurl, programs, shared_server):
  info = only(grpcurl(shared_server, SERVICE + "/GetServerInfo", request={}))
  assert info["sandbox_tier"].startswith("SANDBOX_TIER_")
  assert {"docker", "oci", "dir"} <= {t["name"] for t in info["transports"]}
  assert [t["name"] for t in info["transports"] if t.get("deletable") and t.get("listable")] == [
      "docker"]
