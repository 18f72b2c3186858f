#include "worker/blob/compression.h"

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

constexpr Compression kAll[] = {Compression::kNone, Compression::kGzip, Compression::kBzip2,
                                Compression::kXz, Compression::kZstd};

TEST(DetectCompression, KnowsEachByItsFirstBytesAndGivesAllOfThem) {
  for (const Compression compression : kAll) {
    for (const absl::string_view content : {"", "a layer"}) {
      const std::string bytes = CompressWhole(compression, content);
      for (const size_t chunk : {1u, 4u, 100u}) {
        absl::StatusOr<DetectedSource> detected =
            DetectCompression(std::make_unique<StringSource>(bytes, chunk));
        ASSERT_OK(detected);
        EXPECT_EQ(detected->compression, compression);
        EXPECT_THAT(ReadToEnd(*detected->source, 5), IsOkAndHolds(bytes));
      }
    }
  }
}

TEST(DetectCompression, APartOfTheMagicIsNoCompression) {
  for (const Compression compression : kAll) {
    const std::string bytes = CompressWhole(compression, "a layer");
    EXPECT_EQ(CompressionOf(bytes.substr(0, 2)), Compression::kNone);
    EXPECT_EQ(CompressionOf(bytes.substr(0, kMagicBytes)), compression);
  }
}

TEST(DetectCompression, ErrorOfTheSourceComesThrough) {
  class Failing : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char>) override {
      return absl::UnavailableError("reset");
    }
  };
  EXPECT_THAT(DetectCompression(std::make_unique<Failing>()).status(),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(CompressionName, IsThatOfTheFormat) {
  EXPECT_EQ(CompressionName(Compression::kZstd), "zstd");
  EXPECT_EQ(CompressionName(Compression::kNone), "none");
}

}  // namespace
}  // namespace holkas
