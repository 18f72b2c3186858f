package dev.holkas.client;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The messages of one call, as they come. Closing it before its end cancels the call: the server
 * kills the worker and undoes what it had not published. So use it in a {@code try}:
 *
 * <pre>{@code
 * try (EventStream<CopyResponse> events = client.copy(request)) {
 *   for (CopyResponse event : events) {
 *     ...
 *   }
 * }
 * }</pre>
 *
 * <p>There is one pass: {@link #iterator} gives the object itself. Messages are fetched as they are
 * taken, a few ahead: who reads slowly makes the server wait, and it leaves out progress that is
 * old. One thread reads; {@link #close} may come from any.
 *
 * @param <T> the type of the messages
 */
public final class EventStream<T> implements Iterable<T>, Iterator<T>, AutoCloseable {
  /** How many messages are fetched ahead. One of Export's is up to 1 MiB. */
  private static final int AHEAD = 4;

  private final ClientCall<?, T> call;
  private final BlockingQueue<Arrival<T>> arrivals = new LinkedBlockingQueue<>();

  /** What next() gives; null where it is not there yet, or all is over. */
  private T message;

  /** How the call ended; null before. */
  private Arrival<T> end;

  private EventStream(ClientCall<?, T> call) {
    this.call = call;
  }

  /** Begins a call whose only message is `request`. It asks for messages when `ready` completes. */
  static <Q, T> EventStream<T> open(ClientCall<Q, T> call, Q request, CompletionStage<?> ready) {
    EventStream<T> stream = new EventStream<>(call);
    call.start(stream.new Listener(), new Metadata());
    call.sendMessage(request);
    call.halfClose();
    Calls.requestWhen(ready, call, AHEAD);
    return stream;
  }

  /**
   * Waits for the next message, or the end.
   *
   * @return whether there is a next message; false when the call ended well
   * @throws HolkasException when the call failed, was closed, or its thread was interrupted (which
   *     cancels the call and leaves the thread's interrupt status set)
   */
  @Override
  public boolean hasNext() {
    if (message == null && end == null) {
      Arrival<T> arrival = take();
      if (arrival.message == null) {
        end = arrival;
      } else {
        message = arrival.message;
        call.request(1);
      }
    }
    if (message != null) {
      return true;
    }
    if (!end.status.isOk()) {
      throw LocalFailure.orHolkas(end.status, end.trailers);
    }
    return false;
  }

  /**
   * Gives the next message, and waits for it.
   *
   * @return the message
   * @throws NoSuchElementException after the last one
   * @throws HolkasException as {@link #hasNext}
   */
  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the call is over");
    }
    T taken = message;
    message = null;
    return taken;
  }

  /**
   * This object: there is one pass over the messages.
   *
   * @return itself
   */
  @Override
  public Iterator<T> iterator() {
    return this;
  }

  /**
   * The messages as a stream of {@code java.util.stream}, whose {@code close} closes this object.
   * Errors come out of its terminal operation.
   *
   * @return a sequential stream, in the order of arrival
   */
  public Stream<T> stream() {
    int traits = Spliterator.ORDERED | Spliterator.NONNULL;
    return StreamSupport.stream(Spliterators.spliteratorUnknownSize(this, traits), false)
        .onClose(this::close);
  }

  /** Cancels the call, if it is not over, and does not wait for that. Reading on fails. */
  @Override
  public void close() {
    call.cancel("closed by the caller", null);
  }

  private Arrival<T> take() {
    try {
      return arrivals.take();
    } catch (InterruptedException e) {
      call.cancel("interrupted", e);
      Thread.currentThread().interrupt();
      return new Arrival<>(null, Status.CANCELLED.withDescription("interrupted").withCause(e), new Metadata());
    }
  }

  /** A message, or the end. */
  private static final class Arrival<T> {
    final T message;
    final Status status;
    final Metadata trailers;

    Arrival(T message, Status status, Metadata trailers) {
      this.message = message;
      this.status = status;
      this.trailers = trailers;
    }
  }

  private final class Listener extends ClientCall.Listener<T> {
    @Override
    public void onMessage(T arrived) {
      arrivals.add(new Arrival<>(arrived, null, null));
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      arrivals.add(new Arrival<>(null, status, trailers));
    }
  }
}
