"""Registries and realms that say again what they were told: it reaches no log and no error."""

import json

import pytest

from fakes import actions as fake
from support.secret_echoes import ECHOES, Echoes
from support.secret_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.secret_ways import ASKED, SENT, WAYS, WHERE, Ways, check_all, rows, run, run_with
from support.secret_world import REALM, REGISTRY, USER


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
