package dev.holkas.client;

import dev.holkas.v1.CheckCredentialsRequest;
import dev.holkas.v1.CopyRequest;
import dev.holkas.v1.CopyResponse;
import dev.holkas.v1.CopyResult;
import dev.holkas.v1.DeleteRequest;
import dev.holkas.v1.DeleteResponse;
import dev.holkas.v1.ExportRequest;
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
import io.grpc.MethodDescriptor;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * A server, whose calls do not wait. Each gives a future of its outcome, which fails with a {@link
 * HolkasException}. Cancelling that future (not one made from it by {@code thenApply} and the like)
 * cancels the call: the server kills the worker and undoes what it had not published.
 *
 * <p>Observers get the messages one after the other as they come, on the client's executor, and then the end;
 * the future completes after it. The next message is fetched when {@code onNext} returns: one that is slow
 * makes the server wait. What {@code onNext} throws cancels the call and is what the future fails with.
 *
 * <p>Got from {@link HolkasClient#async}; timeouts, retries and threads are as there.
 */
public final class HolkasAsyncClient {
  private final Calls calls;

  HolkasAsyncClient(Calls calls) {
    this.calls = calls;
  }

  /**
   * As {@link HolkasClient#inspect}.
   *
   * @param request the image, and what to tell of it
   * @return the description
   */
  public CompletableFuture<InspectResponse> inspect(InspectRequest request) {
    return answer(ImageServiceGrpc.getInspectMethod(), request);
  }

  /**
   * Copies an image, or all images of an index.
   *
   * @param request what to copy, where, and how
   * @param observer gets the events, the last one the result
   * @return what the copy did
   */
  public CompletableFuture<CopyResult> copy(CopyRequest request, StreamObserver<? super CopyResponse> observer) {
    return calls.start(ImageServiceGrpc.getCopyMethod(), request, new CopySink(observer::onNext), observer);
  }

  /**
   * Copies an image, or all images of an index.
   *
   * @param request what to copy, where, and how
   * @param onEvent gets the events, the last one the result
   * @return what the copy did
   */
  public CompletableFuture<CopyResult> copy(CopyRequest request, Consumer<? super CopyResponse> onEvent) {
    return calls.start(ImageServiceGrpc.getCopyMethod(), request, new CopySink(onEvent), null);
  }

  /**
   * As {@link HolkasClient#delete}.
   *
   * @param request the image
   * @return the digest of what was deleted
   */
  public CompletableFuture<DeleteResponse> delete(DeleteRequest request) {
    return answer(ImageServiceGrpc.getDeleteMethod(), Calls.repeatable(request));
  }

  /**
   * Lists the tags of a repository.
   *
   * @param request the repository
   * @param observer gets the pages, as they arrive
   * @return completes with null after the last page
   */
  public CompletableFuture<Void> listTags(
      ListTagsRequest request, StreamObserver<? super ListTagsResponse> observer) {
    return calls.start(ImageServiceGrpc.getListTagsMethod(), request, new ConsumerSink<>(observer::onNext), observer);
  }

  /**
   * As {@link HolkasClient#tags}.
   *
   * @param request the repository
   * @return the tags, a list that cannot be changed
   */
  public CompletableFuture<List<String>> tags(ListTagsRequest request) {
    return calls.start(ImageServiceGrpc.getListTagsMethod(), request, new TagSink(), null);
  }

  /**
   * Copies many images.
   *
   * @param request the images, and where to copy them
   * @param observer gets the events
   * @return completes with null after the last event
   */
  public CompletableFuture<Void> sync(SyncRequest request, StreamObserver<? super SyncResponse> observer) {
    return calls.start(ImageServiceGrpc.getSyncMethod(), request, new ConsumerSink<>(observer::onNext), observer);
  }

  /**
   * As {@link HolkasClient#sign}.
   *
   * @param request the image, and the name of the key
   * @return the digest that was signed
   */
  public CompletableFuture<SignResponse> sign(SignRequest request) {
    return answer(ImageServiceGrpc.getSignMethod(), request);
  }

  /**
   * As {@link HolkasClient#verify}.
   *
   * @param request the image, and the policy
   * @return whether the policy accepts the image, and what became of each signature
   */
  public CompletableFuture<VerifyResponse> verify(VerifyRequest request) {
    return answer(ImageServiceGrpc.getVerifyMethod(), request);
  }

  /**
   * Sends an archive of this machine and copies the image in it. A thread reads the archive.
   *
   * @param options where to copy the image, and how
   * @param archive where the bytes come from. Read until its end, or the call's; not closed
   * @param observer gets the events, the last one the result
   * @return what the copy did; fails with {@link java.io.UncheckedIOException} when the archive cannot be read
   */
  public CompletableFuture<CopyResult> importArchive(
      ImportOptions options, InputStream archive, StreamObserver<? super ImportResponse> observer) {
    return calls.startImport(options, archive, false, new ImportSink(observer::onNext), observer);
  }

  /**
   * The same of a file, whose size is told to the server unless the options have one.
   *
   * @param options where to copy the image, and how
   * @param archive the archive
   * @param observer gets the events, the last one the result
   * @return what the copy did; fails with {@link java.io.UncheckedIOException} when the archive cannot be read
   * @throws IOException when the archive cannot be opened
   */
  public CompletableFuture<CopyResult> importArchive(
      ImportOptions options, Path archive, StreamObserver<? super ImportResponse> observer) throws IOException {
    ImportOptions sized = Calls.sized(options, archive);
    ImportSink sink = new ImportSink(observer::onNext);
    return calls.startImport(sized, Files.newInputStream(archive), true, sink, observer);
  }

  /**
   * Copies an image into an archive, and writes that, on the client's executor.
   *
   * @param request what to copy, and the archive's format
   * @param archive where the bytes go. Flushed, not closed; after a failure it may have got some
   * @param onEvent gets the events of the copy
   * @return what the copy did; fails with {@link java.io.UncheckedIOException} when the archive cannot be written
   */
  public CompletableFuture<CopyResult> exportArchive(
      ExportRequest request, OutputStream archive, Consumer<? super CopyResponse> onEvent) {
    return calls.start(ImageServiceGrpc.getExportMethod(), request, ExportSink.to(archive, onEvent), null);
  }

  /**
   * The same to a file, which appears once it is whole, in the place of an older one; or to a pipe or a
   * character device, as {@link HolkasClient#exportArchive(ExportRequest, Path, Consumer)}.
   *
   * @param request what to copy, and the archive's format
   * @param archive the file to write
   * @param onEvent gets the events of the copy
   * @return what the copy did; fails with {@link java.io.UncheckedIOException} when the archive cannot be written
   * @throws java.nio.file.FileAlreadyExistsException when something else is there, which stays
   * @throws IOException when the file beside it cannot be made
   */
  public CompletableFuture<CopyResult> exportArchive(
      ExportRequest request, Path archive, Consumer<? super CopyResponse> onEvent) throws IOException {
    return calls.start(ImageServiceGrpc.getExportMethod(), request, ExportSink.to(archive, onEvent), null);
  }

  /**
   * As {@link HolkasClient#checkCredentials}.
   *
   * @param request the registry, and the credentials
   * @return completes with null when the registry accepts them
   */
  public CompletableFuture<Void> checkCredentials(CheckCredentialsRequest request) {
    return calls.start(
        ImageServiceGrpc.getCheckCredentialsMethod(), request, new ConsumerSink<>(answer -> {}), null);
  }

  /**
   * As {@link HolkasClient#serverInfo}.
   *
   * @return what the server says of itself
   */
  public CompletableFuture<GetServerInfoResponse> serverInfo() {
    return answer(ImageServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.getDefaultInstance());
  }

  private <Q, R> CompletableFuture<R> answer(MethodDescriptor<Q, R> method, Q request) {
    return calls.start(method, request, new AnswerSink<>(), null);
  }
}
