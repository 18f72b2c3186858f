package dev.holkas.client;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * A pipe or a device, which gets the bytes as they come. Opening a pipe waits for who reads it, and Java
 * cannot end that: a thread does it that a call leaves behind which is over before.
 */
final class InPlaceFile implements ExportFile {
  private final Path path;

  /** Cancelled where it is not wanted any more. */
  private final CompletableFuture<OutputStream> opened = new CompletableFuture<>();

  private InPlaceFile(Path path) {
    this.path = path;
  }

  /** Begins to open what is at a path. */
  static InPlaceFile of(Path path) {
    InPlaceFile file = new InPlaceFile(path);
    Thread thread = new Thread(file::open, "holkas-export");
    thread.setDaemon(true);
    thread.start();
    return file;
  }

  private void open() {
    try {
      OutputStream stream = Files.newOutputStream(path, StandardOpenOption.WRITE);
      if (!opened.complete(stream)) {
        stream.close();
      }
    } catch (IOException | RuntimeException e) {
      opened.completeExceptionally(e);
    }
  }

  @Override
  public CompletionStage<?> ready() {
    return opened;
  }

  @Override
  public OutputStream stream() {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        opened.join().write(b);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        opened.join().write(bytes, offset, length);
      }
    };
  }

  @Override
  public void publish() throws IOException {
    opened.join().close();
  }

  @Override
  public void remove() {
    if (opened.cancel(false) || opened.isCompletedExceptionally()) {
      return;
    }
    try {
      opened.join().close();
    } catch (IOException e) {
      return; // What failed before is what the caller hears of.
    }
  }
}
