"""Fixtures of the tests that drive whole programs.

HOLKAS_BIN_DIR is the directory with holkas, holkasd and holkas-worker (default: what tools/test
staged). HOLKAS_SOAK=1 makes counts large. GRPCURL is grpcurl's path. What tests make in their
directories is gone when they end; HOLKAS_KEEP_FILES=1 keeps it for who looks at it.
"""

import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile

import pytest

from fakes.scripted_registry import ScriptedRegistry
from support.programs import PROGRAMS, Programs, Server, run
from support.registry import Registry
from support.removal import remove_tree

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOAK = os.environ.get("HOLKAS_SOAK") == "1"
KEEP_FILES = os.environ.get("HOLKAS_KEEP_FILES") == "1"


def soak(short, long):
  """How often to do something."""
  return long if SOAK else short


def pytest_configure(config):
  config.addinivalue_line("markers", "soak: takes minutes, for HOLKAS_SOAK=1 alone")
  # What runs in the background of a script, or under nohup, ignores these, and so would the programs.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  for ignored in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(ignored, signal.SIG_DFL)
  if not KEEP_FILES and not config.option.basetemp:
    # Podman takes paths for names of images, which have lower-case letters and digits.
    config.option.basetemp = "%s/holkas-tests-%s" % (tempfile.gettempdir(), secrets.token_hex(6))
    os.mkdir(config.option.basetemp, 0o700)
    config.add_cleanup(lambda: remove_tree(config.option.basetemp))


def pytest_collection_modifyitems(config, items):
  left_out = [item for item in items if not SOAK and item.get_closest_marker("soak")]
  if left_out:
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def tmp_path(tmp_path):
  """pytest's own, which is gone after the test: thousands of them do not fit on a disk."""
  yield tmp_path
  if not KEEP_FILES:
    remove_tree(tmp_path)


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
  source = pathlib.Path(os.environ.get("HOLKAS_BIN_DIR") or ROOT / ".cache" / "bin")
  missing = [name for name in PROGRAMS if not (source / name).exists()]
  if missing:
    pytest.skip("%s has no %s: tools/test builds them" % (source, ", ".join(missing)))
  # Workers must reach their program also where the tests run as another user.
  directory = tmp_path_factory.mktemp("programs")
  return Programs(source, directory)


@pytest.fixture(autouse=True)
def no_process_is_left(request):
  """After every test, none of the programs' processes runs but those of the shared server."""
  if "tmp_path" in request.fixturenames:
    request.getfixturevalue("tmp_path")  # Goes after the processes that write there.
  yield
  if "programs" in request.fixturenames:
    request.getfixturevalue("programs").wait_until_gone()


@pytest.fixture(scope="session")
def shared_server(programs, tmp_path_factory):
  """One holkasd for all tests that do no harm to it."""
  with Server(programs, tmp_path_factory.mktemp("server")) as server:
    programs.shared_servers.append(server)
    yield server
    programs.shared_servers.remove(server)


@pytest.fixture
def own_server(programs, tmp_path):
  """A holkasd of this test's own."""
  with Server(programs, tmp_path / "server") as server:
    yield server


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
  with Registry(tmp_path_factory.mktemp("registry")) as registry:
    yield registry


@pytest.fixture(scope="session")
def other_registry(tmp_path_factory):
  with Registry(tmp_path_factory.mktemp("other-registry")) as registry:
    yield registry


@pytest.fixture
def scripted():
  with ScriptedRegistry() as registry:
    yield registry


@pytest.fixture
def scripted_destination():
  with ScriptedRegistry() as registry:
    yield registry


@pytest.fixture(scope="session")
def image_layout(tmp_path_factory):
  """A real image of two platforms, made by umoci of this machine's files: oci:PATH:latest."""
  path = tmp_path_factory.mktemp("image") / "layout"
  subprocess.run([ROOT / "tools" / "make_image", path, "12", "4"], check=True,
                 stdout=subprocess.DEVNULL)
  return path


@pytest.fixture(scope="session")
def pushed(registry, image_layout):
  """The same image in the registry, pushed by skopeo: docker://..."""
  name = registry.repository("pushed") + ":latest"
  skopeo("copy", "--all", "--dest-tls-verify=false", "oci:%s:latest" % image_layout, name).ok()
  return name


def skopeo(command, *arguments, **more):
  if shutil.which("skopeo") is None:
    pytest.skip("skopeo is not installed")
  # In there, as after an archive without the image that was asked for, it leaves a directory.
  with tempfile.TemporaryDirectory(prefix="skopeo-") as directory:
    return run(["skopeo", "--insecure-policy", "--tmpdir", directory, command, *arguments], **more)
