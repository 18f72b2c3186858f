"""What tests of Import and Export share: archives of one image, and what a server keeps of them."""

import io
import os
import pathlib
import tarfile
import time

import pytest

from conftest import skopeo
from support.grpc_client import Client

MIB = 1 << 20
FORMATS = ["DOCKER", "OCI", "DIRECTORY"]
# What skopeo calls them.
TRANSPORTS = {"DOCKER": "docker-archive", "OCI": "oci-archive", "DIRECTORY": "dir"}


@pytest.fixture
def client(programs, shared_server):
  with Client(shared_server) as client:
    yield client


def tar_of(directory):
  """The files of a directory in a tar."""
  output = io.BytesIO()
  with tarfile.open(fileobj=output, mode="w") as archive:
    for path in sorted(directory.iterdir()):
      archive.add(path, arcname="./" + path.name)
  return output.getvalue()


def archive_bytes(path):
  return tar_of(path) if path.is_dir() else path.read_bytes()


@pytest.fixture(scope="module")
def archives(programs, pushed, tmp_path_factory):
  """The pushed image in each format, written by Skopeo: paths by format."""
  directory = tmp_path_factory.mktemp("archives")
  for format, transport in TRANSPORTS.items():
    suffix = "" if format == "DIRECTORY" else ":some/image:1"
    skopeo("copy", "--src-tls-verify=false", pushed,
           "%s:%s%s" % (transport, directory / format, suffix)).ok()
  return {format: directory / format for format in FORMATS}


def raw(image):
  """The manifest of an image, as Skopeo reads it."""
  return skopeo("inspect", "--tls-verify=false", "--raw", image).ok().stdout_bytes


def result_of(events):
  """What the copy did: it is the last event."""
  event = events[-1]
  copy = event if hasattr(event, "result") else event.copy
  assert copy.HasField("result")
  return copy.result


def spooled(server):
  """The bytes in files without names that the server has open."""
  total = 0
  directory = pathlib.Path("/proc/%d/fd" % server.process.pid)
  for entry in directory.iterdir():
    try:
      if os.readlink(entry).startswith("/var/tmp/"):
        total += entry.stat().st_blocks * 512
    except OSError:
      continue  # closed meanwhile
  return total


def wait_until(condition, what, timeout=10):
  deadline = time.monotonic() + timeout
  while not condition():
    assert time.monotonic() < deadline, what
    time.sleep(0.01)


def assert_nothing_left(programs, server):
  programs.wait_for_workers(0)
  wait_until(lambda: spooled(server) == 0, "spooled bytes are left")
