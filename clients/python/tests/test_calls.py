"""What calls send, how long they may take, and when they are repeated."""

import math
import re
import uuid
from typing import Any, Callable, Dict, List, Optional

import grpc
import pytest

import holkas
from conftest import Either
from fake_server import RPCS, FakeServer, fail, failing, wait_for_end
from holkas.v1 import image_pb2, image_service_pb2

RESULT = holkas.CopyResponse(result=holkas.CopyResult(manifest_digest="sha256:12"))

ANSWERS = {
    "Inspect": lambda request, context: holkas.InspectResponse(digest="sha256:12"),
    "Copy": lambda request, context: iter([RESULT]),
    "Delete": lambda request, context: holkas.DeleteResponse(digest="sha256:12"),
    "ListTags": lambda request, context: iter([holkas.ListTagsResponse(tags=["a", "b"]),
                                               holkas.ListTagsResponse(tags=["c"])]),
    "Sync": lambda request, context: iter([holkas.SyncResponse(number=1)]),
    "Sign": lambda request, context: holkas.SignResponse(digest="sha256:12"),
    "Verify": lambda request, context: holkas.VerifyResponse(accepted=True),
    "Import": lambda request, context: iter([holkas.ImportResponse(copy=RESULT)]),
    "Export": lambda request, context: iter([holkas.ExportResponse(copy=RESULT)]),
    "CheckCredentials": lambda request, context: holkas.CheckCredentialsResponse(),
    "GetServerInfo": lambda request, context: holkas.GetServerInfoResponse(version="1.2.3"),
}


@pytest.fixture(autouse=True)
def answers(server: FakeServer) -> None:
  for rpc, answer in ANSWERS.items():
    server.on(rpc, answer)


def do(client: Either, rpc: str, tmp_path: Any, **options: Any) -> None:
  """One call of an rpc, with a request that has next to nothing in it."""
  calls: Dict[str, Callable[[], object]] = {
      "Inspect": lambda: client.call("inspect", holkas.InspectRequest(), **options),
      "Copy": lambda: client.events("copy", holkas.CopyRequest(), **options),
      "Delete": lambda: client.call("delete", holkas.DeleteRequest(), **options),
      "ListTags": lambda: client.events("list_tags", holkas.ListTagsRequest(), **options),
      "Sync": lambda: client.events("sync", holkas.SyncRequest(), **options),
      "Sign": lambda: client.call("sign", holkas.SignRequest(), **options),
      "Verify": lambda: client.call("verify", holkas.VerifyRequest(), **options),
      "Import": lambda: client.events("import_archive", holkas.ImportOptions(),
                                      client.pieces([b"a"]), **options),
      "Export": lambda: client.events("export_archive", holkas.ExportRequest(), tmp_path / "to",
                                      **options),
      "CheckCredentials": lambda: client.call("check_credentials",
                                              holkas.CheckCredentialsRequest(), **options),
      "GetServerInfo": lambda: client.call("get_server_info", **options),
  }
  calls[rpc]()


def test_requests_and_answers_are_the_messages(server: FakeServer, client: Either) -> None:
  assert client.call("inspect", holkas.InspectRequest(image="dir:/a")).digest == "sha256:12"
  assert client.call("verify", holkas.VerifyRequest(image="dir:/b")).accepted
  assert client.call("get_server_info").version == "1.2.3"
  assert client.call("check_credentials", holkas.CheckCredentialsRequest(registry="c")) is None
  assert [call.request.image for call in server.calls[:2]] == ["dir:/a", "dir:/b"]


def test_tags_come_by_pages_or_all_at_once(client: Either) -> None:
  pages = client.events("list_tags", holkas.ListTagsRequest())
  assert [list(page.tags) for page in pages] == [["a", "b"], ["c"]]
  assert client.tags(holkas.ListTagsRequest()) == ["a", "b", "c"]


SECONDS = {"Inspect": 60, "Copy": None, "Delete": 60, "ListTags": 60, "Sync": None, "Sign": 60,
           "Verify": 60, "Import": None, "Export": None, "CheckCredentials": 60, "GetServerInfo": 10}


def timed(server: FakeServer, seconds: Optional[float]) -> None:
  left = server.calls[-1].seconds_left
  if seconds is None:
    # gRPC's name for none at all is some centuries.
    assert left is None or left > 1e6
  else:
    assert left is not None and seconds - 5 < left < seconds + 5


@pytest.mark.parametrize("rpc", RPCS)
class TestTimeouts:

  def test_each_call_has_its_own(self, server: FakeServer, client: Either, tmp_path: Any,
                                 rpc: str) -> None:
    do(client, rpc, tmp_path)
    timed(server, SECONDS[rpc])

  def test_a_call_may_be_given_another(self, server: FakeServer, client: Either, tmp_path: Any,
                                       rpc: str) -> None:
    do(client, rpc, tmp_path, timeout=30)
    timed(server, 30)
    do(client, rpc, tmp_path, timeout=math.inf)
    timed(server, None)

  def test_a_client_may_be_given_others(self, server: FakeServer, connect: Callable[..., Either],
                                        tmp_path: Any, rpc: str) -> None:
    names = {"Import": "import_archive", "Export": "export_archive"}
    name = names.get(rpc) or re.sub("(?<!^)([A-Z])", r"_\1", rpc).lower()
    client = connect(server.address, timeouts=holkas.Timeouts(**{name: 40}))
    do(client, rpc, tmp_path)
    timed(server, 40)


def test_a_timeout_that_passes_is_told(server: FakeServer, client: Either) -> None:
  server.on("Copy", lambda request, context: wait_for_end(context))
  with pytest.raises(holkas.DeadlineExceededError):
    client.events("copy", holkas.CopyRequest(), timeout=0.2)
  assert server.calls[0].over.wait(5)


class TestRetries:

  @pytest.mark.parametrize("rpc", ["Inspect", "Copy", "Delete", "ListTags", "Verify",
                                   "CheckCredentials", "GetServerInfo"])
  def test_what_is_safe_is_repeated(self, server: FakeServer, client: Either, tmp_path: Any,
                                    rpc: str) -> None:
    server.on(rpc, failing(1, ANSWERS[rpc]))
    do(client, rpc, tmp_path)
    assert len(server.asked(rpc)) == 2

  @pytest.mark.parametrize("rpc", ["Sync", "Sign", "Import", "Export"])
  def test_what_is_not_safe_is_not(self, server: FakeServer, client: Either, tmp_path: Any,
                                   rpc: str) -> None:
    server.on(rpc, failing(1, ANSWERS[rpc]))
    with pytest.raises(holkas.UnavailableError):
      do(client, rpc, tmp_path)
    assert len(server.asked(rpc)) == 1

  def test_four_attempts_are_all(self, server: FakeServer, client: Either) -> None:
    server.on("Inspect", failing(9, ANSWERS["Inspect"]))
    with pytest.raises(holkas.UnavailableError):
      client.call("inspect", holkas.InspectRequest())
    assert len(server.asked("Inspect")) == 4

  def test_other_errors_are_not_repeated(self, server: FakeServer, client: Either) -> None:
    server.on("Inspect", failing(1, ANSWERS["Inspect"], grpc.StatusCode.RESOURCE_EXHAUSTED))
    with pytest.raises(holkas.ResourceExhaustedError):
      client.call("inspect", holkas.InspectRequest())
    assert len(server.asked("Inspect")) == 1

  def test_a_copy_that_has_begun_is_not_repeated(self, server: FakeServer, client: Either) -> None:
    def begin(request: Any, context: grpc.ServicerContext) -> Any:
      yield holkas.CopyResponse(image_started=holkas.ImageStarted(number=1))
      fail(context, grpc.StatusCode.UNAVAILABLE)

    server.on("Copy", begin)
    with pytest.raises(holkas.UnavailableError):
      client.events("copy", holkas.CopyRequest())
    assert len(server.asked("Copy")) == 1


class TestDelete:

  def test_the_attempts_have_one_id(self, server: FakeServer, client: Either) -> None:
    server.on("Delete", failing(2, ANSWERS["Delete"]))
    request = holkas.DeleteRequest(image="docker://a/b:c")
    client.call("delete", request)
    client.call("delete", request)
    ids = [call.request.request_id for call in server.asked("Delete")]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert str(uuid.UUID(ids[0])) == ids[0]
    assert server.calls[0].request.image == "docker://a/b:c"
    assert request == holkas.DeleteRequest(image="docker://a/b:c")

  def test_the_callers_id_is_kept(self, server: FakeServer, client: Either) -> None:
    client.call("delete", holkas.DeleteRequest(request_id="11111111-2222-3333-4444-555555555555"))
    assert server.calls[0].request.request_id == "11111111-2222-3333-4444-555555555555"


def test_every_message_of_the_service_has_a_name_here() -> None:
  declared: List[str] = []
  for file in (image_pb2.DESCRIPTOR, image_service_pb2.DESCRIPTOR):
    declared += list(file.message_types_by_name) + list(file.enum_types_by_name)
  assert [name for name in declared if name not in holkas.__all__] == []
  assert [name for name in holkas.__all__ if not hasattr(holkas, name)] == []
