package dev.holkas.conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.holkas.client.HolkasClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * Makes the calls that it reads from standard input, one JSON object in a line, and answers each with one on
 * standard output. tests/clients runs it, and those of the other languages, and compares.
 */
public final class Runner {
  private Runner() {}

  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (HolkasClient client = client(options(arguments))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonObject task = JsonParser.parseString(line).getAsJsonObject();
        out.println(task.has("load") ? new Load(client, task).run() : new Call(client, task).run());
      }
    }
  }

  private static Map<String, String> options(String[] arguments) {
    Map<String, String> options = new TreeMap<>();
    for (int i = 0; i < arguments.length; i++) {
      options.put(arguments[i], arguments[i].equals("--insecure") ? "" : arguments[++i]);
    }
    return options;
  }

  private static HolkasClient client(Map<String, String> options) throws IOException {
    HolkasClient.Builder builder = HolkasClient.builder().address(options.get("--server"));
    if (options.containsKey("--ca")) {
      builder.caFile(Path.of(options.get("--ca")));
    }
    if (options.containsKey("--cert")) {
      builder.clientCertificate(Path.of(options.get("--cert")), Path.of(options.get("--key")));
    }
    if (options.containsKey("--token-file")) {
      builder.bearerToken(Files.readString(Path.of(options.get("--token-file"))).trim());
    }
    if (options.containsKey("--insecure")) {
      builder.insecure();
    }
    return builder.build();
  }
}
