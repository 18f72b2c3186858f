"""A user's home with credentials in it, and what login does there."""

import json
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from support.password_registry import PASSWORD, USER
from support.programs import run

SESSION = "run/containers/auth.json"
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


def login(programs, home, registry, *more, user=USER, password=PASSWORD, key="", **options):
  return programs.holkas("login", "--tls-verify=false", "-u", user, "-p", password, *more,
                         registry.address + key, env=home.environment, **options)
