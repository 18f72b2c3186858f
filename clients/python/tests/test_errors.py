"""What calls raise."""

import pickle

import grpc
import pytest

import holkas
from conftest import Either
from fake_server import FakeServer, fail

CLASSES = {
    "CANCELLED": holkas.CancelledError,
    "INVALID_ARGUMENT": holkas.InvalidArgumentError,
    "DEADLINE_EXCEEDED": holkas.DeadlineExceededError,
    "NOT_FOUND": holkas.NotFoundError,
    "PERMISSION_DENIED": holkas.PermissionDeniedError,
    "RESOURCE_EXHAUSTED": holkas.ResourceExhaustedError,
    "FAILED_PRECONDITION": holkas.FailedPreconditionError,
    "ABORTED": holkas.AbortedError,
    "UNIMPLEMENTED": holkas.UnimplementedError,
    "INTERNAL": holkas.InternalError,
    "UNAVAILABLE": holkas.UnavailableError,
    "DATA_LOSS": holkas.DataLossError,
    "UNAUTHENTICATED": holkas.UnauthenticatedError,
    "OUT_OF_RANGE": holkas.HolkasError,
}


@pytest.mark.parametrize("code", CLASSES)
def test_each_code_has_a_class(server: FakeServer, client: Either, code: str) -> None:
  server.on("Sign", lambda request, context: fail(context, grpc.StatusCode[code]))
  with pytest.raises(holkas.HolkasError) as raised:
    client.call("sign", holkas.SignRequest())
  assert type(raised.value) is CLASSES[code]
  assert raised.value.code is grpc.StatusCode[code]


def test_the_reason_and_its_metadata_are_told(server: FakeServer, client: Either) -> None:
  server.on("Inspect", lambda request, context: fail(
      context, grpc.StatusCode.INVALID_ARGUMENT, "no such thing", "INVALID_FIELD", field="image"))
  with pytest.raises(holkas.InvalidArgumentError, match="INVALID_FIELD: no such thing") as raised:
    client.call("inspect", holkas.InspectRequest())
  error = raised.value
  assert (error.reason, error.domain, error.metadata, error.message) == (
      "INVALID_FIELD", "holkas.dev", {"field": "image"}, "no such thing")
  assert isinstance(error.__cause__, grpc.RpcError)


def test_a_stream_raises_them_too(server: FakeServer, client: Either) -> None:
  server.on("Copy", lambda request, context: fail(
      context, grpc.StatusCode.NOT_FOUND, reason="MANIFEST_UNKNOWN"))
  with pytest.raises(holkas.NotFoundError, match="MANIFEST_UNKNOWN"):
    client.events("copy", holkas.CopyRequest())
  with pytest.raises(holkas.NotFoundError, match="MANIFEST_UNKNOWN"):
    client.result("copy", holkas.CopyRequest())


def test_what_others_say_of_an_error_is_left_out(server: FakeServer, client: Either) -> None:
  server.on("Inspect", lambda request, context: fail(
      context, grpc.StatusCode.NOT_FOUND, reason="THEIRS", domain="example.com"))
  with pytest.raises(holkas.NotFoundError) as raised:
    client.call("inspect", holkas.InspectRequest())
  assert (raised.value.reason, raised.value.domain) == ("", "")


def test_details_that_cannot_be_read_are_left_out(server: FakeServer, client: Either) -> None:
  def abort(request: object, context: grpc.ServicerContext) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "gone")

  server.on("Inspect", abort)
  with pytest.raises(holkas.NotFoundError, match="NOT_FOUND: gone"):
    client.call("inspect", holkas.InspectRequest())


def test_an_error_can_be_pickled() -> None:
  error = holkas.NotFoundError(grpc.StatusCode.NOT_FOUND, "gone", "TAG_UNKNOWN", "holkas.dev",
                               {"a": "b"})
  again = pickle.loads(pickle.dumps(error))
  assert type(again) is holkas.NotFoundError
  assert (again.code, str(again), again.metadata) == (error.code, "TAG_UNKNOWN: gone", {"a": "b"})
