"""Moves container images through a holkasd: `Client` blocks, `holkas.aio.Client` is for asyncio.

Requests and answers are the messages of `holkas.v1`, whose fields are documented where they are declared
(in the type hints, and in proto/holkas/v1); errors are exceptions, one class for each gRPC code.
"""

from holkas._client import Client
from holkas._stream import CopyStream, ExportStream, ImportStream, Stream, TagStream
from holkas._timeouts import Timeouts
from holkas.errors import (AbortedError, CancelledError, DataLossError, DeadlineExceededError,
                           FailedPreconditionError, HolkasError, InternalError,
                           InvalidArgumentError, NotFoundError, PermissionDeniedError,
                           ResourceExhaustedError, UnauthenticatedError, UnavailableError,
                           UnimplementedError)
from holkas.v1.image_pb2 import (BasicCredentials, Descriptor, Platform, RegistryAccess,
                                 RetryPolicy, TlsCertificates, TlsVerification)
from holkas.v1.image_service_pb2 import (ArchiveFormat, BlobFinished, BlobKind, BlobOutcome,
                                         BlobProgress, BlobStarted, CheckCredentialsRequest,
                                         CheckCredentialsResponse, CompressionFormat, CopyRequest,
                                         CopyResponse, CopyResult, DecryptionKey, DeleteRequest,
                                         DeleteResponse, ExportRequest, ExportResponse,
                                         GetServerInfoRequest, GetServerInfoResponse, ImageStarted,
                                         ImportAttached, ImportOptions, ImportRequest,
                                         ImportResponse, InspectRequest, InspectResponse,
                                         InspectView, KeyWrapping, LayerChange, LayerEncryption,
                                         LayerForm, LayerRecipient, ListTagsRequest,
                                         ListTagsResponse, ManifestFormat, ManifestStarted,
                                         MultiArch, Retrying, SandboxTier, SignRequest,
                                         SignResponse, SignatureVerdict, SyncRequest, SyncResponse,
                                         SyncSource, TransportInfo, VerifyRequest, VerifyResponse)

__all__ = ["AbortedError", "ArchiveFormat", "BasicCredentials", "BlobFinished", "BlobKind",
           "BlobOutcome", "BlobProgress", "BlobStarted", "CancelledError",
           "CheckCredentialsRequest", "CheckCredentialsResponse", "Client", "CompressionFormat",
           "CopyRequest", "CopyResponse", "CopyResult", "CopyStream", "DataLossError",
           "DeadlineExceededError", "DecryptionKey", "DeleteRequest", "DeleteResponse",
           "Descriptor", "ExportRequest", "ExportResponse", "ExportStream",
           "FailedPreconditionError", "GetServerInfoRequest", "GetServerInfoResponse",
           "HolkasError", "ImageStarted", "ImportAttached", "ImportOptions", "ImportRequest",
           "ImportResponse", "ImportStream", "InspectRequest", "InspectResponse", "InspectView",
           "InternalError", "InvalidArgumentError", "KeyWrapping", "LayerChange", "LayerEncryption",
           "LayerForm", "LayerRecipient", "ListTagsRequest", "ListTagsResponse", "ManifestFormat",
           "ManifestStarted", "MultiArch", "NotFoundError", "PermissionDeniedError", "Platform",
           "RegistryAccess", "ResourceExhaustedError", "RetryPolicy", "Retrying", "SandboxTier",
           "SignRequest", "SignResponse", "SignatureVerdict", "Stream", "SyncRequest",
           "SyncResponse", "SyncSource", "TagStream", "Timeouts", "TlsCertificates",
           "TlsVerification", "TransportInfo", "UnauthenticatedError", "UnavailableError",
           "UnimplementedError", "VerifyRequest", "VerifyResponse"]
