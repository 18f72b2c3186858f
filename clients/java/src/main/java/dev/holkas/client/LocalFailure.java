package dev.holkas.client;

import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What went wrong on this side of a call and is the reason that it was cancelled. */
final class LocalFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  LocalFailure(Exception cause) {
    super(cause);
  }

  /** The exception for how a call ended: what happened on this side, or else the call's own. */
  static RuntimeException orHolkas(Status status, Metadata trailers) {
    return status.getCause() instanceof LocalFailure
        ? unchecked((Exception) status.getCause().getCause())
        : HolkasException.of(status, trailers);
  }

  /** The same exception, or one around it that need not be declared. */
  static RuntimeException unchecked(Exception failure) {
    if (failure instanceof IOException) {
      return new UncheckedIOException((IOException) failure);
    }
    return failure instanceof RuntimeException ? (RuntimeException) failure : new IllegalStateException(failure);
  }
}
