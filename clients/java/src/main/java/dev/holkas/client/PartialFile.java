package dev.holkas.client;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file that has another name beside its own until it is whole. */
final class PartialFile {
  private final Path target;
  private final Path partial;
  private final FileChannel channel;

  private PartialFile(Path target, Path partial, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.channel = channel;
  }

  /** Makes the file that is to become `target`, with the permissions that the umask gives. */
  static PartialFile of(Path target) throws IOException {
    Path whole = target.toAbsolutePath();
    Path partial = whole.resolveSibling("." + whole.getFileName() + "." + UUID.randomUUID() + ".partial");
    FileChannel channel =
        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    return new PartialFile(whole, partial, channel);
  }

  OutputStream stream() {
    return Channels.newOutputStream(channel);
  }

  /** Gives the file its name, in the place of another that had it, once its bytes are on the disk. */
  void publish() throws IOException {
    channel.force(true);
    channel.close();
    Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel directory = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  /** Removes the file, unless it has its name already. */
  void remove() {
    try {
      channel.close();
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      return; // What failed before is what the caller hears of.
    }
  }
}
