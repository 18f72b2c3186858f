"""login and logout: what they keep and say, beside the installed skopeo where it has the command."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import time

import pytest

from conftest import soak
from support.password_registry import PASSWORD, USER, PasswordRegistry
from support.programs import ANY_REGISTRY, Server, run
from support.token_realm import TokenRealm, TokenRegistry

AUTH = "bWU6cGFzczp3b3Jk"  # me:pass:word
OTHER = "eW91OnB3"  # you:pw


def auths(**entries):
  """A file of credentials: the `auth` of each key."""
  return json.dumps({"auths": {key: {"auth": value} for key, value in entries.items()}})


class Home:
  """A user's directory; the programs find their files in there and nowhere else."""

  def __init__(self, path, files=()):
    self.path = pathlib.Path(path)
    shutil.rmtree(self.path, ignore_errors=True)
    (self.path / "run").mkdir(parents=True)
    for name, text in dict(files).items():
      file = self.path / name
      file.parent.mkdir(parents=True, exist_ok=True)
      file.write_text(text)
      file.chmod(0o755 if "docker-credential-" in name else 0o600)
    self.environment = {"HOME": str(self.path), "XDG_RUNTIME_DIR": str(self.path / "run"),
                        "PATH": "%s:/usr/bin:/bin" % self.path, "TZ": "UTC"}

  def session_file(self):
    return self.path / "run" / "containers" / "auth.json"

  def state(self):
    """The content and the mode of each file."""
    return {str(file.relative_to(self.path)): (stat.S_IMODE(file.stat().st_mode), file.read_bytes())
            for file in self.path.rglob("*") if file.is_file()}


@pytest.fixture
def home(tmp_path):
  return Home(tmp_path / "home")


def without_time(text):
  return re.sub(r'time="[^"]*"', "", text)


def both(programs, path, files, arguments, variables=(), server=None):
  """Runs skopeo and then holkas, each in a new home of the same files. What they did."""
  if shutil.which("skopeo") is None:
    pytest.skip("skopeo is not installed")
  outcomes = []
  for program in ("skopeo", str(programs.path("holkas"))):
    home = Home(path, files)
    environment = {**home.environment,
                   **{name: value.format(home=home.path) for name, value in dict(variables).items()}}
    if server is not None and program != "skopeo":
      environment["HOLKAS_SERVER"] = server.address
    result = run([program, *(argument.format(home=home.path) for argument in arguments)],
                 env=environment, stdin=subprocess.DEVNULL, cwd=home.path)
    outcomes.append((result.code, result.stdout, without_time(result.stderr), home.state()))
  return outcomes


SESSION = "run/containers/auth.json"
HELPER = "docker-credential-test"
# Keeps one entry in a file of its own.
HELPER_PROGRAM = """#!/bin/sh
cd "${0%/*}"
case $1 in
  store) cat > stored ;;
  get) cat stored 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;
  erase) [ -e stored ] || { echo credentials not found in native keychain; exit 1; }
         rm stored ;;
esac
"""

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
    "helper's user": ({HELPER: HELPER_PROGRAM, "stored": '{"Username":"kept","Secret":"s"}',
                       SESSION: '{"credHelpers": {"a.test": "test"}}'},
                      ["login", "--get-login", "a.test/team"]),
    "helper knows nothing": ({HELPER: HELPER_PROGRAM,
                              SESSION: '{"credHelpers": {"a.test": "test"}}',
                              ".docker/config.json": auths(**{"a.test": OTHER})},
                             ["login", "--get-login", "a.test"]),
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
    "log out of a helper": ({HELPER: HELPER_PROGRAM, "stored": "{}",
                             SESSION: '{\n\t"auths": {},\n\t"credHelpers": {\n\t\t'
                                      '"a.test": "test"\n\t}\n}'}, ["logout", "a.test"]),
    "log out of all helpers": ({HELPER: HELPER_PROGRAM, "stored": "{}",
                                SESSION: '{"credHelpers": {"a.test": "test"}}'}, ["logout", "-a"]),
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


CONF = "registries.conf"
# Keeps what it is told for each server in a file of its own, in a directory of its name.
KEEPER = """#!/usr/bin/python3
import json, pathlib, sys
helper = pathlib.Path(sys.argv[0])
store = helper.parent / helper.name.rpartition("-")[2]
store.mkdir(exist_ok=True)
request = sys.stdin.read()
with open(helper.parent / "calls", "a") as calls:
  print(helper.name, sys.argv[1], file=calls)
if sys.argv[1] == "store":
  entry = json.loads(request)
  (store / entry["ServerURL"]).write_text(json.dumps(entry, sort_keys=True))
elif sys.argv[1] == "list":
  print(json.dumps({file.name: "x" for file in store.iterdir()}))
elif not (store / request).exists():
  print("credentials not found in native keychain")
  sys.exit(1)
elif sys.argv[1] == "get":
  print((store / request).read_text())
else:
  (store / request).unlink()
"""
KEPT = json.dumps({"Secret": "s", "ServerURL": "a.test", "Username": "kept"})
KEEPERS = {"docker-credential-one": KEEPER, "docker-credential-two": KEEPER,
           "docker-credential-broken": "#!/bin/sh\nexit 3\n"}


def helpers(*names, **files):
  """Files with these helpers in registries.conf. `__` in a name is `/`."""
  return {**KEEPERS, CONF: "credential-helpers = %s\n" % json.dumps(names),
          SESSION: '{\n\t"auths": {\n\t\t"a.test": {\n\t\t\t"auth": "%s"\n\t\t}\n\t}\n}' % AUTH,
          **{name.replace("__", "/"): text for name, text in files.items()}}


FILES = "containers-auth.json"
# The installed skopeo fails where one helper of several knows nothing at a logout: none of these
# does.
WITH_HELPERS = {
    "user of the only helper": (helpers("one", **{"one__a.test": KEPT}),
                                ["login", "--get-login", "a.test"]),
    "user of a namespace": (helpers("one", **{"one__a.test": KEPT}),
                            ["login", "--get-login", "a.test/team/app"]),
    "only helper knows nothing": (helpers("one"), ["login", "--get-login", "a.test"]),
    "second helper": (helpers("one", "two", **{"two__a.test": KEPT}),
                      ["login", "--get-login", "a.test"]),
    "files come second": (helpers("one", FILES), ["login", "--get-login", "a.test"]),
    "files come first": (helpers(FILES, "one", **{"one__a.test": KEPT}),
                         ["login", "--get-login", "a.test"]),
    "first one fails": (helpers("broken", "one", **{"one__a.test": KEPT}),
                        ["login", "--get-login", "a.test"]),
    "first one fails, files come second": (helpers("broken", FILES),
                                           ["login", "--get-login", "a.test"]),
    "first one is missing": (helpers("none", "one", **{"one__a.test": KEPT}),
                             ["login", "--get-login", "a.test"]),
    "file cannot be read": (helpers(FILES, "one", **{"one__a.test": KEPT,
                                                     "run__containers__auth.json": "{"}),
                            ["login", "--get-login", "a.test"]),
    "empty list": (helpers(), ["login", "--get-login", "a.test"]),
    "chosen file is in the files' place": (
        helpers("one", FILES, **{"x.json": auths(**{"a.test": OTHER})}),
        ["login", "--get-login", "--authfile", "x.json", "a.test"]),
    "log out of the only helper": (helpers("one", **{"one__a.test": KEPT, "one__b.test": KEPT}),
                                   ["logout", "a.test"]),
    "log out of a helper and the file": (helpers("one", FILES, **{"one__a.test": KEPT}),
                                         ["logout", "a.test"]),
    "log out of the file and a helper": (helpers(FILES, "one", **{"one__a.test": KEPT}),
                                         ["logout", "a.test"]),
    "log out of two helpers": (helpers("one", "two", **{"one__a.test": KEPT, "two__a.test": KEPT}),
                               ["logout", "a.test"]),
    "log out of a namespace": (helpers("one", FILES, **{
        "one__a.test": KEPT,
        "run__containers__auth.json": '{"auths": {"a.test/x": {"auth": "%s"}}}' % AUTH}),
                               ["logout", "a.test/x"]),
    "log out of all of one": (helpers("one", **{"one__a.test": KEPT, "one__b.test": KEPT}),
                              ["logout", "--all"]),
    "log out of all": (helpers("one", FILES, "two", **{"one__a.test": KEPT, "two__b.test": KEPT}),
                       ["logout", "--all"]),
    "file is missing": ({CONF + ".not": ""}, ["login", "--get-login", "a.test"]),
}


@pytest.mark.parametrize("files, arguments", WITH_HELPERS.values(), ids=WITH_HELPERS.keys())
def test_same_as_skopeo_with_helpers(programs, tmp_path, files, arguments):
  arguments = ["--registries-conf", "{home}/" + CONF, *arguments]
  theirs, ours = both(programs, tmp_path / "home", files, arguments)
  if CONF in files:
    assert ours == theirs
  else:  # the same failure, each in its words
    for code, output, message, state in (theirs, ours):
      assert (code, output) == (1, "")
      assert "get credentials: loading registries configuration" in message
      assert "%s: no such file or directory" % CONF in message.lower()


@pytest.mark.parametrize("arguments, message, broken_calls", [
    (["login", "--get-login", "a.test"],
     "get credentials: 2 errors occurred:\\n\\t* docker-credential-broken get: exit status 3\\n\\t* "
     "docker-credential-none: executable file not found in $PATH\\n\\n", ["get"]),
    (["logout", "a.test"],
     'logging out of \\"a.test\\": 2 errors occurred:\\n\\t* removing credentials for a.test from '
     "credential helper broken: docker-credential-broken erase: exit status 3\\n\\t* removing "
     "credentials for a.test from credential helper none: docker-credential-none: executable file "
     "not found in $PATH\\n\\n", ["erase"]),
    (["logout", "--all"],
     "1 error occurred:\\n\\t* docker-credential-broken list: exit status 3\\n\\n", ["list"]),
], ids=["user", "logout", "logout of all"])
def test_helpers_that_fail_are_named(programs, tmp_path, arguments, message, broken_calls):
  home = Home(tmp_path / "home", {**helpers("broken", "none"), "docker-credential-broken":
      '#!/bin/sh\necho "$1" >> "${0%/*}/calls"\necho SECRET; echo SECRET >&2\nexit 3\n'})
  result = programs.holkas("--debug", "--registries-conf", home.path / CONF, *arguments,
                           env=home.environment)
  assert result.code == 1
  assert 'level=fatal msg="%s"' % message in result.stderr
  assert "SECRET" not in result.stderr
  assert (home.path / "calls").read_text().split() == broken_calls


@pytest.mark.parametrize("file", [".config/containers/registries.conf",
                                  ".config/containers/registries.conf.d/x.conf", "x.conf"])
def test_registries_conf_is_the_users(programs, tmp_path, file):
  files = helpers("one", **{"one__a.test": KEPT})
  home = Home(tmp_path / "home", {**files, file: files[CONF]})
  variables = {"CONTAINERS_REGISTRIES_CONF": str(home.path / file)} if file == "x.conf" else {}
  for server in ("", "unix:/nonexistent"):
    result = programs.holkas("login", "--get-login", "a.test",
                             env={**home.environment, **variables, "HOLKAS_SERVER": server})
    assert result.ok().stdout == "kept\n"


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
                                    HELPER: "#!/bin/sh\necho %s; echo %s >&2; exit 1\n" % (AUTH, AUTH)})
    for arguments in (["login", "--get-login", "a.test"],
                      ["login", "-u", "me", "-p", "x", "a.test"], ["logout", "a.test"]):
      result = programs.holkas("--debug", *arguments, env=home.environment)
      # An entry that cannot be read can be removed.
      assert result.code == 1 or arguments[0] == "logout"
      assert AUTH[:8] not in result.stdout + result.stderr


# From here on a server has to answer CheckCredentials.


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
  with PasswordRegistry(tmp_path_factory.mktemp("password-registry")) as registry:
    yield registry


def login(programs, home, registry, *more, user=USER, password=PASSWORD, key="", **options):
  return programs.holkas("login", "--tls-verify=false", "-u", user, "-p", password, *more,
                         registry.address + key, env=home.environment, **options)


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

  def test_helpers_see_what_they_need_of_the_environment(self, programs, tmp_path, registry):
    home = Home(tmp_path / "home", {
        HELPER: "#!/bin/sh\nenv > %s/seen\necho '{}'\n" % (tmp_path / "home"),
        SESSION: json.dumps({"credHelpers": {registry.address: "test"}})})
    programs.inspect(registry.repository() + ":x",
                     env={**home.environment, "AWS_PROFILE": "p", "GNUPGHOME": "/g", "LD_AUDIT": "",
                          "CANARY": "no helper's"})
    seen = (home.path / "seen").read_text()
    assert "AWS_PROFILE=p\n" in seen and "GNUPGHOME=/g\n" in seen and "HOME=" in seen
    assert "CANARY" not in seen and "LD_AUDIT" not in seen

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

  def test_helper_keeps_and_gives(self, programs, tmp_path, registry, image_layout):
    home = Home(tmp_path / "home", {
        HELPER: HELPER_PROGRAM, SESSION: json.dumps({"credHelpers": {registry.address: "test"}})})
    before = home.session_file().read_bytes()
    result = login(programs, home, registry, "-v").ok()
    assert result.stdout == "Used:  credential helper: test\nLogin Succeeded!\n"
    assert home.session_file().read_bytes() == before
    assert json.loads((home.path / "stored").read_text()) == {
        "ServerURL": registry.address, "Username": USER, "Secret": PASSWORD}
    name = registry.repository("helped") + ":x"
    programs.copy("oci:%s:latest" % image_layout, name, env=home.environment).ok()
    programs.holkas("logout", registry.address, env=home.environment).ok()
    assert not (home.path / "stored").exists()

  def test_helpers_of_registries_conf_are_asked_in_their_order(self, programs, tmp_path, registry,
                                                               image_layout):
    home = Home(tmp_path / "home", {
        HELPER: HELPER_PROGRAM, "stored": json.dumps({"Username": USER, "Secret": PASSWORD}),
        SESSION: auths(**{registry.address: OTHER})})
    conf = tmp_path / "registries.conf"

    def copy(*helpers):
      conf.write_text("credential-helpers = %s\n" % json.dumps(helpers))
      return programs.holkas("--registries-conf", conf, "copy", "--dest-tls-verify=false",
                             "oci:%s:latest" % image_layout, registry.repository("conf") + ":x",
                             env=home.environment)

    copy("test").ok()
    copy("test", "containers-auth.json").ok()
    for name in ("none", "broken"):  # who fails is passed over
      (home.path / "docker-credential-broken").write_text("#!/bin/sh\nexit 3\n")
      (home.path / "docker-credential-broken").chmod(0o755)
      copy(name, "test").ok()
      assert "docker-credential-" + name in copy(name).stderr
    for others_first in (("containers-auth.json", "test"), ("containers-auth.json",), ()):
      result = copy(*others_first)
      assert result.code == 1
      assert "authentication required" in result.stderr.lower()
    (home.path / "stored").unlink()  # who knows nothing is passed over
    assert "authentication required" in copy("test", "containers-auth.json").stderr.lower()

  @pytest.mark.parametrize("names, key", [
      (["one"], ""), (["one", "two"], ""), (["broken", "one", "two"], ""), (["one", FILES], ""),
      ([FILES, "one"], ""), (["one", FILES], "/team"), (["broken", FILES], ""), ([], "")])
  def test_helpers_of_registries_conf_keep_what_skopeos_keep(self, programs, tmp_path, registry,
                                                            names, key):
    files = {**helpers(*names), SESSION: '{"auths": {}}',
             "docker-credential-broken": "#!/bin/sh\n[ $1 = get ] && echo {} || exit 3\n"}
    theirs, ours = both(programs, tmp_path / "home", files,
                        ["--registries-conf", "{home}/" + CONF, "login", "--tls-verify=false", "-v",
                         "-u", USER, "-p", PASSWORD, registry.address + key])
    assert ours == theirs
    assert ours[0] == 0

  def test_helpers_that_all_refuse_are_named(self, programs, tmp_path, registry):
    files = {**helpers("one", "none"), "docker-credential-one":
             "#!/bin/sh\n[ $1 = get ] && echo '{}' || exit 3\n"}
    home = Home(tmp_path / "home", files)
    conf = ("--registries-conf", home.path / CONF)
    result = login(programs, home, registry, *conf)
    assert result.code == 1
    # The second one cannot be asked either.
    assert "get credentials: 1 error occurred:\\n\\t* docker-credential-none: " in result.stderr
    (home.path / CONF).write_text('credential-helpers = ["one", "one"]\n')
    result = login(programs, home, registry, *conf)
    assert result.code == 1
    assert ('msg="2 errors occurred:\\n\\t* docker-credential-one store: exit status 3\\n\\t* '
            'docker-credential-one store: exit status 3\\n\\n"') in result.stderr

  def test_what_a_helper_of_registries_conf_keeps_is_used(self, programs, tmp_path, registry,
                                                         image_layout):
    home = Home(tmp_path / "home", {**helpers("none", "one"), SESSION: "{}"})
    home.environment["CONTAINERS_REGISTRIES_CONF"] = str(home.path / CONF)
    refuser = home.path / "docker-credential-none"
    refuser.write_text("#!/bin/sh\n[ $1 = get ] && echo '{}' || exit 3\n")
    refuser.chmod(0o755)
    login(programs, home, registry).ok()
    name = registry.repository("by-helper") + ":x"
    programs.copy("oci:%s:latest" % image_layout, name, env=home.environment).ok()
    logout = ["logout", registry.address]
    (home.path / CONF).write_text('credential-helpers = ["one"]\n')
    programs.holkas(*logout, env=home.environment).ok()
    assert "unauthorized" in programs.inspect(name, env=home.environment).stderr.lower()
    assert programs.holkas(*logout, env=home.environment).code == 1

  def test_many_logins_at_once_all_stay(self, programs, shared_server, home, registry):
    count = soak(50, 200)
    processes = [
        subprocess.Popen([programs.path("holkas"), "--server", shared_server.address, "login",
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


class Terminal:
  """A command that runs at a terminal of its own."""

  def __init__(self, arguments, environment):
    self.pid, self._master = pty.fork()
    if self.pid == 0:
      os.execvpe(str(arguments[0]), list(map(str, arguments)), environment)
    self.shown = ""

  def wait_for(self, text, timeout=30):
    deadline = time.monotonic() + timeout
    while text not in self.shown and time.monotonic() < deadline:
      if select.select([self._master], [], [], 0.1)[0]:
        try:
          self.shown += os.read(self._master, 4096).decode()
        except OSError:  # the other end is closed
          break
    assert text in self.shown, self.shown
    return self

  def type(self, text):
    os.write(self._master, text.encode())

  def end(self):
    """Reads the rest; the exit code."""
    try:
      while True:
        self.shown += os.read(self._master, 4096).decode()
    except OSError:
      pass
    os.close(self._master)
    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


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
