package dev.holkas.client;

import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Executor;

/** How to reach one server, and the channel to it. Filled in by HolkasClient.Builder. */
final class ServerChannel {
  /** A manifest of 4 MiB and two configurations of 4 MiB, and room for the rest. */
  private static final int MAX_INBOUND_MESSAGE_BYTES = 16 << 20;

  private static final String UNQUOTED =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~";

  ServerAddress address;
  Path caFile;
  Path certificateChain;
  Path privateKey;
  String serverName;
  CallCredentials token;
  boolean insecure;
  Executor executor;

  /** Opens the channel. Connecting happens with the first call. Throws as HolkasClient.Builder.build. */
  ManagedChannel open() {
    check();
    ManagedChannelBuilder<?> builder = builder(credentials());
    builder
        .defaultServiceConfig(RetryPolicies.serviceConfig())
        .enableRetry()
        .maxInboundMessageSize(MAX_INBOUND_MESSAGE_BYTES)
        .proxyDetector(target -> null)
        .userAgent("holkas-java");
    if (executor != null) {
      builder.executor(executor);
    }
    return builder.build();
  }

  private ManagedChannelBuilder<?> builder(ChannelCredentials credentials) {
    if (address.isUnix()) {
      NettyChannelBuilder builder =
          (NettyChannelBuilder) Grpc.newChannelBuilder("unix://" + quoted(address.path), credentials);
      // gRPC sets an option that unix sockets do not have, and Netty would log a warning for each connection.
      builder.withOption(ChannelOption.SO_KEEPALIVE, null);
      // A path is no authority that every server takes.
      return builder.overrideAuthority("localhost");
    }
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilderForAddress(address.host, address.port, credentials);
    return serverName == null ? builder : builder.overrideAuthority(serverName);
  }

  /** A path as gRPC reads it, which takes a target for a URI. */
  private static String quoted(String path) {
    StringBuilder quoted = new StringBuilder();
    for (byte b : path.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      if (UNQUOTED.indexOf(c) >= 0) {
        quoted.append(c);
      } else {
        quoted.append(String.format("%%%02X", (int) c));
      }
    }
    return quoted.toString();
  }

  private void check() {
    if (address == null) {
      throw new IllegalArgumentException("the client has no address");
    }
    boolean hasTls = caFile != null || certificateChain != null || serverName != null;
    if (hasTls && (insecure || address.isUnix())) {
      throw new IllegalArgumentException("certificates are for TCP with TLS");
    }
    if (insecure && address.isUnix()) {
      throw new IllegalArgumentException("insecure is for TCP; a unix socket needs no TLS");
    }
    if (insecure && !address.isLoopback()) {
      throw new IllegalArgumentException(
          "server address \"" + address.host + ":" + address.port
              + "\": without TLS the host must be a loopback address");
    }
  }

  private ChannelCredentials credentials() {
    ChannelCredentials transport =
        insecure || address.isUnix() ? InsecureChannelCredentials.create() : tls();
    return token == null ? transport : CompositeChannelCredentials.create(transport, token);
  }

  private ChannelCredentials tls() {
    TlsChannelCredentials.Builder builder = TlsChannelCredentials.newBuilder();
    try {
      if (caFile != null) {
        builder.trustManager(caFile.toFile());
      }
      if (certificateChain != null) {
        builder.keyManager(certificateChain.toFile(), privateKey.toFile());
      }
    } catch (IOException e) {
      throw new UncheckedIOException("read certificates: " + e.getMessage(), e);
    }
    return builder.build();
  }
}
