package dev.holkas.client;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/**
 * The outcome of a call that runs. Cancelling it cancels the call. Messages go to the sink one after the
 * other, and the next is asked for when the sink took the last: a slow one makes the server wait.
 */
final class CallFuture<T, R> extends CompletableFuture<R> {
  private final ClientCall<?, T> call;
  private final EventSink<T, R> sink;
  private final StreamObserver<?> observer;

  private CallFuture(ClientCall<?, T> call, EventSink<T, R> sink, StreamObserver<?> observer) {
    this.call = call;
    this.sink = sink;
    this.observer = observer;
  }

  /** Begins a call whose only message is `request`. `observer` hears of its end; null for none. */
  static <Q, T, R> CompletableFuture<R> start(
      ClientCall<Q, T> call, Q request, EventSink<T, R> sink, StreamObserver<?> observer) {
    CallFuture<T, R> future = new CallFuture<>(call, sink, observer);
    call.start(future.new Listener(), new Metadata());
    call.sendMessage(request);
    call.halfClose();
    // Of a unary call's answers a second one would be an error, and is asked for to see it.
    Calls.requestWhen(sink.ready(), call, 2);
    return future;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled) {
      call.cancel("cancelled by the caller", null);
    }
    return cancelled;
  }

  private void end(Status status, Metadata trailers) {
    if (!status.isOk()) {
      sink.abandon();
      fail(LocalFailure.orHolkas(status, trailers));
      return;
    }
    R outcome;
    try {
      outcome = sink.finish();
    } catch (IOException | RuntimeException e) {
      sink.abandon();
      fail(LocalFailure.unchecked(e));
      return;
    }
    try {
      if (observer != null) {
        observer.onCompleted();
      }
    } finally {
      complete(outcome);
    }
  }

  private void fail(RuntimeException failure) {
    try {
      if (observer != null) {
        observer.onError(failure);
      }
    } finally {
      completeExceptionally(failure);
    }
  }

  private final class Listener extends ClientCall.Listener<T> {
    private boolean failed;

    @Override
    public void onMessage(T message) {
      if (failed) {
        return;
      }
      try {
        sink.take(message);
        call.request(1);
      } catch (IOException | RuntimeException e) {
        failed = true;
        call.cancel("take a message: " + e.getMessage(), new LocalFailure(e));
      }
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      end(status, trailers);
    }
  }
}
