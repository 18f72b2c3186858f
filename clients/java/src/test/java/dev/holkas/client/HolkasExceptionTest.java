package dev.holkas.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.holkas.v1.InspectRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HolkasExceptionTest {
  @TempDir Path directory;

  @Test
  void aCallThrowsTheReasonAndItsMetadata() throws Exception {
    try (FakeServer server = FakeServer.unix(directory);
        HolkasClient client = server.client()) {
      server.inspect =
          (request, answer) ->
              answer.onError(FakeServer.error(3, "INVALID_FIELD", Map.of("field", "image"), "it is empty"));
      HolkasException e =
          assertThrows(
              HolkasException.InvalidArgument.class, () -> client.inspect(InspectRequest.getDefaultInstance()));
      assertEquals(Status.Code.INVALID_ARGUMENT, e.code());
      assertEquals("INVALID_FIELD", e.reason());
      assertEquals("holkas.dev", e.domain());
      assertEquals(Map.of("field", "image"), e.metadata());
      assertEquals("it is empty", e.getMessage());
      assertInstanceOf(StatusRuntimeException.class, e.getCause());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "NOT_FOUND, NotFound", "UNAUTHENTICATED, Unauthenticated", "PERMISSION_DENIED, PermissionDenied",
    "INVALID_ARGUMENT, InvalidArgument", "FAILED_PRECONDITION, FailedPrecondition",
    "RESOURCE_EXHAUSTED, ResourceExhausted", "UNAVAILABLE, Unavailable", "DATA_LOSS, DataLoss",
    "UNIMPLEMENTED, Unimplemented", "DEADLINE_EXCEEDED, DeadlineExceeded", "CANCELLED, Cancelled",
    "ABORTED, Aborted", "INTERNAL, Internal", "UNKNOWN, HolkasException", "OUT_OF_RANGE, HolkasException",
  })
  void everyCodeHasItsClass(Status.Code code, String name) {
    HolkasException e = HolkasException.of(code.toStatus(), new Metadata());
    assertSame(code, e.code());
    assertEquals(name, e.getClass().getSimpleName());
    assertEquals(code.name(), e.getMessage());
    assertEquals("", e.reason());
    assertEquals("", e.domain());
  }

  @Test
  void reasonsOfOthersAreNotOurs() {
    ErrorInfo others = ErrorInfo.newBuilder().setDomain("example.com").setReason("X").build();
    assertEquals("", HolkasException.of(withDetail(Any.pack(others))).reason());
  }

  @Test
  void malformedDetailsAreNone() {
    Any malformed = Any.pack(ErrorInfo.getDefaultInstance()).toBuilder().setValue(ByteString.copyFromUtf8("\377")).build();
    HolkasException e = HolkasException.of(withDetail(malformed));
    assertInstanceOf(HolkasException.NotFound.class, e);
    assertEquals("", e.reason());
  }

  private static StatusRuntimeException withDetail(Any detail) {
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder().setCode(5).setMessage("none").addDetails(detail).build());
  }
}
