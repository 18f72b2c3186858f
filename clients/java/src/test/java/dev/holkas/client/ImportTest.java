package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.holkas.v1.ImportAttached;
import dev.holkas.v1.ImportOptions;
import dev.holkas.v1.ImportRequest;
import dev.holkas.v1.ImportResponse;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class ImportTest {
  private static final ImportOptions OPTIONS = ImportOptions.getDefaultInstance();

  @TempDir Path directory;
  private FakeServer server;
  private HolkasClient client;
  private final Receiver receiver = new Receiver();

  @BeforeEach
  void start() throws Exception {
    server = FakeServer.unix(directory);
    server.importArchive = receiver::receive;
    client = server.client();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  @Test
  void aFileArrivesWholeAndItsSizeIsTold() throws Exception {
    byte[] archive = new byte[3 * UploadCall.CHUNK_BYTES + 17];
    new Random(1).nextBytes(archive);
    Path file = Files.write(directory.resolve("archive"), archive);
    List<ImportResponse> events = new ArrayList<>();
    assertEquals("sha256:1", client.importArchive(OPTIONS, file, events::add).getManifestDigest());
    assertEquals(archive.length, receiver.messages.get(0).getOptions().getSizeBytes());
    assertEquals(5, receiver.messages.size());
    assertArrayEquals(archive, receiver.bytes.toByteArray());
    assertEquals(archive.length, events.get(0).getReceivedBytes());
  }

  @Test
  void anEmptyStreamIsSentAsSuch() throws Exception {
    InputStream nothing = InputStream.nullInputStream();
    assertEquals("sha256:1", client.importArchive(OPTIONS, nothing, event -> {}).getManifestDigest());
    assertEquals(1, receiver.messages.size());
    assertEquals(0, receiver.messages.get(0).getOptions().getSizeBytes());
  }

  @Test
  void noMoreIsReadThanTheServerTakes() throws Exception {
    receiver.stalled = true;
    EndlessStream archive = new EndlessStream();
    try (EventStream<ImportResponse> events = client.importArchive(OPTIONS, archive)) {
      long before = -1;
      while (before != archive.read.get()) {
        before = archive.read.get();
        assertTrue(before < 8 << 20, "read " + before);
        Thread.sleep(500);
      }
      assertTrue(before > 0);
    }
    assertTrue(server.sawCancellation());
  }

  @Test
  void nothingIsSentAfterAttached() throws Exception {
    receiver.attachedAfter = 3;
    EndlessStream archive = new EndlessStream();
    assertEquals("sha256:1", client.importArchive(OPTIONS, archive, event -> {}).getManifestDigest());
  }

  @Test
  void anErrorDoesNotWaitForTheArchive() throws Exception {
    receiver.failsAtOnce = true;
    try (PipedOutputStream never = new PipedOutputStream();
        PipedInputStream archive = new PipedInputStream(never)) {
      HolkasException e =
          assertThrows(
              HolkasException.ResourceExhausted.class, () -> client.importArchive(OPTIONS, archive, event -> {}));
      assertEquals("SPOOL_QUOTA_EXCEEDED", e.reason());
    }
  }

  @Test
  void anArchiveThatCannotBeReadCancelsTheCall() throws Exception {
    IOException broken = new IOException("broken");
    InputStream archive =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw broken;
          }
        };
    assertSame(
        broken, assertThrows(IOException.class, () -> client.importArchive(OPTIONS, archive, event -> {})));
    assertTrue(server.sawCancellation());
    assertThrows(
        NoSuchFileException.class, () -> client.importArchive(OPTIONS, directory.resolve("none"), event -> {}));
  }

  @Test
  void aFileIsClosedAndAStreamIsNot() throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    InputStream archive =
        new ByteArrayInputStream(new byte[10]) {
          @Override
          public void close() {
            closed.countDown();
          }
        };
    client.importArchive(OPTIONS, archive, event -> {});
    assertEquals(1, closed.getCount());
    Calls calls = new Calls(client.channel(), client.timeouts());
    Calls.drain(calls.openImport(OPTIONS, archive, true), new ImportSink(event -> {}));
    assertTrue(closed.await(5, TimeUnit.SECONDS));
  }

  /** Gives zeros, and counts them. */
  private static final class EndlessStream extends InputStream {
    final AtomicLong read = new AtomicLong();

    @Override
    public int read() {
      read.incrementAndGet();
      return 0;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) {
      read.addAndGet(length);
      return length;
    }
  }

  /** The server's side. */
  private static final class Receiver {
    final List<ImportRequest> messages = new ArrayList<>();
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    volatile boolean stalled;
    volatile boolean failsAtOnce;
    volatile int attachedAfter = Integer.MAX_VALUE;

    StreamObserver<ImportRequest> receive(StreamObserver<ImportResponse> answer) {
      if (stalled) {
        ((ServerCallStreamObserver<ImportResponse>) answer).disableAutoRequest();
      }
      return new StreamObserver<>() {
        @Override
        public void onNext(ImportRequest message) {
          messages.add(message);
          bytes.writeBytes(message.getChunk().toByteArray());
          assertTrue(message.getChunk().size() <= 512 << 10);
          if (failsAtOnce) {
            answer.onError(FakeServer.error(8, "SPOOL_QUOTA_EXCEEDED", Map.of(), "too large"));
          }
          if (messages.size() == attachedAfter) {
            answer.onNext(ImportResponse.newBuilder().setAttached(ImportAttached.getDefaultInstance()).build());
          }
        }

        @Override
        public void onError(Throwable gone) {}

        @Override
        public void onCompleted() {
          answer.onNext(ImportResponse.newBuilder().setReceivedBytes(bytes.size()).build());
          FakeServer.only(answer, ImportResponse.newBuilder().setCopy(FakeServer.result("sha256:1")).build());
        }
      };
    }
  }
}
