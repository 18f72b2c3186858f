"""Debian's Go, whose version the client in Go is held to; another one may come first in PATH."""

import os
import pathlib
import re

import pytest

from support.programs import run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENT = ROOT / "clients" / "go"
GO = "/usr/bin/go"
CACHE = pathlib.Path(os.environ.get("HOLKAS_CACHE") or pathlib.Path.home() / ".cache" / "holkas")


def environment(**more):
  """What goes with every command. The modules are those of go.sum, whatever newer ones there are."""
  return {**os.environ, "PATH": "/usr/bin:" + os.environ["PATH"], "GOTOOLCHAIN": "local",
          "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", **more}


def go(*arguments, cwd=CLIENT, env=None, timeout=300):
  """Runs Go; skips the test where it is not installed."""
  if not os.access(GO, os.X_OK):
    pytest.skip("%s is not installed" % GO)
  return run([GO, *arguments], env=environment(**(env or {})), cwd=cwd, timeout=timeout)


def tool(name, *arguments, cwd=CLIENT):
  """Runs a program that tools/setup built; skips the test where it is not there."""
  path = CACHE / "bin" / name
  if not path.exists():
    pytest.skip("%s is not there: tools/setup builds it" % path)
  return run([path, *arguments], env=environment(), cwd=cwd, timeout=300)


def build_conformance_runner(directory):
  """The path of the client's runner of calls, built."""
  go("build", "-o", directory / "conformance", "./internal/conformance").ok()
  return directory / "conformance"


def write_user_module(directory, main):
  """A module of somebody who uses the client: one program, and the client from this clone."""
  requirements = re.findall(r"(?s)^require \(.*?^\)", (CLIENT / "go.mod").read_text(), re.M)
  (directory / "go.mod").write_text(
      "module example.com/user\n\ngo 1.19\n\nrequire holkas.dev/clients/go v0.0.0\n\n"
      "replace holkas.dev/clients/go => %s\n\n%s\n" % (CLIENT, "\n\n".join(requirements)))
  (directory / "go.sum").write_bytes((CLIENT / "go.sum").read_bytes())
  (directory / "main.go").write_text(main)
