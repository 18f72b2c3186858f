package dev.holkas.client;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** What is at a path that an Export writes. */
interface ExportFile {
  /** Completes when it can be written, or fails with the reason why it cannot. */
  default CompletionStage<?> ready() {
    return CompletableFuture.completedFuture(null);
  }

  /** Where the bytes go, once it is ready. Not to be closed. */
  OutputStream stream();

  /** Everything is written. */
  void publish() throws IOException;

  /** Lets go of it, and undoes what can be undone, unless it is published. */
  void remove();

  /** A file of its own for what is a file or nothing yet; what takes bytes as they come is written in place. */
  static ExportFile of(Path path) throws IOException {
    return takesBytes(path) ? InPlaceFile.of(path) : PartialFile.of(path);
  }

  /** Whether a pipe or a character device is at the path. */
  private static boolean takesBytes(Path path) throws IOException {
    final int kinds = 0170000;
    final int pipe = 0010000;
    final int characterDevice = 0020000;
    if (!Files.exists(path) || !path.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      return false;
    }
    int kind = (Integer) Files.getAttribute(path, "unix:mode") & kinds;
    return kind == pipe || kind == characterDevice;
  }
}
