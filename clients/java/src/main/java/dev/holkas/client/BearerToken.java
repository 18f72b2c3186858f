package dev.holkas.client;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/** Sends a token with every call: {@code authorization: Bearer TOKEN}. */
final class BearerToken extends CallCredentials {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Supplier<String> token;

  /** With a token that is asked for anew for each call, on the channel's executor. */
  BearerToken(Supplier<String> token) {
    this.token = token;
  }

  @Override
  public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
    executor.execute(() -> apply(applier));
  }

  private void apply(MetadataApplier applier) {
    Metadata headers = new Metadata();
    try {
      headers.put(AUTHORIZATION, "Bearer " + checked(token.get()));
    } catch (RuntimeException e) {
      // Neither message nor cause: they might show the token.
      applier.fail(Status.UNAUTHENTICATED.withDescription("the bearer token could not be had, or is malformed"));
      return;
    }
    applier.apply(headers);
  }

  /**
   * The token, if it can stand in a header. Its size is the client's own limit, as the command line's. A
   * server takes 16 KiB of metadata in all where its configuration says nothing else.
   */
  static String checked(String token) {
    if (token == null || !token.matches("[!-~]{1,4096}")) {
      throw new IllegalArgumentException("a token is 1 to 4096 visible ASCII characters");
    }
    return token;
  }
}
