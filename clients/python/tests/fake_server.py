"""A server of the whole service on this machine, that does what a test says."""

import concurrent.futures
import threading
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from holkas.v1 import image_service_pb2_grpc

RPCS = ("Inspect", "Copy", "Delete", "ListTags", "Sync", "Sign", "Verify", "Import", "Export",
        "CheckCredentials", "GetServerInfo")

Handler = Callable[[Any, grpc.ServicerContext], Any]


class Call:
  """What one call told the server."""

  def __init__(self, rpc: str, request: Any, context: grpc.ServicerContext) -> None:
    self.rpc = rpc
    self.request = request
    self.metadata = {key: value for key, value in context.invocation_metadata()}
    self.seconds_left: Optional[float] = context.time_remaining()
    self.over = threading.Event()
    context.add_callback(self.over.set)


class FakeServer:
  """Runs while it is entered as a context. `address` is for a client."""

  def __init__(self, address: str, credentials: Optional[grpc.ServerCredentials] = None) -> None:
    """`address` is `unix:/path`, or `tcp:127.0.0.1:0` for a free port."""
    self.calls: List[Call] = []
    self._handlers: Dict[str, Handler] = {}
    self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    # The service's own class; its eleven methods are the test's.
    servicer = type("Servicer", (image_service_pb2_grpc.ImageServiceServicer,),
                    {rpc: self._method(rpc) for rpc in RPCS})
    image_service_pb2_grpc.add_ImageServiceServicer_to_server(servicer(), self._server)
    target = address[len("tcp:"):] if address.startswith("tcp:") else address
    port = (self._server.add_insecure_port(target) if credentials is None else
            self._server.add_secure_port(target, credentials))
    self.address = "tcp:localhost:%d" % port if address.startswith("tcp:") else address

  def _method(self, rpc: str) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    def method(servicer: Any, request: Any, context: grpc.ServicerContext) -> Any:
      self.calls.append(Call(rpc, request, context))
      return self._handlers[rpc](request, context)
    return method

  def on(self, rpc: str, handler: Handler) -> None:
    """`handler` answers: with a message, or with an iterator of them where the rpc streams."""
    self._handlers[rpc] = handler

  def asked(self, rpc: str) -> List[Call]:
    return [call for call in self.calls if call.rpc == rpc]

  def __enter__(self) -> "FakeServer":
    self._server.start()
    return self

  def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
               traceback: Optional[TracebackType]) -> None:
    self._server.stop(0).wait()


def fail(context: grpc.ServicerContext, code: grpc.StatusCode, message: str = "failed",
         reason: str = "", domain: str = "holkas.dev", **metadata: str) -> Any:
  """Ends a call as the service does: with google.rpc.ErrorInfo where there is a reason."""
  status = status_pb2.Status(code=code.value[0], message=message)
  if reason:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata))
    status.details.append(detail)
  trailers: Tuple[Tuple[str, Any], ...] = (("grpc-status-details-bin", status.SerializeToString()),)
  context.set_trailing_metadata(trailers)
  context.abort(code, message)


def failing(times: int, answer: Handler,
            code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> Handler:
  """Fails so many times, then answers."""
  left = [times]

  def handler(request: Any, context: grpc.ServicerContext) -> Any:
    if left[0] > 0:
      left[0] -= 1
      fail(context, code)
    return answer(request, context)
  return handler


def wait_for_end(context: grpc.ServicerContext) -> Iterator[Any]:
  """No event, until the caller ends the call."""
  over = threading.Event()
  if context.add_callback(over.set):
    over.wait(20)
  yield from ()
