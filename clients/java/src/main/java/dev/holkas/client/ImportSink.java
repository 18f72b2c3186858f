package dev.holkas.client;

import dev.holkas.v1.CopyResult;
import dev.holkas.v1.ImportResponse;
import java.util.function.Consumer;

/** Hands the events of an Import on, and keeps the result of its copy. */
final class ImportSink implements EventSink<ImportResponse, CopyResult> {
  private final Consumer<? super ImportResponse> onEvent;
  private final CopySink copy = new CopySink(event -> {});

  ImportSink(Consumer<? super ImportResponse> onEvent) {
    this.onEvent = onEvent;
  }

  @Override
  public void take(ImportResponse event) {
    if (event.hasCopy()) {
      copy.take(event.getCopy());
    }
    onEvent.accept(event);
  }

  @Override
  public CopyResult finish() {
    return copy.finish();
  }
}
