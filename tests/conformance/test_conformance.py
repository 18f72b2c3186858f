"""One list of calls, made by every client of ours and by grpcurl: all of them are told the same.

README.md describes cases.json, which has the calls and what comes of them.
"""

import base64
import json
import pathlib
import re
import uuid

import pytest

from fakes.actions import error, stall, wrong_bytes
from fakes.scripted_registry import ScriptedRegistry
from support import client_runners, tls_server
from support.images import OCI_INDEX, OCI_MANIFEST, Image, index, write_layout
from support.json_pattern import mismatches
from support.oracle import sha256
from support.password_registry import PASSWORD, USER, PasswordRegistry
from support.programs import Server
from support.push import push_image, push_manifest
from support.registry import Registry


def load(text):
  """The list, each call of which says what comes of it. Raises ValueError."""
  data = json.loads(text)
  for entry in data["cases"] + data["callers"]:
    for step in [*entry.get("calls", [entry]), *entry.get("then", [])]:
      told = "events" if step["rpc"] in client_runners.STREAMS else "response"
      # A stream may have no events.
      if not {told, "error"} & step.keys() and told == "response":
        raise ValueError("%s: %s has neither response nor error" % (entry["name"], step["rpc"]))
      if {"events", "response"} & step.keys() - {told}:
        raise ValueError("%s: the answer of %s is no %s" % (
            entry["name"], step["rpc"], "response" if told == "events" else "stream of events"))
  return data


DATA = load((pathlib.Path(__file__).parent / "cases.json").read_text())

# Events that come when they like.
PASSING = ("blobProgress", "receivedBytes")

MAX_ARCHIVE_BYTES = 1 << 20

SINGLE = Image(layer_sizes=(1000, 5000), seed=41, labels={"a": "b"})
ARM = Image(seed=42, architecture="arm64")
INDEX = index({"amd64": SINGLE, "arm64": ARM})


def _base64(data):
  return base64.b64encode(data).decode()


class World:
  """What calls find: a holkasd, registries, and files. `values` are what cases name as `${...}`."""

  def __init__(self, programs, server, registry, locked, keeping, scripted, root):
    self.address = server.address
    self.registry = registry
    self.root = root
    self.values = {
        "registry": registry.address, "locked": locked.address, "keeping": keeping.address,
        "scripted": scripted.address, "user": USER, "password": PASSWORD, "root": str(root),
        "single": SINGLE.digest, "arm": ARM.digest, "index": sha256(INDEX), "index.base64": _base64(INDEX),
        "single.layers": [{"mediaType": layer["mediaType"], "digest": layer["digest"],
                           "sizeBytes": str(layer["size"])} for layer in SINGLE.layers],
        "single.bytes": str(sum(map(len, SINGLE.blobs.values()))),
        "both.bytes": str(sum(map(len, {**SINGLE.blobs, **ARM.blobs}.values()))),
        "single.config.base64": _base64(SINGLE.blobs[SINGLE.config["digest"]]),
    }
    for name, image in (("single", SINGLE), ("arm", ARM)):
      for part, blob in (("0", image.layers[0]), ("1", image.layers[1]), ("config", image.config)):
        self.values["%s.%s" % (name, part)] = blob["digest"]
        self.values["%s.%s.size" % (name, part)] = str(blob["size"])
    for number, tar in enumerate(json.loads(SINGLE.blobs[SINGLE.config["digest"]])["rootfs"]["diff_ids"]):
      self.values["single.%d.tar" % number] = tar
    for name, pattern in DATA["patterns"].items():
      self.values[name] = filled(pattern, self.values)
    self._fill(registry, "app")
    self._fill(keeping, "app")
    write_layout(root / "layout", {"app": SINGLE})
    programs.copy("oci:%s:app" % (root / "layout"), "docker-archive:%s:app:v1" % (root / "archive.tar")).ok()
    programs.copy("oci:%s:app" % (root / "layout"), "oci-archive:%s:app" % (root / "oci.tar")).ok()
    (root / "large.tar").write_bytes(bytes(MAX_ARCHIVE_BYTES + 1))
    (root / "broken.tar").write_bytes(b"no archive" * 100)
    self._break(scripted)

  def _fill(self, registry, repository):
    for tag, image in (("single", SINGLE), ("arm", ARM)):
      push_image(registry.address, repository, tag, image)
    push_manifest(registry.address, repository, "index", OCI_INDEX, INDEX)

  def _break(self, scripted):
    """Images that cannot be copied, each in its own way."""
    layer = SINGLE.layers[0]["digest"]
    for name, action in (("stalls", stall(100)), ("lies", wrong_bytes()), ("forbidden", None),
                         ("lacks", None)):
      scripted.add(name, "v1", SINGLE)
      if action is not None:
        scripted.on("GET", "/%s/blobs/%s" % (name, layer), action)
    scripted.on("GET", "/forbidden/", error(403, "DENIED"))
    del scripted.blobs[("lacks", layer)]
    scripted.add_manifest("malformed", "v1", OCI_MANIFEST, b'{"schemaVersion":2')
    scripted.add_manifest("large", "v1", OCI_MANIFEST, b" " * (4 << 20) + b"{}")


@pytest.fixture(scope="module")
def world(programs, registry, tmp_path_factory):
  root = tmp_path_factory.mktemp("conformance")
  blocks = root / "registries.conf"
  blocks.write_text('[[registry]]\nlocation = "127.0.0.1/blocked"\nblocked = true\n')
  with PasswordRegistry(root / "locked") as locked, \
       Registry(root / "keeping", deletes=False) as keeping, ScriptedRegistry() as scripted, \
       Server(programs, root / "server",
              config="access: {own_user_paths: roots, local_roots: ['%s']}\n"
                     "limits: {max_archive_bytes: %d}" % (root, MAX_ARCHIVE_BYTES),
              registries="egress: {allowed_registries: ['127.0.0.1:*']}\n"
                         "registries_conf: '%s'" % blocks) as server:
    programs.shared_servers.append(server)
    yield World(programs, server, registry, locked, keeping, scripted, root)
    programs.shared_servers.remove(server)


@pytest.fixture(scope="module", params=client_runners.NAMES)
def runner(request, world, tmp_path_factory):
  runner = client_runners.start(request.param, tmp_path_factory.mktemp("runner"), world.address)
  runner.name = request.param
  yield runner
  runner.close()


def filled(value, values):
  """`value` with the values in the place of their names. A string that is a name becomes what the value
  is, a string or not."""
  if isinstance(value, list):
    return [filled(element, values) for element in value]
  if isinstance(value, dict):
    return {filled(name, values): filled(member, values) for name, member in value.items()}
  if not isinstance(value, str):
    return value
  whole = re.fullmatch(r"\$\{([^}]*)\}", value)
  if whole:
    return values[whole[1]]
  return re.sub(r"\$\{([^}]*)\}", lambda name: values[name[1]], value)


@pytest.mark.parametrize("call, why", [
    ({"rpc": "Inspect"}, "some: Inspect has neither response nor error"),
    ({"rpc": "Inspect", "response": {}, "events": []}, "some: the answer of Inspect is no stream of events"),
    ({"rpc": "Copy", "response": {}}, "some: the answer of Copy is no response"),
])
def test_a_call_that_expects_nothing_is_an_error_of_the_list(call, why):
  expecting = {"name": "some", "rpc": "Inspect", "response": {}}
  for cases, callers in (([{"name": "some", **call}], []), ([{**expecting, "then": [call]}], []),
                         ([], [{"name": "some", "calls": [call]}])):
    with pytest.raises(ValueError) as raised:
      load(json.dumps({"cases": cases, "callers": callers}))
    assert str(raised.value) == why


CALL = ("rpc", "request", "timeout_seconds", "cancel_after_events", "archive", "output")


def passes(event):
  return any(name in part for part in (event, event.get("copy", {})) for name in PASSING)


def check(runner, step):
  """Makes one call, and says where it is not told what it should be."""
  answer = runner.ask({name: step[name] for name in CALL if name in step})
  events = [event for event in answer["events"] if not passes(event)]
  expected_error = step.get("error")
  found = mismatches(step.get("events", []), events, "events")
  if expected_error is None:
    found += mismatches(None, answer["error"], "error")
    if "archive" in step:
      received = [event["receivedBytes"] for event in answer["events"] if "receivedBytes" in event]
      size = pathlib.Path(step["archive"]).stat().st_size
      found += mismatches([str(size)], received[-1:], "receivedBytes, the last")
    if step["rpc"] not in client_runners.STREAMS:
      found += mismatches(step["response"], answer["response"], "response")
  else:
    domain = "holkas.dev" if expected_error.get("reason") else ""
    found += mismatches({"reason": "", "metadata": {}, **expected_error, "domain": domain,
                         "message": {"$re": "(?s).+"}}, answer["error"], "error")
  return found and ["%s: %s" % (step["rpc"], json.dumps(answer))] + found


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"])
def test_case(programs, world, runner, case):
  directory = world.root / ("%s-%s" % (case["name"], runner.name))
  directory.mkdir()
  repository = "conformance/%s-%s" % (case["name"], runner.name)
  case = filled(case, {**world.values, "repository": "%s/%s" % (world.registry.address, repository),
                       "directory": str(directory), "uuid": str(uuid.uuid4())})
  for tag, image in case.get("put", {}).items():
    push_image(world.registry.address, repository, tag, {"single": SINGLE, "arm": ARM}[image])
  assert check(runner, case) == []
  # What is cancelled and what is late is not only told of: its worker is gone.
  programs.wait_for_workers(0, timeout=1)
  for step in case.get("then", []):
    assert check(runner, step) == []


class TlsWorld:
  """A holkasd for callers from other machines, and the files of the callers. `values` are as World's."""

  def __init__(self, server, files, world):
    self.address = "tcp:localhost:%d" % server.port
    wrong = files.directory / "wrong.token"
    wrong.write_text("nobody-has-this-token\n")
    self.values = {**world.values, "ca": str(files.authority.certificate), "token": str(files.token),
                   "wrong_token": str(wrong)}
    for name in ("ci", "other"):
      certificate, key = files.authority.issue(name, "DNS:%s.test" % name)
      self.values.update({name + ".certificate": str(certificate), name + ".key": str(key)})


@pytest.fixture(scope="module")
def tls_world(programs, world, tmp_path_factory):
  directory = tmp_path_factory.mktemp("conformance-tls")
  files = tls_server.Files(directory / "files")
  files.allowed.write_text(tls_server.allow_file(**{"cert_ci.test": tls_server.EVERYTHING,
                                                    "token_bob": tls_server.EVERYTHING}))
  with tls_server.TlsServer(programs, directory / "server", files.config()) as server:
    programs.shared_servers.append(server)
    yield TlsWorld(server, files, world)
    programs.shared_servers.remove(server)


@pytest.mark.parametrize("caller", DATA["callers"], ids=lambda caller: caller["name"])
@pytest.mark.parametrize("name", client_runners.WITH_TLS)
def test_caller(programs, tls_world, tmp_path, name, caller):
  caller = filled(caller, tls_world.values)
  runner = client_runners.start(name, tmp_path, tls_world.address, *caller["flags"])
  try:
    for step in caller["calls"]:
      assert check(runner, step) == []
  finally:
    runner.close()
