"""Does the calls that tests/conformance describes with this client, and tells what came of them.

usage: conformance_runner.py --server ADDRESS [--ca FILE] [--cert FILE --key FILE]
           [--token-file FILE] [--insecure] [--asyncio]

Reads one call per line on standard input, as JSON, and writes one outcome per line to standard output:
tests/conformance/README.md says what they look like, tests/support/client_load.py those of many calls
at a time.
"""

import argparse
import asyncio
import concurrent.futures
import json
import pathlib
import random
import sys
import threading
from typing import Any, Dict, List, Optional, Tuple

from google.protobuf import json_format
from google.protobuf.message import Message

import holkas
import holkas.aio

# Of each rpc, the method of the client and the message that it takes.
METHODS: Dict[str, Any] = {
    "Inspect": ("inspect", holkas.InspectRequest),
    "Copy": ("copy", holkas.CopyRequest),
    "Delete": ("delete", holkas.DeleteRequest),
    "ListTags": ("list_tags", holkas.ListTagsRequest),
    "Sync": ("sync", holkas.SyncRequest),
    "Sign": ("sign", holkas.SignRequest),
    "Verify": ("verify", holkas.VerifyRequest),
    "Import": ("import_archive", holkas.ImportOptions),
    "Export": ("export_archive", holkas.ExportRequest),
    "CheckCredentials": ("check_credentials", holkas.CheckCredentialsRequest),
    "GetServerInfo": ("get_server_info", None),
}
STREAMS = ("Copy", "ListTags", "Sync", "Import", "Export")


def arguments_of(call: Dict[str, Any]) -> List[Any]:
  """What the method takes."""
  message = METHODS[call["rpc"]][1]
  arguments: List[Any] = [] if message is None else [
      json_format.ParseDict(call.get("request") or {}, message())]
  return arguments + [call[name] for name in ("archive", "output") if name in call]


def options_of(call: Dict[str, Any]) -> Dict[str, Any]:
  return {"timeout": call["timeout_seconds"]} if "timeout_seconds" in call else {}


def plain(message: Message) -> Any:
  return json_format.MessageToDict(message)


def event_of(rpc: str, event: Message) -> Any:
  """The event as the rpc's own message has it: the client gives an Export's as those of the copy."""
  return {"copy": plain(event)} if rpc == "Export" else plain(event)


def failure(error: holkas.HolkasError) -> Dict[str, Any]:
  return {"code": error.code.name, "reason": error.reason, "domain": error.domain,
          "metadata": dict(error.metadata), "message": error.message}


def run(client: holkas.Client, call: Dict[str, Any]) -> Dict[str, Any]:
  """The outcome of a call of the client that blocks."""
  outcome: Dict[str, Any] = {"events": [], "response": None, "error": None}
  method = getattr(client, METHODS[call["rpc"]][0])
  try:
    answer = method(*arguments_of(call), **options_of(call))
    if call["rpc"] not in STREAMS:
      outcome["response"] = plain(answer) if answer is not None else {}
      return outcome
    for event in answer:
      outcome["events"].append(event_of(call["rpc"], event))
      if len(outcome["events"]) == call.get("cancel_after_events"):
        answer.cancel()
  except holkas.HolkasError as error:
    outcome["error"] = failure(error)
  return outcome


async def run_asyncio(client: holkas.aio.Client, call: Dict[str, Any]) -> Dict[str, Any]:
  """The outcome of a call of the client for asyncio."""
  outcome: Dict[str, Any] = {"events": [], "response": None, "error": None}
  method = getattr(client, METHODS[call["rpc"]][0])
  try:
    answer = method(*arguments_of(call), **options_of(call))
    if call["rpc"] not in STREAMS:
      response = await answer
      outcome["response"] = plain(response) if response is not None else {}
      return outcome
    async for event in answer:
      outcome["events"].append(event_of(call["rpc"], event))
      if len(outcome["events"]) == call.get("cancel_after_events"):
        answer.cancel()
  except holkas.HolkasError as error:
    outcome["error"] = failure(error)
  return outcome


# How long each of many calls may take, in seconds: how fast the machine is, is not the question.
PATIENCE = 600


class Load:
  """Many calls at a time: what is asked for, and what came of it."""

  def __init__(self, task: Dict[str, Any]) -> None:
    self.count: int = task["count"]
    self.parallel: int = task["parallel"]
    self.kind: str = task["load"]
    self._max_delay: float = task.get("max_delay_seconds", 0)
    self._request = json.dumps(task["request"])
    self._errors: List[str] = []
    self._ok = self._completed = 0

  def inspect(self) -> holkas.InspectRequest:
    return json_format.Parse(self._request, holkas.InspectRequest())

  def copy(self, number: int) -> holkas.CopyRequest:
    return json_format.Parse(self._request.replace("{n}", str(number)), holkas.CopyRequest())

  def delay(self) -> float:
    """The seconds after which a Copy is cancelled."""
    return random.uniform(0, self._max_delay)

  def count_in(self, completed: bool, error: Optional[holkas.HolkasError] = None) -> None:
    """How one call ended. One thread at a time."""
    if error is None or isinstance(error, holkas.CancelledError):
      self._ok += 1
    else:
      self._errors.append(str(error))
    self._completed += completed

  def answer(self) -> Dict[str, Any]:
    return {"ok": self._ok, "completed": self._completed, "errors": self._errors[:20]}


def run_load(client: holkas.Client, load: Load) -> Dict[str, Any]:
  """The outcome of many calls of the client that blocks, each on a thread."""

  def call(number: int) -> Tuple[bool, Optional[holkas.HolkasError]]:
    try:
      if load.kind == "inspect":
        client.inspect(load.inspect(), timeout=PATIENCE)
        return True, None
      stream = client.copy(load.copy(number))
      timer = threading.Timer(load.delay(), stream.cancel)
      timer.start()
      try:
        return any([event.HasField("result") for event in stream]), None
      finally:
        timer.cancel()
    except holkas.HolkasError as error:
      return False, error

  with concurrent.futures.ThreadPoolExecutor(load.parallel) as threads:
    for completed, error in threads.map(call, range(load.count)):
      load.count_in(completed, error)
  return load.answer()


async def run_load_asyncio(client: holkas.aio.Client, load: Load) -> Dict[str, Any]:
  """The outcome of many calls of the client for asyncio, each in a task."""
  places = asyncio.Semaphore(load.parallel)

  async def call(number: int) -> None:
    async with places:
      try:
        if load.kind == "inspect":
          await client.inspect(load.inspect(), timeout=PATIENCE)
          load.count_in(True)
          return
        stream = client.copy(load.copy(number))
        timer = asyncio.get_running_loop().call_later(load.delay(), stream.cancel)
        try:
          load.count_in(any([event.HasField("result") async for event in stream]))
        finally:
          timer.cancel()
      except holkas.HolkasError as error:
        load.count_in(False, error)

  await asyncio.gather(*[call(number) for number in range(load.count)])
  return load.answer()


async def serve_asyncio(address: str, options: Dict[str, Any]) -> None:
  async with holkas.aio.Client(address, **options) as client:
    while True:
      line = await asyncio.to_thread(sys.stdin.readline)
      if not line:
        return
      task = json.loads(line)
      outcome = (await run_load_asyncio(client, Load(task)) if "load" in task else
                 await run_asyncio(client, task))
      print(json.dumps(outcome), flush=True)


def serve(address: str, options: Dict[str, Any]) -> None:
  with holkas.Client(address, **options) as client:
    for line in sys.stdin:
      task = json.loads(line)
      outcome = run_load(client, Load(task)) if "load" in task else run(client, task)
      print(json.dumps(outcome), flush=True)


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--server", required=True)
  parser.add_argument("--ca")
  parser.add_argument("--cert")
  parser.add_argument("--key")
  parser.add_argument("--token-file", type=pathlib.Path)
  parser.add_argument("--insecure", action="store_true")
  parser.add_argument("--asyncio", action="store_true")
  given = parser.parse_args()
  options = {"ca_file": given.ca, "certificate_file": given.cert, "key_file": given.key,
             "token": given.token_file.read_text().strip() if given.token_file else None,
             "insecure": given.insecure}
  if given.asyncio:
    asyncio.run(serve_asyncio(given.server, options))
  else:
    serve(given.server, options)


if __name__ == "__main__":
  main()
