package dev.holkas.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import dev.holkas.client.EventStream;
import dev.holkas.client.HolkasClient;
import dev.holkas.client.HolkasException;
import dev.holkas.v1.CheckCredentialsRequest;
import dev.holkas.v1.CheckCredentialsResponse;
import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.ExportRequest;
import dev.holkas.v1.ExportResponse;
import dev.holkas.v1.ImportOptions;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.ListTagsRequest;
import dev.holkas.v1.SignRequest;
import dev.holkas.v1.SyncRequest;
import dev.holkas.v1.VerifyRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;

/** One call: what a line of the runner's asks for. */
final class Call {
  private final HolkasClient client;
  private final JsonObject task;
  private final JsonArray events = new JsonArray();
  private JsonElement response = new JsonObject();

  Call(HolkasClient client, JsonObject task) {
    this.task = task;
    this.client =
        task.has("timeout_seconds")
            ? client.withTimeout(Duration.ofMillis((long) (task.get("timeout_seconds").getAsDouble() * 1000)))
            : client;
  }

  /** The answer to the line. */
  JsonObject run() {
    JsonElement error = null;
    try {
      call();
    } catch (HolkasException | UncheckedIOException | IllegalArgumentException | IOException e) {
      error = Json.of(e);
    }
    JsonObject answer = new JsonObject();
    answer.add("events", events);
    answer.add("response", response);
    answer.add("error", error);
    return answer;
  }

  private void call() throws IOException {
    String rpc = task.get("rpc").getAsString();
    switch (rpc) {
      case "Inspect":
        response = Json.of(client.inspect(request(InspectRequest.getDefaultInstance())));
        return;
      case "Copy":
        read(client.copy(request(CopyRequest.getDefaultInstance())));
        return;
      case "Delete":
        response = Json.of(client.delete(request(DeleteRequest.getDefaultInstance())));
        return;
      case "ListTags":
        read(client.listTags(request(ListTagsRequest.getDefaultInstance())));
        return;
      case "Sync":
        read(client.sync(request(SyncRequest.getDefaultInstance())));
        return;
      case "Sign":
        response = Json.of(client.sign(request(SignRequest.getDefaultInstance())));
        return;
      case "Verify":
        response = Json.of(client.verify(request(VerifyRequest.getDefaultInstance())));
        return;
      case "Import":
        read(client.importArchive(request(ImportOptions.getDefaultInstance()), path("archive")));
        return;
      case "Export":
        export();
        return;
      case "CheckCredentials":
        client.checkCredentials(request(CheckCredentialsRequest.getDefaultInstance()));
        response = Json.of(CheckCredentialsResponse.getDefaultInstance());
        return;
      case "GetServerInfo":
        response = Json.of(client.serverInfo());
        return;
      default:
        throw new IllegalArgumentException("there is no rpc " + rpc);
    }
  }

  private <T extends Message> T request(T empty) {
    return Json.parse(task.has("request") ? task.get("request") : new JsonObject(), empty);
  }

  private Path path(String field) {
    return Path.of(task.get(field).getAsString());
  }

  private int cancelAfter() {
    return task.has("cancel_after_events") ? task.get("cancel_after_events").getAsInt() : Integer.MAX_VALUE;
  }

  private void read(EventStream<? extends Message> stream) {
    try (stream) {
      while (stream.hasNext()) {
        events.add(Json.of(stream.next()));
        if (events.size() == cancelAfter()) {
          stream.close();
        }
      }
    }
  }

  private void export() throws IOException {
    ExportRequest request = request(ExportRequest.getDefaultInstance());
    if (task.has("cancel_after_events")) {
      read(client.exportArchive(request));
      return;
    }
    client.exportArchive(
        request,
        path("output"),
        event -> events.add(Json.of(ExportResponse.newBuilder().setCopy(event).build())));
  }
}
