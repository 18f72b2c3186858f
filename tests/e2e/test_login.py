"""login and logout: what they keep and say, beside the installed skopeo where it has the command."""

import json
import os
import signal
import subprocess

import pytest

from conftest import soak
from support.login_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.login_home import AUTH, OTHER, SESSION, Home, auths, both, login
from support.password_registry import PASSWORD, USER
from support.programs import ANY_REGISTRY, Server
from support.terminal import Terminal
from support.token_realm import TokenRealm, TokenRegistry

SAME_AS_SKOPEO = {
    "user of the session's file": ({SESSION: auths(**{"a.test": AUTH})},
                                   ["login", "--get-login", "a.test"]),
    "user of a namespace": ({SESSION: auths(**{"a.test": AUTH, "a.test/team": OTHER})},
                            ["login", "--get-login", "a.test/team/app"]),
    "namespace is not its registry": ({SESSION: auths(**{"a.test/team": OTHER})},
                                      ["login", "--get-login", "a.test"]),
    "configuration directory comes second": ({".config/containers/auth.json": auths(**{
        "a.test": AUTH}), ".docker/config.json": auths(**{"a.test": OTHER})},
                                             ["login", "--get-login", "a.test"]),
    "Docker's file comes third": ({".docker/config.json": auths(**{"https://a.test/v1/": OTHER}),
                                   ".dockercfg": json.dumps({"a.test": {"auth": AUTH}})},
                                  ["login", "--get-login", "a.test"]),
    "Docker's legacy file comes last": ({".dockercfg": json.dumps({"https://a.test/v1/": {
        "auth": AUTH}})}, ["login", "--get-login", "a.test"]),
    "Docker Hub": ({".docker/config.json": auths(**{"https://index.docker.io/v1/": AUTH})},
                   ["login", "--get-login", "docker.io"]),
    "entry without credentials": ({SESSION: '{"auths": {"a.test": {}}}'},
                                  ["login", "--get-login", "a.test"]),
    "nobody": ({}, ["login", "--get-login", "a.test:5000"]),
    "flag chooses the file": ({SESSION: auths(**{"a.test": AUTH}),
                               "x.json": auths(**{"a.test": OTHER})},
                              ["login", "--get-login", "--authfile", "x.json", "a.test"]),
    "chosen file is the only one": ({SESSION: auths(**{"a.test": AUTH}), "x.json": "{}"},
                                    ["login", "--get-login", "--authfile", "x.json", "a.test"]),
    "chosen file may be missing": ({}, ["login", "--get-login", "--authfile", "x.json", "a.test"]),
    "URL": ({SESSION: auths(**{"a.test": AUTH})}, ["login", "--get-login", "https://a.test/v1/"]),
    "tag": ({}, ["login", "--get-login", "a.test/x:1"]),
    "upper case": ({}, ["login", "--get-login", "a.test/X"]),
    "no registry": ({}, ["login"]),
    "two registries": ({}, ["login", "a.test", "b.test"]),
    "password twice": ({}, ["login", "--password-stdin", "-p", "x", "a.test"]),
    "password without user": ({}, ["login", "--password-stdin", "a.test"]),
    "nobody to ask": ({}, ["login", "a.test"]),
    "no terminal to ask at": ({}, ["login", "-u", "me", "a.test"]),
    "identity token": ({SESSION: json.dumps({"auths": {"a.test": {"auth": AUTH,
                                                                  "identitytoken": "t"}}})},
                       ["login", "-u", "me", "-p", "x", "a.test"]),
    "log out": ({SESSION: auths(**{"b.test/y": OTHER, "a.test": AUTH, "a.test/x": OTHER})},
                ["logout", "a.test"]),
    "log out of a namespace": ({SESSION: auths(**{"a.test": AUTH, "a.test/x": OTHER})},
                               ["logout", "a.test/x"]),
    "log out of a URL": ({SESSION: auths(**{"a.test": AUTH})}, ["logout", "http://a.test"]),
    "log out of all": ({SESSION: auths(**{"a.test": AUTH, "b.test": OTHER})}, ["logout", "--all"]),
    "log out of all of nothing": ({}, ["logout", "-a"]),
    "log out of a chosen file": ({SESSION: auths(**{"a.test": AUTH}),
                                  "x.json": auths(**{"a.test": AUTH})},
                                 ["logout", "--authfile", "x.json", "a.test"]),
    "log out of a missing file": ({}, ["logout", "--authfile", "{home}/x.json", "a.test"]),
    "log out of nothing": ({SESSION: '{\n\t"auths": {}\n}'}, ["logout", "a.test"]),
    "no registry to log out of": ({}, ["logout"]),
    "two registries to log out of": ({}, ["logout", "a.test", "b.test"]),
    "all and one": ({}, ["logout", "--all", "a.test"]),
}


@pytest.mark.parametrize("files, arguments", SAME_AS_SKOPEO.values(), ids=SAME_AS_SKOPEO.keys())
def test_same_as_skopeo(programs, tmp_path, files, arguments):
  theirs, ours = both(programs, tmp_path / "home", files, arguments)
  assert ours == theirs


@pytest.mark.parametrize("variables", [{"REGISTRY_AUTH_FILE": "{home}/x.json"},
                                       {"DOCKER_CONFIG": "{home}/docker"},
                                       {"XDG_CONFIG_HOME": "{home}/conf"},
                                       {"XDG_RUNTIME_DIR": "{home}/missing"}],
                         ids=lambda v: next(iter(v)))
@pytest.mark.parametrize("arguments", [["login", "--get-login", "a.test"], ["logout", "a.test"],
                                       ["logout", "--all"]], ids=["user", "logout", "logout all"])
def test_same_as_skopeo_with_a_variable(programs, tmp_path, variables, arguments):
  files = {name: auths(**{"a.test": AUTH, user: AUTH})
           for name, user in (("x.json", "x.test"), ("docker/config.json", "docker.test"),
                              ("conf/containers/auth.json", "conf.test"))}
  theirs, ours = both(programs, tmp_path / "home", files, arguments, variables)
  if "XDG_CONFIG_HOME" in variables and arguments == ["logout", "a.test"]:
    # Both look for a registry that would take what another tool keeps, each in its words; skopeo has
    # written an empty file before.
    assert ours[0] == theirs[0] == 1
    return
  if "XDG_RUNTIME_DIR" in variables:
    # Go writes the home directory's name as it is; no file may have been made.
    assert not any(name.startswith("missing") for name in ours[3])
  assert ours == theirs


class TestDockersFile:
  """--compat-auth-file, which the installed skopeo is too old for."""

  FILE = json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": AUTH}},
                     "psFormat": "table", "credHelpers": {"h.test": "test"}})

  def test_fields_of_dockers_stay(self, programs, tmp_path):
    home = Home(tmp_path / "home", {"config.json": self.FILE})
    result = programs.holkas("logout", "--compat-auth-file", home.path / "config.json",
                             "docker.io", env=home.environment).ok()
    assert result.stdout == "Removed login credentials for docker.io\n"
    assert json.loads((home.path / "config.json").read_text()) == {
        "auths": {}, "psFormat": "table", "credHelpers": {"h.test": "test"}}

  def test_not_together_with_another_file(self, programs, home):
    result = programs.holkas("login", "--compat-auth-file", "a", "--authfile", "b", "a.test",
                             env=home.environment)
    assert result.code == 1
    assert "can not be set simultaneously" in result.stderr


def test_secrets_are_in_no_message(programs, tmp_path):
  """Malformed files and helpers that fail: the debug log too is silent about them."""
  for text in ('{"auths": {"a.test": {"auth": "%s!"}}}' % AUTH, '{"auths": "%s' % AUTH,
               '{"auths": {"a.test": {"auth": ["%s"]}}}' % AUTH,
               '{"credHelpers": {"a.test": "test"}}'):
    home = Home(tmp_path / "home", {SESSION: text,
                                    "docker-credential-test":
                                        "#!/bin/sh\necho %s; echo %s >&2; exit 1\n" % (AUTH, AUTH)})
    for arguments in (["login", "--get-login", "a.test"],
                      ["login", "-u", "me", "-p", "x", "a.test"], ["logout", "a.test"]):
      result = programs.holkas("--debug", *arguments, env=home.environment)
      # An entry that cannot be read can be removed.
      assert result.code == 1 or arguments[0] == "logout"
      assert AUTH[:8] not in result.stdout + result.stderr


class TestLogin:

  def test_file_is_skopeos(self, programs, tmp_path, registry):
    for key in ("", "/team", "/team/app"):
      theirs, ours = both(programs, tmp_path / "home", {SESSION: auths(**{"z.test": OTHER})},
                          ["login", "--tls-verify=false", "-v", "-u", USER, "-p", PASSWORD,
                           registry.address + key])
      assert ours == theirs
      assert ours[0] == 0

  def test_words_are_skopeos(self, programs, tmp_path, registry):
    for files, arguments in (
        ({}, ["-u", USER, "-p", "wrong"]),
        ({SESSION: auths(**{registry.address: AUTH})}, []),
        ({SESSION: auths(**{registry.address: OTHER})}, []),
        ({SESSION: auths(**{registry.address: OTHER})}, ["-u", USER]),
    ):
      theirs, ours = both(programs, tmp_path / "home", files,
                          ["login", "--tls-verify=false", *arguments, registry.address])
      assert ours == theirs

  def test_credentials_of_docker_are_named_at_logout(self, programs, tmp_path, registry):
    files = {SESSION: '{\n\t"auths": {}\n}',
             ".docker/config.json": auths(**{registry.address: AUTH})}
    theirs, ours = both(programs, tmp_path / "home", files,
                        ["logout", "--tls-verify=false", registry.address])
    assert ours == theirs
    assert "Please use docker logout instead." in ours[1]

  def test_plain_http_needs_to_be_allowed(self, programs, home, registry):
    result = programs.holkas("login", "-u", USER, "-p", PASSWORD, registry.address,
                             env=home.environment)
    assert result.code == 1
    assert 'authenticating creds for \\"%s\\": ' % registry.address in result.stderr
    assert not home.session_file().exists()

  def test_registry_that_is_not_there(self, programs, home):
    result = programs.holkas("login", "-u", "a", "-p", "b", "127.0.0.1:1", env=home.environment)
    assert result.code == 1
    assert 'authenticating creds for \\"127.0.0.1:1\\": pinging container registry' in result.stderr

  def test_password_from_standard_input(self, programs, home, registry):
    process = subprocess.run(
        [programs.path("holkas"), "login", "--tls-verify=false", "--password-stdin", "-u", USER,
         registry.address], input=PASSWORD.encode() + b"\n", stdout=subprocess.PIPE, check=True,
        env={**programs.environment, **home.environment})
    assert process.stdout == b"Login Succeeded!\n"
    assert json.loads(home.session_file().read_text())["auths"][registry.address]["auth"] == AUTH

  def test_a_shared_server_checks_too(self, programs, shared_server, home, registry):
    login(programs, home, registry, server=shared_server).ok()
    assert home.session_file().exists()

  def test_what_is_kept_is_used(self, programs, home, registry, image_layout):
    login(programs, home, registry).ok()
    name = registry.repository("kept") + ":x"
    programs.copy("oci:%s:latest" % image_layout, name, env=home.environment).ok()
    programs.inspect(name, env=home.environment).ok()
    programs.holkas("logout", registry.address, env=home.environment).ok()
    result = programs.inspect(name, env=home.environment)
    assert result.code == 1
    assert "unauthorized" in result.stderr.lower()

  @pytest.mark.parametrize("variable, file", [("REGISTRY_AUTH_FILE", "x.json"),
                                              ("XDG_CONFIG_HOME", "x/containers/auth.json"),
                                              ("DOCKER_CONFIG", "x/config.json"),
                                              ("HOME", "x/.dockercfg")])
  def test_private_server_finds_files_by_variables(self, programs, tmp_path, registry, variable,
                                                   file):
    entries = json.loads(auths(**{registry.address: AUTH}))
    home = Home(tmp_path / "home",
                {file: json.dumps(entries["auths"] if "cfg" in file else entries)})
    name = registry.repository("variable") + ":x"
    assert "unauthorized" in programs.inspect(name, env=home.environment).stderr
    value = str(home.path / ("x.json" if file == "x.json" else "x"))
    result = programs.inspect(name, env={**home.environment, variable: value})
    assert result.code == 2 and "manifest unknown" in result.stderr

  @pytest.mark.parametrize("shared", [False, True], ids=["private server", "shared server"])
  def test_file_of_a_flag_is_used(self, programs, shared_server, home, registry, image_layout,
                                  shared):
    server = shared_server if shared else None
    file = home.path / "x.json"
    login(programs, home, registry, "--authfile", file).ok()
    name = registry.repository("flag") + ":x"
    copy = ("oci:%s:latest" % image_layout, name)
    assert programs.copy(*copy, server=server, env=home.environment).code == 1
    for flag in ("--authfile", "--dest-authfile"):
      programs.copy(*copy, flag, file, server=server, env=home.environment).ok()
    programs.inspect(name, "--authfile", file, server=server, env=home.environment).ok()
    programs.inspect(name, "--authfile", "x.json", server=server, env=home.environment,
                     cwd=home.path).ok()
    missing = programs.inspect(name, "--authfile", home.path / "missing.json", server=server,
                               env=home.environment)
    assert "unauthorized" in missing.stderr.lower()

  def test_a_shared_server_gets_nothing_unasked(self, programs, shared_server, home, registry):
    login(programs, home, registry).ok()
    result = programs.inspect(registry.repository() + ":x", server=shared_server,
                              env={**home.environment,
                                   "REGISTRY_AUTH_FILE": str(home.session_file())})
    assert result.code == 1
    assert "unauthorized" in result.stderr.lower()

  def test_many_logins_at_once_all_stay(self, programs, tmp_path, home, registry):
    count = soak(50, 200)
    limits = "limits: {max_queued_requests: %d, max_requests_per_caller: %d}" % (count, count)
    with Server(programs, tmp_path / "server", limits) as server:
      processes = [
          subprocess.Popen([programs.path("holkas"), "--server", server.address, "login",
                            "--tls-verify=false", "-u", USER, "-p", PASSWORD,
                            "%s/r%d" % (registry.address, i)],
                           env={**programs.environment, **home.environment},
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for i in range(count)]
      for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    kept = json.loads(home.session_file().read_text())["auths"]
    assert sorted(kept) == sorted("%s/r%d" % (registry.address, i) for i in range(count))
    assert os.listdir(home.session_file().parent) == ["auth.json"]


class TestTokens:
  """A registry that sends who logs in to a realm."""

  @pytest.fixture
  def realm(self, tmp_path):
    with TokenRealm(tmp_path / "realm", {USER: PASSWORD}) as realm:
      yield realm

  @pytest.fixture
  def registry(self, realm, tmp_path):
    with TokenRegistry(tmp_path / "registry", realm) as registry:
      yield registry

  @pytest.fixture
  def server(self, programs, realm, tmp_path):
    registries = '%s\ntoken_realms: ["%s"]' % (ANY_REGISTRY, realm.address)
    with Server(programs, tmp_path / "server", registries=registries) as server:
      yield server

  @pytest.mark.parametrize("password", [PASSWORD, "wrong"])
  def test_same_as_skopeo(self, programs, tmp_path, server, registry, password):
    theirs, ours = both(programs, tmp_path / "home", {},
                        ["login", "--tls-verify=false", "-u", USER, "-p", password,
                         registry.address], server=server)
    assert ours == theirs


class TestTerminal:

  def start(self, programs, home, *arguments):
    return Terminal([programs.path("holkas"), "login", "--tls-verify=false", *arguments],
                    {**programs.environment, **home.environment})

  def test_password_is_asked_for_and_not_shown(self, programs, home, registry):
    terminal = self.start(programs, home, registry.address)
    terminal.wait_for("Username: ").type(USER + "\n")
    terminal.wait_for("Password: ").type(PASSWORD + "\n")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.shown
    assert terminal.shown.endswith("Password: \r\nLogin Succeeded!\r\n")

  def test_existing_credentials_are_tried_and_others_asked_for(self, programs, tmp_path, registry):
    home = Home(tmp_path / "home", {SESSION: auths(**{registry.address: OTHER})})
    terminal = self.start(programs, home, registry.address)
    terminal.wait_for("Existing credentials are invalid").wait_for("Username (you): ")
    terminal.type(USER + "\n")
    terminal.wait_for("Password: ").type(PASSWORD + "\n")
    assert terminal.end() == 0
    assert json.loads(home.session_file().read_text())["auths"][registry.address]["auth"] == AUTH


@pytest.mark.parametrize("prompt", ["Username: ", "Password: "])
def test_interrupt_at_a_prompt_keeps_nothing(programs, home, prompt):
  user = ["-u", "me"] if prompt == "Password: " else []
  terminal = Terminal([programs.path("holkas"), "login", *user, "a.test"],
                      {**programs.environment, **home.environment})
  terminal.wait_for(prompt).type("\x03")
  # Either the prompt saw the signal, or it came before the prompt waited; shells tell both as 130.
  assert terminal.end() in (130, -signal.SIGINT)
  assert home.state() == {}
