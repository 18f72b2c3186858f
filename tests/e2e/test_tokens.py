"""Registries that want bearer tokens: a real docker-registry and a realm of the tests' own."""

import base64
import json
import time

import pytest

from support.programs import Server
from support.token_realm import TokenRealm, TokenRegistry

PASSWORD = "canary-password"
IDENTITY = "canary-identity"


@pytest.fixture
def realm(tmp_path):
  with TokenRealm(tmp_path / "realm", {"alice": PASSWORD}, {IDENTITY: "alice"}) as realm:
    yield realm


@pytest.fixture
def registry(realm, tmp_path):
  with TokenRegistry(tmp_path / "registry", realm) as registry:
    yield registry


@pytest.fixture
def server(programs, realm, registry, tmp_path):
  """A holkasd that trusts the realm, which is another origin than the registry."""
  registries = 'insecure: ["%s"]\ntoken_realms: ["%s"]' % (registry.address, realm.address)
  with Server(programs, tmp_path / "server", registries=registries) as server:
    yield server


@pytest.fixture
def app(programs, server, registry, realm, image_layout):
  """An image in the registry, pushed by alice."""
  name = "docker://%s/team/app:1" % registry.address
  programs.holkas("copy", "--dest-creds", "alice:" + PASSWORD, "oci:%s:latest" % image_layout, name,
                  server=server).ok()
  return name


def test_push_asks_for_the_least_scope_and_once(app, realm):
  assert realm.scopes() == [["repository:team/app:pull,push"]]
  assert [r["user"] for r in realm.requests] == ["alice"]
  assert realm.requests[0]["parameters"]["service"] == ["the registry"]
  assert realm.requests[0]["parameters"]["account"] == ["alice"]


def test_anonymous_pull(programs, server, app, realm):
  realm.requests.clear()
  result = programs.holkas("inspect", app, server=server).ok()
  assert json.loads(result.stdout)["RepoTags"] == ["1"]
  assert realm.scopes() == [["repository:team/app:pull"]]
  assert realm.requests[0]["user"] is None


def test_anonymous_push_is_refused(programs, server, app):
  result = programs.holkas("copy", app, app + "2", server=server)
  assert result.code == 1
  assert "unauthorized" in result.stderr or "denied" in result.stderr


def test_requests_share_tokens(programs, server, app, realm):
  realm.requests.clear()
  for _ in range(5):
    programs.holkas("inspect", "--creds", "alice:" + PASSWORD, app, server=server).ok()
  assert len(realm.requests) == 1
  programs.holkas("inspect", app, server=server).ok()  # nobody's is another
  assert len(realm.requests) == 2


def test_copy_within_the_registry_mounts(programs, server, app, registry, realm):
  realm.requests.clear()
  mark = registry.mark()
  programs.holkas("copy", "--src-creds", "alice:" + PASSWORD, "--dest-creds", "alice:" + PASSWORD,
                  app, "docker://%s/team/other:1" % registry.address, server=server).ok()
  assert not registry.blob_uploads(mark)
  assert sorted(realm.scopes()) == [
      ["repository:team/app:pull"],
      ["repository:team/app:pull", "repository:team/other:pull,push"]]


def test_wrong_password(programs, server, app):
  result = programs.holkas("inspect", "--creds", "alice:wrong-canary", app, server=server)
  assert result.code == 1
  assert "unable to retrieve auth token" in result.stderr and "no such user" in result.stderr
  for text in (result.stderr, server.log()):
    assert "wrong-canary" not in text


def test_token_that_expired_is_renewed(programs, server, app, realm):
  # docker-registry allows for clocks that differ by a minute.
  realm.life_seconds, realm.claimed_seconds = -57, 300
  programs.holkas("inspect", app, server=server).ok()
  realm.requests.clear()
  time.sleep(4)
  programs.holkas("inspect", app, server=server).ok()
  assert len(realm.requests) == 1


def test_identity_token_of_an_auth_file(programs, server, app, realm, registry, tmp_path):
  auth_file = tmp_path / "auth.json"
  auth_file.write_text(json.dumps({"auths": {registry.address: {
      "auth": base64.b64encode(b"<token>:").decode(), "identitytoken": IDENTITY}}}))
  registries = 'insecure: ["%s"]\ntoken_realms: ["%s"]\nauth_files: ["%s"]' % (
      registry.address, realm.address, auth_file)
  with Server(programs, tmp_path / "with-auth-file", registries=registries) as other:
    realm.requests.clear()
    programs.holkas("inspect", app, server=other).ok()
    assert [(r["method"], r["user"]) for r in realm.requests] == [("POST", "alice")]
    assert IDENTITY not in other.log()


def test_identity_token_of_the_callers_file(programs, server, app, realm, registry, tmp_path):
  auth_file = tmp_path / "auth.json"
  auth_file.write_text(json.dumps({"auths": {registry.address: {"identitytoken": IDENTITY}}}))
  realm.requests.clear()
  programs.holkas("inspect", "--authfile", auth_file, app, server=server).ok()
  assert [(r["method"], r["user"]) for r in realm.requests] == [("POST", "alice")]
  assert IDENTITY not in server.log()


def test_credentials_do_not_go_to_another_origin(programs, server, app, realm):
  realm.requests.clear()
  result = programs.inspect(app, "--creds", "alice:" + PASSWORD)
  assert result.code == 1
  assert "wants a token of http://%s" % realm.address in result.stderr
  assert "token_realms" in result.stderr
  assert not realm.requests


def test_private_server_is_told_of_realms(programs, app, realm):
  realm.requests.clear()
  programs.holkas("--token-realms", "a.test," + realm.address, "inspect", "--tls-verify=false",
                  "--creds", "alice:" + PASSWORD, app).ok()
  assert [r["user"] for r in realm.requests] == ["alice"]


def test_no_secret_is_logged(programs, server, app, realm):
  programs.holkas("inspect", "--creds", "alice:" + PASSWORD, app, server=server).ok()
  log = server.log()
  assert "token fetched" in log
  assert PASSWORD not in log
  assert base64.b64encode(("alice:" + PASSWORD).encode()).decode() not in log
  assert "eyJ" not in log  # how every token begins
