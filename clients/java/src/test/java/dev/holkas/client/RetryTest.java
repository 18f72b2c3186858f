package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.DeleteResponse;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.InspectResponse;
import dev.holkas.v1.ListTagsRequest;
import dev.holkas.v1.SignRequest;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class RetryTest {
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

  /** Fails so many times as a server that is shutting down does, then goes on. */
  private static <Q, R> BiConsumer<Q, StreamObserver<R>> failing(int times, BiConsumer<Q, StreamObserver<R>> then) {
    AtomicInteger left = new AtomicInteger(times);
    return (request, answer) -> {
      if (left.getAndDecrement() > 0) {
        answer.onError(FakeServer.error(14, "SERVER_DRAINING", Map.of(), "later"));
      } else {
        then.accept(request, answer);
      }
    };
  }

  @Test
  void anInspectIsTriedFourTimes() {
    server.inspect = failing(3, server.inspect);
    assertEquals("oci:/a", client.inspect(InspectRequest.newBuilder().setImage("oci:/a").build()).getDigest());
    assertEquals(4, server.methods.size());
  }

  @Test
  void theFifthTimeIsNot() {
    server.inspect = failing(9, server.inspect);
    HolkasException e =
        assertThrows(HolkasException.Unavailable.class, () -> client.inspect(InspectRequest.getDefaultInstance()));
    assertEquals("SERVER_DRAINING", e.reason());
    assertEquals(4, server.methods.size());
  }

  @Test
  void copiesAndListsAreTriedAgain() {
    server.copy = failing(1, server.copy);
    server.listTags = failing(1, server.listTags);
    assertEquals("sha256:1", client.copy(CopyRequest.getDefaultInstance(), event -> {}).getManifestDigest());
    assertEquals(3, client.tags(ListTagsRequest.getDefaultInstance()).size());
    assertEquals(List.of("Copy", "Copy", "ListTags", "ListTags"), List.copyOf(server.methods));
  }

  @Test
  void aCopyThatBeganIsNot() {
    server.copy =
        (request, answer) -> {
          answer.onNext(FakeServer.started());
          answer.onError(FakeServer.error(14, "REGISTRY_UNAVAILABLE", Map.of(), "gone"));
        };
    assertThrows(
        HolkasException.Unavailable.class, () -> client.copy(CopyRequest.getDefaultInstance(), event -> {}));
    assertEquals(1, server.methods.size());
  }

  @Test
  void aDeleteIsTriedAgainUnderOneId() {
    List<String> ids = new CopyOnWriteArrayList<>();
    BiConsumer<DeleteRequest, StreamObserver<DeleteResponse>> then = failing(1, server.delete);
    server.delete =
        (request, answer) -> {
          ids.add(request.getRequestId());
          then.accept(request, answer);
        };
    client.delete(DeleteRequest.newBuilder().setImage("docker://a/b:c").build());
    assertEquals(2, ids.size());
    assertEquals(ids.get(0), ids.get(1));
    UUID.fromString(ids.get(0));
    client.delete(DeleteRequest.getDefaultInstance());
    assertFalse(ids.get(2).equals(ids.get(0)));
  }

  @Test
  void theCallersIdIsKept() {
    assertEquals("mine", client.delete(DeleteRequest.newBuilder().setRequestId("mine").build()).getDigest());
  }

  @Test
  void otherCallsAndOtherErrorsAreNot() {
    server.sign = failing(1, server.sign);
    assertThrows(HolkasException.Unavailable.class, () -> client.sign(SignRequest.getDefaultInstance()));
    BiConsumer<InspectRequest, StreamObserver<InspectResponse>> missing =
        (request, answer) -> answer.onError(FakeServer.error(5, "MANIFEST_UNKNOWN", Map.of(), "none"));
    server.inspect = missing;
    assertThrows(HolkasException.NotFound.class, () -> client.inspect(InspectRequest.getDefaultInstance()));
    assertEquals(List.of("Sign", "Inspect"), List.copyOf(server.methods));
  }
}
