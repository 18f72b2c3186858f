package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.ListTagsRequest;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class AsyncClientTest {
  private static final CopyRequest COPY = CopyRequest.getDefaultInstance();

  @TempDir Path directory;
  private FakeServer server;
  private HolkasClient client;
  private HolkasAsyncClient async;

  @BeforeEach
  void start() throws Exception {
    server = FakeServer.unix(directory);
    client = server.client();
    async = client.async();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  @Test
  void answersComeAsFutures() throws Exception {
    assertEquals("oci:/a", async.inspect(InspectRequest.newBuilder().setImage("oci:/a").build()).get().getDigest());
    assertEquals("1", async.serverInfo().get().getVersion());
    assertEquals(36, async.delete(DeleteRequest.getDefaultInstance()).get().getDigest().length());
    assertEquals(List.of("1", "2", "3"), async.tags(ListTagsRequest.getDefaultInstance()).get());
    assertEquals("sha256:1", async.copy(COPY, event -> {}).get().getManifestDigest());
  }

  @Test
  void failuresAreTyped() {
    server.inspect =
        (request, answer) -> answer.onError(FakeServer.error(5, "MANIFEST_UNKNOWN", Map.of(), "none"));
    ExecutionException e =
        assertThrows(ExecutionException.class, () -> async.inspect(InspectRequest.getDefaultInstance()).get());
    assertEquals("MANIFEST_UNKNOWN", assertInstanceOf(HolkasException.NotFound.class, e.getCause()).reason());
  }

  @Test
  void anObserverGetsEventsAndEndBeforeTheFuture() throws Exception {
    Recorder<CopyResponse> observer = new Recorder<>();
    CopyResult result = async.copy(COPY, observer).get();
    assertEquals("sha256:1", result.getManifestDigest());
    assertEquals(2, observer.messages.size());
    assertEquals(0, observer.ended.getCount());
    assertNull(observer.failure);
    assertNull(async.listTags(ListTagsRequest.getDefaultInstance(), new Recorder<>()).get());
  }

  @Test
  void anObserverGetsTheTypedFailure() {
    server.copy = (request, answer) -> answer.onError(FakeServer.error(10, "DESTINATION_CONFLICT", Map.of(), "no"));
    Recorder<CopyResponse> observer = new Recorder<>();
    ExecutionException e = assertThrows(ExecutionException.class, () -> async.copy(COPY, observer).get());
    assertInstanceOf(HolkasException.Aborted.class, e.getCause());
    assertSame(e.getCause(), observer.failure);
  }

  @Test
  void cancellingTheFutureCancelsTheCall() throws Exception {
    CountDownLatch began = new CountDownLatch(1);
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    Recorder<CopyResponse> observer =
        new Recorder<>() {
          @Override
          public void onNext(CopyResponse event) {
            began.countDown();
          }
        };
    CompletableFuture<CopyResult> copy = async.copy(COPY, observer);
    began.await();
    assertTrue(copy.cancel(true));
    assertTrue(server.sawCancellation());
    observer.ended.await();
    assertInstanceOf(HolkasException.Cancelled.class, observer.failure);
  }

  @Test
  void anObserverThatThrowsCancelsTheCall() throws Exception {
    server.copy = (request, answer) -> answer.onNext(FakeServer.started());
    IllegalStateException enough = new IllegalStateException("enough");
    CompletableFuture<CopyResult> copy =
        async.copy(
            COPY,
            event -> {
              throw enough;
            });
    assertSame(enough, assertThrows(ExecutionException.class, copy::get).getCause());
    assertTrue(server.sawCancellation());
  }

  private static class Recorder<T> implements StreamObserver<T> {
    final List<T> messages = new CopyOnWriteArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    volatile Throwable failure;

    @Override
    public void onNext(T message) {
      messages.add(message);
    }

    @Override
    public void onError(Throwable error) {
      failure = error;
      ended.countDown();
    }

    @Override
    public void onCompleted() {
      ended.countDown();
    }
  }
}
