"""Secrets go to those for whom they are, and to nobody and nowhere else.

Each test plants new ones and lets somebody try to get at them. In the end one check looks for all
of them in all that the servers got and the programs said and left. It fails as well where a secret
did not get to whom it is for.
"""

import json

import pytest

from fakes import actions as fake
from support.http_proxy import HttpProxy
from support.planted_secret import check
from support.secret_echoes import Echoes
from support.secret_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.secret_ways import (ASKED, SENT, NAME, WAYS, WHERE, Ways,
                                 check_all, prefix_of, rows, run, run_with)
from support.secret_world import (DOTTED, FOREIGN, FOREIGN_TLS, LONGER, MIRROR, OTHER_PORT, REALM,
                                  REGISTRY, SIBLING, USER, auth_entry, basic)


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
