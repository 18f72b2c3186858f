package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.holkas.v1.BlobStarted;
import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.ListTagsRequest;
import io.grpc.stub.ServerCallStreamObserver;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class EventStreamTest {
  private static final CopyRequest COPY = CopyRequest.newBuilder().setSource("oci:/a").setDestination("oci:/b").build();

  @TempDir Path directory;
  private FakeServer server;
  private HolkasClient client;

  @BeforeEach
  void start() throws Exception {
    server = FakeServer.unix(directory);
    client = server.client();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  @Test
  void eventsComeInOrderAndEnd() {
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      assertTrue(events.next().hasImageStarted());
      assertTrue(events.hasNext());
      assertTrue(events.hasNext());
      assertEquals("sha256:1", events.next().getResult().getManifestDigest());
      assertFalse(events.hasNext());
      assertThrows(NoSuchElementException.class, events::next);
    }
  }

  @Test
  void theConvenienceGivesEventsAndResult() {
    List<CopyResponse> events = new ArrayList<>();
    assertEquals("sha256:1", client.copy(COPY, events::add).getManifestDigest());
    assertEquals(2, events.size());
  }

  @Test
  void anEndWithoutResultIsAnError() {
    server.copy = (request, answer) -> FakeServer.only(answer, FakeServer.started());
    assertThrows(HolkasException.Internal.class, () -> client.copy(COPY, event -> {}));
  }

  @Test
  void aFailureComesAfterTheEvents() {
    server.copy =
        (request, answer) -> {
          answer.onNext(FakeServer.started());
          answer.onError(FakeServer.error(15, "CONTENT_MISMATCH", Map.of(), "bytes"));
        };
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      assertTrue(events.next().hasImageStarted());
      HolkasException e = assertThrows(HolkasException.DataLoss.class, events::hasNext);
      assertEquals("CONTENT_MISMATCH", e.reason());
      assertThrows(HolkasException.DataLoss.class, events::next);
    }
  }

  @Test
  void closingCancelsTheCall() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    EventStream<CopyResponse> events = client.copy(COPY);
    events.next();
    events.close();
    assertTrue(server.sawCancellation());
    assertThrows(HolkasException.Cancelled.class, events::hasNext);
  }

  @Test
  void closingFromAnotherThreadEndsTheWait() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      events.next();
      Thread closer = new Thread(events::close);
      closer.start();
      assertThrows(HolkasException.Cancelled.class, events::next);
      closer.join();
    }
  }

  @Test
  void closingTheClientEndsItsCalls() {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      events.next();
      client.close();
      assertThrows(HolkasException.Unavailable.class, events::next);
    }
  }

  @Test
  void anInterruptCancelsTheCall() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    Thread reader = Thread.currentThread();
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      events.next();
      reader.interrupt();
      assertThrows(HolkasException.Cancelled.class, events::next);
      assertTrue(Thread.interrupted());
      assertTrue(server.sawCancellation());
    }
  }

  @Test
  void aCallbackThatThrowsCancelsTheCall() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                client.copy(
                    COPY,
                    event -> {
                      throw new IllegalStateException("enough");
                    }));
    assertEquals("enough", thrown.getMessage());
    assertTrue(server.sawCancellation());
  }

  @Test
  void theServerWaitsForASlowReader() throws Exception {
    AtomicInteger sent = new AtomicInteger();
    CopyResponse large =
        CopyResponse.newBuilder().setBlobStarted(BlobStarted.newBuilder().setDigest("x".repeat(100_000))).build();
    server.copy =
        (request, answer) -> {
          ServerCallStreamObserver<CopyResponse> call = (ServerCallStreamObserver<CopyResponse>) answer;
          call.setOnReadyHandler(
              () -> {
                while (call.isReady() && sent.get() < 300) {
                  call.onNext(large);
                  if (sent.incrementAndGet() == 300) {
                    FakeServer.only(answer, FakeServer.result("sha256:1"));
                  }
                }
              });
        };
    try (EventStream<CopyResponse> events = client.copy(COPY)) {
      events.next();
      int before = 0;
      while (before != sent.get()) {
        before = sent.get();
        Thread.sleep(500);
      }
      assertTrue(before < 100, "sent " + before);
      assertEquals(300, events.stream().count());
    }
  }

  @Test
  void aStreamClosesTheCall() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    try (Stream<CopyResponse> events = client.copy(COPY).stream()) {
      assertTrue(events.findFirst().orElseThrow().hasImageStarted());
    }
    assertTrue(server.sawCancellation());
  }

  @Test
  void tagsOfAllPagesAreOneList() {
    ListTagsRequest request = ListTagsRequest.newBuilder().setRepository("docker://a/b").build();
    assertEquals(List.of("1", "2", "3"), client.tags(request));
    try (EventStream<?> pages = client.listTags(request)) {
      assertEquals(2, pages.stream().collect(Collectors.toList()).size());
    }
  }
}
