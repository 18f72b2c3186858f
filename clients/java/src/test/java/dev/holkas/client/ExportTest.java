package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import dev.holkas.v1.ExportRequest;
import dev.holkas.v1.ExportResponse;
import dev.holkas.v1.ImageServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class ExportTest {
  private static final ExportRequest EXPORT = ExportRequest.getDefaultInstance();

  @TempDir Path directory;
  @TempDir Path output;
  private FakeServer server;
  private HolkasClient client;
  private final byte[] archive = new byte[5 << 20];

  @BeforeEach
  void start() throws Exception {
    new Random(1).nextBytes(archive);
    server = FakeServer.unix(directory);
    server.export =
        (request, answer) -> {
          send(answer);
          answer.onCompleted();
        };
    client = server.client();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private void send(StreamObserver<ExportResponse> answer) {
    answer.onNext(ExportResponse.newBuilder().setCopy(FakeServer.started()).build());
    answer.onNext(ExportResponse.newBuilder().setCopy(FakeServer.result("sha256:1")).build());
    for (int at = 0; at < archive.length; at += 1 << 20) {
      answer.onNext(ExportResponse.newBuilder().setChunk(ByteString.copyFrom(archive, at, 1 << 20)).build());
    }
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(output)) {
      return files.map(file -> file.getFileName().toString()).collect(Collectors.toList());
    }
  }

  private Path pipe() throws Exception {
    Path pipe = output.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    return pipe;
  }

  @Test
  void aFileIsWrittenAndEventsComeWithoutBytes() throws Exception {
    Path file = Files.writeString(output.resolve("image.tar"), "old");
    List<CopyResponse> events = new ArrayList<>();
    assertEquals("sha256:1", client.exportArchive(EXPORT, file, events::add).getManifestDigest());
    assertArrayEquals(archive, Files.readAllBytes(file));
    assertEquals(2, events.size());
    assertEquals(List.of("image.tar"), files());
  }

  @Test
  void aFailureLeavesTheOldFileAlone() throws Exception {
    server.export =
        (request, answer) -> {
          send(answer);
          answer.onError(FakeServer.error(15, "CONTENT_MISMATCH", Map.of(), "bytes"));
        };
    Path file = Files.writeString(output.resolve("image.tar"), "old");
    assertThrows(HolkasException.DataLoss.class, () -> client.exportArchive(EXPORT, file, event -> {}));
    ExecutionException e =
        assertThrows(ExecutionException.class, () -> client.async().exportArchive(EXPORT, file, event -> {}).get());
    assertEquals(HolkasException.DataLoss.class, e.getCause().getClass());
    assertEquals("old", Files.readString(file));
    assertEquals(List.of("image.tar"), files());
  }

  @Test
  void linksAreFollowed() throws Exception {
    Path there = Files.createDirectory(output.resolve("there"));
    Files.writeString(there.resolve("old"), "old");
    for (String name : List.of("old", "new")) {
      Path link = Files.createSymbolicLink(output.resolve(name), Path.of("there", name));
      client.exportArchive(EXPORT, link, event -> {});
      assertTrue(Files.isSymbolicLink(link));
      assertArrayEquals(archive, Files.readAllBytes(there.resolve(name)));
    }
    try (Stream<Path> files = Files.list(there)) {
      assertEquals(2, files.count());
    }
  }

  @Test
  void pipesAndDevicesAreWrittenAsTheyAre() throws Exception {
    Path pipe = pipe();
    Path link = Files.createSymbolicLink(output.resolve("link"), pipe);
    for (Path path : List.of(pipe, link)) {
      CompletableFuture<CopyResult> export = client.async().exportArchive(EXPORT, path, event -> {});
      assertArrayEquals(archive, Files.readAllBytes(pipe));
      assertEquals("sha256:1", export.get().getManifestDigest());
    }
    client.exportArchive(EXPORT, Path.of("/dev/null"), event -> {});
    assertFalse(Files.isRegularFile(pipe));
    assertEquals(Set.of("pipe", "link"), Set.copyOf(files()));
  }

  @Test
  void aPipeThatNobodyReadsIsWaitedForUntilTheTimeout() throws Exception {
    HolkasClient hurried = client.withTimeout(Duration.ofMillis(300));
    Path pipe = pipe();
    assertThrows(
        HolkasException.DeadlineExceeded.class, () -> hurried.exportArchive(EXPORT, pipe, event -> {}));
    CompletableFuture<CopyResult> export = hurried.async().exportArchive(EXPORT, pipe, event -> {});
    ExecutionException e = assertThrows(ExecutionException.class, () -> export.get(10, TimeUnit.SECONDS));
    assertEquals(HolkasException.DeadlineExceeded.class, e.getCause().getClass());
    // Who comes too late finds it closed.
    assertEquals(0, Files.readAllBytes(pipe).length);
  }

  @Test
  void aPipeThatNobodyReadsIsNotWaitedForWhenTheCallIsCancelled() throws Exception {
    CountDownLatch began = new CountDownLatch(2);
    server.export =
        (request, answer) -> {
          send(answer);
          began.countDown();
        };
    Path pipe = pipe();
    CompletableFuture<CopyResult> cancelled = client.async().exportArchive(EXPORT, pipe, event -> {});
    CompletableFuture<CopyResult> closed = client.async().exportArchive(EXPORT, pipe, event -> {});
    began.await();
    assertTrue(cancelled.cancel(true));
    assertTrue(server.sawCancellation());
    client.close();
    ExecutionException e = assertThrows(ExecutionException.class, () -> closed.get(10, TimeUnit.SECONDS));
    assertInstanceOf(HolkasException.class, e.getCause());
  }

  @Test
  void aPipeThatCannotBeOpenedEndsTheCall() throws Exception {
    InPlaceFile file = InPlaceFile.of(output.resolve("none"));
    ServerChannel settings = new ServerChannel();
    settings.address = ServerAddress.parse(server.address());
    ManagedChannel channel = settings.open();
    Calls calls = new Calls(channel, Timeouts.defaults());
    try (EventStream<ExportResponse> events =
        calls.open(ImageServiceGrpc.getExportMethod(), EXPORT, file.ready())) {
      UncheckedIOException e = assertThrows(UncheckedIOException.class, events::hasNext);
      assertInstanceOf(NoSuchFileException.class, e.getCause());
    }
    file.remove();
    channel.shutdownNow();
  }

  @Test
  void nothingElseIsReplaced() throws Exception {
    Path loop = Files.createSymbolicLink(output.resolve("loop"), Path.of("loop"));
    assertThrows(
        FileAlreadyExistsException.class, () -> client.exportArchive(EXPORT, output, event -> {}));
    // The server's.
    Path socket = Path.of(server.address().substring("unix:".length()));
    assertThrows(
        FileAlreadyExistsException.class, () -> client.async().exportArchive(EXPORT, socket, event -> {}));
    assertThrows(FileSystemLoopException.class, () -> client.exportArchive(EXPORT, loop, event -> {}));
    assertEquals(List.of("loop"), files());
  }

  @Test
  void aStreamGetsTheBytesAndStaysOpen() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    OutputStream stream =
        new OutputStream() {
          @Override
          public void write(int b) {
            bytes.write(b);
          }

          @Override
          public void write(byte[] b, int offset, int length) {
            bytes.write(b, offset, length);
          }

          @Override
          public void close() {
            throw new AssertionError("closed");
          }
        };
    client.exportArchive(EXPORT, stream, event -> {});
    assertArrayEquals(archive, bytes.toByteArray());
    bytes.reset();
    assertEquals(
        "sha256:1", client.async().exportArchive(EXPORT, stream, event -> {}).get().getManifestDigest());
    assertArrayEquals(archive, bytes.toByteArray());
  }

  @Test
  void aStreamThatFailsCancelsTheCall() throws Exception {
    server.export = (request, answer) -> send(answer);
    IOException full = new IOException("full");
    OutputStream stream =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw full;
          }
        };
    assertSame(full, assertThrows(IOException.class, () -> client.exportArchive(EXPORT, stream, event -> {})));
    assertTrue(server.sawCancellation());
    ExecutionException e =
        assertThrows(ExecutionException.class, () -> client.async().exportArchive(EXPORT, stream, event -> {}).get());
    assertSame(full, e.getCause().getCause());
  }
}
