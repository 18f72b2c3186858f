package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.ListTagsRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class TimeoutsTest {
  @TempDir Path directory;
  private FakeServer server;

  @BeforeEach
  void start() throws Exception {
    server = FakeServer.unix(directory);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  @Test
  void defaultsAreThoseOfTheTable() {
    try (HolkasClient client = server.client()) {
      client.inspect(InspectRequest.getDefaultInstance());
      assertEquals(60, secondsLeft(), 5);
      client.tags(ListTagsRequest.getDefaultInstance());
      assertEquals(60, secondsLeft(), 5);
      client.serverInfo();
      assertEquals(10, secondsLeft(), 2);
      client.copy(CopyRequest.getDefaultInstance(), event -> {});
      assertNull(server.deadline);
    }
  }

  @Test
  void aClientHasItsOwn() {
    Timeouts timeouts =
        Timeouts.defaults().query(Duration.ZERO).serverInfo(Duration.ofSeconds(30)).copy(Duration.ofHours(2));
    try (HolkasClient client = HolkasClient.builder().address(server.address()).timeouts(timeouts).build()) {
      client.inspect(InspectRequest.getDefaultInstance());
      assertNull(server.deadline);
      client.serverInfo();
      assertEquals(30, secondsLeft(), 5);
      client.copy(CopyRequest.getDefaultInstance(), event -> {});
      assertEquals(7200, secondsLeft(), 5);
    }
  }

  @Test
  void oneCallHasItsOwn() throws Exception {
    server.inspect = (request, answer) -> {};
    try (HolkasClient client = server.client()) {
      HolkasClient hurried = client.withTimeout(Duration.ofMillis(100));
      assertThrows(
          HolkasException.DeadlineExceeded.class, () -> hurried.inspect(InspectRequest.getDefaultInstance()));
      client.serverInfo();
      assertEquals(10, secondsLeft(), 2);
    }
  }

  @Test
  void negativeOnesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Timeouts.all(Duration.ofSeconds(-1)));
  }

  private double secondsLeft() {
    return server.deadline.timeRemaining(TimeUnit.MILLISECONDS) / 1000.0;
  }
}
