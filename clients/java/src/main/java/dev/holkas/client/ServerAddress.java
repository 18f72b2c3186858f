package dev.holkas.client;

import java.util.regex.Pattern;

/** Where a server listens: {@code unix:/path} or {@code tcp:HOST:PORT}. */
final class ServerAddress {
  private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  private static final Pattern LOOPBACK = Pattern.compile("127(\\." + BYTE + "){3}");

  /** The socket's path; null for TCP. */
  final String path;

  /** The host, an IPv6 address without its brackets; null for a unix socket. */
  final String host;

  /** The port, from 1 to 65535; 0 for a unix socket. */
  final int port;

  private ServerAddress(String path, String host, int port) {
    this.path = path;
    this.host = host;
    this.port = port;
  }

  boolean isUnix() {
    return path != null;
  }

  /** Whether the host is of this machine, by its name or a number. */
  boolean isLoopback() {
    return "localhost".equals(host) || "::1".equals(host) || host != null && LOOPBACK.matcher(host).matches();
  }

  /** Takes an address apart. Throws IllegalArgumentException for what is none. */
  static ServerAddress parse(String address) {
    if (address.startsWith("unix:")) {
      String path = address.substring("unix:".length());
      if (!path.startsWith("/")) {
        throw invalid(address, "the path of the socket is not absolute");
      }
      return new ServerAddress(path, null, 0);
    }
    // As holkasd's --listen spells it; `holkas --server` lets `tcp:` be left out, too.
    String rest = address.startsWith("tcp:") ? address.substring("tcp:".length()) : address;
    int colon = rest.lastIndexOf(':');
    if (colon <= 0) {
      throw invalid(address, "expected unix:/path or tcp:host:port");
    }
    return new ServerAddress(null, hostOf(address, rest.substring(0, colon)), portOf(address, rest.substring(colon + 1)));
  }

  private static String hostOf(String address, String host) {
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    String bare = bracketed ? host.substring(1, host.length() - 1) : host;
    if (bare.isEmpty() || bare.matches(".*[\\[\\]/\\s].*") || bracketed != bare.contains(":")) {
      throw invalid(address, "expected unix:/path or tcp:host:port");
    }
    return bare;
  }

  private static int portOf(String address, String digits) {
    int port = digits.matches("[0-9]{1,5}") ? Integer.parseInt(digits) : 0;
    if (port < 1 || port > 65535) {
      throw invalid(address, "the port is not a number from 1 to 65535");
    }
    return port;
  }

  private static IllegalArgumentException invalid(String address, String why) {
    return new IllegalArgumentException("server address \"" + address + "\": " + why);
  }
}
