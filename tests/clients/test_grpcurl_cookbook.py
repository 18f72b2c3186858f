"""The commands of clients/grpcurl/README.md are run, and print what the page shows."""

import os
import pathlib
import re

import pytest

from conftest import ROOT, skopeo
from support import console_page, grpcurl
from support.images import Image, write_layout
from support.programs import Server
from support.registry import Registry

PAGE = ROOT / "clients" / "grpcurl" / "README.md"
STEPS = console_page.steps(PAGE.read_text())


@pytest.fixture(scope="module")
def world(programs, tmp_path_factory):
  """What the page's names stand for, and where its commands run: a server, a registry that it knows, and
  the page's image in a layout and in the registry."""
  directory = tmp_path_factory.mktemp("cookbook")
  program = pathlib.Path(grpcurl.program()).absolute()
  image = Image(seed=7, labels={"com.example.team": "ci"})
  write_layout(directory / "srv" / "layout", {"app": image})
  with Registry(directory / "registry") as registry, \
       Server(programs, directory / "run", registries='insecure: ["%s"]' % registry.address) as server:
    programs.shared_servers.append(server)
    names = console_page.Names({
        "/run/ci/holkas.sock": str(server.socket), "registry.example.com": registry.address,
        "/srv": str(directory / "srv"), "clients/grpcurl/": str(PAGE.parent) + "/"})
    skopeo("copy", "--dest-tls-verify=false", names.to_real("oci:/srv/layout:app"),
           names.to_real("docker://registry.example.com/app:1")).ok()
    environment = {**os.environ, "PATH": "%s:%s" % (program.parent, os.environ["PATH"])}
    yield lambda step: console_page.perform(step, names, environment, directory)
    programs.shared_servers.remove(server)


def test_page_shows_what_its_commands_print(world):
  for step in STEPS:
    printed = world(step)
    assert step.matches(printed), "line %d: %s\nprints\n%s\nnot\n%s" % (
        step.line, step.command, printed, step.shown)


def test_page_has_every_rpc():
  proto = (ROOT / "proto" / "holkas" / "v1" / "image_service.proto").read_text()
  rpcs = re.findall(r"^  rpc (\w+)\(", proto, re.M)
  assert len(rpcs) >= 11
  for rpc in rpcs:
    assert any("holkas.v1.ImageService/%s" % rpc in step.command for step in STEPS), rpc
