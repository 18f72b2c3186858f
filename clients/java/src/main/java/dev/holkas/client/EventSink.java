package dev.holkas.client;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * What becomes of the messages of a call: takes them one by one, then either finishes or is
 * abandoned. One thread at a time.
 */
interface EventSink<T, R> {
  /** Completes when messages can be taken, or fails with the reason why the call has to end. */
  default CompletionStage<?> ready() {
    return CompletableFuture.completedFuture(null);
  }

  /** Takes the next message. What it throws ends the call. */
  void take(T message) throws IOException;

  /** The outcome of a call that ended well. Throws HolkasException where there is none. */
  R finish() throws IOException;

  /** The call failed. Undoes what was done. */
  default void abandon() {}
}
