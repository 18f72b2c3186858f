"""What calls raise: one class for each gRPC code, with the reason that the service gives."""

from typing import Any, Dict, Iterable, Mapping, Optional, Type

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

# The domain of the service's google.rpc.ErrorInfo; those of other domains are not told.
DOMAIN = "holkas.dev"

_DETAILS = "grpc-status-details-bin"


class HolkasError(Exception):
  """A call that failed. `__cause__` is gRPC's own exception.

  The class is the code's: `except holkas.NotFoundError`. A code without a class is a HolkasError.
  """

  code: grpc.StatusCode
  """gRPC's code."""
  message: str
  """What happened, for people. It is not stable."""
  reason: str
  """Why, for programs: for example `MANIFEST_UNKNOWN`. The service's proto lists the reasons. Empty
  where the error is not the service's own, such as that of a server that is not reached."""
  domain: str
  """`holkas.dev` where there is a reason, otherwise empty."""
  metadata: Mapping[str, str]
  """What belongs to the reason: for example `field`, the field that is malformed."""

  def __init__(self, code: grpc.StatusCode, message: str, reason: str = "", domain: str = "",
               metadata: Optional[Mapping[str, str]] = None) -> None:
    # As Exception keeps them, so that an error can be pickled.
    super().__init__(code, message, reason, domain, dict(metadata or {}))
    self.code = code
    self.message = message
    self.reason = reason
    self.domain = domain
    self.metadata = dict(metadata or {})

  def __str__(self) -> str:
    return "%s: %s" % (self.reason or self.code.name, self.message)


class CancelledError(HolkasError):
  """CANCELLED: the call was cancelled, by `cancel()` or by leaving its events."""


class InvalidArgumentError(HolkasError):
  """INVALID_ARGUMENT: the request is malformed."""


class DeadlineExceededError(HolkasError):
  """DEADLINE_EXCEEDED: the timeout of the call, or the server's limit, passed."""


class NotFoundError(HolkasError):
  """NOT_FOUND: there is no such image, tag or repository."""


class PermissionDeniedError(HolkasError):
  """PERMISSION_DENIED: the server or the registry does not allow it."""


class ResourceExhaustedError(HolkasError):
  """RESOURCE_EXHAUSTED: a limit or a disk's space is used up."""


class FailedPreconditionError(HolkasError):
  """FAILED_PRECONDITION: the image, the archive or the destination is not as it has to be."""


class AbortedError(HolkasError):
  """ABORTED: somebody else changed things meanwhile."""


class UnimplementedError(HolkasError):
  """UNIMPLEMENTED: the server's version does not do it."""


class InternalError(HolkasError):
  """INTERNAL: the worker or its sandbox failed."""


class UnavailableError(HolkasError):
  """UNAVAILABLE: the registry failed, or, without a reason, the server is not reached."""


class DataLossError(HolkasError):
  """DATA_LOSS: bytes do not match their digest or size."""


class UnauthenticatedError(HolkasError):
  """UNAUTHENTICATED: the registry wants credentials, or the server wants to know who calls."""


_CLASSES: Dict[grpc.StatusCode, Type[HolkasError]] = {
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.UNIMPLEMENTED: UnimplementedError,
    grpc.StatusCode.INTERNAL: InternalError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DATA_LOSS: DataLossError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
}


def make_error(code: grpc.StatusCode, message: str, reason: str = "", domain: str = "",
               metadata: Optional[Mapping[str, str]] = None) -> HolkasError:
  """An error of the code's class."""
  return _CLASSES.get(code, HolkasError)(code, message, reason, domain, metadata)


def error_of(error: grpc.RpcError) -> HolkasError:
  """What gRPC raised, as one of the errors above. Details that cannot be read are left out."""
  code, message = error.code(), error.details() or ""
  info = _error_info(error.trailing_metadata() or ())
  if info is None:
    return make_error(code, message)
  return make_error(code, message, info.reason, info.domain, info.metadata)


def _error_info(trailers: Iterable[Any]) -> Optional[error_details_pb2.ErrorInfo]:
  # Pairs of a key and its value, in both of gRPC's clients.
  for key, value in trailers:
    if key != _DETAILS:
      continue
    info = error_details_pb2.ErrorInfo()
    try:
      for detail in status_pb2.Status.FromString(value).details:
        if detail.Unpack(info) and info.domain == DOMAIN:
          return info
    except DecodeError:
      return None
  return None
