"""The client that blocks."""

import uuid
from types import TracebackType
from typing import BinaryIO, Iterable, Optional, Type, TypeVar, Union

import grpc

from holkas._connection import Path, connection_to
from holkas._stream import (CopyStream, ExportStream, ImportStream, Stream, TagStream, Upload,
                            messages)
from holkas._timeouts import Timeouts, choose
from holkas.errors import error_of
from holkas.v1.image_service_pb2 import (CheckCredentialsRequest, CopyRequest, DeleteRequest,
                                         DeleteResponse, ExportRequest, GetServerInfoRequest,
                                         GetServerInfoResponse, ImportOptions, InspectRequest,
                                         InspectResponse, ListTagsRequest, SignRequest, SignResponse,
                                         SyncRequest, SyncResponse, VerifyRequest, VerifyResponse)
from holkas.v1.image_service_pb2_grpc import ImageServiceStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Client:
  """A holkasd, as calls that block. Any number of threads may share one.

      with holkas.Client("unix:/run/holkas.sock") as client:
        client.inspect(holkas.InspectRequest(image="docker://registry.example.com/app:1")).digest

  Every call takes a `timeout` in seconds, which takes the place of the client's own (see Timeouts), and
  raises HolkasError. Calls that the server has not begun to answer are repeated where that is safe: up
  to three times, when it is UNAVAILABLE.
  """

  def __init__(self, address: str, *, ca_file: Optional[Path] = None,
               certificate_file: Optional[Path] = None, key_file: Optional[Path] = None,
               token: Optional[str] = None, insecure: bool = False,
               timeouts: Timeouts = Timeouts()) -> None:
    """Connecting happens with the first call.

    address: `unix:/path/of.sock` or `tcp:HOST:PORT`, as of `holkas --server`. TCP has TLS.
    ca_file: the authorities that the server's certificate may be of, in PEM; otherwise the system's.
    certificate_file, key_file: the client's own certificate and its key, in PEM.
    token: sent with every call as `authorization: Bearer`, 1 to 4096 visible ASCII characters.
    insecure: TCP without TLS, which is for servers of this machine: localhost, 127.0.0.0/8 or ::1.
    timeouts: how long calls may take that are not given a timeout.

    Raises ValueError for an address that is malformed and for what does not go together, OSError for
    a file that cannot be read.
    """
    connection = connection_to(address, ca_file, certificate_file, key_file, token, insecure)
    self._channel = connection.open()
    self._stub = ImageServiceStub(self._channel)
    self._metadata = tuple(connection.metadata)
    self._timeouts = timeouts

  def close(self) -> None:
    """Ends the connection, and every call with it."""
    self._channel.close()

  def __enter__(self) -> "Client":
    return self

  def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
               traceback: Optional[TracebackType]) -> None:
    self.close()

  def inspect(self, request: InspectRequest, *, timeout: Optional[float] = None) -> InspectResponse:
    """Describes an image. Raises NotFoundError where there is none, among others."""
    return self._call(self._stub.Inspect, request, choose(timeout, self._timeouts.inspect))

  def copy(self, request: CopyRequest, *, timeout: Optional[float] = None) -> CopyStream:
    """Copies an image: `client.copy(request).result()`, or event by event."""
    call = self._stub.Copy(request, choose(timeout, self._timeouts.copy), self._metadata)
    return CopyStream(call, messages(call))

  def delete(self, request: DeleteRequest, *, timeout: Optional[float] = None) -> DeleteResponse:
    """Deletes an image. A request without a request_id is given one, so that it is safe to repeat."""
    return self._call(self._stub.Delete, with_request_id(request),
                      choose(timeout, self._timeouts.delete))

  def list_tags(self, request: ListTagsRequest, *, timeout: Optional[float] = None) -> TagStream:
    """Lists the tags of a repository: `client.list_tags(request).tags()`, or page by page."""
    call = self._stub.ListTags(request, choose(timeout, self._timeouts.list_tags), self._metadata)
    return TagStream(call, messages(call))

  def sync(self, request: SyncRequest, *, timeout: Optional[float] = None) -> Stream[SyncResponse]:
    """Copies many images."""
    call = self._stub.Sync(request, choose(timeout, self._timeouts.sync), self._metadata)
    return Stream(call, messages(call))

  def sign(self, request: SignRequest, *, timeout: Optional[float] = None) -> SignResponse:
    """Signs an image with a key that the server holds."""
    return self._call(self._stub.Sign, request, choose(timeout, self._timeouts.sign))

  def verify(self, request: VerifyRequest, *, timeout: Optional[float] = None) -> VerifyResponse:
    """Evaluates a signature policy. An image that it rejects is no error."""
    return self._call(self._stub.Verify, request, choose(timeout, self._timeouts.verify))

  def import_archive(self, options: ImportOptions,
                     archive: Union[Path, BinaryIO, Iterable[bytes]], *,
                     timeout: Optional[float] = None) -> ImportStream:
    """Sends an archive, and copies the image in it: `client.import_archive(options, path).result()`, or
    event by event.

    The archive is a path, a binary stream or its bytes piece by piece. Another thread reads it, as
    fast as the server takes it. What reading it raises ends the call, and is raised by iterating.
    Raises OSError for a path that cannot be opened.
    """
    sent = ImportOptions()
    sent.CopyFrom(options)
    upload = Upload(sent, archive)
    call = self._stub.Import(iter(upload), choose(timeout, self._timeouts.import_archive),
                             self._metadata)
    return ImportStream(call, upload)

  def export_archive(self, request: ExportRequest, output: Union[Path, BinaryIO], *,
                     timeout: Optional[float] = None) -> ExportStream:
    """Copies an image into an archive here: `client.export_archive(request, path).result()`, or event
    by event.

    A path has the archive when the events are over: until then it is in a file beside it, which is
    removed when anything fails. Symbolic links are followed. A pipe, which is waited for until somebody
    reads it, and a character device get the bytes as they come, and so does a binary stream, which stays
    open. What else is there is kept: FileExistsError. What writing raises ends the call, and is raised by
    iterating.
    """
    call = self._stub.Export(request, choose(timeout, self._timeouts.export_archive),
                             self._metadata)
    return ExportStream(call, output)

  def check_credentials(self, request: CheckCredentialsRequest, *,
                        timeout: Optional[float] = None) -> None:
    """Finds out whether a registry accepts credentials. Raises UnauthenticatedError where not."""
    self._call(self._stub.CheckCredentials, request,
               choose(timeout, self._timeouts.check_credentials))

  def get_server_info(self, *, timeout: Optional[float] = None) -> GetServerInfoResponse:
    """Tells the server's version, sandbox, transports and limits."""
    return self._call(self._stub.GetServerInfo, GetServerInfoRequest(),
                      choose(timeout, self._timeouts.get_server_info))

  def _call(self, method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request,
            timeout: Optional[float]) -> _Response:
    try:
      return method(request, timeout, self._metadata)
    except grpc.RpcError as error:
      raise error_of(error) from error


def with_request_id(request: DeleteRequest) -> DeleteRequest:
  """The request, or a copy of it with a new request_id where it has none."""
  if request.request_id:
    return request
  sent = DeleteRequest()
  sent.CopyFrom(request)
  sent.request_id = str(uuid.uuid4())
  return sent
