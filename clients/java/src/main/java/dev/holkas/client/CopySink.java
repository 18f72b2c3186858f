package dev.holkas.client;

import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import io.grpc.Status;
import java.util.function.Consumer;

/** Hands the events of a copy on, and keeps its result. */
final class CopySink implements EventSink<CopyResponse, CopyResult> {
  private final Consumer<? super CopyResponse> onEvent;
  private CopyResult result;

  CopySink(Consumer<? super CopyResponse> onEvent) {
    this.onEvent = onEvent;
  }

  @Override
  public void take(CopyResponse event) {
    if (event.hasResult()) {
      result = event.getResult();
    }
    onEvent.accept(event);
  }

  @Override
  public CopyResult finish() {
    if (result == null) {
      throw HolkasException.local(Status.Code.INTERNAL, "the call ended without the result of its copy", null);
    }
    return result;
  }
}
