"""The client in Go: its own checks, and its README's example."""

import re

from conftest import SOAK
from support import go
from support.oracle import Layout
from support.programs import Server, run


def test_its_own_tests_pass():
  flags = ["-race", "-count=5"] if SOAK else []
  go.go("test", *flags, "./...", env={"CGO_ENABLED": "1" if SOAK else "0"}).ok()


def test_vet_finds_nothing():
  go.go("vet", "./...").ok()


def test_staticcheck_finds_nothing():
  go.tool("staticcheck", "./...").ok()


def test_it_is_formatted():
  assert run(["/usr/bin/gofmt", "-l", go.CLIENT]).ok().stdout == ""


def test_readmes_example_works_when_pasted(programs, registry, pushed, tmp_path):
  main = re.search(r"(?s)```go\n(package main.*?)```", (go.CLIENT / "README.md").read_text())[1]
  with Server(programs, tmp_path / "server", registries='insecure: ["%s"]' % registry.address) as server:
    for stands_for, real in (("unix:/run/ci/holkas.sock", server.address),
                             ("docker://registry.example.com/app:1", pushed),
                             ("oci:/srv/layout:app", "oci:%s:app" % (tmp_path / "layout"))):
      assert main.count(stands_for) == 1
      main = main.replace(stands_for, real)
    user = tmp_path / "user"
    user.mkdir()
    go.write_user_module(user, main)
    printed = go.go("run", ".", cwd=user).ok().stdout
  assert Layout(tmp_path / "layout").check().names() == {"app": printed.strip()}
