"""Does the calls that tests/conformance describes with this client, and tells what came of them.

usage: conformance_runner.py --server ADDRESS [--ca FILE] [--cert FILE --key FILE]
           [--token-file FILE] [--insecure] [--asyncio]

Reads one call per line on standard input, as JSON, and writes one outcome per line to standard output:
tests/conformance/README.md says what they look like.
"""

import argparse
import asyncio
import json
import pathlib
import sys
from typing import Any, Dict, List

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
    if call.get("cancel_after_events") == 0:
      answer.cancel()
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
    if call.get("cancel_after_events") == 0:
      answer.cancel()
    async for event in answer:
      outcome["events"].append(event_of(call["rpc"], event))
      if len(outcome["events"]) == call.get("cancel_after_events"):
        answer.cancel()
  except holkas.HolkasError as error:
    outcome["error"] = failure(error)
  return outcome


async def serve_asyncio(address: str, options: Dict[str, Any]) -> None:
  async with holkas.aio.Client(address, **options) as client:
    while True:
      line = await asyncio.to_thread(sys.stdin.readline)
      if not line:
        return
      print(json.dumps(await run_asyncio(client, json.loads(line))), flush=True)


def serve(address: str, options: Dict[str, Any]) -> None:
  with holkas.Client(address, **options) as client:
    for line in sys.stdin:
      print(json.dumps(run(client, json.loads(line))), flush=True)


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
