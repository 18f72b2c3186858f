#include "worker/blob/verifying_source.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What a manifest says of a blob.
struct Blob {
  Digest digest;
  int64_t size_bytes;
};

Blob BlobOf(const std::string& content) {
  return {Digest::Sha256Of(content), static_cast<int64_t>(content.size())};
}

// What can be had of `served` by who expects `blob`, read by `chunk` bytes.
std::pair<std::string, absl::Status> ReadAs(const Blob& blob, std::string served,
                                            size_t chunk = 7) {
  VerifyingSource source(std::make_unique<StringSource>(std::move(served), chunk), blob.digest,
                         blob.size_bytes);
  std::string all;
  char buffer[64];
  while (true) {
    absl::StatusOr<size_t> count = source.Read(absl::MakeSpan(buffer));
    if (!count.ok() || *count == 0) {
      return {all, count.status()};
    }
    all.append(buffer, *count);
  }
}

TEST(VerifyingSource, RightBlobComesThrough) {
  const std::string content(1000, 'x');
  const auto [bytes, status] = ReadAs(BlobOf(content), content);
  EXPECT_OK(status);
  EXPECT_EQ(bytes, content);
}

TEST(VerifyingSource, EmptyBlobIsVerifiedToo) {
  EXPECT_OK(ReadAs(BlobOf(""), "").second);
  Blob wrong = BlobOf("something");
  wrong.size_bytes = 0;
  EXPECT_THAT(ReadAs(wrong, "").second,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(wrong.digest.ToString())));
}

TEST(VerifyingSource, WrongBytesOfTheRightSizeAreDataLoss) {
  const std::string content = "the right content";
  const std::string served = "the wrong content";
  const auto [bytes, status] = ReadAs(BlobOf(content), served);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr(Digest::Sha256Of(content).ToString()),
                                     HasSubstr(Digest::Sha256Of(served).ToString()))));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  // Nobody ever holds the whole of a wrong blob.
  EXPECT_LT(bytes.size(), content.size());
}

TEST(VerifyingSource, EveryFlippedBitIsFound) {
  const std::string content = "sixteen bytes!!!";
  for (size_t bit = 0; bit < content.size() * 8; ++bit) {
    std::string served = content;
    served[bit / 8] = static_cast<char>(served[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(ReadAs(BlobOf(content), served).second, StatusIs(absl::StatusCode::kDataLoss))
        << "bit " << bit;
  }
}

TEST(VerifyingSource, ShortAndLongBlobsAreDataLoss) {
  const std::string content = "0123456789";
  EXPECT_THAT(ReadAs(BlobOf(content), "012345678").second,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got 9 bytes, want 10")));
  EXPECT_THAT(ReadAs(BlobOf(content), "0123456789a").second,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got more than 10 bytes, want 10")));
}

TEST(VerifyingSource, Sha512IsVerifiedAsSuch) {
  ASSERT_OK_AND_ASSIGN(
      const Digest abc,
      Digest::Parse("sha512:"
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"));
  EXPECT_OK(ReadAs({abc, 3}, "abc").second);
  EXPECT_THAT(ReadAs({abc, 3}, "abd").second, StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace holkas
