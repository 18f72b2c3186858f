package dev.holkas.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.holkas.client.EventStream;
import dev.holkas.client.HolkasClient;
import dev.holkas.client.HolkasException;
import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.InspectRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Many calls at a time: Inspects, or Copies that are cancelled at random moments. */
final class Load {
  private static final int MAX_ERRORS = 20;

  private final HolkasClient client;
  private final JsonObject task;
  private final JsonArray errors = new JsonArray();
  private int ok;
  private int completed;

  Load(HolkasClient client, JsonObject task) {
    this.client = client;
    this.task = task;
  }

  /** The answer to the line, when all calls have ended. */
  JsonObject run() {
    ExecutorService threads = Executors.newFixedThreadPool(task.get("parallel").getAsInt());
    ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
    try {
      List<Future<Boolean>> calls = new ArrayList<>();
      for (int i = 0; i < task.get("count").getAsInt(); i++) {
        calls.add(threads.submit(call(i, clock)));
      }
      for (Future<Boolean> call : calls) {
        count(call);
      }
    } finally {
      threads.shutdown();
      clock.shutdown();
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("ok", ok);
    answer.addProperty("completed", completed);
    answer.add("errors", errors);
    return answer;
  }

  /** A call that says whether it came to its result. */
  private Callable<Boolean> call(int number, ScheduledExecutorService clock) {
    String request = task.get("request").toString().replace("{n}", Integer.toString(number));
    if (task.get("load").getAsString().equals("inspect")) {
      InspectRequest inspect = Json.parse(JsonParser.parseString(request), InspectRequest.getDefaultInstance());
      return () -> client.inspect(inspect) != null;
    }
    CopyRequest copy = Json.parse(JsonParser.parseString(request), CopyRequest.getDefaultInstance());
    long micros = (long) (new Random().nextDouble() * task.get("max_delay_seconds").getAsDouble() * 1e6);
    return () -> cancelled(copy, micros, clock);
  }

  private boolean cancelled(CopyRequest request, long micros, ScheduledExecutorService clock) {
    boolean hasResult = false;
    try (EventStream<CopyResponse> events = client.copy(request)) {
      clock.schedule(events::close, micros, TimeUnit.MICROSECONDS);
      while (events.hasNext()) {
        hasResult = events.next().hasResult();
      }
    } catch (HolkasException.Cancelled e) {
      return hasResult;
    }
    return hasResult;
  }

  private void count(Future<Boolean> call) {
    try {
      completed += call.get() ? 1 : 0;
      ok++;
    } catch (ExecutionException e) {
      if (errors.size() < MAX_ERRORS) {
        errors.add(Json.of(e.getCause()));
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
