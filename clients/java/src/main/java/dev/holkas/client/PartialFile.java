package dev.holkas.client;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file that has another name beside its own until it is whole. */
final class PartialFile implements ExportFile {
  /** The symbolic links that the kernel follows, too. */
  private static final int MAX_LINKS = 40;

  private final Path target;
  private final Path partial;
  private final FileChannel channel;

  private PartialFile(Path target, Path partial, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.channel = channel;
  }

  /** Makes the file that is to become `target`, or what links there lead to, with the umask's permissions. */
  static PartialFile of(Path target) throws IOException {
    Path whole = resolved(target.toAbsolutePath());
    Path partial = whole.resolveSibling("." + whole.getFileName() + "." + UUID.randomUUID() + ".partial");
    FileChannel channel =
        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    return new PartialFile(whole, partial, channel);
  }

  /** What the symbolic links at a path lead to, which need not be there. Throws where that is no file. */
  private static Path resolved(Path path) throws IOException {
    Path found = path;
    for (int links = 0; Files.isSymbolicLink(found); links++) {
      if (links == MAX_LINKS) {
        throw new FileSystemLoopException(path.toString());
      }
      found = found.resolveSibling(Files.readSymbolicLink(found));
    }
    checkReplaceable(found);
    return found;
  }

  private static void checkReplaceable(Path path) throws IOException {
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
        && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileAlreadyExistsException(path.toString(), null, "not a regular file");
    }
  }

  @Override
  public OutputStream stream() {
    return Channels.newOutputStream(channel);
  }

  /** Gives the file its name, in the place of another that had it, once its bytes are on the disk. */
  @Override
  public void publish() throws IOException {
    channel.force(true);
    channel.close();
    // What came into its place meanwhile stays.
    checkReplaceable(target);
    Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel directory = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  /** Removes the file, unless it has its name already. */
  @Override
  public void remove() {
    try {
      channel.close();
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      return; // What failed before is what the caller hears of.
    }
  }
}
