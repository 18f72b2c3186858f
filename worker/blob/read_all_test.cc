#include "worker/blob/read_all.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// What a manifest says of a blob.
struct Blob {
  Digest digest;
  int64_t size_bytes;
};

Blob BlobOf(const std::string& content) {
  return {Digest::Sha256Of(content), static_cast<int64_t>(content.size())};
}

absl::StatusOr<std::string> Read(const std::string& served, const Blob& blob,
                                 int64_t max_bytes = 100) {
  return ReadAll(std::make_unique<StringSource>(served, 3), blob.digest, blob.size_bytes,
                 max_bytes);
}

TEST(ReadAll, GivesTheWholeBlob) {
  EXPECT_THAT(Read("{\"os\":\"linux\"}", BlobOf("{\"os\":\"linux\"}")),
              IsOkAndHolds("{\"os\":\"linux\"}"));
  EXPECT_THAT(Read("", BlobOf("")), IsOkAndHolds(""));
}

TEST(ReadAll, WrongContentIsDataLoss) {
  EXPECT_THAT(Read("{\"os\":\"plan9\"}", BlobOf("{\"os\":\"linux\"}")),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReadAll, BlobAboveTheLimitIsRefusedBeforeItIsRead) {
  EXPECT_THAT(Read("0123456789", BlobOf("0123456789"), 10), IsOkAndHolds("0123456789"));
  const absl::Status status = Read("0123456789", BlobOf("0123456789"), 9).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("10 bytes, the limit is 9")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas
