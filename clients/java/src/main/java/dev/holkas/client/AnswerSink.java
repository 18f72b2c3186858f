package dev.holkas.client;

import io.grpc.Status;

/** Keeps the one answer of a unary call. */
final class AnswerSink<T> implements EventSink<T, T> {
  private T answer;

  @Override
  public void take(T message) {
    answer = message;
  }

  @Override
  public T finish() {
    if (answer == null) {
      throw HolkasException.local(Status.Code.INTERNAL, "the call ended without an answer", null);
    }
    return answer;
  }
}
