#include "worker/blob/decompressing_source.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/string_source.h"
#include "worker/blob/verifying_source.h"

namespace holkas {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

// Something of which neither everything nor nothing repeats.
std::string Content(size_t size) {
  std::string content;
  uint32_t state = 1;
  while (content.size() < size) {
    state = state * 1664525 + 1013904223;
    absl::StrAppend(&content, state >> 20, " ", state % 7 == 0 ? std::string(100, '.') : "");
  }
  content.resize(size);
  return content;
}

std::pair<std::string, absl::Status> Drain(ByteSource& source, size_t chunk) {
  std::string all;
  std::string buffer(chunk, '\0');
  while (true) {
    absl::StatusOr<size_t> count = source.Read(absl::MakeSpan(buffer));
    if (!count.ok() || *count == 0) {
      return {all, count.status()};
    }
    all.append(buffer, 0, *count);
  }
}

class DecompressingSourceTest : public testing::TestWithParam<Compression> {
 protected:
  static std::string Compress(absl::string_view content) {
    return CompressWhole(GetParam(), content);
  }
  // What comes out of `bytes`, read and handed out in pieces.
  static std::pair<std::string, absl::Status> Decompress(
      std::string bytes, size_t in_chunk = std::string::npos, size_t out_chunk = 64 << 10,
      const ExpansionLimits& limits = ExpansionLimitsOf(GetParam())) {
    absl::StatusOr<std::unique_ptr<ByteSource>> source = DecompressingSource::New(
        std::make_unique<StringSource>(std::move(bytes), in_chunk), GetParam(), limits);
    return source.ok() ? Drain(**source, out_chunk) : std::make_pair("", source.status());
  }
};

INSTANTIATE_TEST_SUITE_P(All, DecompressingSourceTest,
                         testing::Values(Compression::kGzip, Compression::kBzip2, Compression::kXz,
                                         Compression::kZstd),
                         [](const auto& info) { return std::string(CompressionName(info.param)); });

TEST_P(DecompressingSourceTest, GivesWhatWasCompressed) {
  const std::string content = Content(3 * kMiB);
  const auto [bytes, status] = Decompress(Compress(content));
  EXPECT_OK(status);
  EXPECT_TRUE(bytes == content);
}

TEST_P(DecompressingSourceTest, ReadsAndGivesInAnyPieces) {
  const std::string content = Content(3000);
  for (const size_t in_chunk : {1, 2, 7, 100}) {
    for (const size_t out_chunk : {1, 3, 100, 10'000}) {
      const auto [bytes, status] = Decompress(Compress(content), in_chunk, out_chunk);
      EXPECT_OK(status);
      EXPECT_EQ(bytes, content);
    }
  }
}

TEST_P(DecompressingSourceTest, EmptyContentIsEmpty) {
  const auto [bytes, status] = Decompress(Compress(""));
  EXPECT_OK(status);
  EXPECT_EQ(bytes, "");
}

TEST_P(DecompressingSourceTest, MembersFollowOneAnother) {
  const std::string bytes =
      absl::StrCat(Compress("first, "), Compress(""), Compress("third"), Compress(""));
  for (const size_t in_chunk : {1u, 5u, 1000u}) {
    const auto [content, status] = Decompress(bytes, in_chunk);
    EXPECT_OK(status);
    EXPECT_EQ(content, "first, third");
  }
}

TEST_P(DecompressingSourceTest, EveryTruncationIsAnError) {
  const std::string first = Compress(Content(2000));
  const std::string bytes = first + Compress("second");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status = Decompress(bytes.substr(0, size)).second;
    if (size == first.size()) {
      EXPECT_OK(status);  // it is whole
      continue;
    }
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("the data ends too early")))
        << size;
    EXPECT_EQ(ErrorReason(status), "INVALID_COMPRESSION");
  }
}

TEST_P(DecompressingSourceTest, AnythingBehindTheLastMemberIsAnError) {
  for (const absl::string_view behind : {"x", "garbage that is longer than any header"}) {
    for (const size_t in_chunk : {1u, 1000u}) {
      const auto [bytes, status] = Decompress(absl::StrCat(Compress("content"), behind), in_chunk);
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_EQ(ErrorReason(status), "INVALID_COMPRESSION");
      EXPECT_EQ(bytes, "content");
    }
  }
  for (const size_t zeros : {1, 2, 3, 4, 512}) {
    const absl::Status status =
        Decompress(absl::StrCat(Compress("content"), std::string(zeros, '\0'))).second;
    // xz alone pads, by four bytes.
    const bool is_padding = GetParam() == Compression::kXz && zeros % 4 == 0;
    EXPECT_EQ(status.ok(), is_padding) << zeros << ": " << status;
  }
}

TEST_P(DecompressingSourceTest, DamageIsFound) {
  const std::string content = Content(500);
  const std::string bytes = Compress(content);
  int silent = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto [got, status] = Decompress(damaged);
    if (status.ok()) {
      EXPECT_EQ(got, content) << bit;
      ++silent;
    } else {
      EXPECT_THAT(ErrorReason(status), AnyOf("INVALID_COMPRESSION", "LIMIT_EXCEEDED")) << status;
    }
  }
  // Bits that say nothing: the time and system of gzip's header.
  EXPECT_LT(silent, 64);
}

TEST_P(DecompressingSourceTest, MoreThanTheRatioIsRefusedOnlyBeyondTheFreeBytes) {
  const std::string bytes = Compress(std::string(4 * kMiB, '\0'));
  EXPECT_OK(Decompress(bytes, std::string::npos, 64 << 10, {4 * kMiB, 2}).second);
  const auto [got, status] = Decompress(bytes, std::string::npos, 64 << 10, {4 * kMiB - 1, 2});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("more than 2 for each, and more of all such blobs than "
                                         "4194303")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_LT(got.size(), 4 * kMiB);
}

TEST_P(DecompressingSourceTest, ABombStopsNearItsFirstByteBeyond) {
  // Each member gives 64 MiB or a little less.
  const std::string member = Compress(std::string(64 * kMiB - 1, '\0'));
  std::string bytes;
  while (bytes.size() < 64 << 10) {
    bytes += member;
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> source = DecompressingSource::New(
      std::make_unique<StringSource>(bytes), GetParam(), {.free_bytes = kMiB, .ratio = 2});
  ASSERT_OK(source);
  std::string buffer(64 << 10, '\0');
  size_t total = 0;
  absl::StatusOr<size_t> count = 0;
  while ((count = (*source)->Read(absl::MakeSpan(buffer))).ok() && *count > 0) {
    total += *count;
  }
  EXPECT_EQ(ErrorReason(count.status()), "LIMIT_EXCEEDED");
  EXPECT_LE(total, static_cast<size_t>(kMiB));
}

TEST_P(DecompressingSourceTest, TheEndIsToldOnlyWhenTheSourcesWas) {
  // The last byte does not belong to the digest; a decoder would not need to look at it.
  const std::string bytes = Compress("content");
  std::string wrong = bytes;
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  absl::StatusOr<std::unique_ptr<ByteSource>> source = DecompressingSource::New(
      std::make_unique<VerifyingSource>(std::make_unique<StringSource>(bytes),
                                        Digest::Sha256Of(wrong), bytes.size()),
      GetParam());
  ASSERT_OK(source);
  const auto [got, status] = Drain(**source, 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST(DecompressingSource, MemoryIsBound) {
  for (const Compression compression : {Compression::kXz, Compression::kZstd}) {
    const std::string content = Content(1000);
    for (const int log : {kMaxZstdWindowLog, kMaxZstdWindowLog + 1}) {
      absl::StatusOr<std::unique_ptr<ByteSource>> source = DecompressingSource::New(
          std::make_unique<StringSource>(CompressWithWindow(compression, content, log)),
          compression);
      ASSERT_OK(source);
      const absl::Status status = Drain(**source, 100).second;
      if (log == kMaxZstdWindowLog) {
        EXPECT_OK(status);
      } else {
        EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
        EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
      }
    }
  }
}

TEST(DecompressingSource, ZstdsSkippableFramesAreSkipped) {
  const std::string skippable(
      "\x50\x2a\x4d\x18\x03\x00\x00\x00"
      "abc",
      11);
  const std::string member = CompressWhole(Compression::kZstd, "content");
  for (const std::string& bytes : {member + skippable, member + skippable + member}) {
    absl::StatusOr<std::unique_ptr<ByteSource>> source =
        DecompressingSource::New(std::make_unique<StringSource>(bytes, 1), Compression::kZstd);
    ASSERT_OK(source);
    const auto [content, status] = Drain(**source, 100);
    EXPECT_OK(status);
    EXPECT_THAT(content, AnyOf("content", "contentcontent"));
  }
}

TEST(DecompressingSource, GzipOfZerosPassesWhateverItsSize) {
  const std::string zeros(100 * kMiB, '\0');
  const std::string bytes = CompressWhole(Compression::kGzip, zeros);
  const ExpansionLimits limits = ExpansionLimitsOf(Compression::kGzip);
  absl::StatusOr<std::unique_ptr<ByteSource>> source = DecompressingSource::New(
      std::make_unique<StringSource>(bytes), Compression::kGzip, ExpansionLimits{0, limits.ratio});
  ASSERT_OK(source);
  const auto [content, status] = Drain(**source, 128 << 10);
  EXPECT_OK(status);
  EXPECT_EQ(content.size(), zeros.size());
}

TEST(DecompressingSource, NothingIsNoCompression) {
  EXPECT_THAT(DecompressingSource::New(std::make_unique<StringSource>(""), Compression::kNone),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace holkas
