"""The conformance runners of all clients: programs that make calls through a client, one line of JSON
each, and grpcurl in the same dress. tests/conformance/README.md says what the lines look like."""

import base64
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import threading

from support import go, java
from support.programs import run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "clients"

# An answer that does not come fails the test, and ends the runner.
ANSWER_SECONDS = 60


def _python(unused_directory, *flags):
  environment = run([CLIENTS / "python" / "environment"], timeout=600).ok().stdout.strip()
  return ["%s/bin/python" % environment, CLIENTS / "python" / "tests" / "conformance_runner.py", *flags]


def _python_asyncio(directory):
  return _python(directory, "--asyncio")


def _go(directory):
  assert os.access(go.GO, os.X_OK), "tools/setup installs Go"
  return [go.build_conformance_runner(directory)]


def _java(unused_directory):
  assert shutil.which("mvn"), "tools/setup installs Maven"
  java.build("test-compile").ok()
  return java.conformance_runner()


def _cpp(unused_directory):
  programs = pathlib.Path(os.environ.get("HOLKAS_BIN_DIR") or ROOT / ".cache" / "bin")
  assert (programs / "conformance_runner").exists(), "tools/test builds it"
  return [programs / "conformance_runner"]


# What makes the command of each runner. One that is not there fails its tests.
_PROGRAMS = {
    "python": _python,
    "python-asyncio": _python_asyncio,
    "go": _go,
    "java": _java,
    "cpp": _cpp,
}

NAMES = [*_PROGRAMS, "grpcurl"]

# Those that callers from other machines use. Not grpcurl: it asks by reflection what there is, which a
# caller who is not known is not told.
WITH_TLS = [name for name in NAMES if name != "grpcurl"]


def start(name, directory, server, *flags):
  """A runner, which is to be closed. Fails where it cannot be built."""
  if name == "grpcurl":
    return Grpcurl(server, *flags)
  return Program(_PROGRAMS[name](directory), server, *flags)


class Program:
  """A runner that is a process: one for all calls."""

  def __init__(self, command, server, *flags, answer_seconds=ANSWER_SECONDS):
    self._answer_seconds = answer_seconds
    self._process = subprocess.Popen(
        list(map(str, [*command, "--server", server, *flags])), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(CLIENTS / "python" / "src")})

  def ask(self, call):
    """What came of a call: `events`, `response` and `error`."""
    self._process.stdin.write(json.dumps(call).encode() + b"\n")
    self._process.stdin.flush()
    # A line is all that there is to read: the next one is not asked for before.
    if not select.select([self._process.stdout], [], [], self._answer_seconds)[0]:
      self._process.kill()
      raise AssertionError("no answer to %s" % json.dumps(call))
    line = self._process.stdout.readline()
    assert line, "the runner ended at %s" % json.dumps(call)
    return json.loads(line)

  def close(self):
    self._process.stdin.close()
    try:
      self._process.wait(20)
    finally:
      self._process.kill()
      self._process.stdout.close()


SERVICE = "holkas.v1.ImageService/"
STREAMS = ("Copy", "ListTags", "Sync", "Import", "Export")
CODES = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
         "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
         "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"]

# Fields whose members are no names of fields.
MAPS = ("labels", "annotations", "metadata")

# How much of an archive one message of an Import holds.
CHUNK_BYTES = 512 << 10


class Grpcurl:
  """The same calls by grpcurl, one process each: what the service does without a client of ours."""

  def __init__(self, server, *flags):
    self._program = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    assert self._program, "tools/setup installs grpcurl"
    self._options = []
    flags = list(flags)
    while flags:
      flag = flags.pop(0)
      if flag == "--insecure":
        self._options += ["-plaintext"]
      elif flag == "--token-file":
        token = pathlib.Path(flags.pop(0)).read_text().strip()
        self._options += ["-H", "authorization: Bearer " + token]
      else:
        self._options += [{"--ca": "-cacert", "--cert": "-cert", "--key": "-key"}[flag], flags.pop(0)]
    if server.startswith("unix:"):
      self._options += ["-plaintext", "-unix"]
    self._address = server.split(":", 1)[1]

  def ask(self, call):
    options = [*self._options, "-format-error", "-d", "@"]
    if "timeout_seconds" in call:
      options += ["-max-time", str(call["timeout_seconds"])]
    process = subprocess.Popen(
        [self._program, *options, self._address, SERVICE + call["rpc"]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = threading.Timer(ANSWER_SECONDS, process.kill)
    timer.start()
    try:
      return self._outcome(call, process)
    finally:
      timer.cancel()
      process.kill()
      process.wait()
      for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()

  def _outcome(self, call, process):
    sender = threading.Thread(target=self._send, args=(call, process))
    sender.start()
    outcome = {"events": [], "response": None, "error": None}
    archive = []
    for message in _messages(process.stdout):
      message = _camel(message)
      if "chunk" in message:
        archive.append(base64.b64decode(message["chunk"]))
      elif call["rpc"] in STREAMS:
        outcome["events"].append(message)
      else:
        outcome["response"] = message
      if len(outcome["events"]) == call.get("cancel_after_events"):
        # Who hangs up is not told of an error.
        process.kill()
        outcome["error"] = {"code": "CANCELLED", "reason": "", "domain": "", "metadata": {},
                            "message": "grpcurl was ended"}
        break
    sender.join()
    told = process.stderr.read().decode()
    if process.wait() != 0 and outcome["error"] is None:
      outcome["error"] = _error(told)
    elif "output" in call and outcome["error"] is None:
      pathlib.Path(call["output"]).write_bytes(b"".join(archive))
    return outcome

  def _send(self, call, process):
    """The messages of the request, as grpcurl reads them."""
    try:
      if call["rpc"] == "Import":
        self._write(process, {"options": call["request"]})
        with open(call["archive"], "rb") as archive:
          for chunk in iter(lambda: archive.read(CHUNK_BYTES), b""):
            self._write(process, {"chunk": base64.b64encode(chunk).decode()})
      else:
        self._write(process, call.get("request") or {})
      process.stdin.close()
    except BrokenPipeError:
      pass  # The call is over.

  def _write(self, process, message):
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()

  def close(self):
    pass


def _messages(stream):
  """The JSON objects that grpcurl prints, each when it is whole: it ends in a brace of its own line."""
  lines = []
  for line in stream:
    lines.append(line)
    if line.rstrip() in (b"}", b"{}"):
      yield json.loads(b"".join(lines))
      lines = []


def _camel(value, is_map=False):
  """gRPC's reflection in C++ leaves out the JSON names of fields, so that grpcurl prints others."""
  if isinstance(value, list):
    return [_camel(element) for element in value]
  if not isinstance(value, dict):
    return value
  return {name if is_map else re.sub("_([a-z])", lambda found: found[1].upper(), name):
          _camel(member, not is_map and name in MAPS) for name, member in value.items()}


def _error(told):
  """What -format-error prints, as the clients tell it."""
  start = told.find("{")
  assert start >= 0, told
  status = json.loads(told[start:])
  info = next((detail for detail in status.get("details", [])
               if detail["@type"].endswith("google.rpc.ErrorInfo")), {})
  return {"code": CODES[status["code"]], "reason": info.get("reason", ""), "domain": info.get("domain", ""),
          "metadata": info.get("metadata", {}), "message": status.get("message", "")}
