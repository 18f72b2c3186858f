"""The check of the tests that plant secrets. What finds nothing proves nothing."""

import base64
import json

import pytest

from support.images import Image
from support.planted_secret import PlantedSecret, percent_odd
from support.secret_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.secret_ways import check_all, run, run_with
from support.secret_world import REGISTRY


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
      lambda text: base64.encodebytes(("a" * 50 + text).encode()).decode(), percent_odd])
  def test_every_form_is_found(self, form):
    for _ in range(50):
      secret = PlantedSecret("password", [])
      assert secret.forms_in(b"before " + form(secret.text).encode() + b" after"), secret.text
      assert not PlantedSecret("other", []).forms_in(form(secret.text).encode())
