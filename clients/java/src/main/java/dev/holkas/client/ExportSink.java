package dev.holkas.client;

import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import dev.holkas.v1.ExportResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** Writes the bytes of an Export, hands on the events of its copy, and keeps the result. */
final class ExportSink implements EventSink<ExportResponse, CopyResult> {
  private final OutputStream archive;
  private final ExportFile file;
  private final CopySink copy;

  private ExportSink(OutputStream archive, ExportFile file, Consumer<? super CopyResponse> onEvent) {
    this.archive = archive;
    this.file = file;
    this.copy = new CopySink(onEvent);
  }

  /** Writes to a stream that stays the caller's. */
  static ExportSink to(OutputStream archive, Consumer<? super CopyResponse> onEvent) {
    return new ExportSink(archive, null, onEvent);
  }

  /** Writes a file that appears once it is whole, or a pipe or device in place. */
  static ExportSink to(Path archive, Consumer<? super CopyResponse> onEvent) throws IOException {
    ExportFile file = ExportFile.of(archive);
    return new ExportSink(file.stream(), file, onEvent);
  }

  @Override
  public CompletionStage<?> ready() {
    return file == null ? CompletableFuture.completedFuture(null) : file.ready();
  }

  @Override
  public void take(ExportResponse event) throws IOException {
    if (event.hasCopy()) {
      copy.take(event.getCopy());
    } else if (event.hasChunk()) {
      event.getChunk().writeTo(archive);
    }
  }

  @Override
  public CopyResult finish() throws IOException {
    CopyResult result = copy.finish();
    archive.flush();
    if (file != null) {
      file.publish();
    }
    return result;
  }

  @Override
  public void abandon() {
    if (file != null) {
      file.remove();
    }
  }
}
