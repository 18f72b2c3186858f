package dev.holkas.client;

import java.io.IOException;

/**
 * What becomes of the messages of a call: takes them one by one, then either finishes or is
 * abandoned. One thread at a time.
 */
interface EventSink<T, R> {
  /** Takes the next message. What it throws ends the call. */
  void take(T message) throws IOException;

  /** The outcome of a call that ended well. Throws HolkasException where there is none. */
  R finish() throws IOException;

  /** The call failed. Undoes what was done. */
  default void abandon() {}
}
