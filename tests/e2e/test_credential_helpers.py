"""Credential helpers, of files of credentials and of registries.conf: when they are asked, what they
keep, and what login, logout and a copy say of them, beside the installed skopeo."""

import json

import pytest

from support.login_fixtures import *  # pylint: disable=wildcard-import,unused-wildcard-import
from support.login_home import AUTH, OTHER, SESSION, Home, auths, both, login
from support.password_registry import PASSWORD, USER

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

OF_FILES = {
    "helper's user": ({HELPER: HELPER_PROGRAM, "stored": '{"Username":"kept","Secret":"s"}',
                       SESSION: '{"credHelpers": {"a.test": "test"}}'},
                      ["login", "--get-login", "a.test/team"]),
    "helper knows nothing": ({HELPER: HELPER_PROGRAM,
                              SESSION: '{"credHelpers": {"a.test": "test"}}',
                              ".docker/config.json": auths(**{"a.test": OTHER})},
                             ["login", "--get-login", "a.test"]),
    "log out of a helper": ({HELPER: HELPER_PROGRAM, "stored": "{}",
                             SESSION: '{\n\t"auths": {},\n\t"credHelpers": {\n\t\t'
                                      '"a.test": "test"\n\t}\n}'}, ["logout", "a.test"]),
    "log out of all helpers": ({HELPER: HELPER_PROGRAM, "stored": "{}",
                                SESSION: '{"credHelpers": {"a.test": "test"}}'}, ["logout", "-a"]),
}


@pytest.mark.parametrize("files, arguments", OF_FILES.values(), ids=OF_FILES.keys())
def test_same_as_skopeo(programs, tmp_path, files, arguments):
  theirs, ours = both(programs, tmp_path / "home", files, arguments)
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


class TestWithARegistry:

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
