#include "worker/blob/size_checked_source.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

SizeCheckedSource Checked(std::string bytes, int64_t size_bytes, size_t max_chunk = 4) {
  return SizeCheckedSource(std::make_unique<StringSource>(std::move(bytes), max_chunk),
                           Digest::Sha256Of("a blob"), size_bytes);
}

// What can be had from `source` before it ends or fails.
std::pair<std::string, absl::Status> Drain(ByteSource& source) {
  std::string all;
  char buffer[16];
  while (true) {
    absl::StatusOr<size_t> count = source.Read(absl::MakeSpan(buffer));
    if (!count.ok() || *count == 0) {
      return {all, count.status()};
    }
    all.append(buffer, *count);
  }
}

TEST(SizeCheckedSource, HandsOutABlobOfTheRightSize) {
  SizeCheckedSource source = Checked("0123456789", 10);
  const auto [bytes, status] = Drain(source);
  EXPECT_OK(status);
  EXPECT_EQ(bytes, "0123456789");
  EXPECT_TRUE(source.at_end());
}

TEST(SizeCheckedSource, EmptyBlobEndsAtOnce) {
  SizeCheckedSource source = Checked("", 0);
  const auto [bytes, status] = Drain(source);
  EXPECT_OK(status);
  EXPECT_EQ(bytes, "");
  EXPECT_TRUE(source.at_end());
}

TEST(SizeCheckedSource, ShortBlobIsDataLoss) {
  SizeCheckedSource source = Checked("0123456789", 11);
  const auto [bytes, status] = Drain(source);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr(Digest::Sha256Of("a blob").ToString()),
                                     HasSubstr("got 10 bytes, want 11"))));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  EXPECT_FALSE(source.at_end());
}

TEST(SizeCheckedSource, LongBlobIsDataLossAndItsLastBytesStayInside) {
  SizeCheckedSource source = Checked("0123456789", 9);
  const auto [bytes, status] = Drain(source);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got more than 9 bytes, want 9")));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  EXPECT_EQ(bytes, "01234567");
}

TEST(SizeCheckedSource, SourceThatNeverEndsIsCutAtTheSize) {
  class Endless : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
      given += buffer.size();
      return buffer.size();
    }
    size_t given = 0;
  };
  auto endless = std::make_unique<Endless>();
  Endless& watched = *endless;
  SizeCheckedSource source(std::move(endless), Digest::Sha256Of("a blob"), 1000);
  const auto [bytes, status] = Drain(source);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(watched.given, 1001u);
}

TEST(SizeCheckedSource, ErrorOfTheSourceComesThrough) {
  class Failing : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char>) override {
      return absl::UnavailableError("the registry went away");
    }
  };
  SizeCheckedSource source(std::make_unique<Failing>(), Digest::Sha256Of("a blob"), 5);
  EXPECT_THAT(Drain(source).second,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("went away")));
}

}  // namespace
}  // namespace holkas
