package dev.holkas.client;

import dev.holkas.v1.ImportRequest;
import dev.holkas.v1.ImportResponse;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.ClientCall;
import io.grpc.ForwardingClientCall;
import io.grpc.ForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.io.InputStream;

/**
 * An Import that sends its archive by itself: to its user it is a call of one message, the options.
 * Half-closing it starts a thread that reads the archive and sends it as fast as the server takes
 * it; no more than two chunks are in memory. The thread ends with the archive, with the call, or when the
 * server needs no more bytes; one that waits for a read ends after it.
 */
final class UploadCall extends ForwardingClientCall.SimpleForwardingClientCall<ImportRequest, ImportResponse> {
  static final int CHUNK_BYTES = 512 << 10;

  private final InputStream archive;
  private final boolean closesArchive;

  /** Guarded by this: whether no more bytes are wanted. */
  private boolean enough;

  /** `closesArchive`: whether the stream is this call's own. */
  UploadCall(ClientCall<ImportRequest, ImportResponse> call, InputStream archive, boolean closesArchive) {
    super(call);
    this.archive = archive;
    this.closesArchive = closesArchive;
  }

  @Override
  public void start(Listener<ImportResponse> listener, Metadata headers) {
    super.start(new UploadListener(listener), headers);
  }

  @Override
  public void halfClose() {
    Thread thread = new Thread(this::upload, "holkas-import");
    thread.setDaemon(true);
    thread.start();
  }

  private void upload() {
    try {
      sendArchive();
      super.halfClose();
    } catch (IOException | RuntimeException e) {
      cancel("read the archive: " + e.getMessage(), new LocalFailure(e));
    } finally {
      closeArchive();
    }
  }

  private void sendArchive() throws IOException {
    while (awaitReady()) {
      byte[] chunk = new byte[CHUNK_BYTES];
      int length = archive.readNBytes(chunk, 0, chunk.length);
      if (length == 0) {
        return;
      }
      super.sendMessage(
          ImportRequest.newBuilder().setChunk(UnsafeByteOperations.unsafeWrap(chunk, 0, length)).build());
    }
  }

  /** Waits until more bytes can be sent. Whether they are still wanted. */
  private synchronized boolean awaitReady() {
    while (!enough && !isReady()) {
      try {
        wait();
      } catch (InterruptedException e) {
        enough = true; // Nobody knows this thread but the virtual machine that ends.
      }
    }
    return !enough;
  }

  private synchronized void wake(boolean isEnough) {
    enough |= isEnough;
    notifyAll();
  }

  private void closeArchive() {
    if (!closesArchive) {
      return;
    }
    try {
      archive.close();
    } catch (IOException e) {
      return; // It was only read.
    }
  }

  private final class UploadListener
      extends ForwardingClientCallListener.SimpleForwardingClientCallListener<ImportResponse> {
    UploadListener(Listener<ImportResponse> listener) {
      super(listener);
    }

    @Override
    public void onReady() {
      wake(false);
      super.onReady();
    }

    @Override
    public void onMessage(ImportResponse message) {
      if (message.hasAttached()) {
        wake(true);
      }
      super.onMessage(message);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      wake(true);
      super.onClose(status, trailers);
    }
  }
}
