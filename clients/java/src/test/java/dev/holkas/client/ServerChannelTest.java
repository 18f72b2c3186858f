package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.SignRequest;
import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ServerChannelTest {
  @TempDir static Path certificates;
  private static Certificate serverCertificate;
  private static Certificate clientCertificate;

  @TempDir Path directory;

  @BeforeAll
  static void makeCertificates() throws Exception {
    serverCertificate = new Certificate(certificates, "server");
    clientCertificate = new Certificate(certificates, "client");
  }

  private static TlsServerCredentials.Builder tls() throws Exception {
    return TlsServerCredentials.newBuilder()
        .keyManager(serverCertificate.chain.toFile(), serverCertificate.key.toFile());
  }

  private static HolkasClient.Builder to(FakeServer server) {
    return HolkasClient.builder().address(server.address());
  }

  private static String authorization(FakeServer server) {
    return server.headers.remove().get(FakeServer.AUTHORIZATION);
  }

  /** By a call that is not tried again. */
  private static void unreached(HolkasClient client) {
    assertThrows(HolkasException.Unavailable.class, () -> client.sign(SignRequest.getDefaultInstance()));
  }

  @Test
  void tcpIsTlsWithTheAuthoritiesThatAreNamed() throws Exception {
    try (FakeServer server = FakeServer.tcp(tls().build());
        HolkasClient client = to(server).caFile(serverCertificate.chain).build()) {
      assertEquals("1", client.serverInfo().getVersion());
      assertNull(authorization(server));
    }
  }

  @Test
  void othersAreNotTrusted() throws Exception {
    try (FakeServer server = FakeServer.tcp(tls().build());
        HolkasClient usual = to(server).build();
        HolkasClient others = to(server).caFile(clientCertificate.chain).build();
        HolkasClient otherName =
            to(server).caFile(serverCertificate.chain).serverName("holkas.example.com").build()) {
      unreached(usual);
      unreached(others);
      unreached(otherName);
      assertTrue(server.methods.isEmpty());
    }
  }

  @Test
  void aCertificateIsShown() throws Exception {
    ServerCredentials credentials =
        tls().trustManager(clientCertificate.chain.toFile())
            .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
            .build();
    try (FakeServer server = FakeServer.tcp(credentials);
        HolkasClient client =
            to(server)
                .caFile(serverCertificate.chain)
                .clientCertificate(clientCertificate.chain, clientCertificate.key)
                .build();
        HolkasClient without = to(server).caFile(serverCertificate.chain).build()) {
      assertEquals("1", client.serverInfo().getVersion());
      unreached(without);
    }
  }

  @Test
  void aTokenIsSentOverTlsAndUnixSockets() throws Exception {
    try (FakeServer server = FakeServer.tcp(tls().build());
        HolkasClient client = to(server).caFile(serverCertificate.chain).bearerToken("se.cr-et=").build()) {
      client.serverInfo();
      assertEquals("Bearer se.cr-et=", authorization(server));
    }
    AtomicInteger calls = new AtomicInteger();
    try (FakeServer server = FakeServer.unix(directory);
        HolkasClient client = to(server).bearerToken(() -> "token" + calls.incrementAndGet()).build()) {
      client.serverInfo();
      client.async().serverInfo().get();
      assertEquals("Bearer token1", authorization(server));
      assertEquals("Bearer token2", authorization(server));
    }
  }

  @Test
  void aTokenThatCannotBeHadFailsTheCall() throws Exception {
    try (FakeServer server = FakeServer.unix(directory);
        HolkasClient client = to(server).bearerToken(() -> "se\ncret").build()) {
      HolkasException e =
          assertThrows(
              HolkasException.Unauthenticated.class, () -> client.inspect(InspectRequest.getDefaultInstance()));
      assertFalse(e.getMessage().contains("cret"));
      assertTrue(server.methods.isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "two words", "secret\n", "sec\0ret", "s\u00e9cret"})
  void whatIsNoToken(String token) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> HolkasClient.builder().bearerToken(token));
    assertEquals("a token is 1 to 4096 visible ASCII characters", e.getMessage());
  }

  @Test
  void aTokenHasALength() {
    HolkasClient.builder().bearerToken("!".repeat(4096));
    assertThrows(IllegalArgumentException.class, () -> HolkasClient.builder().bearerToken("!".repeat(4097)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"holkas.example.com", "localhost.example.com", "10.0.0.1", "127.1", "127.0.0.256",
      "[2001:db8::1]", "[::ffff:127.0.0.1]"})
  void withoutTlsNotToOthers(String host) {
    HolkasClient.Builder builder = HolkasClient.builder().address("tcp:" + host + ":1").insecure();
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, builder::build);
    assertTrue(e.getMessage().endsWith("without TLS the host must be a loopback address"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost", "127.1.2.3", "[::1]"})
  void withoutTlsToThisMachine(String host) {
    HolkasClient.builder().address("tcp:" + host + ":1").insecure().build().close();
  }

  @Test
  void withoutTlsOnlyWhenToldSo() throws Exception {
    try (FakeServer server = FakeServer.tcp(InsecureServerCredentials.create());
        HolkasClient client = to(server).insecure().bearerToken("secret").build();
        HolkasClient careful = to(server).build()) {
      assertEquals("1", client.serverInfo().getVersion());
      assertEquals("Bearer secret", authorization(server));
      unreached(careful);
    }
  }

  @Test
  void optionsThatDoNotGoTogetherAreRefused() {
    Path file = serverCertificate.chain;
    refused(HolkasClient.builder());
    refused(HolkasClient.builder().address("tcp:localhost:1").insecure().caFile(file));
    refused(HolkasClient.builder().address("unix:/a").caFile(file));
    refused(HolkasClient.builder().address("unix:/a").insecure());
  }

  private static void refused(HolkasClient.Builder builder) {
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @Test
  void certificatesThatCannotBeReadAreAnError() {
    HolkasClient.Builder builder =
        HolkasClient.builder().address("tcp:localhost:1").caFile(directory.resolve("none"));
    assertThrows(UncheckedIOException.class, builder::build);
  }

  @Test
  void aServerThatIsNotThereIsUnavailable() {
    try (HolkasClient client = HolkasClient.builder().address("unix:" + directory.resolve("none")).build()) {
      HolkasException e = assertThrows(HolkasException.Unavailable.class, client::serverInfo);
      assertEquals("", e.reason());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "unix:relative", "unix:", "tcp:host", "tcp:host:0", "tcp:host:65536", "tcp::1",
      "tcp:::1:1", "tcp:[::1]", "tcp:[host]:1", "http://host:1", "tcp:host:1x"})
  void addressesThatAreNone(String address) {
    assertThrows(IllegalArgumentException.class, () -> HolkasClient.builder().address(address));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a b", "50%", "%41", "a#b", "a?b", "a,b", "a+b", "a:b"})
  void aSocketsPathIsTakenAsItIs(String name) throws Exception {
    Path in = Files.createDirectory(directory.resolve(name));
    try (FakeServer server = FakeServer.unix(in)) {
      for (String slashes : new String[] {"", "/", "//"}) {
        String address = "unix:" + slashes + in + "/fake.sock";
        try (HolkasClient client = HolkasClient.builder().address(address).build()) {
          assertEquals("1", client.serverInfo().getVersion());
        }
      }
    }
  }

  @Test
  void addressesThatAreSome() {
    assertEquals("/run/a.sock", ServerAddress.parse("unix:/run/a.sock").path);
    assertEquals("::1", ServerAddress.parse("tcp:[::1]:80").host);
    assertEquals(80, ServerAddress.parse("tcp:[::1]:80").port);
    assertEquals("a.example.com", ServerAddress.parse("a.example.com:443").host);
  }

  @ParameterizedTest
  @ValueSource(strings = {"x86_64", "aarch_64"})
  void bothArchitecturesHaveUnixSocketsAndTls(String architecture) {
    for (String library : new String[] {"transport_native_epoll", "tcnative_linux"}) {
      String name = "META-INF/native/libio_grpc_netty_shaded_netty_" + library + "_" + architecture + ".so";
      assertNotNull(getClass().getClassLoader().getResource(name), name);
    }
  }
}
