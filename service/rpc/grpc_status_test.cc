#include "service/rpc/grpc_status.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(ToGrpcStatus, OkIsOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_OK(FromGrpcStatus(grpc::Status::OK));
}

TEST(ToGrpcStatus, EveryCodeKeepsItsNumber) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "x"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
  }
}

TEST(ToGrpcStatus, ReasonAndMetadataBecomeErrorInfo) {
  const grpc::Status status = ToGrpcStatus(
      MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "bad", {{"field", "image"}}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), "bad");
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INVALID_FIELD");
  EXPECT_EQ(info.domain(), "holkas.dev");
  EXPECT_EQ(info.metadata().at("field"), "image");
}

TEST(FromGrpcStatus, RoundTripKeepsEverything) {
  const absl::Status there = MakeError(absl::StatusCode::kInternal, "WORKER_DIED", "it died",
                                       {{"worker_exit", "killed by signal 31"}});
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(there));
  EXPECT_THAT(back, StatusIs(absl::StatusCode::kInternal, "it died"));
  EXPECT_EQ(ErrorReason(back), "WORKER_DIED");
  EXPECT_EQ(ErrorMetadata(back).at("worker_exit"), "killed by signal 31");
}

TEST(ToGrpcStatus, HugeTextIsCutAndBadUtf8Replaced) {
  const grpc::Status status =
      ToGrpcStatus(MakeError(absl::StatusCode::kInternal, "X", "\xff" + std::string(1 << 20, 'm'),
                             {{"a", std::string(1 << 20, 'v')}, {"b", "kept"}}));
  EXPECT_LT(status.error_message().size() + status.error_details().size(), 6u << 10);
  EXPECT_EQ(status.error_message().substr(0, 3), "\xef\xbf\xbd");
  EXPECT_EQ(ErrorMetadata(FromGrpcStatus(status)).count("a"), 0u);
  EXPECT_EQ(ErrorMetadata(FromGrpcStatus(status)).at("b"), "kept");
}

TEST(FromGrpcStatus, MalformedDetailsAreLeftOut) {
  const absl::Status status =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "m", "\xff\xff\xff"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, "m"));
  EXPECT_EQ(ErrorReason(status), "");
}

}  // namespace
}  // namespace holkas
