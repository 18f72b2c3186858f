package dev.holkas.client;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A pipe or a device, which gets the bytes as they come. */
final class InPlaceFile implements ExportFile {
  private final Path path;

  /** Null until the first byte: opening a pipe waits for who reads it. */
  private OutputStream opened;

  InPlaceFile(Path path) {
    this.path = path;
  }

  @Override
  public OutputStream stream() {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        opened().write(b);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        opened().write(bytes, offset, length);
      }
    };
  }

  @Override
  public void publish() throws IOException {
    opened().close();
  }

  @Override
  public void remove() {
    if (opened == null) {
      return;
    }
    try {
      opened.close();
    } catch (IOException e) {
      return; // What failed before is what the caller hears of.
    }
  }

  private OutputStream opened() throws IOException {
    if (opened == null) {
      opened = Files.newOutputStream(path, StandardOpenOption.WRITE);
    }
    return opened;
  }
}
