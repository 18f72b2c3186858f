"""The client for asyncio."""

import asyncio
import weakref
from types import TracebackType
from typing import (TYPE_CHECKING, Any, AsyncIterable, BinaryIO, Optional, Type, TypeVar, Union,
                    cast)

import grpc
import grpc.aio

from holkas import _stream
from holkas._client import with_request_id
from holkas._connection import Path, connection_to
from holkas._stream import Upload
from holkas._timeouts import Timeouts, choose
from holkas.aio._stream import (CopyStream, ExportStream, ImportStream, Stream, TagStream,
                                messages, pieces_of)
from holkas.errors import error_of
from holkas.v1.image_service_pb2 import (CheckCredentialsRequest, CopyRequest, DeleteRequest,
                                         DeleteResponse, ExportRequest, GetServerInfoRequest,
                                         GetServerInfoResponse, ImportOptions, InspectRequest,
                                         InspectResponse, ListTagsRequest, SignRequest, SignResponse,
                                         SyncRequest, SyncResponse, VerifyRequest, VerifyResponse)
from holkas.v1.image_service_pb2_grpc import ImageServiceStub

if TYPE_CHECKING:
  # The type hints alone know it.
  from holkas.v1.image_service_pb2_grpc import ImageServiceAsyncStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_AnyStream = TypeVar("_AnyStream", bound=Stream[Any])


class Client:
  """A holkasd, as calls that are awaited. For one event loop: it is made where that runs.

      async with holkas.aio.Client("unix:/run/holkas.sock") as client:
        (await client.inspect(holkas.InspectRequest(image="docker://registry.example.com/app:1"))).digest

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
    if connection.credentials is None:
      self._channel = grpc.aio.insecure_channel(connection.target, connection.options)
    else:
      self._channel = grpc.aio.secure_channel(connection.target, connection.credentials,
                                              connection.options)
    self._stub = cast("ImageServiceAsyncStub", ImageServiceStub(self._channel))
    self._connection = connection
    self._metadata = tuple(connection.metadata)
    self._timeouts = timeouts
    # For Imports, when there is one.
    self._blocking: Optional[grpc.Channel] = None
    self._streams: "weakref.WeakSet[Stream[Any]]" = weakref.WeakSet()

  async def close(self) -> None:
    """Ends the connection, and every call with it."""
    # gRPC ends only the calls that a task waits for.
    for stream in list(self._streams):
      stream.cancel()
    if self._blocking is not None:
      self._blocking.close()
    await self._channel.close(None)

  async def __aenter__(self) -> "Client":
    return self

  async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                      traceback: Optional[TracebackType]) -> None:
    await self.close()

  async def inspect(self, request: InspectRequest, *,
                    timeout: Optional[float] = None) -> InspectResponse:
    """Describes an image. Raises NotFoundError where there is none, among others."""
    return await self._call(self._stub.Inspect, request, choose(timeout, self._timeouts.inspect))

  def copy(self, request: CopyRequest, *, timeout: Optional[float] = None) -> CopyStream:
    """Copies an image: `await client.copy(request).result()`, or event by event."""
    call = self._stub.Copy(request, timeout=choose(timeout, self._timeouts.copy),
                           metadata=self._metadata)
    return self._begun(CopyStream(call, messages(call)))

  async def delete(self, request: DeleteRequest, *,
                   timeout: Optional[float] = None) -> DeleteResponse:
    """Deletes an image. A request without a request_id is given one, so that it is safe to repeat."""
    return await self._call(self._stub.Delete, with_request_id(request),
                            choose(timeout, self._timeouts.delete))

  def list_tags(self, request: ListTagsRequest, *, timeout: Optional[float] = None) -> TagStream:
    """Lists the tags of a repository: `await client.list_tags(request).tags()`, or page by page."""
    call = self._stub.ListTags(request, timeout=choose(timeout, self._timeouts.list_tags),
                               metadata=self._metadata)
    return self._begun(TagStream(call, messages(call)))

  def sync(self, request: SyncRequest, *, timeout: Optional[float] = None) -> Stream[SyncResponse]:
    """Copies many images."""
    call = self._stub.Sync(request, timeout=choose(timeout, self._timeouts.sync),
                           metadata=self._metadata)
    return self._begun(Stream(call, messages(call)))

  async def sign(self, request: SignRequest, *, timeout: Optional[float] = None) -> SignResponse:
    """Signs an image with a key that the server holds."""
    return await self._call(self._stub.Sign, request, choose(timeout, self._timeouts.sign))

  async def verify(self, request: VerifyRequest, *,
                   timeout: Optional[float] = None) -> VerifyResponse:
    """Evaluates a signature policy. An image that it rejects is no error."""
    return await self._call(self._stub.Verify, request, choose(timeout, self._timeouts.verify))

  def import_archive(self, options: ImportOptions,
                     archive: Union[Path, BinaryIO, AsyncIterable[bytes]], *,
                     timeout: Optional[float] = None) -> ImportStream:
    """Sends an archive, and copies the image in it: `await client.import_archive(options, path).result()`,
    or event by event.

    The archive is a path, a binary stream, both read on a thread, or its bytes piece by piece. It is
    read as fast as the server takes it. What reading it raises ends the call, and is raised by
    iterating. Raises OSError for a path that cannot be opened.
    """
    sent = ImportOptions()
    sent.CopyFrom(options)
    upload = Upload(sent, pieces_of(archive, asyncio.get_running_loop())
                    if isinstance(archive, AsyncIterable) else archive)
    if self._blocking is None:
      self._blocking = self._connection.open()
    call = ImageServiceStub(self._blocking).Import(
        iter(upload), choose(timeout, self._timeouts.import_archive), self._metadata)
    return self._begun(ImportStream(_stream.ImportStream(call, upload)))

  def export_archive(self, request: ExportRequest, output: Union[Path, BinaryIO], *,
                     timeout: Optional[float] = None) -> ExportStream:
    """Copies an image into an archive here: `await client.export_archive(request, path).result()`, or
    event by event.

    A path has the archive when the events are over: until then it is in a file beside it, which is
    removed when anything fails. Symbolic links are followed. A pipe, which is waited for until somebody
    reads it, and a character device get the bytes as they come, and so does a binary stream, which stays
    open. What else is there is kept: FileExistsError. What writing raises ends the call, and is raised by
    iterating.
    """
    call = self._stub.Export(request, timeout=choose(timeout, self._timeouts.export_archive),
                             metadata=self._metadata)
    return self._begun(ExportStream(call, output))

  async def check_credentials(self, request: CheckCredentialsRequest, *,
                              timeout: Optional[float] = None) -> None:
    """Finds out whether a registry accepts credentials. Raises UnauthenticatedError where not."""
    await self._call(self._stub.CheckCredentials, request,
                     choose(timeout, self._timeouts.check_credentials))

  async def get_server_info(self, *, timeout: Optional[float] = None) -> GetServerInfoResponse:
    """Tells the server's version, sandbox, transports and limits."""
    return await self._call(self._stub.GetServerInfo, GetServerInfoRequest(),
                            choose(timeout, self._timeouts.get_server_info))

  def _begun(self, stream: _AnyStream) -> _AnyStream:
    self._streams.add(stream)
    return stream

  async def _call(self, method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
                  request: _Request, timeout: Optional[float]) -> _Response:
    try:
      return await method(request, timeout=timeout, metadata=self._metadata)
    except grpc.RpcError as error:
      raise error_of(error) from error
