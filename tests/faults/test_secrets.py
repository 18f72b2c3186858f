"""Secrets go to those for whom they are, and to nobody and nowhere else.

Each test plants new ones and lets somebody try to get at them. In the end one check looks for all
of them in all that the servers got and the programs said and left. It fails as well where a secret
did not get to whom it is for.
"""

import base64
import itertools
import json
import os
import pathlib
import resource
import signal
import subprocess

import pytest

from conftest import soak
from fakes import scripted_registry as fake
from support.http_proxy import HttpProxy
from support.images import Image, write_layout
from support.planted_secret import PlantedSecret, check
from support.programs import Server
from support.secret_world import (DOTTED, FOREIGN, FOREIGN_TLS, LONGER, MIRROR, OTHER_PORT, REALM,
                                  REGISTRY, SIBLING, USER, World, auth_entry, basic,
                                  make_client_certificate, make_crash, memory, process_places,
                                  write_helper)

NAME = "docker://%s/app:v1" % REGISTRY


@pytest.fixture(scope="module")
def keep(tmp_path_factory):
  """The directory of what all tests of this file share."""
  return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def proxy():
  with HttpProxy() as proxy:
    yield proxy


@pytest.fixture(scope="module")
def auth_file(keep):
  """The file where the server looks for credentials; beside it lies the credential helper."""
  file = keep / "server" / "auth.json"
  file.parent.mkdir()
  file.write_text("{}")
  return file


@pytest.fixture(scope="module")
def central(programs, keep, proxy, auth_file):
  """A holkasd that logs everything."""
  registries = 'token_realms: ["%s"]\nauth_files: ["%s"]\negress: {allowed_registries: ["*:*"]}' % (
      REALM, auth_file)
  environment = {**programs.environment, **proxy.environment(),
                 "PATH": "%s:/usr/bin:/bin" % auth_file.parent}
  with Server(programs, keep / "central", config="log: {level: debug}", registries=registries,
              env=environment) as server:
    programs.shared_servers.append(server)
    yield server
    programs.shared_servers.remove(server)


@pytest.fixture(scope="module")
def client_certificate(keep):
  """The directory of a client's certificate and key, and the key."""
  directory = keep / "certs"
  return directory, make_client_certificate(directory)


@pytest.fixture(scope="module")
def layout(keep):
  """An image to be pushed."""
  return "oci:%s:v1" % write_layout(keep / "layout", {"v1": Image(layer_sizes=(600, 800), seed=5)})


@pytest.fixture
def make_world(keep, proxy, auth_file, central, tmp_path):
  worlds = []

  def make(where="central", **more):
    world = World(keep, tmp_path, proxy, auth_file, central if where == "central" else None, **more)
    worlds.append(world)
    return world.__enter__()

  yield make
  for world in worlds:
    world.__exit__()


# How a registry's credentials come to the server.


class Ways:
  """Each plants its secrets, makes the registry want them, and returns flags for the command."""

  @staticmethod
  def creds(world, prefix):
    secret = world.plant("password of a flag", "registry")
    world.wants_basic(secret)
    return ["--%screds" % prefix, "%s:%s" % (USER, secret.text)]

  @staticmethod
  def auth_file(world, prefix):
    secret = world.plant("password of a file that a flag names", "registry")
    world.wants_basic(secret)
    return _auth_file(world, prefix, {"auths": {REGISTRY: auth_entry(secret)}})

  @staticmethod
  def server_file(world, unused_prefix):
    """The private server finds it by a variable."""
    secret = world.plant("password of a file of the server's", "registry")
    world.wants_basic(secret)
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(secret)}}))
    return []

  @staticmethod
  def helper(world, prefix):
    secret = world.plant("password of a credential helper", "registry")
    world.wants_basic(secret)
    write_helper(world.auth_file.parent, REGISTRY, secret)
    return _auth_file(world, prefix, {"credHelpers": {REGISTRY: "planted"}})

  @staticmethod
  def registry_token(world, prefix):
    secret = world.plant("token of a flag", "registry", odd=False)
    world.registry.challenge = 'Bearer realm="http://%s/token"' % REALM
    world.registry.accepted = {"Bearer " + secret.text}
    return ["--%sregistry-token" % prefix, secret.text]

  @staticmethod
  def bearer(world, prefix):
    secret = world.plant("password for a realm", "realm")
    world.wants_token()
    return ["--%screds" % prefix, "%s:%s" % (USER, secret.text)]

  @staticmethod
  def identity(world, prefix):
    secret = world.plant("identity token", "realm")
    world.wants_token()
    content = {"auths": {REGISTRY: {"auth": base64.b64encode(b"<token>:").decode(),
                                    "identitytoken": secret.text}}}
    if world.central is None:
      return _auth_file(world, prefix, content)
    world.auth_file.write_text(json.dumps(content))  # identity tokens are not sent to servers
    return []

  @staticmethod
  def server_bearer(world, unused_prefix):
    secret = world.plant("password of a file of the server's, for a realm", "realm")
    world.wants_token()
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(secret)}}))
    return []


def _auth_file(world, prefix, content):
  file = world.path / "auth.json"
  file.write_text(json.dumps(content))
  return ["--%sauthfile" % prefix, file]


WAYS = ("creds", "auth_file", "server_file", "helper", "registry_token", "bearer", "identity",
        "server_bearer")


def prefix_of(command):
  return {"pull": "src-", "push": "dest-"}.get(command, "")


def run(world, programs, command, way, layout=None, **more):
  """Runs a command with credentials that come the way given."""
  flags = getattr(Ways, way)(world, prefix_of(command)) if way else []
  return run_with(world, programs, command, flags, layout, **more)


def run_with(world, programs, command, flags, layout=None, image=NAME, **more):
  """`command` is pull or push, or one of the command line's."""
  verify = "--%stls-verify=false" % prefix_of(command)
  environment = {"REGISTRY_AUTH_FILE": str(world.auth_file)}
  arguments = {"pull": ["copy", verify, *flags, image, "dir:%s" % world.destination],
               "push": ["copy", verify, *flags, layout, image],
               "list-tags": ["list-tags", verify, *flags, image.rsplit(":", 1)[0]]}.get(
                   command, [command, verify, *flags, image])
  return world.run(programs, *arguments, env=environment, **more)


def check_all(world, result, programs):
  """The check that all tests of this file share."""
  assert world.planted
  check(world.planted, world.places(result, programs))


def rows(leads, *cycles, count):
  """Each of `leads` `count` times, more often in a soak, each time with the next of every cycle."""
  count = soak(count, 8 * count)
  return list(zip(itertools.chain.from_iterable([lead] * count for lead in leads),
                  *(itertools.cycle(cycle) for cycle in cycles)))


WHERE = ("central", "private", "central")


class TestWays:
  """Nobody attacks."""

  @pytest.mark.parametrize("way, command, where", rows(
      WAYS, ("inspect", "pull", "push", "list-tags", "delete"), WHERE, count=2))
  def test_secrets_stay_where_they_belong(self, programs, make_world, layout, way, command, where):
    world = make_world(where)
    result = run(world, programs, command, way, layout).ok()
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  def test_two_registries_get_their_own(self, programs, make_world, where):
    world = make_world(where)
    source = world.plant("password for the source", "registry")
    destination = world.plant("password for the destination", "mirror")
    world.wants_basic(source)
    world.wants_basic(destination, server=world.mirror)
    result = world.run(programs, "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                       "--src-creds", "%s:%s" % (USER, source.text), "--dest-creds",
                       "%s:%s" % (USER, destination.text), NAME,
                       "docker://%s/copy:v1" % MIRROR).ok()
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  @pytest.mark.parametrize("realm", [False, True], ids=["basic", "realm"])
  def test_login_keeps_it_in_its_file(self, programs, make_world, where, realm):
    world = make_world(where)
    secret = world.plant("password to log in with", "realm" if realm else "registry")
    if realm:
      world.wants_token()
    else:
      world.wants_basic(secret)
    file = world.path / "auth.json"
    result = world.run(programs, "login", "--tls-verify=false", "-u", USER, "-p", secret.text,
                       "--authfile", file, REGISTRY).ok()
    check_all(world, result, programs)
    assert json.loads(file.read_text())["auths"] == {REGISTRY: auth_entry(secret)}
    assert file.stat().st_mode & 0o777 == 0o600


# Commands that ask for something: which methods, and which part of the URL.
ASKED = {
    "manifest": ("inspect", ("GET",), "/manifests/"),
    "blob": ("pull", ("GET",), "/blobs/"),
    "list of tags": ("list-tags", ("GET",), "/tags/list"),
    "whether a blob is there": ("push", ("HEAD",), "/blobs/"),
    "manifest to be deleted": ("delete", ("HEAD", "GET"), "/manifests/"),
}
SENT = {
    "start of an upload": ("push", ("POST",), "/blobs/uploads/"),
    "bytes of an upload": ("push", ("PATCH",), "/blobs/uploads/"),
    "end of an upload": ("push", ("PUT",), "/blobs/uploads/"),
    "manifest's upload": ("push", ("PUT",), "/manifests/"),
    "deletion": ("delete", ("DELETE",), "/manifests/"),
}
CODES = (307, 308, 302, 303, 301)
TARGETS = tuple("http://" + name for name in (FOREIGN, OTHER_PORT, LONGER, DOTTED, SIBLING)) + (
    "//" + FOREIGN, "https://" + FOREIGN_TLS)
# The foreign host serves what is asked for, or wants credentials first.
MANNERS = {
    "serves": None, "wants a password": 'Basic realm="planted"',
    "wants a token": 'Bearer realm="http://%s/token",service="planted"' % FOREIGN,
    "wants the realm's token": 'Bearer realm="http://%s/token",service="planted"' % REALM,
}


def redirect(code, target, more=None):
  """Leads to the same path of another server."""
  def act(handler, unused_body):
    handler.respond(code, b"", {"Location": target + handler.path, **(more or {})})
  return act


def was_reached(world):
  """Whether a stranger was asked for something."""
  return bool(world.foreign.log or world.foreign_tls.log)


def set_manner(world, manner):
  for server in (world.foreign, world.foreign_tls):
    server.challenge = MANNERS[manner]


class TestRedirects:

  @pytest.mark.parametrize("what, code, target, way, manner, where",
                           rows(ASKED, CODES, TARGETS, WAYS, MANNERS, WHERE, count=3))
  def test_question_goes_elsewhere_without_credentials(self, programs, make_world, layout, what,
                                                       code, target, way, manner, where):
    command, methods, part = ASKED[what]
    world = make_world(where)
    for method in methods:
      world.registry.on(method, part, redirect(code, target))
    set_manner(world, manner)
    result = run(world, programs, command, way, layout)
    if DOTTED in target:  # no name at all
      assert result.code == 1 and not world.foreign.log
    else:
      assert was_reached(world), result
      assert manner != "serves" or result.ok()
    check_all(world, result, programs)

  @pytest.mark.parametrize("what, code, target, way, where",
                           rows(SENT, CODES, TARGETS, WAYS, WHERE, count=1))
  def test_nothing_is_sent_elsewhere(self, programs, make_world, layout, what, code, target, way,
                                     where):
    command, methods, part = SENT[what]
    world = make_world(where)
    world.registry.on(methods[0], part, redirect(code, target))
    result = run(world, programs, command, way, layout)
    assert result.code == 1, result
    assert not was_reached(world)
    check_all(world, result, programs)

  @pytest.mark.parametrize("where, way", [("central", "creds"), ("private", "bearer")])
  def test_way_back_is_the_registrys_again(self, programs, make_world, where, way):
    world = make_world(where)
    world.registry.on("GET", "/manifests/v1", redirect(307, "http://" + FOREIGN), times=2)
    world.foreign.on("GET", "/manifests/", redirect(307, "http://" + REGISTRY))
    result = run(world, programs, "inspect", way).ok()
    assert world.foreign.log
    check_all(world, result, programs)

  @pytest.mark.parametrize("target, what, where", rows(
      ["http://" + REGISTRY, "http://" + FOREIGN, "http://" + OTHER_PORT],
      ("manifest", "blob", "list of tags"), ("central", "private"), count=2))
  def test_https_is_not_left(self, programs, make_world, target, what, where):
    world = make_world(where, tls=True)
    command, methods, part = ASKED[what]
    world.registry.on(methods[0], part, redirect(307, target))
    result = run(world, programs, command, "creds")
    assert result.code == 1 and "from https to http" in result.stderr
    assert not world.foreign.log
    check_all(world, result, programs)

  @pytest.mark.parametrize("user_info, what", rows(
      ["http://%s@%s" % (REGISTRY.split(":", maxsplit=1)[0], FOREIGN),
       "http://%s@%s" % (REGISTRY, FOREIGN), "http://me:you@" + REGISTRY],
      ("manifest", "blob"), count=1))
  def test_user_in_a_location_is_refused(self, programs, make_world, user_info, what):
    world = make_world("private")
    command, methods, part = ASKED[what]
    world.registry.on(methods[0], part, redirect(307, user_info))
    result = run(world, programs, command, "creds")
    assert result.code == 1
    assert not world.foreign.log
    check_all(world, result, programs)

  def test_login_takes_no_password_elsewhere(self, programs, make_world):
    world = make_world("private")
    secret = world.plant("password to log in with", "registry")
    world.wants_basic(secret)
    world.registry.on("GET", "/v2/", redirect(307, "http://" + FOREIGN))
    world.foreign.challenge = MANNERS["wants a password"]
    result = world.run(programs, "login", "--tls-verify=false", "-u", USER, "-p", secret.text,
                       "--authfile", world.path / "auth.json", REGISTRY)
    assert result.code == 1 and world.foreign.log
    check_all(world, result, programs)


class TestPlacesThatRegistriesName:

  @pytest.mark.parametrize("target, way, manner, where", rows(
      TARGETS + ("http://%s@%s" % (REGISTRY, FOREIGN), "http://me:you@" + FOREIGN),
      WAYS, MANNERS, WHERE, count=1))
  def test_upload_goes_without_credentials(self, programs, make_world, layout, target, way, manner,
                                           where):
    world = make_world(where)
    location = {"Location": target + "/v2/app/blobs/uploads/there"}
    world.registry.on("POST", "/blobs/uploads/", fake.answer(202, b"", location))
    world.strangers_take_uploads()
    set_manner(world, manner)
    result = run(world, programs, "push", way, layout)
    assert was_reached(world) != ("@" in target or DOTTED in target), result
    check_all(world, result, programs)

  @pytest.mark.parametrize("step", ["PATCH", "PUT"])
  @pytest.mark.parametrize("where, way", [("central", "bearer"), ("private", "creds")])
  def test_upload_that_moves_leaves_the_credentials(self, programs, make_world, layout, step, where,
                                                    way):
    world = make_world(where)
    name = {"Location": "http://%s/v2/app/blobs/uploads/there" % FOREIGN}
    world.strangers_take_uploads()
    if step == "PATCH":
      world.registry.on("PATCH", "/uploads/", fake.after_upload(fake.answer(202, b"", name)))
    else:
      world.registry.on("PUT", "/uploads/", fake.answer(202, b"", name))
    result = run(world, programs, "push", way, layout)
    assert (step == "PATCH") == bool(world.foreign.log), result
    check_all(world, result, programs)

  @pytest.mark.parametrize("target, way, where", rows(
      TARGETS + ("http://%s@%s" % (REGISTRY, FOREIGN),), WAYS, WHERE, count=1))
  def test_next_page_of_tags_is_the_registrys(self, programs, make_world, target, way, where):
    world = make_world(where)
    link = '<%s/v2/app/tags/list?page=2>; rel="next"' % target
    world.registry.on("GET", "/tags/list", fake.answer(200, fake.tags(["a"]), {
        "Content-Type": "application/json", "Link": link}), times=1)
    result = run(world, programs, "list-tags", way)
    assert result.code == 1
    assert not was_reached(world)
    check_all(world, result, programs)

  @pytest.mark.parametrize("way, kept, where", [
      ("bearer", False, "central"), ("creds", False, "private"), ("server_file", True, "central")])
  def test_urls_of_foreign_layers(self, programs, make_world, way, kept, where):
    world = make_world(where)
    manifest = json.loads(world.image.manifest)
    layer = manifest["layers"][0]
    layer["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    layer["urls"] = ["http://%s/v2/app/blobs/%s" % (name, layer["digest"])
                     for name in (FOREIGN, OTHER_PORT)]
    data = json.dumps(manifest).encode()
    world.registry.add_manifest("app", "v1", manifest["mediaType"], data)
    if not kept:
      del world.registry.blobs[("app", layer["digest"])]
    result = run(world, programs, "pull", way)
    check_all(world, result, programs)


REALMS = ("http://%s/token" % FOREIGN, "https://%s/token" % FOREIGN_TLS,
          "http://%s/token" % OTHER_PORT, "http://%s/token" % LONGER, "http://%s/token" % DOTTED,
          "http://%s/token" % SIBLING, "http://%s@%s/token" % (REALM, FOREIGN),
          "http://%s%%2f@%s/token" % (REALM, FOREIGN), "http://me:you@%s/token" % FOREIGN,
          "http://%s#@%s/token" % (FOREIGN, REALM), "http://%s?@%s/token" % (FOREIGN, REALM),
          "http://%s\\@%s/token" % (FOREIGN, REALM), "http://%s\\@%s/token" % (REALM, FOREIGN),
          "http://%s.away.test/token" % REALM, "http:%s/token" % FOREIGN,
          "http:///%s/token" % FOREIGN, "//%s/token" % FOREIGN, "/token",
          "http://foreign%2eaway.test:5000/token", "http://foreign\u3002away.test:5000/token",
          "http://realm.trusted.test:5001/token", "ftp://%s/token" % FOREIGN)


class TestRealms:

  @pytest.mark.parametrize("url, way, where", rows(
      REALMS, ("bearer", "identity", "server_bearer"), WHERE, count=1))
  def test_realm_that_nobody_trusts(self, programs, make_world, url, way, where):
    world = make_world(where)
    world.proxy.names["realm.trusted.test:5001"] = world.foreign.address
    flags = getattr(Ways, way)(world, "")
    trusted = world.registry.challenge
    world.registry.challenge = (
        'Bearer realm="%s",service="planted"' % url).encode().decode("latin-1")
    world.foreign.on("GET", "/token", fake.answer(200, b'{"token": "stranger"}'))
    world.foreign.on("POST", "/token", fake.answer(200, b'{"access_token": "stranger"}'))
    first = run_with(world, programs, "inspect", flags)
    assert first.code == 1
    assert not world.realm.log
    # The same with the right realm, so that it is known that these would be used.
    world.registry.challenge = trusted
    result = run_with(world, programs, "inspect", flags).ok()
    check_all(world, first, programs)
    check_all(world, result, programs)

  @pytest.mark.parametrize("target, way, code, where", rows(
      TARGETS, ("bearer", "identity", "server_bearer"), CODES, ("central", "private"), count=1))
  def test_realm_that_redirects(self, programs, make_world, target, way, code, where):
    world = make_world(where)
    for method in ("GET", "POST"):
      world.realm.on(method, "/token", redirect(code, target))
    flags = getattr(Ways, way)(world, "")
    world.planted[-1].owners.clear()  # no realm issues the token
    for server in (world.foreign, world.foreign_tls):
      server.challenge = MANNERS["wants a password"]
    result = run_with(world, programs, "inspect", flags)
    assert result.code == 1
    # An identity token is posted, and what is posted is not sent on.
    assert was_reached(world) != (way == "identity" or DOTTED in target), result
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  def test_token_is_not_the_other_registrys(self, programs, make_world, where):
    """Two registries have one realm: each gets the token for itself."""
    world = make_world(where)
    secret = world.plant("password for the first registry", "realm")
    other = world.plant("password for the second registry", "realm")
    world.wants_token()
    second = world.plant("token for the second registry", "mirror", odd=False)
    world.mirror.challenge = 'Bearer realm="http://%s/other",service="planted"' % REALM
    world.mirror.accepted = {"Bearer " + second.text}
    world.realm.on("GET", "/other", fake.answer(200, json.dumps({"token": second.text}).encode()))
    result = world.run(programs, "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                       "--src-creds", "%s:%s" % (USER, secret.text), "--dest-creds",
                       "%s:%s" % (USER, other.text), NAME, "docker://%s/copy:v1" % MIRROR).ok()
    check_all(world, result, programs)


def echo_text(handler):
  """What a server knows of a request's secrets."""
  header = handler.headers.get("Authorization", "")
  kind, _, value = header.partition(" ")
  decoded = base64.b64decode(value).decode() if kind == "Basic" else ""
  return "%s %s" % (header, decoded)


class Echoes:
  """Answers that have the secret in them."""

  @staticmethod
  def message(handler, unused_body):
    handler.respond(403, json.dumps({"errors": [{
        "code": "DENIED", "message": "no: " + echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json"})

  @staticmethod
  def message_of_401(handler, unused_body):
    handler.respond(401, json.dumps({"errors": [{
        "code": "UNAUTHORIZED", "message": "no: " + echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json", "WWW-Authenticate": 'Basic realm="x"'})

  @staticmethod
  def code(handler, unused_body):
    handler.respond(403, json.dumps({"errors": [{"code": echo_text(handler)}]}).encode(),
                    {"Content-Type": "application/json"})

  @staticmethod
  def page(handler, unused_body):
    handler.respond(403, ("<html>%s</html>" % echo_text(handler)).encode(),
                    {"Content-Type": "text/html"})

  @staticmethod
  def reason_phrase(handler, unused_body):
    fake.raw(("HTTP/1.1 403 %s\r\nContent-Length: 0\r\n\r\n" % echo_text(handler)).encode())(
        handler, b"")

  @staticmethod
  def malformed_head(handler, unused_body):
    fake.raw(("%s\r\n\r\n" % echo_text(handler)).encode())(handler, b"")

  @staticmethod
  def headers(handler, unused_body):
    text = echo_text(handler)
    handler.respond(403, b"", {name: text for name in (
        "Location", "Docker-Content-Digest", "Content-Type", "Retry-After", "X-Echo", "Warning",
        "Set-Cookie", "Server")})

  @staticmethod
  def media_type(handler, body):
    handler.respond(200, body, {"Content-Type": "text/" + echo_text(handler).split()[-1]})

  @staticmethod
  def digest(handler, body):
    handler.respond(200, body, {**handler.truth,
                                "Docker-Content-Digest": echo_text(handler).split()[-1]})

  @staticmethod
  def location(handler, unused_body):
    handler.respond(307, b"", {"Location": "gopher://" + echo_text(handler).split()[-1]})

  @staticmethod
  def challenge(handler, unused_body):
    handler.respond(401, b"", {"WWW-Authenticate": 'Bearer realm="%s"' % echo_text(handler)})

  @staticmethod
  def manifest(handler, unused_body):
    text = echo_text(handler).split()[-1]
    handler.respond(200, json.dumps({"schemaVersion": 2, "mediaType": "x/" + text, "config": {
        "digest": text}}).encode(), {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})


ECHOES = ("message", "message_of_401", "code", "page", "reason_phrase", "malformed_head", "headers",
          "media_type", "digest", "location", "challenge", "manifest")


class TestEchoes:

  @pytest.mark.parametrize("echo, way, where", rows(ECHOES, WAYS, WHERE, count=1) + [
      ("message", way, "central") for way in WAYS[1:]])
  def test_answer_to_a_question(self, programs, make_world, echo, way, where):
    world = make_world(where)
    world.registry.on("GET", "/manifests/", getattr(Echoes, echo))
    result = run(world, programs, "inspect", way)
    check_all(world, result, programs)

  @pytest.mark.parametrize("what, way, where", rows(
      [what for what in (*ASKED, *SENT) if what != "manifest"], WAYS, WHERE, count=1))
  def test_message_to_another_question(self, programs, make_world, layout, what, way, where):
    command, methods, part = {**ASKED, **SENT}[what]
    world = make_world(where)
    for method in methods:
      world.registry.on(method, part, Echoes.message)
    result = run(world, programs, command, way, layout)
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  def test_message_to_a_login(self, programs, make_world, where):
    world = make_world(where)
    secret = world.plant("password to log in with", "registry")
    world.wants_basic(secret)
    world.registry.on("GET", "/v2/", Echoes.message)
    result = world.run(programs, "login", "--tls-verify=false", "-u", USER, "-p", secret.text,
                       "--authfile", world.path / "auth.json", REGISTRY)
    assert result.code == 1
    check_all(world, result, programs)

  @pytest.mark.parametrize("way, echo, where", rows(
      ("bearer", "server_bearer", "identity"),
      ("message", "message_of_401", "code", "page", "headers"), WHERE, count=3))
  def test_realm(self, programs, make_world, way, echo, where):
    world = make_world(where)
    world.realm.on("GET", "/token", getattr(Echoes, echo))
    if way == "identity":
      # What is sent stands in the body.
      def act(handler, unused_body):
        text = world.planted[0].text
        handler.headers["Authorization"] = "Bearer " + text
        getattr(Echoes, echo)(handler, b"")
      world.realm.on("POST", "/token", act)
    flags = getattr(Ways, way)(world, "")
    world.planted[-1].owners.clear()  # no realm issues the token
    result = run_with(world, programs, "inspect", flags)
    assert result.code == 1
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  def test_realm_that_issues_half_an_answer(self, programs, make_world, where):
    """A token that cannot be used is not shown either."""
    world = make_world(where)
    token = world.plant("token with a blank")
    secret = world.plant("password for a realm", "realm")
    world.realm.on("GET", "/token", fake.answer(200, json.dumps(
        {"token": token.text + " x"}).encode()))
    world.registry.challenge = 'Bearer realm="http://%s/token",service="planted"' % REALM
    result = run_with(world, programs, "inspect", ["--creds", "%s:%s" % (USER, secret.text)])
    assert result.code == 1
    check_all(world, result, programs)


class TestMirrors:
  """Mirrors are other parties than the registry."""

  CONF = ('[[registry]]\nlocation = "%s"\ninsecure = true\n'
          '[[registry.mirror]]\nlocation = "%s"\ninsecure = true\n' % (REGISTRY, MIRROR))

  @pytest.fixture
  def world(self, make_world):
    world = make_world("private")
    (world.path / "registries.conf").write_text(self.CONF)
    return world

  def inspect(self, world, programs, *flags):
    return programs.holkas(
        "--debug", "--registries-conf", world.path / "registries.conf", "--token-realms", REALM,
        "inspect", *flags, NAME, env={**world.proxy.environment(), "REGISTRY_AUTH_FILE": str(
            world.auth_file), "PATH": "%s:/usr/bin:/bin" % world.auth_file.parent})

  @pytest.mark.parametrize("way, manner", rows(WAYS, MANNERS, count=1) + [
      ("bearer", "wants the realm's token"), ("creds", "wants the realm's token")])
  def test_registrys_credentials_are_not_the_mirrors(self, programs, world, way, manner):
    flags = getattr(Ways, way)(world, "")
    world.mirror.challenge = MANNERS[manner]
    if manner == "serves":  # something that is no image, so that the registry is asked
      world.mirror.on("GET", "/manifests/", fake.error(404, "MANIFEST_UNKNOWN"))
    result = self.inspect(world, programs, *flags)
    assert world.mirror.log
    result.ok()
    check_all(world, result, programs)

  @pytest.mark.parametrize("serves", [True, False])
  def test_each_gets_its_own(self, programs, world, serves):
    first = world.plant("password of the registry", *([] if serves else ["registry"]))
    second = world.plant("password of the mirror", "mirror")
    world.wants_basic(first)
    world.wants_basic(second, server=world.mirror)
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(first),
                                                     MIRROR: auth_entry(second)}}))
    if not serves:
      world.mirror.on("GET", "/manifests/", fake.error(404, "MANIFEST_UNKNOWN"))
    result = self.inspect(world, programs).ok()
    check_all(world, result, programs)

  @pytest.mark.parametrize("target", [REGISTRY, FOREIGN])
  def test_mirror_that_redirects(self, programs, world, target):
    first = world.plant("password of the registry")
    second = world.plant("password of the mirror", "mirror")
    world.wants_basic(second, server=world.mirror)
    world.auth_file.write_text(json.dumps({"auths": {REGISTRY: auth_entry(first),
                                                     MIRROR: auth_entry(second)}}))
    world.mirror.on("GET", "/manifests/", redirect(307, "http://" + target))
    result = self.inspect(world, programs).ok()
    assert world.registry.log or world.foreign.log
    check_all(world, result, programs)

  def test_message_of_a_mirror(self, programs, world):
    secret = world.plant("password of the mirror", "mirror")
    world.wants_basic(secret, server=world.mirror)
    world.auth_file.write_text(json.dumps({"auths": {MIRROR: auth_entry(secret)}}))
    world.mirror.on("GET", "/manifests/", Echoes.message)
    world.registry.on("GET", "/manifests/", fake.error(404, "MANIFEST_UNKNOWN"))
    result = self.inspect(world, programs)
    assert result.code != 0
    check_all(world, result, programs)


class TestClientCertificates:

  @pytest.mark.parametrize("what, code, where", rows(ASKED, CODES, ("central", "private"), count=1))
  def test_redirect_sees_none(self, programs, make_world, layout, client_certificate, what, code,
                              where):
    directory, key = client_certificate
    world = make_world(where, tls=True, client_authority=directory / "client.cert")
    world.plant("private key", pem=key)
    command, methods, part = ASKED[what]
    for method in methods:
      world.registry.on(method, part, redirect(code, "https://" + FOREIGN_TLS))
    result = run_with(world, programs, command,
                      ["--%scert-dir" % prefix_of(command), directory], layout).ok()
    assert world.foreign_tls.log and world.registry.clients_known > 0
    assert world.foreign_tls.clients_known == 0
    check_all(world, result, programs)

  @pytest.mark.parametrize("where", ["central", "private"])
  def test_foreign_upload_sees_none(self, programs, make_world, layout, client_certificate, where):
    directory, key = client_certificate
    world = make_world(where, tls=True, client_authority=directory / "client.cert")
    world.plant("private key", pem=key)
    secret = world.plant("password", "registry")
    world.wants_basic(secret)
    world.strangers_take_uploads()
    world.registry.on("POST", "/blobs/uploads/", fake.answer(202, b"", {
        "Location": "https://%s/v2/app/blobs/uploads/there" % FOREIGN_TLS}))
    result = run_with(world, programs, "push", ["--dest-cert-dir", directory, "--dest-creds",
                                                "%s:%s" % (USER, secret.text)], layout).ok()
    assert world.foreign_tls.log and world.registry.clients_known > 0
    assert world.foreign_tls.clients_known == 0
    check_all(world, result, programs)

  @pytest.mark.parametrize("text", ["no PEM", "cut off"])
  def test_key_that_cannot_be_used(self, programs, make_world, client_certificate, tmp_path, text):
    directory, key = client_certificate
    world = make_world("private", tls=True)
    world.plant("private key", pem=key)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "client.cert").write_bytes((directory / "client.cert").read_bytes())
    (bad / "client.key").write_text(key.replace("-----", "") if text == "no PEM" else key[:-60])
    result = run_with(world, programs, "inspect", ["--cert-dir", bad])
    assert result.code == 1
    check_all(world, result, programs)


class TestProxies:

  def inspect(self, world, programs, proxy, secret):
    url = proxy.url.replace("http://", "http://%s:%s@" % (USER, _percent(secret.text)))
    return programs.holkas("--debug", "inspect", "--tls-verify=false", NAME,
                           env=proxy.environment(url))

  @pytest.mark.parametrize("what", ["manifest", "nothing"])
  def test_proxys_password(self, programs, make_world, what):
    world = make_world("private")
    secret = world.plant("password of the proxy", "that proxy")
    with HttpProxy(world.proxy.names, user="%s:%s" % (USER, secret.text)) as proxy:
      if what == "manifest":
        world.registry.on("GET", "/manifests/", redirect(307, "http://" + FOREIGN))
      result = self.inspect(world, programs, proxy, secret).ok()
      assert world.foreign.log or what == "nothing"
      check(world.planted, {**world.places(result, programs), "that proxy": proxy.received})

  def test_refusal_with_the_password(self, programs, make_world):
    world = make_world("private")
    secret = world.plant("password of the proxy", "that proxy")
    answer = "403 not with %s %s" % (basic(secret), secret.text)
    with HttpProxy({}, user="%s:%s" % (USER, secret.text), answer=answer) as proxy:
      result = self.inspect(world, programs, proxy, secret)
      assert result.code == 1
      check(world.planted, {**world.places(result, programs), "that proxy": proxy.received})

  def test_registrys_password_is_not_for_the_proxy(self, programs, make_world):
    """`places` has what the proxy itself got."""
    world = make_world("private", tls=True)
    result = run(world, programs, "inspect", "creds").ok()
    places = world.places(result, programs)
    assert REGISTRY.encode() in places["proxy"]
    check(world.planted, places)


def _percent(text):
  return "".join("%%%02X" % byte for byte in text.encode())


class Stalled:
  """A copy that waits in the middle of a layer, while it is entered as a context."""

  def __init__(self, world, programs, way, **more):
    flags = getattr(Ways, way)(world, "src-")
    world.registry.on("GET", world.image.layers[1]["digest"], fake.stall(10))
    at = ["--server", world.central.address] if world.central else ["--token-realms", REALM]
    environment = {**programs.environment, **world.proxy.environment(),
                   "REGISTRY_AUTH_FILE": str(world.auth_file),
                   "PATH": "%s:/usr/bin:/bin" % world.auth_file.parent, **more.pop("env", {})}
    self._command = [programs.path("holkas"), "--debug", *at, "copy", "--src-tls-verify=false",
                     *flags, NAME, "dir:%s" % world.destination]
    self._more = {"env": environment, **more}
    self._world, self._programs = world, programs

  def __enter__(self):
    self.process = subprocess.Popen([str(word) for word in self._command], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, **self._more)
    while not self._world.registry.asked("GET", self._world.image.layers[1]["digest"]):
      assert self.process.poll() is None, self.process.communicate()
    self.worker, = self._programs.workers()
    return self

  def end(self):
    """What it said."""
    stdout, stderr = self.process.communicate(timeout=20)
    return {"stdout": stdout, "stderr": stderr}

  def __exit__(self, *unused):
    if self.process.poll() is None:
      self.process.send_signal(signal.SIGTERM)
      self.end()


class TestProcesses:

  @pytest.mark.parametrize("way, where", rows(WAYS, ("central", "private"), count=1))
  def test_proc_shows_nothing(self, programs, make_world, where, way):
    world = make_world(where)
    with Stalled(world, programs, way) as copy:
      # Who types a password on a command line has it there.
      seen = process_places(programs, but={copy.process.pid})
      assert {"cmdline of holkasd", "cmdline of holkas-worker"} <= set(seen)
      copy.process.send_signal(signal.SIGTERM)
      said = copy.end()
    check(world.planted, {**world.places(), **seen, **said})

  def test_proxys_password_is_in_no_workers_environment(self, programs, make_world):
    world = make_world("private")
    secret = world.plant("password of the proxy", "that proxy", "environ of holkasd")
    with HttpProxy(world.proxy.names, user="%s:%s" % (USER, secret.text)) as proxy:
      # As it is, which a URL would not have: the search is for what is in the environment.
      url = proxy.url.replace("http://", "http://%s:%s@" % (USER, _percent_odd(secret.text)))
      with Stalled(world, programs, "creds", env=proxy.environment(url)) as copy:
        seen = process_places(programs, but={copy.process.pid})
        copy.process.send_signal(signal.SIGTERM)
        said = copy.end()
      check(world.planted, {**world.places(), **seen, **said, "that proxy": proxy.received})

  @pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of workers")
  @pytest.mark.parametrize("way, where", [("bearer", "central"), ("identity", "private"),
                                          ("server_bearer", "central")])
  def test_worker_never_has_what_lives_long(self, programs, make_world, where, way):
    world = make_world(where)
    with Stalled(world, programs, way) as copy:
      places = {"worker": memory(copy.worker)}
      servers = [world.central.process.pid] if world.central else programs.private_servers()
      places["server"] = b"".join(memory(pid) for pid in servers)
      places["zygote and keeper"] = b"".join(
          memory(pid) for pid, _ in programs.processes("holkas-worker") if pid != copy.worker)
    password, token = world.planted
    # That the search finds what is there is seen by the token, which the worker needs.
    password.owners, token.owners = {"server"}, {"server", "worker"}
    check(world.planted, places)

  @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a worker crash")
  @pytest.mark.parametrize("way, crash", rows(
      ("creds", "bearer", "registry_token", "server_file"), ("SIGSEGV", "SIGILL"), count=1))
  def test_worker_that_crashes(self, programs, make_world, tmp_path, way, crash):
    world = make_world("private")
    directory = tmp_path / "cores"
    directory.mkdir()
    with Stalled(world, programs, way, cwd=directory, preexec_fn=_allow_cores) as copy:
      make_crash(copy.worker, crash)
      world.registry.ended.set()  # which wakes it
      said = copy.end()
      assert copy.process.returncode == 1
    assert b"signal %d" % signal.Signals[crash] in said["stderr"], said
    cores = b"".join(file.read_bytes() for file in directory.iterdir())
    check(world.planted, {**world.places(), **said, "core": cores})
    assert not list(directory.iterdir())

  def test_other_programs_do_leave_cores(self, tmp_path):
    """So that the test before would see one."""
    if pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")):
      pytest.skip("cores go elsewhere on this machine")
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path, preexec_fn=_allow_cores)
    process.send_signal(signal.SIGSEGV)
    process.wait(10)
    assert list(tmp_path.iterdir())


def _allow_cores():
  resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _percent_odd(text):
  return text.replace("/", "%2F").replace("+", "%2B").replace("&", "%26")


class TestTheCheck:
  """What finds nothing proves nothing."""

  def test_registry_that_counts_as_foreign(self, programs, make_world):
    world = make_world("private")
    result = run(world, programs, "inspect", "creds").ok()
    world.planted[0].owners.clear()
    with pytest.raises(AssertionError, match="leaked to\nregistry: password of a flag.*base64"):
      check_all(world, result, programs)

  def test_realm_that_counts_as_foreign(self, programs, make_world):
    world = make_world("central")
    result = run(world, programs, "inspect", "identity").ok()
    world.planted[0].owners.clear()
    with pytest.raises(AssertionError, match="leaked to\nrealm: identity.*percent-encoded"):
      check_all(world, result, programs)

  def test_secret_that_is_never_used(self, programs, make_world):
    world = make_world("private")
    world.plant("password that nobody sends", "registry")
    result = run(world, programs, "inspect", "creds").ok()
    with pytest.raises(AssertionError, match="did not get to\nregistry: password that nobody"):
      check_all(world, result, programs)

  @pytest.mark.parametrize("place, command", [("stdout", "inspect"), ("files", "pull")])
  def test_what_is_left_is_looked_at(self, programs, make_world, place, command):
    world = make_world("private")
    world.plant("label of the image", "foreign")
    world.registry.add("app", "v1", Image(labels={"label": world.planted[0].text}))
    result = run_with(world, programs, command, []).ok()
    with pytest.raises(AssertionError, match="leaked to\n%s: label" % place):
      check_all(world, result, programs)

  @pytest.mark.parametrize("where, place", [("private", "stderr"), ("central", "log")])
  def test_what_is_said_is_looked_at(self, programs, make_world, where, place):
    world = make_world(where)
    tag = world.plant("tag", "registry", *(["stderr"] if place == "log" else []), odd=False)
    result = run_with(world, programs, "inspect", [], image="docker://%s/app:%s" % (
        REGISTRY, tag.text))
    assert result.code == 2
    with pytest.raises(AssertionError, match="leaked to\n%s: tag" % place):
      check_all(world, result, programs)

  @pytest.mark.parametrize("form", [
      lambda text: text, str.upper, lambda text: json.dumps(text).replace("/", "\\/"),
      lambda text: base64.b64encode(("me:" + text).encode()).decode(),
      lambda text: base64.b64encode(("you:%s:" % text).encode()).decode(),
      lambda text: base64.urlsafe_b64encode(("user:%s" % text).encode()).decode(),
      lambda text: base64.encodebytes(("a" * 50 + text).encode()).decode(), _percent_odd])
  def test_every_form_is_found(self, form):
    for _ in range(50):
      secret = PlantedSecret("password", [])
      assert secret.forms_in(b"before " + form(secret.text).encode() + b" after"), secret.text
      assert not PlantedSecret("other", []).forms_in(form(secret.text).encode())
