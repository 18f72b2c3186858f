package dev.holkas.client;

import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * How long calls may take, by what they do. {@link Duration#ZERO} means as long as the server lets
 * them. Cannot be changed: each method gives a new object.
 *
 * <table>
 *   <caption>What holds where nothing else is said</caption>
 *   <tr><th>calls</th><th>timeout</th></tr>
 *   <tr><td>Inspect, ListTags, Delete, CheckCredentials, Sign, Verify</td><td>1 minute</td></tr>
 *   <tr><td>GetServerInfo</td><td>10 seconds</td></tr>
 *   <tr><td>Copy, Sync, Import, Export</td><td>none; the server has its own</td></tr>
 * </table>
 */
public final class Timeouts {
  private static final Set<String> COPIES = Set.of("Copy", "Sync", "Import", "Export");

  private static final Timeouts DEFAULTS =
      new Timeouts(Duration.ofMinutes(1), Duration.ofSeconds(10), Duration.ZERO);

  private final Duration query;
  private final Duration serverInfo;
  private final Duration copy;

  private Timeouts(Duration query, Duration serverInfo, Duration copy) {
    this.query = checked(query);
    this.serverInfo = checked(serverInfo);
    this.copy = checked(copy);
  }

  /**
   * Those of the table above.
   *
   * @return the defaults
   */
  public static Timeouts defaults() {
    return DEFAULTS;
  }

  /**
   * One timeout for every call.
   *
   * @param timeout how long each may take; zero: no timeout
   * @return timeouts that are all the same
   * @throws IllegalArgumentException for a negative one
   */
  public static Timeouts all(Duration timeout) {
    return new Timeouts(timeout, timeout, timeout);
  }

  /**
   * The same with another timeout for Inspect, ListTags, Delete, CheckCredentials, Sign and Verify.
   *
   * @param timeout how long each may take; zero: no timeout
   * @return the changed timeouts
   * @throws IllegalArgumentException for a negative one
   */
  public Timeouts query(Duration timeout) {
    return new Timeouts(timeout, serverInfo, copy);
  }

  /**
   * The same with another timeout for GetServerInfo.
   *
   * @param timeout how long it may take; zero: no timeout
   * @return the changed timeouts
   * @throws IllegalArgumentException for a negative one
   */
  public Timeouts serverInfo(Duration timeout) {
    return new Timeouts(query, timeout, copy);
  }

  /**
   * The same with another timeout for Copy, Sync, Import and Export.
   *
   * @param timeout how long each may take, from its start to its last event; zero: no timeout
   * @return the changed timeouts
   * @throws IllegalArgumentException for a negative one
   */
  public Timeouts copy(Duration timeout) {
    return new Timeouts(query, serverInfo, timeout);
  }

  /** The options of a call that begins now. */
  CallOptions optionsOf(MethodDescriptor<?, ?> method) {
    Duration timeout = of(method.getBareMethodName());
    return timeout.isZero()
        ? CallOptions.DEFAULT
        : CallOptions.DEFAULT.withDeadlineAfter(saturatedNanos(timeout), TimeUnit.NANOSECONDS);
  }

  private Duration of(String rpc) {
    if (COPIES.contains(rpc)) {
      return copy;
    }
    return rpc.equals("GetServerInfo") ? serverInfo : query;
  }

  private static long saturatedNanos(Duration timeout) {
    try {
      return timeout.toNanos();
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }

  private static Duration checked(Duration timeout) {
    if (Objects.requireNonNull(timeout, "timeout").isNegative()) {
      throw new IllegalArgumentException("the timeout is negative: " + timeout);
    }
    return timeout;
  }
}
