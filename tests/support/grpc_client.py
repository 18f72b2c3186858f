"""The API from Python by gRPC's own module, for what grpcurl cannot do: streams that stop half-way."""

import functools
import importlib
import pathlib
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERVICE = "/holkas.v1.ImageService/"

# What the details of an error are (google.rpc.Status and ErrorInfo).
_DETAILS = """
syntax = "proto3";
package google.rpc;
import "google/protobuf/any.proto";
message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
"""


@functools.lru_cache(maxsize=None)
def _modules():
  """gRPC, the messages of the API, and those of the details; skips where gRPC is not installed."""
  grpc = pytest.importorskip("grpc")
  pytest.importorskip("google.protobuf")
  with tempfile.TemporaryDirectory(prefix="holkas-proto-") as directory:
    out = pathlib.Path(directory)
    (out / "details.proto").write_text(_DETAILS)
    protos = ["holkas/v1/image.proto", "holkas/v1/image_service.proto"]
    subprocess.run(["protoc", "-I", ROOT / "proto", "--python_out", out,
                    *(ROOT / "proto" / name for name in protos)], check=True)
    subprocess.run(["protoc", "-I", out, "--python_out", out, out / "details.proto"], check=True)
    sys.path.insert(0, directory)
    try:
      return (grpc, importlib.import_module("holkas.v1.image_service_pb2"),
              importlib.import_module("details_pb2"))
    finally:
      sys.path.remove(directory)


class RpcFailed(Exception):
  """How a call ended that failed."""

  def __init__(self, code, message, reason, metadata):
    super().__init__("%s %s: %s %s" % (code, reason, message, metadata))
    self.code, self.message, self.reason, self.metadata = code, message, reason, metadata


class Client:
  """A connection to a server."""

  def __init__(self, server):
    self.grpc, self.messages, self._details = _modules()
    self._channel = self.grpc.insecure_channel("unix:%s" % server.socket)

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._channel.close()

  def call(self, kind, rpc, request, response):
    return getattr(self._channel, kind)(SERVICE + rpc,
                                        request_serializer=request.SerializeToString,
                                        response_deserializer=response.FromString)

  def failure(self, error):
    """The error of an rpc, with what its details say."""
    status = self._details.Status()
    for key, value in error.trailing_metadata() or ():
      if key == "grpc-status-details-bin":
        status.ParseFromString(value)
    info = self._details.ErrorInfo()
    for detail in status.details:
      detail.Unpack(info)
    return RpcFailed(error.code().name, error.details(), info.reason, dict(info.metadata))

  def import_stream(self, requests, **more):
    """The call of an Import, to read events from, or to cancel. `requests` gives what is sent."""
    call = self.call("stream_stream", "Import", self.messages.ImportRequest,
                     self.messages.ImportResponse)
    return call(iter(requests), **more)

  def read(self, call, on_event=lambda event: None):
    """All events of a call; raises RpcFailed."""
    events = []
    try:
      for event in call:
        on_event(event)
        events.append(event)
    except self.grpc.RpcError as error:
      raise self.failure(error) from None
    return events

  def options(self, destination, format="UNSPECIFIED", image="", size_bytes=0, **copy):
    """The first message of an Import to a registry without TLS."""
    request = self.messages.ImportRequest()
    request.options.copy.destination = destination
    request.options.copy.destination_registry.tls_verification = 2
    for name, value in copy.items():
      setattr(request.options.copy, name, value)
    request.options.format = getattr(self.messages, "ARCHIVE_FORMAT_" + format)
    request.options.image = image
    request.options.size_bytes = size_bytes
    return request

  def chunks(self, data, size=1 << 20):
    for at in range(0, len(data), size):
      yield self.messages.ImportRequest(chunk=data[at:at + size])

  def import_archive(self, data, destination, **options):
    """Imports the bytes, and gives all events; raises RpcFailed."""

    def requests():
      yield self.options(destination, **options)
      yield from self.chunks(data)

    return self.read(self.import_stream(requests()))

  def export_request(self, source, format="UNSPECIFIED", image="", **copy):
    request = self.messages.ExportRequest(image=image)
    request.format = getattr(self.messages, "ARCHIVE_FORMAT_" + format)
    request.copy.source = source
    request.copy.source_registry.tls_verification = 2
    for name, value in copy.items():
      setattr(request.copy, name, value)
    return request

  def export_stream(self, request, **more):
    call = self.call("unary_stream", "Export", self.messages.ExportRequest,
                     self.messages.ExportResponse)
    return call(request, **more)

  def export_archive(self, source, **options):
    """The events of a copy, and the archive; raises RpcFailed."""
    events = self.read(self.export_stream(self.export_request(source, **options)))
    return ([event.copy for event in events if event.HasField("copy")],
            b"".join(event.chunk for event in events))
