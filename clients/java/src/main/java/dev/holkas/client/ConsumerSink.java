package dev.holkas.client;

import java.util.function.Consumer;

/** Hands messages on, and has no outcome of its own. */
final class ConsumerSink<T> implements EventSink<T, Void> {
  private final Consumer<? super T> onMessage;

  ConsumerSink(Consumer<? super T> onMessage) {
    this.onMessage = onMessage;
  }

  @Override
  public void take(T message) {
    onMessage.accept(message);
  }

  @Override
  public Void finish() {
    return null;
  }
}
