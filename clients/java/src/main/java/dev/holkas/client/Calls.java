package dev.holkas.client;

import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.ImageServiceGrpc;
import dev.holkas.v1.ImportOptions;
import dev.holkas.v1.ImportRequest;
import dev.holkas.v1.ImportResponse;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Makes the calls of both clients: with timeouts, exceptions of our own, and what requests lack. */
final class Calls {
  private static final CompletionStage<?> NOW = CompletableFuture.completedFuture(null);

  private final Channel channel;
  private final Timeouts timeouts;

  Calls(Channel channel, Timeouts timeouts) {
    this.channel = channel;
    this.timeouts = timeouts;
  }

  /** Makes a call and waits for its answer. */
  <Q, R> R answer(MethodDescriptor<Q, R> method, Q request) {
    try {
      return ClientCalls.blockingUnaryCall(channel, method, timeouts.optionsOf(method), request);
    } catch (StatusRuntimeException e) {
      throw HolkasException.of(e);
    }
  }

  /** Begins a call whose messages are read one by one. */
  <Q, T> EventStream<T> open(MethodDescriptor<Q, T> method, Q request) {
    return open(method, request, NOW);
  }

  /** The same, whose messages are asked for when `ready` completes. Where that fails, the call ends so. */
  <Q, T> EventStream<T> open(MethodDescriptor<Q, T> method, Q request, CompletionStage<?> ready) {
    return EventStream.open(call(method), request, ready);
  }

  /** Begins a call that ends in a future. `observer` hears of its end; null for none. */
  <Q, T, R> CompletableFuture<R> start(
      MethodDescriptor<Q, T> method, Q request, EventSink<T, R> sink, StreamObserver<?> observer) {
    return CallFuture.start(call(method), request, sink, observer);
  }

  /** Begins an Import. `closesArchive`: whether the stream is to be closed, also where this fails. */
  EventStream<ImportResponse> openImport(ImportOptions options, InputStream archive, boolean closesArchive) {
    return EventStream.open(upload(archive, closesArchive), firstMessage(options), NOW);
  }

  /** As openImport, of a call that ends in a future. */
  <R> CompletableFuture<R> startImport(
      ImportOptions options, InputStream archive, boolean closesArchive, EventSink<ImportResponse, R> sink,
      StreamObserver<?> observer) {
    return CallFuture.start(upload(archive, closesArchive), firstMessage(options), sink, observer);
  }

  /**
   * Asks a call, of which everything is sent, for its first messages when `ready` completes; cancels it
   * where that fails. Until then the end of the call is all that is heard of it.
   */
  static void requestWhen(CompletionStage<?> ready, ClientCall<?, ?> call, int messages) {
    ready.whenComplete(
        (nothing, failure) -> {
          if (failure == null) {
            call.request(messages);
          } else {
            call.cancel("get ready: " + failure.getMessage(), new LocalFailure((Exception) failure));
          }
        });
  }

  /** Reads all messages of a call, on this thread. What the sink throws cancels the call. */
  static <T, R> R drain(EventStream<T> stream, EventSink<T, R> sink) throws IOException {
    boolean finished = false;
    try (stream) {
      while (hasNext(stream)) {
        sink.take(stream.next());
      }
      R outcome = sink.finish();
      finished = true;
      return outcome;
    } finally {
      if (!finished) {
        sink.abandon();
      }
    }
  }

  /** What went wrong with the bytes of an Import, as it was. */
  private static boolean hasNext(EventStream<?> stream) throws IOException {
    try {
      return stream.hasNext();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** As drain, for sinks that do no I/O. */
  static <T, R> R collect(EventStream<T> stream, EventSink<T, R> sink) {
    try {
      return drain(stream, sink);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The request with an id, by which the server knows it again when it is made once more. */
  static DeleteRequest repeatable(DeleteRequest request) {
    return request.getRequestId().isEmpty()
        ? request.toBuilder().setRequestId(UUID.randomUUID().toString()).build()
        : request;
  }

  /** The options with the size of the archive, where they do not have one. */
  static ImportOptions sized(ImportOptions options, Path archive) throws IOException {
    return options.getSizeBytes() == 0 && Files.isRegularFile(archive)
        ? options.toBuilder().setSizeBytes(Files.size(archive)).build()
        : options;
  }

  private <Q, T> ClientCall<Q, T> call(MethodDescriptor<Q, T> method) {
    return channel.newCall(method, timeouts.optionsOf(method));
  }

  private UploadCall upload(InputStream archive, boolean closesArchive) {
    return new UploadCall(call(ImageServiceGrpc.getImportMethod()), archive, closesArchive);
  }

  private static ImportRequest firstMessage(ImportOptions options) {
    return ImportRequest.newBuilder().setOptions(options).build();
  }
}
