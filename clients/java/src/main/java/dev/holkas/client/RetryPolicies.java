package dev.holkas.client;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Which calls gRPC makes again by itself, as its service config. Delete is among them because the
 * client gives every Delete a request id, by which the server knows it again. Sync, Sign, Import and
 * Export would do their work twice.
 */
final class RetryPolicies {
  private static final String SERVICE = "holkas.v1.ImageService";

  private static final List<String> RETRIED =
      List.of("Inspect", "ListTags", "CheckCredentials", "GetServerInfo", "Verify", "Copy", "Delete");

  private RetryPolicies() {}

  /** The service config, with numbers as gRPC wants them: as of JSON. */
  static Map<String, Object> serviceConfig() {
    Map<String, Object> policy =
        Map.of(
            "maxAttempts", 4.0,
            "initialBackoff", "0.2s",
            "maxBackoff", "5s",
            "backoffMultiplier", 2.0,
            "retryableStatusCodes", List.of("UNAVAILABLE"));
    List<Map<String, String>> names =
        RETRIED.stream()
            .map(method -> Map.of("service", SERVICE, "method", method))
            .collect(Collectors.toList());
    return Map.of(
        "methodConfig", List.of(Map.of("name", names, "retryPolicy", policy)),
        "retryThrottling", Map.of("maxTokens", 10.0, "tokenRatio", 0.1));
  }
}
