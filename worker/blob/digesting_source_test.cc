#include "worker/blob/digesting_source.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

TEST(DigestingSource, FindsDigestAndSizeOfWhatPasses) {
  const std::string content(100'000, 'x');
  Sha256Pairing pairing;
  for (Sha256Pairing* const shared : {static_cast<Sha256Pairing*>(nullptr), &pairing}) {
    DigestingSource source(std::make_unique<StringSource>(content), shared);
    EXPECT_THAT(ReadToEnd(source, 999), IsOkAndHolds(content));
    EXPECT_EQ(source.size_bytes(), 100'000);
    EXPECT_EQ(source.Finish(), Digest::Sha256Of(content));
  }
}

TEST(DigestingSource, ErrorOfTheSourceComesThrough) {
  class Failing : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char>) override {
      return absl::UnavailableError("reset");
    }
  };
  DigestingSource source(std::make_unique<Failing>(), nullptr);
  char buffer[10];
  EXPECT_THAT(source.Read(absl::MakeSpan(buffer)), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace holkas
