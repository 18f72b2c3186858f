package dev.holkas.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.HashMap;
import java.util.Map;

/**
 * A call that failed. The classes inside this one are what the usual codes throw, so that {@code
 * catch (HolkasException.NotFound e)} says what it means; other codes throw this class itself.
 *
 * <p>{@link #reason} is stable, {@link #getMessage} is for people. The cause is gRPC's own
 * exception.
 */
public class HolkasException extends RuntimeException {
  /** The domain of the reasons that this API documents. */
  public static final String DOMAIN = "holkas.dev";

  private static final long serialVersionUID = 1;

  /** The code of the call's status. */
  private final Status.Code code;

  /** The reason; empty for none. */
  private final String reason;

  /** The metadata of the reason. */
  private final HashMap<String, String> metadata;

  /**
   * The same as another failure, as a class of its own.
   *
   * @param same what to take over
   */
  private HolkasException(Failure same) {
    super(same.message, same.cause);
    this.code = same.code;
    this.reason = same.info.getReason();
    this.metadata = new HashMap<>(same.info.getMetadataMap());
  }

  /**
   * The code of the failure.
   *
   * @return one of gRPC's codes, never {@code OK}
   */
  public Status.Code code() {
    return code;
  }

  /**
   * Why the call failed, as the comments of the service's proto list it.
   *
   * @return for example {@code MANIFEST_UNKNOWN}; empty where the failure came from elsewhere than
   *     the server, for example because it was not reached
   */
  public String reason() {
    return reason;
  }

  /**
   * Who defined the reason.
   *
   * @return {@link #DOMAIN}, or empty where there is no reason
   */
  public String domain() {
    return reason.isEmpty() ? "" : DOMAIN;
  }

  /**
   * What the reason is about, for example the entry {@code field} of an {@code INVALID_FIELD}.
   *
   * @return the entries, which cannot be changed
   */
  public Map<String, String> metadata() {
    return Map.copyOf(metadata);
  }

  /** The exception for how a call ended. */
  static HolkasException of(Status status, Metadata trailers) {
    return of(status.asRuntimeException(trailers));
  }

  /** The exception for how a call ended. */
  static HolkasException of(StatusRuntimeException ended) {
    Status status = ended.getStatus();
    String message = status.getDescription() != null ? status.getDescription() : status.getCode().name();
    return of(new Failure(status.getCode(), message, errorInfo(ended), ended));
  }

  /** A failure that is found on this side. */
  static HolkasException local(Status.Code code, String message, Throwable cause) {
    return of(new Failure(code, message, ErrorInfo.getDefaultInstance(), cause));
  }

  private static HolkasException of(Failure failure) {
    switch (failure.code) {
      case NOT_FOUND:
        return new NotFound(failure);
      case UNAUTHENTICATED:
        return new Unauthenticated(failure);
      case PERMISSION_DENIED:
        return new PermissionDenied(failure);
      case INVALID_ARGUMENT:
        return new InvalidArgument(failure);
      case FAILED_PRECONDITION:
        return new FailedPrecondition(failure);
      case RESOURCE_EXHAUSTED:
        return new ResourceExhausted(failure);
      case UNAVAILABLE:
        return new Unavailable(failure);
      case DATA_LOSS:
        return new DataLoss(failure);
      case UNIMPLEMENTED:
        return new Unimplemented(failure);
      case DEADLINE_EXCEEDED:
        return new DeadlineExceeded(failure);
      case CANCELLED:
        return new Cancelled(failure);
      case ABORTED:
        return new Aborted(failure);
      case INTERNAL:
        return new Internal(failure);
      default:
        return new HolkasException(failure);
    }
  }

  /** The ErrorInfo of our domain among a failure's details; an empty one where there is none. */
  private static ErrorInfo errorInfo(StatusRuntimeException ended) {
    com.google.rpc.Status status = StatusProto.fromThrowable(ended);
    if (status == null) {
      return ErrorInfo.getDefaultInstance();
    }
    for (Any detail : status.getDetailsList()) {
      if (!detail.is(ErrorInfo.class)) {
        continue;
      }
      try {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        if (info.getDomain().equals(DOMAIN)) {
          return info;
        }
      } catch (InvalidProtocolBufferException e) {
        continue; // A detail that cannot be read is none.
      }
    }
    return ErrorInfo.getDefaultInstance();
  }

  /** What an exception is made of. */
  private static final class Failure {
    final Status.Code code;
    final String message;
    final ErrorInfo info;
    final Throwable cause;

    Failure(Status.Code code, String message, ErrorInfo info, Throwable cause) {
      this.code = code;
      this.message = message;
      this.info = info;
      this.cause = cause;
    }
  }

  /** {@code NOT_FOUND}: there is no such image, blob, tag, repository or key. */
  public static final class NotFound extends HolkasException {
    private static final long serialVersionUID = 1;

    private NotFound(Failure failure) {
      super(failure);
    }
  }

  /** {@code UNAUTHENTICATED}: the server does not know who calls, or a registry did not accept its credentials. */
  public static final class Unauthenticated extends HolkasException {
    private static final long serialVersionUID = 1;

    private Unauthenticated(Failure failure) {
      super(failure);
    }
  }

  /** {@code PERMISSION_DENIED}: the caller, or the server itself, may not do that. */
  public static final class PermissionDenied extends HolkasException {
    private static final long serialVersionUID = 1;

    private PermissionDenied(Failure failure) {
      super(failure);
    }
  }

  /** {@code INVALID_ARGUMENT}: the request is malformed; {@code metadata().get("field")} names the field. */
  public static final class InvalidArgument extends HolkasException {
    private static final long serialVersionUID = 1;

    private InvalidArgument(Failure failure) {
      super(failure);
    }
  }

  /** {@code FAILED_PRECONDITION}: an image, an archive or the destination is not as it has to be. */
  public static final class FailedPrecondition extends HolkasException {
    private static final long serialVersionUID = 1;

    private FailedPrecondition(Failure failure) {
      super(failure);
    }
  }

  /** {@code RESOURCE_EXHAUSTED}: a limit was reached, or a disk is full. */
  public static final class ResourceExhausted extends HolkasException {
    private static final long serialVersionUID = 1;

    private ResourceExhausted(Failure failure) {
      super(failure);
    }
  }

  /** {@code UNAVAILABLE}: the server, a registry or a daemon was not reached, after the retries; without a reason it was the server. */
  public static final class Unavailable extends HolkasException {
    private static final long serialVersionUID = 1;

    private Unavailable(Failure failure) {
      super(failure);
    }
  }

  /** {@code DATA_LOSS}: bytes do not match their digest or size. */
  public static final class DataLoss extends HolkasException {
    private static final long serialVersionUID = 1;

    private DataLoss(Failure failure) {
      super(failure);
    }
  }

  /** {@code UNIMPLEMENTED}: this version of the server does not do that. */
  public static final class Unimplemented extends HolkasException {
    private static final long serialVersionUID = 1;

    private Unimplemented(Failure failure) {
      super(failure);
    }
  }

  /** {@code DEADLINE_EXCEEDED}: the call's timeout passed, or the server's limit. */
  public static final class DeadlineExceeded extends HolkasException {
    private static final long serialVersionUID = 1;

    private DeadlineExceeded(Failure failure) {
      super(failure);
    }
  }

  /** {@code CANCELLED}: the call was cancelled, on this side or the other. */
  public static final class Cancelled extends HolkasException {
    private static final long serialVersionUID = 1;

    private Cancelled(Failure failure) {
      super(failure);
    }
  }

  /** {@code ABORTED}: something else came between; the call may be made again. */
  public static final class Aborted extends HolkasException {
    private static final long serialVersionUID = 1;

    private Aborted(Failure failure) {
      super(failure);
    }
  }

  /** {@code INTERNAL}: the server failed. */
  public static final class Internal extends HolkasException {
    private static final long serialVersionUID = 1;

    private Internal(Failure failure) {
      super(failure);
    }
  }
}
