"""Fixtures of the tests that plant secrets: a server that logs everything, worlds to plant in."""

import pytest

from support.http_proxy import HttpProxy
from support.images import Image, write_layout
from support.programs import Server
from support.secret_world import REALM, World, make_client_certificate

__all__ = ["auth_file", "central", "client_certificate", "keep", "layout", "make_world", "proxy"]


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
