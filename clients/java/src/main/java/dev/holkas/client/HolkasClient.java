package dev.holkas.client;

import dev.holkas.v1.CheckCredentialsRequest;
import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.DeleteResponse;
import dev.holkas.v1.ExportRequest;
import dev.holkas.v1.ExportResponse;
import dev.holkas.v1.GetServerInfoRequest;
import dev.holkas.v1.GetServerInfoResponse;
import dev.holkas.v1.ImageServiceGrpc;
import dev.holkas.v1.ImportOptions;
import dev.holkas.v1.ImportResponse;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.InspectResponse;
import dev.holkas.v1.ListTagsRequest;
import dev.holkas.v1.ListTagsResponse;
import dev.holkas.v1.SignRequest;
import dev.holkas.v1.SignResponse;
import dev.holkas.v1.SyncRequest;
import dev.holkas.v1.SyncResponse;
import dev.holkas.v1.VerifyRequest;
import dev.holkas.v1.VerifyResponse;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A server, whose calls wait for their answers.
 *
 * <pre>{@code
 * try (HolkasClient client = HolkasClient.builder().address("unix:/run/holkas/holkas.sock").build()) {
 *   InspectResponse image = client.inspect(InspectRequest.newBuilder().setImage("oci:/srv/layout:app").build());
 * }
 * }</pre>
 *
 * <p>Any number of threads may make calls at the same time; all go over one connection. Interrupting a
 * thread that waits cancels its call: {@link HolkasException.Cancelled}, with the thread's interrupt
 * status set. Every call throws a {@link HolkasException} when it fails, and takes no longer than
 * its {@link Timeouts}. Inspect, ListTags, CheckCredentials, GetServerInfo, Verify, Copy and Delete are tried
 * again, four times in all, while the server or a registry is not reached.
 */
public final class HolkasClient implements AutoCloseable {
  private final ManagedChannel channel;
  private final Timeouts timeouts;
  private final Calls calls;

  private HolkasClient(ManagedChannel channel, Timeouts timeouts) {
    this.channel = channel;
    this.timeouts = timeouts;
    this.calls = new Calls(channel, timeouts);
  }

  /**
   * What a client is made with.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * The same connection, with calls that do not wait.
   *
   * @return a client that ends with this one
   */
  public HolkasAsyncClient async() {
    return new HolkasAsyncClient(calls);
  }

  /**
   * The same connection with one timeout for every call, for example for one:
   * {@code client.withTimeout(Duration.ofSeconds(5)).inspect(request)}.
   *
   * @param timeout how long each call may take from its start; zero: no timeout
   * @return a client on the same channel; closing either closes both
   * @throws IllegalArgumentException for a negative timeout
   */
  public HolkasClient withTimeout(Duration timeout) {
    return withTimeouts(Timeouts.all(timeout));
  }

  /**
   * The same connection with other timeouts.
   *
   * @param timeouts how long calls may take
   * @return a client on the same channel; closing either closes both
   */
  public HolkasClient withTimeouts(Timeouts timeouts) {
    return new HolkasClient(channel, Objects.requireNonNull(timeouts, "timeouts"));
  }

  /**
   * The timeouts of this client's calls.
   *
   * @return the timeouts
   */
  public Timeouts timeouts() {
    return timeouts;
  }

  /**
   * The channel, for generated stubs and other services of the server, as gRPC's health. It sends the bearer
   * token, and closes with this client.
   *
   * @return the channel
   */
  public Channel channel() {
    return channel;
  }

  /**
   * Describes an image: its digest, platform, labels, layers and tags, or its raw manifest or
   * configuration.
   *
   * @param request the image, and what to tell of it
   * @return the description
   * @throws HolkasException.NotFound for an image, or a platform of it, that is not there
   * @throws HolkasException for any other failure
   */
  public InspectResponse inspect(InspectRequest request) {
    return calls.answer(ImageServiceGrpc.getInspectMethod(), request);
  }

  /**
   * Begins to copy an image, or all images of an index. The last event is the result. Leaving the stream
   * by its {@code close} abandons the copy.
   *
   * @param request what to copy, where, and how
   * @return the events of the copy, to be closed; it throws what fails
   */
  public EventStream<CopyResponse> copy(CopyRequest request) {
    return calls.open(ImageServiceGrpc.getCopyMethod(), request);
  }

  /**
   * Copies an image, or all images of an index. The destination's name gives the complete old image
   * until the copy is done.
   *
   * @param request what to copy, where, and how
   * @param onEvent gets every event as it comes, on this thread; what it throws abandons the copy
   *     and comes out of here
   * @return what the copy did
   * @throws HolkasException.NotFound for an image that is not there
   * @throws HolkasException for any other failure
   */
  public CopyResult copy(CopyRequest request, Consumer<? super CopyResponse> onEvent) {
    return Calls.collect(copy(request), new CopySink(onEvent));
  }

  /**
   * Deletes an image. A request without a {@code request_id} gets one, so that a Delete that is tried again
   * deletes once.
   *
   * @param request the image
   * @return the digest of what was deleted
   * @throws HolkasException.NotFound for an image that is not there
   * @throws HolkasException for any other failure
   */
  public DeleteResponse delete(DeleteRequest request) {
    return calls.answer(ImageServiceGrpc.getDeleteMethod(), Calls.repeatable(request));
  }

  /**
   * Lists the tags of a repository, page by page as they arrive.
   *
   * @param request the repository
   * @return the pages, to be closed; it throws what fails
   */
  public EventStream<ListTagsResponse> listTags(ListTagsRequest request) {
    return calls.open(ImageServiceGrpc.getListTagsMethod(), request);
  }

  /**
   * All tags of a repository, in its order: at most 1,000,000, 64 MiB of them.
   *
   * @param request the repository
   * @return the tags, a list that cannot be changed
   * @throws HolkasException.NotFound for a repository that is not there
   * @throws HolkasException for any other failure
   */
  public List<String> tags(ListTagsRequest request) {
    return Calls.collect(listTags(request), new TagSink());
  }

  /**
   * Begins to copy many images. Leaving the stream by its {@code close} abandons what is not done.
   *
   * @param request the images, and where to copy them
   * @return the events, to be closed; it throws what fails
   */
  public EventStream<SyncResponse> sync(SyncRequest request) {
    return calls.open(ImageServiceGrpc.getSyncMethod(), request);
  }

  /**
   * Signs an image with a key that the server holds.
   *
   * @param request the image, and the name of the key
   * @return the digest that was signed
   * @throws HolkasException when it fails
   */
  public SignResponse sign(SignRequest request) {
    return calls.answer(ImageServiceGrpc.getSignMethod(), request);
  }

  /**
   * Evaluates a signature policy on an image. An image that is rejected is no failure.
   *
   * @param request the image, and the policy
   * @return whether the policy accepts the image, and what became of each signature
   * @throws HolkasException when it fails
   */
  public VerifyResponse verify(VerifyRequest request) {
    return calls.answer(ImageServiceGrpc.getVerifyMethod(), request);
  }

  /**
   * Begins to send an archive of this machine and to copy the image in it. The archive is sent by a thread of
   * its own, as fast as the server takes it; the events have to be read meanwhile. Their last one
   * is the result. Leaving the stream by its {@code close} abandons the copy.
   *
   * @param options where to copy the image, and how
   * @param archive where the bytes come from. Read until its end, or the call's; not closed. A read that
   *     waits when the call ends goes on until it returns.
   * @return the events, to be closed; it throws what fails, and {@link
   *     java.io.UncheckedIOException} when the archive cannot be read
   */
  public EventStream<ImportResponse> importArchive(ImportOptions options, InputStream archive) {
    return calls.openImport(options, archive, false);
  }

  /**
   * The same of a file, whose size is told to the server unless the options have one.
   *
   * @param options where to copy the image, and how
   * @param archive the archive
   * @return the events, to be closed; it throws what fails, and {@link
   *     java.io.UncheckedIOException} when the archive cannot be read
   * @throws IOException when the archive cannot be opened
   */
  public EventStream<ImportResponse> importArchive(ImportOptions options, Path archive) throws IOException {
    return calls.openImport(Calls.sized(options, archive), Files.newInputStream(archive), true);
  }

  /**
   * Sends an archive of this machine and copies the image in it.
   *
   * @param options where to copy the image, and how
   * @param archive where the bytes come from. Read until its end, or the call's; not closed
   * @param onEvent gets every event as it comes, on this thread; what it throws abandons the copy
   *     and comes out of here
   * @return what the copy did
   * @throws IOException when the archive cannot be read
   * @throws HolkasException.ResourceExhausted for an archive that is larger than the server takes
   * @throws HolkasException for any other failure
   */
  public CopyResult importArchive(
      ImportOptions options, InputStream archive, Consumer<? super ImportResponse> onEvent) throws IOException {
    return Calls.drain(importArchive(options, archive), new ImportSink(onEvent));
  }

  /**
   * The same of a file, whose size is told to the server unless the options have one.
   *
   * @param options where to copy the image, and how
   * @param archive the archive
   * @param onEvent gets every event as it comes, on this thread; what it throws abandons the copy
   *     and comes out of here
   * @return what the copy did
   * @throws IOException when the archive cannot be opened or read
   * @throws HolkasException.ResourceExhausted for an archive that is larger than the server takes
   * @throws HolkasException for any other failure
   */
  public CopyResult importArchive(
      ImportOptions options, Path archive, Consumer<? super ImportResponse> onEvent) throws IOException {
    return Calls.drain(importArchive(options, archive), new ImportSink(onEvent));
  }

  /**
   * Begins to copy an image into an archive. The events of the copy come first, then the bytes. Leaving
   * the stream by its {@code close} abandons both.
   *
   * @param request what to copy, and the archive's format
   * @return the events and bytes, to be closed; it throws what fails
   */
  public EventStream<ExportResponse> exportArchive(ExportRequest request) {
    return calls.open(ImageServiceGrpc.getExportMethod(), request);
  }

  /**
   * Copies an image into an archive, and writes that.
   *
   * @param request what to copy, and the archive's format
   * @param archive where the bytes go. Flushed, not closed; after a failure it may have got some
   * @param onEvent gets every event of the copy as it comes, on this thread; what it throws abandons the
   *     copy and comes out of here
   * @return what the copy did
   * @throws IOException when the archive cannot be written
   * @throws HolkasException for any other failure
   */
  public CopyResult exportArchive(
      ExportRequest request, OutputStream archive, Consumer<? super CopyResponse> onEvent) throws IOException {
    return Calls.drain(exportArchive(request), ExportSink.to(archive, onEvent));
  }

  /**
   * The same to a file, which appears once it is whole, in the place of an older one. Until then its bytes
   * are in a file beside it, which a failure removes. Symbolic links are followed. A pipe and a character
   * device get the bytes as they come. A pipe is waited for until somebody reads it or the call ends; then a
   * daemon thread goes on waiting, and closes it at once.
   *
   * @param request what to copy, and the archive's format
   * @param archive the file to write
   * @param onEvent gets every event of the copy as it comes, on this thread; what it throws abandons the
   *     copy and comes out of here
   * @return what the copy did
   * @throws java.nio.file.FileAlreadyExistsException when something else is there, which stays
   * @throws IOException when the archive cannot be written
   * @throws HolkasException for any other failure
   */
  public CopyResult exportArchive(
      ExportRequest request, Path archive, Consumer<? super CopyResponse> onEvent) throws IOException {
    ExportSink sink = ExportSink.to(archive, onEvent);
    return Calls.drain(calls.open(ImageServiceGrpc.getExportMethod(), request, sink.ready()), sink);
  }

  /**
   * Finds out whether a registry accepts credentials.
   *
   * @param request the registry, and the credentials
   * @throws HolkasException.Unauthenticated when it does not
   * @throws HolkasException for any other failure
   */
  public void checkCredentials(CheckCredentialsRequest request) {
    calls.answer(ImageServiceGrpc.getCheckCredentialsMethod(), request);
  }

  /**
   * The server's version, sandbox, transports and limits, and whom it takes the caller for.
   *
   * @return what the server says of itself
   * @throws HolkasException when it fails
   */
  public GetServerInfoResponse serverInfo() {
    return calls.answer(ImageServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.getDefaultInstance());
  }

  /**
   * Ends the calls that run, with {@link HolkasException.Unavailable}, and closes the connection. Waits at
   * most five seconds for that.
   */
  @Override
  public void close() {
    channel.shutdownNow();
    try {
      channel.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * What a client is made with. Only the address is required. TCP has TLS, with the authorities that the
   * Java runtime trusts, unless {@link #insecure} says otherwise; a unix socket has none. No proxy is used.
   */
  public static final class Builder {
    private final ServerChannel channel = new ServerChannel();
    private Timeouts timeouts = Timeouts.defaults();

    private Builder() {}

    /**
     * Where the server listens.
     *
     * @param address {@code unix:/path} (on Linux), {@code tcp:host:port} or {@code host:port}
     * @return this builder
     * @throws IllegalArgumentException for anything else
     */
    public Builder address(String address) {
      channel.address = ServerAddress.parse(address);
      return this;
    }

    /**
     * Trusts these authorities, and no others.
     *
     * @param pem a file of certificates, in PEM
     * @return this builder
     */
    public Builder caFile(Path pem) {
      channel.caFile = Objects.requireNonNull(pem, "pem");
      return this;
    }

    /**
     * Shows the server a certificate.
     *
     * @param chain a file with the certificate, and those between it and its authority, in PEM
     * @param privateKey a file with its key, unencrypted, in PEM: PKCS #8 ({@code BEGIN PRIVATE KEY})
     * @return this builder
     */
    public Builder clientCertificate(Path chain, Path privateKey) {
      channel.certificateChain = Objects.requireNonNull(chain, "chain");
      channel.privateKey = Objects.requireNonNull(privateKey, "privateKey");
      return this;
    }

    /**
     * Expects this name in the server's certificate, in the place of the address's host.
     *
     * @param name the name
     * @return this builder
     */
    public Builder serverName(String name) {
      channel.serverName = Objects.requireNonNull(name, "name");
      return this;
    }

    /**
     * Sends a token with every call.
     *
     * @param token the token
     * @return this builder
     * @throws IllegalArgumentException for what is no token: 1 to 4096 visible ASCII characters
     */
    public Builder bearerToken(String token) {
      String checked = BearerToken.checked(token);
      return bearerToken(() -> checked);
    }

    /**
     * Sends a token with every call.
     *
     * @param token gives the token, anew for each call, on any thread. When it throws, the call fails as
     *     {@link HolkasException.Unauthenticated}
     * @return this builder
     */
    public Builder bearerToken(Supplier<String> token) {
      channel.token = new BearerToken(Objects.requireNonNull(token, "token"));
      return this;
    }

    /**
     * Does without TLS over TCP, to a server of this machine alone: {@code localhost}, 127.0.0.0/8 or ::1.
     * Everybody on the way could read the credentials of requests, and change what is copied.
     *
     * @return this builder
     */
    public Builder insecure() {
      channel.insecure = true;
      return this;
    }

    /**
     * Other timeouts than the usual ones.
     *
     * @param timeouts how long calls may take
     * @return this builder
     */
    public Builder timeouts(Timeouts timeouts) {
      this.timeouts = Objects.requireNonNull(timeouts, "timeouts");
      return this;
    }

    /**
     * Where the callbacks of the asynchronous client run. Without one, threads are made as needed.
     *
     * @param executor stays the caller's
     * @return this builder
     */
    public Builder executor(Executor executor) {
      channel.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Makes the client. Connecting happens with the first call.
     *
     * @return a client, to be closed
     * @throws IllegalArgumentException without an address, or for options that do not go together:
     *     certificates without TLS, a token over TCP without TLS
     * @throws java.io.UncheckedIOException when a certificate or key cannot be read
     */
    public HolkasClient build() {
      return new HolkasClient(channel.open(), timeouts);
    }
  }
}
