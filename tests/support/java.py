"""What Maven makes of the client in Java."""

import hashlib
import os
import pathlib
import shutil

import pytest

from support.programs import run

CLIENT = pathlib.Path(__file__).resolve().parent.parent.parent / "clients" / "java"
CACHE = pathlib.Path(os.environ.get("HOLKAS_CACHE") or pathlib.Path.home() / ".cache" / "holkas")
# Apart from that of other clones.
BUILD = CACHE / "java" / hashlib.sha256(str(CLIENT).encode()).hexdigest()[:16]


def maven(*arguments):
  """Runs Maven; skips the test where it is not installed."""
  if shutil.which("mvn") is None:
    pytest.skip("maven is not installed")
  return run(["mvn", "-B", "-q", "-f", CLIENT / "pom.xml", "-DbuildDirectory=%s" % BUILD, *arguments],
             timeout=1200)


def build(phase, *arguments):
  """Runs a phase of the build that compiles the tests, too."""
  return maven(phase, "dependency:build-classpath", "-Dmdep.outputFile=%s" % (BUILD / "classpath"),
               *arguments)


def classpath():
  """Of the client, when it is built."""
  return "%s/classes:%s" % (BUILD, (BUILD / "classpath").read_text().strip())


def conformance_runner():
  """The command of the client's runner of calls, without its options, when it is built."""
  return ["java", "-XX:TieredStopAtLevel=1", "-cp", "%s/test-classes:%s" % (BUILD, classpath()),
          "dev.holkas.conformance.Runner"]
