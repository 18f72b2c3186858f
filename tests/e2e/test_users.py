"""Callers on this machine, over the unix socket: the kernel says who they are, and the configuration
who of them may connect."""

import json
import os
import pathlib
import pwd
import shutil
import tempfile

import pytest

from support import grpcurl
from support.programs import Server, run

SERVICE = "holkas.v1.ImageService/"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="to be somebody else takes root")


@pytest.fixture
def place():
  """A directory that every user reaches, with grpcurl."""
  path = pathlib.Path(tempfile.mkdtemp(prefix="holkas-users-"))
  path.chmod(0o755)
  shutil.copy(os.path.realpath(grpcurl.program()), path / "grpcurl")
  yield path
  shutil.rmtree(path)


@pytest.fixture
def call(place):
  """Makes a call as the user of this name."""

  def call(server, name, rpc="GetServerInfo", request={}, headers=()):
    user = pwd.getpwnam(name)
    options = [option for header in headers for option in ("-H", header)]
    return run(["setpriv", "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid, "--clear-groups", "--",
                place / "grpcurl", "-max-time", "10", "-plaintext", "-unix", *options,
                "-d", json.dumps(request), server.socket, SERVICE + rpc])

  return call


@pytest.fixture
def server(programs, place):
  """One whose own user is root, and which the user `nobody` may call."""
  config = "access: {allowed_user_ids: [%d]}" % pwd.getpwnam("nobody").pw_uid
  with Server(programs, place / "server", config=config) as server:
    yield server


def identity(result):
  return json.loads(result.ok().stdout)["identity"]


def test_users_who_are_listed_connect_and_no_others(call, server):
  nobody, daemon = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
  assert identity(call(server, "nobody")) == "uid:%d" % nobody.pw_uid
  assert identity(call(server, "root")) == "uid:0"
  assert call(server, "daemon").code != 0
  refused = [line["error"] for line in server.log_lines() if line["message"] == "connection refused"]
  assert refused and all("uid %d " % daemon.pw_uid in error and "access.allowed_user_ids" in error
                         for error in refused)


def test_without_a_list_the_socket_is_its_owners(programs, place, call):
  with Server(programs, place / "server") as server:
    assert server.socket.stat().st_mode & 0o777 == 0o600
    assert call(server, "nobody").code != 0
    assert identity(call(server, "root")) == "uid:0"


def test_what_a_user_shows_does_not_make_him_another(call, server):
  shown = ["authorization: Bearer uid:0", "authorization: Bearer root", "identity: uid:0"]
  assert identity(call(server, "nobody", headers=shown)) == "uid:%d" % pwd.getpwnam("nobody").pw_uid


def test_paths_of_the_server_are_its_own_users(call, server, place):
  for request in ({"image": "dir:%s" % (place / "image")},
                  {"image": "docker://127.0.0.1:1/app", "registry": {"authFile": str(place / "auth.json")}}):
    assert "PATH_DENIED" in call(server, "nobody", "Inspect", request).stderr
    assert "PATH_DENIED" not in call(server, "root", "Inspect", request).stderr


@pytest.mark.parametrize("mode, owner", [(0o755, "nobody"), (0o770, "nobody"), (0o700, "daemon")])
def test_where_a_user_listens_by_himself_is_his_alone(programs, place, mode, owner):
  directory = place / "runtime" / "holkas"
  directory.mkdir(parents=True)
  directory.chmod(mode)
  nobody = pwd.getpwnam("nobody").pw_uid
  os.chown(directory, pwd.getpwnam(owner).pw_uid, -1)
  result = run(["setpriv", "--reuid=%d" % nobody, "--clear-groups", "--", programs.path("holkasd")],
               env={**programs.environment, "XDG_RUNTIME_DIR": str(directory.parent)})
  assert result.code != 0 and "%s must be a directory of mode 0700" % directory in result.stderr, result
