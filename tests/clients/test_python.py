"""The Python client: its own tests, its type hints, its wheel, and what it does with a real holkasd."""

import os
import pathlib
import re
import subprocess
import textwrap

import pytest

from conftest import ROOT, soak
from fakes.actions import stall
from support import client_load
from support.images import Image
from support.oracle import Layout
from support.programs import run
from support.registry import Registry

CLIENT = ROOT / "clients" / "python"


@pytest.fixture(scope="module")
def python():
  """The interpreter of an environment that has all that the client needs, and not the client."""
  made = subprocess.run([CLIENT / "environment"], check=True, stdout=subprocess.PIPE)
  return pathlib.Path(made.stdout.decode().strip()) / "bin" / "python"


@pytest.fixture(scope="module")
def installed(python, tmp_path_factory):
  """The interpreter of a fresh environment that the client's wheel was installed in."""
  directory = tmp_path_factory.mktemp("wheel")
  run([python, "-m", "build", "--no-isolation", "--outdir", directory, CLIENT]).ok()
  wheel, = directory.glob("holkas-*.whl")
  fresh = directory / "fresh"
  run([python, "-m", "venv", "--without-pip", fresh]).ok()
  # What the wheel needs, from where it is pinned.
  pinned, = (python.parent.parent / "lib").glob("python3*/site-packages")
  site, = (fresh / "lib").glob("python3*/site-packages")
  (site / "pinned.pth").write_text("%s\n" % pinned)
  interpreter = fresh / "bin" / "python"
  run([python, "-m", "pip", "--python", interpreter, "install", "--quiet", "--no-index", "--no-deps",
       wheel]).ok()
  return interpreter


@pytest.fixture(scope="module")
def mypy(python):
  """The command, with a cache that outlives the test."""
  return [python, "-m", "mypy", "--cache-dir", python.parent.parent / "mypy-cache"]


def source_environment():
  return {**os.environ, "PYTHONPATH": str(CLIENT / "src")}


def test_its_own_tests_pass(python, tmp_path):
  run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", CLIENT,
       "--basetemp", tmp_path / "files", "-c", CLIENT / "pyproject.toml", CLIENT / "tests"],
      env=source_environment(), timeout=300).ok()


def test_its_type_hints_are_strict(mypy):
  run(mypy, cwd=CLIENT, timeout=300).ok()


def test_its_version_is_that_of_the_programs():
  header = (ROOT / "proto" / "wire" / "version.h").read_text()
  version = re.search(r'kVersion = "([^"]*)"', header)[1]
  assert 'version = "%s"\n' % version in (CLIENT / "pyproject.toml").read_text()


class TestWheel:

  def test_it_has_what_it_asks_for(self, python, installed):
    run([python, "-m", "pip", "--python", installed, "check"]).ok()

  def test_it_brings_type_hints(self, mypy, installed, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""\
        import holkas

        def digest(client: holkas.Client) -> str:
          result = client.copy(holkas.CopyRequest(source="dir:/a", destination="dir:/b")).result()
          reveal_type(result)
          return result.manifest_digest
        """))
    told = run([*mypy, "--strict", "--python-executable", installed, program], timeout=300).ok()
    assert 'note: Revealed type is "holkas.v1.image_service_pb2.CopyResult"' in told.stdout

  def test_the_server_answers_it(self, installed, programs, shared_server):
    program = "import holkas; print(holkas.Client(%r).get_server_info().version)"
    told = run([installed, "-c", program % shared_server.address]).ok()
    assert 'version = "%s"\n' % told.stdout.strip() in (CLIENT / "pyproject.toml").read_text()


@pytest.mark.parametrize("number", [0, 1], ids=["blocking", "asyncio"])
def test_the_readmes_example_works(installed, programs, shared_server, scripted, tmp_path, number):
  image = Image()
  example = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)[number]
  assert example.startswith("import ")
  # The registry of the test has no TLS, unlike one whose name is in a README.
  there = ('source="docker://registry.example.com/app:1"', 'destination="oci:/srv/layout:app"',
           "unix:/run/ci/holkas.sock")
  here = ('source="%s", source_registry=holkas.RegistryAccess(tls_verification="TLS_VERIFICATION_DISABLED")'
          % scripted.add("app", "1", image), 'destination="oci:%s:app"' % (tmp_path / "layout"),
          shared_server.address)
  for name, actual in zip(there, here):
    assert example.count(name) == 1
    example = example.replace(name, actual)
  assert run([installed, "-c", example]).ok().stdout == image.digest + "\n"
  assert Layout(tmp_path / "layout").check().names() == {"app": image.digest}


@pytest.fixture(params=[[], ["--asyncio"]], ids=["blocking", "asyncio"])
def runner(installed, request):
  """The command of the client's conformance runner."""
  return [installed, CLIENT / "tests" / "conformance_runner.py", *request.param]


def test_a_cancelled_copy_ends_its_worker(runner, programs, shared_server, scripted, registry):
  image = Image(layer_sizes=(500_000,), seed=31)
  scripted.on("GET", image.layers[0]["digest"], stall(100_000))
  name = scripted.add("app", "stalls", image)
  with client_load.Runner(runner, shared_server) as client:
    outcome = client.ask(rpc="Copy", cancel_after_events=3, request={
        "source": name, "destination": registry.repository("cancelled") + ":1",
        "sourceRegistry": client_load.INSECURE, "destinationRegistry": client_load.INSECURE})
    assert outcome["error"]["code"] == "CANCELLED"
    programs.wait_for_workers(0, timeout=0.5)
    client.wait_until_idle()
  assert client_load.uploads(registry) == []


def test_200_inspects_at_a_time(runner, programs, shared_server, pushed):
  client_load.check_inspects(runner, shared_server, pushed)


def test_cancelled_copies_leave_nothing(runner, programs, shared_server, tmp_path, pushed):
  with Registry(tmp_path / "registry") as registry:
    client_load.check_cancelled_copies(runner, shared_server, registry, pushed, soak(40, 1000))
