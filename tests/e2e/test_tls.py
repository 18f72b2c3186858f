"""Callers from other machines: TLS, certificates, tokens, and what each may do."""

import os
import re
import subprocess

import pytest

from conftest import ROOT
from support.programs import run
from support.tls_server import (EVERYTHING, INFO, OTHER_TOKEN, TOKEN, Caller, Files, TlsServer, allow_file,
                                replace, token_file)

PROTO = "holkas/v1/image_service.proto"
# For grpcurl, where reflection refuses the caller before the method is asked.
DESCRIBED = ["-import-path", ROOT / "proto", "-proto", PROTO, "-proto", "grpc/health/v1/health.proto"]


@pytest.fixture
def files(tmp_path):
  files = Files(tmp_path / "files")
  files.allowed.write_text(allow_file(**{"cert_ci.test": EVERYTHING, "token_bob": EVERYTHING}))
  return files


@pytest.fixture
def server(programs, tmp_path, files):
  with TlsServer(programs, tmp_path / "server", files.config()) as server:
    yield server


@pytest.fixture
def call(programs, server, files):
  """Makes a caller of the server."""

  def make(pair=(), token=None, ca=None):
    return Caller(programs, server, ca or files.authority.certificate, pair, token)

  return make


def test_a_certificate_says_who_calls(call, files, server, pushed):
  caller = call(files.authority.issue("any", "DNS:ci.test"))
  caller.inspect(pushed).ok()
  assert caller.identity() == "cert:ci.test"
  assert server.identities() == ["cert:ci.test"]


def test_a_token_says_who_calls_and_stays_out_of_the_log(call, files, server, pushed):
  caller = call(token=files.token)
  caller.inspect(pushed).ok()
  assert caller.identity() == "token:bob"
  assert server.identities() == ["token:bob"]
  wrong = files.directory / "wrong.token"
  wrong.write_text("wrong-" + TOKEN)
  result = call(token=wrong).inspect(pushed)
  assert result.code == 1 and "nobody has this token" in result.stderr
  assert TOKEN not in server.log()


def test_with_both_the_token_counts(call, files):
  assert call(files.authority.issue("ci.test"), token=files.token).identity() == "token:bob"


def test_a_uri_goes_before_a_dns_name_and_a_common_name_counts_alone(call, files):
  for names, identity in (("DNS:d.test,URI:spiffe://test/ci", "cert:spiffe://test/ci"),
                          ("DNS:d.test,DNS:e.test", "cert:d.test"), ("", "cert:common")):
    assert call(files.authority.issue("common", names)).identity() == identity


@pytest.mark.parametrize("version", ["tls1", "tls1_1", "tls1_2", "tls1_3"])
def test_tls_begins_at_1_2(server, files, version):
  # What openssl keeps its own clients from unless it is told otherwise.
  cipher = [] if version == "tls1_3" else ["-cipher", "ALL:@SECLEVEL=0"]
  result = run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-" + version,
                *cipher, "-alpn", "h2", "-CAfile", files.authority.certificate],
               stdin=subprocess.DEVNULL)
  if version in ("tls1_2", "tls1_3"):
    assert "Verify return code: 0 (ok)" in result.ok().stdout
  else:
    # gRPC hangs up without an alert.
    assert result.code != 0 and "Cipher is (NONE)" in result.stdout
    assert "unexpected eof" in result.stderr
    assert "unsupported protocol" in server.log().lower().replace("_", " ")


def test_who_shows_nothing_is_refused_by_every_service(call, pushed):
  nobody = call()
  result = nobody.inspect(pushed)
  assert result.code == 1 and "neither a client certificate with a name nor a token" in result.stderr
  for arguments in (["list"], [INFO], ["grpc.health.v1.Health/Check"]):
    assert "Unauthenticated" in nobody.grpcurl(*arguments).stderr


def test_health_and_info_are_for_everybody_who_is_known(call, files):
  stranger = call(files.authority.issue("stranger.test"))
  assert "SERVING" in stranger.grpcurl("grpc.health.v1.Health/Check").ok().stdout
  assert stranger.identity() == "cert:stranger.test"


def test_certificates_of_others_and_old_ones_do_not_connect(call, files, pushed):
  for pair in (files.other_authority.issue("ci.test"), files.authority.issue("ci.test", days=-1)):
    caller = call(pair)
    assert caller.inspect(pushed).code == 1
    # In TLS 1.3 the client hears of it after the handshake.
    assert caller.grpcurl(INFO).code != 0


def test_a_client_checks_the_server(programs, call, files, server, pushed):
  pair = files.authority.issue("ci.test")
  result = call(pair, ca=files.other_authority.certificate).inspect(pushed)
  assert result.code == 1 and "certificate verify failed" in result.stderr
  # The system's authorities do not know it either.
  assert programs.holkas("--server", server.tcp, "inspect", pushed).code == 1
  assert programs.holkas("--server", server.tcp, "--server-insecure", "inspect", pushed).code == 1
  assert server.identities() == []


def test_where_certificates_are_required_a_token_is_not_enough(programs, tmp_path, files, pushed):
  with TlsServer(programs, tmp_path / "strict", files.config("required")) as server:
    ca = files.authority.certificate
    assert Caller(programs, server, ca, token=files.token).inspect(pushed).code == 1
    pair = files.authority.issue("ci.test")
    Caller(programs, server, ca, pair).inspect(pushed).ok()
    Caller(programs, server, ca, pair, files.token).inspect(pushed).ok()
    assert server.identities() == ["cert:ci.test", "token:bob"]
    stranger = Caller(programs, server, ca, files.other_authority.issue("ci.test"), files.token)
    assert stranger.inspect(pushed).code == 1
    assert len(server.identities()) == 2


def test_where_no_certificates_are_asked_for_they_say_nothing(programs, tmp_path, files, pushed):
  config = files.config("none").replace("  client_ca_file: %s\n" % files.authority.certificate, "")
  with TlsServer(programs, tmp_path / "tokens", config) as server:
    ca = files.authority.certificate
    for authority in (files.authority, files.other_authority):
      pair = authority.issue("ci.test")
      result = Caller(programs, server, ca, pair).inspect(pushed)
      assert result.code == 1 and "neither a client certificate with a name" in result.stderr
      Caller(programs, server, ca, pair, files.token).inspect(pushed).ok()
    assert server.identities() == ["token:bob"] * 2


def test_who_is_not_listed_may_do_nothing(call, files, server, pushed):
  result = call(files.authority.issue("other.test")).inspect(pushed)
  assert result.code == 1 and "caller cert:other.test may not call Inspect" in result.stderr
  refused = [line for line in server.log_lines() if line["message"] == "request refused"]
  assert [(line["identity"], line["reason"]) for line in refused] == [
      ("cert:other.test", "CALLER_DENIED")]


def test_every_rpc_asks_who_calls_and_what_he_may_do(call, files):
  rpcs = re.findall(r"^  rpc (\w+)\(", (ROOT / "proto" / PROTO).read_text(), re.MULTILINE)
  assert {"Inspect", "Copy", "Import", "Export", "Delete", "CheckCredentials"} < set(rpcs)
  nobody, other = call(), call(files.authority.issue("other.test"))
  for rpc in rpcs:
    name = "holkas.v1.ImageService/" + rpc
    unknown = nobody.grpcurl(name, request={}, options=DESCRIBED)
    assert "neither a client certificate with a name nor a token" in unknown.stderr, (rpc, unknown)
    answer = other.grpcurl(name, request={}, options=DESCRIBED)
    if rpc == "GetServerInfo":
      answer.ok()
    else:
      assert "caller cert:other.test may not call " + rpc in answer.stderr, answer


def test_several_tokens_are_no_token(call, files):
  caller = call(token=files.token)
  for header in ("authorization: Bearer " + TOKEN, "authorization: Bearer wrong"):
    for method in (INFO, "grpc.health.v1.Health/Check"):
      result = caller.grpcurl(method, request={}, header=header, options=DESCRIBED)
      assert "authorization stands more than once" in result.stderr, (method, result)


def test_a_header_that_names_the_service_is_not_its_path(call):
  result = call().grpcurl("grpc.health.v1.Health/Check", request={}, options=DESCRIBED,
                          header="x-path: /holkas.v1.ImageService/GetServerInfo")
  assert "neither a client certificate with a name nor a token" in result.stderr


def test_a_registry_is_asked_for_its_credentials_where_it_is_listed(call, files, registry,
                                                                    other_registry):
  files.allowed.write_text(allow_file(
      token_bob={"operations": ["CheckCredentials"], "repositories": [registry.address + "/some/app"]}))
  caller = call(token=files.token)
  login = lambda registry: caller.grpcurl(
      "holkas.v1.ImageService/CheckCredentials",
      request={"registry": registry, "access": {"tlsVerification": "TLS_VERIFICATION_DISABLED"}})
  login(registry.address).ok()
  refused = login(other_registry.address)
  assert "may not use registry " + other_registry.address in refused.stderr


def test_without_a_list_nobody_may_do_anything_over_tls(programs, tmp_path, files, pushed):
  config = files.config().replace(", allow_file: %s" % files.allowed, "")
  with TlsServer(programs, tmp_path / "open", config) as server:
    caller = Caller(programs, server, files.authority.certificate, token=files.token)
    assert "may not call Inspect" in caller.inspect(pushed).stderr
    assert caller.identity() == "token:bob"
    # On the unix socket everything is as without TLS.
    programs.inspect(pushed, server=server).ok()


def test_operations_registries_and_repositories_are_as_listed(programs, call, files, server, registry,
                                                              other_registry, pushed):
  place = registry.repository("allowed")[len("docker://"):]
  files.allowed.write_text(allow_file(
      token_bob={"operations": ["Inspect", "Copy", "CheckCredentials"],
                 "registries": [other_registry.address],
                 "repositories": [pushed[len("docker://"):].rsplit(":", 1)[0], place + "/*"]}))
  caller = call(token=files.token)
  copy = lambda *names: caller.holkas("copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                                      *names)
  caller.inspect(pushed).ok()
  copy(pushed, "docker://%s/app" % place).ok()
  copy(pushed, other_registry.repository("anything")).ok()
  started = len(server.identities())
  for result, why in (
      (copy(pushed, "docker://%s" % place), "may not use repository " + place),
      (copy(pushed, registry.repository("elsewhere")), "may not use repository"),
      (copy("docker://%s/other/app" % registry.address, "docker://%s/x" % place),
       "may not use repository %s/other/app" % registry.address),
      (caller.inspect(registry.repository("elsewhere")), "may not use repository"),
      (caller.holkas("delete", "--tls-verify=false", pushed), "may not call Delete"),
      (caller.holkas("list-tags", "--tls-verify=false", pushed.rsplit(":", 1)[0]),
       "may not call ListTags")):
    assert result.code == 1 and why in result.stderr, result
  assert len(server.identities()) == started, "a worker was started for what is refused"


def test_paths_of_the_server_are_not_for_callers_over_tls(call, files, tmp_path, pushed):
  caller = call(token=files.token)
  result = caller.holkas("copy", "--src-tls-verify=false", "--server-paths", pushed,
                         "dir:%s" % (tmp_path / "out"))
  assert result.code == 1 and "is not beneath one of the server's access.local_roots" in result.stderr
  result = caller.grpcurl("holkas.v1.ImageService/Inspect", request={
      "image": pushed, "registry": {"auth_file": "/etc/passwd"}})
  assert "PATH_DENIED" in result.stderr


def test_an_entry_binds_users_of_the_unix_socket(programs, files, server, pushed):
  programs.inspect(pushed, server=server).ok()
  replace(files.allowed, allow_file(**{"uid_%d" % os.getuid(): {"operations": ["Copy"]}}))
  result = programs.inspect(pushed, server=server)
  assert result.code == 1 and "may not call Inspect" in result.stderr


def test_a_new_certificate_is_shown_without_a_restart(call, files, server, pushed):
  pair = files.authority.issue("ci.test")
  call(pair).inspect(pushed).ok()
  files.deployed("server2", files.other_authority)
  assert "certificate verify failed" in call(pair).inspect(pushed).stderr
  call(pair, ca=files.other_authority.certificate).inspect(pushed).ok()
  assert server.certificate() in files.server.read_text()


def test_new_authorities_of_clients_are_used_without_a_restart(call, files, server, pushed):
  pair = files.authority.issue("ci.test")
  other = files.other_authority.issue("ci.test")
  trusted = files.authority.certificate
  server_ca = files.directory / "server-ca.pem"
  server_ca.write_text(trusted.read_text())
  call(pair).inspect(pushed).ok()
  replace(trusted, files.other_authority.certificate.read_text())
  call(other, ca=server_ca).inspect(pushed).ok()
  assert call(pair, ca=server_ca).inspect(pushed).code == 1


@pytest.mark.parametrize("broken", ["no certificate", "another's key", "an expired certificate"])
def test_broken_new_certificates_are_not_used(call, files, server, pushed, broken):
  before = server.certificate()
  certificate, key = files.authority.issue("later", "IP:127.0.0.1", days=-1)
  if broken == "no certificate":
    replace(files.server, "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n")
  elif broken == "another's key":
    replace(files.server_key, key.read_text())
  else:
    replace(files.server_key, key.read_text())
    replace(files.server, certificate.read_text())
  assert server.certificate() == before
  call(token=files.token).inspect(pushed).ok()
  told = [line["why"] for line in server.log_lines() if "the old ones stay" in line["message"]]
  assert told and str(files.directory) in told[-1]
  files.deployed("repaired", files.authority)
  assert server.certificate() != before
  call(token=files.token).inspect(pushed).ok()


def test_a_token_that_is_taken_away_ends_at_once(call, files, server, pushed):
  caller = call(token=files.token)
  caller.inspect(pushed).ok()
  replace(files.tokens, token_file(bob=[OTHER_TOKEN]))
  result = caller.inspect(pushed)
  assert result.code == 1 and "nobody has this token" in result.stderr
  replace(files.tokens, token_file(bob=[OTHER_TOKEN, TOKEN]))
  caller.inspect(pushed).ok()


def test_an_entry_that_is_taken_away_ends_at_once_and_a_broken_list_keeps_the_old(call, files, server,
                                                                                 pushed):
  caller = call(token=files.token)
  caller.inspect(pushed).ok()
  replace(files.allowed, "version: 1\ncallers: [{identity: who}]\n")
  caller.inspect(pushed).ok()
  assert any("allow.yaml:2" in line.get("why", "") for line in server.log_lines())
  replace(files.allowed, allow_file(token_bob={"operations": ["Copy"]}))
  assert "may not call Inspect" in caller.inspect(pushed).stderr


def test_plain_tcp_is_for_those_who_say_insecure(programs, tmp_path, pushed):
  with TlsServer(programs, tmp_path / "plain", "access: {insecure_tcp: true}") as server:
    at = ["--server", server.tcp]
    assert programs.holkas(*at, "inspect", pushed).code == 1
    programs.holkas(*at, "--server-insecure", "inspect", "--tls-verify=false", pushed).ok()
    programs.holkas(*at, "inspect", "--tls-verify=false", pushed,
                    env={"HOLKAS_SERVER_INSECURE": "1"}).ok()
    assert server.identities() == ["anonymous"] * 2


def test_on_plain_tcp_a_list_names_anonymous(programs, tmp_path, files, pushed):
  files.allowed.write_text(allow_file(token_bob={"operations": ["*"], "registries": ["*:*"]}))
  config = "access: {insecure_tcp: true, token_file: %s, allow_file: %s}" % (files.tokens,
                                                                             files.allowed)
  with TlsServer(programs, tmp_path / "plain", config) as server:
    at = ["--server", server.tcp, "--server-insecure"]
    inspect = ["inspect", "--tls-verify=false", pushed]
    assert "caller anonymous may not call Inspect" in programs.holkas(*at, *inspect).stderr
    programs.holkas(*at, "--server-token-file", files.token, *inspect).ok()


def start(programs, tmp_path, config):
  """What a server says that does not start."""
  path = tmp_path / "config.yaml"
  path.write_text(config)
  return run([programs.path("holkasd"), "--config", path], env=programs.environment).stderr


def test_what_is_wrong_at_the_start_is_named(programs, tmp_path, files):
  listen = "listen: ['tcp:127.0.0.1:0']\n"
  good = listen + files.config()
  expired, expired_key = files.authority.issue("old", days=-1)
  _, other_key = files.authority.issue("any")
  broken = files.directory / "broken"
  broken.write_text("nothing")
  for config, why in (
      (listen, "--insecure-tcp"),
      ("listen: ['tcp:0.0.0.0:0']\naccess: {insecure_tcp: true}\n", "with TLS alone"),
      (good.replace("access: {", "access: {insecure_tcp: true, "), "insecure_tcp"),
      (good.replace(str(files.server), "/none/server.crt"), "/none/server.crt"),
      (good.replace(str(files.server), str(broken)), "%s: holds no certificate" % broken),
      (good.replace(str(files.server_key), str(other_key)), "%s: is not the key of" % other_key),
      (good.replace(str(files.server_key), str(broken)), "%s: holds no private key" % broken),
      (good.replace(str(files.server_key), str(expired_key)).replace(str(files.server), str(expired)),
       "%s: the certificate has expired" % expired),
      (good.replace(str(files.authority.certificate), str(broken)), "%s: holds no cert" % broken),
      (good.replace(str(files.tokens), str(broken)), "%s:1: must be a mapping" % broken),
      (good.replace(str(files.allowed), "/none/allow.yaml"), "/none/allow.yaml"),
      ("listen: ['unix:%s/s']\naccess: {token_file: %s}\n" % (tmp_path, files.tokens),
       "access.token_file: tokens are for callers over TCP")):
    assert why in start(programs, tmp_path, config), (config, why)
