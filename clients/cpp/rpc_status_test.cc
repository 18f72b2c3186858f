#include "clients/cpp/rpc_status.h"

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::Pair;

grpc::Status WithInfo(const std::string& domain) {
  google::rpc::ErrorInfo info;
  info.set_reason("MANIFEST_UNKNOWN");
  info.set_domain(domain);
  (*info.mutable_metadata())["field"] = "source";
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such image", details.SerializeAsString());
}

TEST(FromRpcStatus, KeepsReasonAndMetadata) {
  absl::Status status = FromRpcStatus(WithInfo("holkas.dev"));
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "no such image"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(ErrorMetadata(status), ElementsAre(Pair("field", "source")));
}

TEST(FromRpcStatus, OtherDomainsAndBrokenDetailsAreLeftOut) {
  EXPECT_EQ(ErrorReason(FromRpcStatus(WithInfo("example.com"))), "");
  absl::Status status =
      FromRpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone", "\xff\xff"));
  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, "gone"));
  EXPECT_EQ(ErrorReason(status), "");
}

TEST(FromRpcStatus, OkIsOk) { EXPECT_OK(FromRpcStatus(grpc::Status::OK)); }

}  // namespace
}  // namespace holkas
