package dev.holkas.client;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
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
import dev.holkas.v1.ImageStarted;
import dev.holkas.v1.ImportRequest;
import dev.holkas.v1.ImportResponse;
import dev.holkas.v1.InspectRequest;
import dev.holkas.v1.InspectResponse;
import dev.holkas.v1.ListTagsRequest;
import dev.holkas.v1.ListTagsResponse;
import dev.holkas.v1.SignRequest;
import dev.holkas.v1.SignResponse;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;

/** A server whose calls do what a test says, on a unix socket or a free port of 127.0.0.1. */
final class FakeServer implements AutoCloseable {
  static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** The headers of each call, in order. */
  final Queue<Metadata> headers = new ConcurrentLinkedQueue<>();

  /** The methods that were called, in order. */
  final Queue<String> methods = new ConcurrentLinkedQueue<>();

  /** Open until a call was cancelled. */
  final CountDownLatch cancelled = new CountDownLatch(1);

  /** The deadline of the last call; null for none. */
  volatile Deadline deadline;

  volatile BiConsumer<InspectRequest, StreamObserver<InspectResponse>> inspect =
      (request, answer) -> only(answer, InspectResponse.newBuilder().setDigest(request.getImage()).build());
  volatile BiConsumer<CopyRequest, StreamObserver<CopyResponse>> copy =
      (request, answer) -> {
        answer.onNext(started());
        only(answer, result("sha256:1"));
      };
  volatile BiConsumer<DeleteRequest, StreamObserver<DeleteResponse>> delete =
      (request, answer) -> only(answer, DeleteResponse.newBuilder().setDigest(request.getRequestId()).build());
  volatile BiConsumer<ListTagsRequest, StreamObserver<ListTagsResponse>> listTags =
      (request, answer) -> {
        answer.onNext(ListTagsResponse.newBuilder().addTags("1").addTags("2").build());
        only(answer, ListTagsResponse.newBuilder().addTags("3").build());
      };
  volatile BiConsumer<SignRequest, StreamObserver<SignResponse>> sign =
      (request, answer) -> only(answer, SignResponse.getDefaultInstance());
  volatile Function<StreamObserver<ImportResponse>, StreamObserver<ImportRequest>> importArchive;
  volatile BiConsumer<ExportRequest, StreamObserver<ExportResponse>> export;

  private final Server server;
  private final EpollEventLoopGroup group;
  private final Path socket;

  private FakeServer(NettyServerBuilder builder, EpollEventLoopGroup group, Path socket) throws IOException {
    this.group = group;
    this.socket = socket;
    this.server = builder.addService(new Service()).intercept(new Recorder()).build().start();
  }

  /** Listens on a socket in this directory. */
  static FakeServer unix(Path directory) throws IOException {
    Path socket = directory.resolve("fake.sock");
    EpollEventLoopGroup group = new EpollEventLoopGroup(2);
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(new DomainSocketAddress(socket.toFile()))
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(group)
            .workerEventLoopGroup(group);
    return new FakeServer(builder, group, socket);
  }

  /** Listens on TCP. */
  static FakeServer tcp(ServerCredentials credentials) throws IOException {
    return new FakeServer(
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0), credentials), null, null);
  }

  String address() {
    return socket != null ? "unix:" + socket : "tcp:127.0.0.1:" + server.getPort();
  }

  HolkasClient client() {
    return HolkasClient.builder().address(address()).build();
  }

  /** Waits until a call was cancelled. */
  boolean sawCancellation() throws InterruptedException {
    return cancelled.await(5, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    server.shutdownNow();
    if (group != null) {
      group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }

  static <T> void only(StreamObserver<T> answer, T message) {
    answer.onNext(message);
    answer.onCompleted();
  }

  static CopyResponse started() {
    return CopyResponse.newBuilder().setImageStarted(ImageStarted.newBuilder().setNumber(1)).build();
  }

  static CopyResponse result(String digest) {
    return CopyResponse.newBuilder().setResult(CopyResult.newBuilder().setManifestDigest(digest)).build();
  }

  /** An error as the service makes it. */
  static StatusRuntimeException error(int code, String reason, Map<String, String> metadata, String message) {
    ErrorInfo info = ErrorInfo.newBuilder().setDomain("holkas.dev").setReason(reason).putAllMetadata(metadata).build();
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder().setCode(code).setMessage(message).addDetails(Any.pack(info)).build());
  }

  private final class Recorder implements ServerInterceptor {
    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, R> call, Metadata received, ServerCallHandler<Q, R> next) {
      headers.add(received);
      methods.add(call.getMethodDescriptor().getBareMethodName());
      deadline = Context.current().getDeadline();
      return next.startCall(call, received);
    }
  }

  private final class Service extends ImageServiceGrpc.ImageServiceImplBase {
    private void watch(StreamObserver<?> answer) {
      ((ServerCallStreamObserver<?>) answer).setOnCancelHandler(cancelled::countDown);
    }

    @Override
    public void inspect(InspectRequest request, StreamObserver<InspectResponse> answer) {
      watch(answer);
      inspect.accept(request, answer);
    }

    @Override
    public void copy(CopyRequest request, StreamObserver<CopyResponse> answer) {
      watch(answer);
      copy.accept(request, answer);
    }

    @Override
    public void delete(DeleteRequest request, StreamObserver<DeleteResponse> answer) {
      delete.accept(request, answer);
    }

    @Override
    public void listTags(ListTagsRequest request, StreamObserver<ListTagsResponse> answer) {
      listTags.accept(request, answer);
    }

    @Override
    public void sign(SignRequest request, StreamObserver<SignResponse> answer) {
      sign.accept(request, answer);
    }

    @Override
    public StreamObserver<ImportRequest> import_(StreamObserver<ImportResponse> answer) {
      watch(answer);
      return importArchive.apply(answer);
    }

    @Override
    public void export(ExportRequest request, StreamObserver<ExportResponse> answer) {
      watch(answer);
      export.accept(request, answer);
    }

    @Override
    public void getServerInfo(GetServerInfoRequest request, StreamObserver<GetServerInfoResponse> answer) {
      only(answer, GetServerInfoResponse.newBuilder().setVersion("1").build());
    }
  }
}
