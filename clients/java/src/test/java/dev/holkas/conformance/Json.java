package dev.holkas.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.holkas.client.HolkasException;

/** Messages and failures as JSON. */
final class Json {
  private Json() {}

  static JsonElement of(Message message) {
    try {
      return JsonParser.parseString(JsonFormat.printer().print(message));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The message that `json` is, of the type of `empty`. */
  @SuppressWarnings("unchecked")
  static <T extends Message> T parse(JsonElement json, T empty) {
    Message.Builder builder = empty.newBuilderForType();
    try {
      JsonFormat.parser().merge(json.toString(), builder);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(e);
    }
    return (T) builder.build();
  }

  static JsonObject of(Throwable failure) {
    JsonObject error = new JsonObject();
    if (!(failure instanceof HolkasException)) {
      error.addProperty("code", failure.getClass().getName());
      error.addProperty("message", failure.getMessage());
      return error;
    }
    HolkasException known = (HolkasException) failure;
    error.addProperty("code", known.code().name());
    error.addProperty("reason", known.reason());
    error.addProperty("domain", known.domain());
    JsonObject metadata = new JsonObject();
    known.metadata().forEach(metadata::addProperty);
    error.add("metadata", metadata);
    error.addProperty("message", known.getMessage());
    return error;
  }
}
