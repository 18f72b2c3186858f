#include "worker/blob/compressing_source.h"

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"
#include "worker/blob/verifying_source.h"
#include "worker/jobs/thread_pool.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Like the files of a layer: repeats itself, nearby and from afar.
std::string Content(size_t size) {
  std::string content;
  std::minstd_rand random(7);
  while (content.size() < size) {
    absl::StrAppend(&content, "file ", random() % 1000, " of ", random() % 10, "\n");
  }
  content.resize(size);
  return content;
}

std::string Noise(size_t size) {
  std::minstd_rand random(7);
  std::string noise(size, '\0');
  for (char& c : noise) {
    c = static_cast<char>(random() >> 8);
  }
  return noise;
}

struct Way {
  Compression compression;
  std::optional<int> level;
};

std::unique_ptr<BlockFormat> FormatOf(const Way& way) {
  return way.compression == Compression::kGzip ? *NewGzipFormat(way.level)
                                               : NewZstdFormat(way.level);
}

// With `helpers` threads beside the reader.
absl::StatusOr<std::string> CompressBy(int helpers, const Way& way, const std::string& content) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(helpers));
  Compressor compressor(
      FormatOf(way), [&pool](std::function<void()> task) { pool->Schedule(std::move(task)); },
      helpers + 1);
  return ReadToEnd(*compressor.Compress(std::make_unique<StringSource>(content, 70'001)));
}

absl::StatusOr<std::string> Decompress(Compression compression, const std::string& bytes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                   DecompressingSource::New(std::make_unique<StringSource>(bytes), compression));
  return ReadToEnd(*source);
}

class CompressingSourceTest : public testing::TestWithParam<Way> {
 protected:
  size_t BlockBytes() const { return FormatOf(GetParam())->block_bytes(); }
  void ExpectRoundTrip(const std::string& content) const {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, CompressBy(2, GetParam(), content));
    EXPECT_EQ(CompressionOf(bytes), GetParam().compression);
    ASSERT_OK_AND_ASSIGN(const std::string again, Decompress(GetParam().compression, bytes));
    EXPECT_TRUE(again == content) << content.size();
  }
};

INSTANTIATE_TEST_SUITE_P(All, CompressingSourceTest,
                         testing::Values(Way{Compression::kGzip, std::nullopt},
                                         Way{Compression::kGzip, -2}, Way{Compression::kGzip, 0},
                                         Way{Compression::kGzip, -1}, Way{Compression::kGzip, 1},
                                         Way{Compression::kGzip, 3}, Way{Compression::kGzip, 9},
                                         Way{Compression::kZstd, std::nullopt},
                                         Way{Compression::kZstd, -5}, Way{Compression::kZstd, 100}),
                         [](const auto& info) {
                           const Way& way = info.param;
                           return absl::StrCat(std::string(CompressionName(way.compression)),
                                               !way.level.has_value() ? "default"
                                               : *way.level < 0 ? absl::StrCat("minus", -*way.level)
                                                                : absl::StrCat(*way.level));
                         });

TEST_P(CompressingSourceTest, WhatComesOutDecompressesToTheSame) {
  ExpectRoundTrip(Content(3 * BlockBytes() + 17));
}

TEST_P(CompressingSourceTest, BlocksMayEndAnywhere) {
  for (const size_t size :
       {size_t{0}, size_t{1}, BlockBytes() - 1, BlockBytes(), BlockBytes() + 1, 2 * BlockBytes()}) {
    ExpectRoundTrip(Content(size));
  }
}

TEST_P(CompressingSourceTest, NoiseAndZerosPass) {
  ExpectRoundTrip(Noise(2 * BlockBytes() + 3));
  ExpectRoundTrip(std::string(3 * BlockBytes(), '\0'));
}

TEST_P(CompressingSourceTest, TheNumberOfThreadsChangesNothing) {
  const std::string content = Content(2 * BlockBytes() + 1) + Noise(BlockBytes());
  std::set<std::string> results;
  for (const int helpers : {0, 1, 4}) {
    ASSERT_OK_AND_ASSIGN(std::string bytes, CompressBy(helpers, GetParam(), content));
    results.insert(std::move(bytes));
  }
  EXPECT_THAT(results, SizeIs(1));
}

TEST(CompressingSource, GzipIsOneMember) {
  const Way way{Compression::kGzip, std::nullopt};
  ASSERT_OK_AND_ASSIGN(const std::string bytes, CompressBy(1, way, Content(2'000'000)));
  // What follows is taken for a next member, which this is not.
  EXPECT_EQ(ErrorReason(Decompress(Compression::kGzip, bytes + "x").status()),
            "INVALID_COMPRESSION");
  const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  EXPECT_EQ(bytes.substr(0, 10), header);
  EXPECT_EQ(bytes.find(header, 1), std::string::npos);
}

TEST(CompressingSource, BlocksOfGzipSeeWhatIsBeforeThem) {
  // Each repetition begins with a block; within one nothing repeats.
  const std::string noise = Noise(16 << 10);
  std::string content;
  while (content.size() < 8 << 20) {
    content += noise;
  }
  const size_t blocks = content.size() / (*NewGzipFormat({}))->block_bytes();
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       CompressBy(1, {Compression::kGzip, std::nullopt}, content));
  // ISA-L does not find all of it.
  EXPECT_LT(bytes.size(), blocks * noise.size() * 9 / 10);
}

TEST(CompressingSource, ReadersMayBeAllTheThreadsThereAre) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(2));
  Compressor compressor(
      NewZstdFormat({}), [&](std::function<void()> task) { pool->Schedule(std::move(task)); }, 2);
  const std::string content = Content(5 << 20);
  std::vector<absl::StatusOr<std::string>> results(4, std::string());
  std::vector<absl::Notification> done(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    pool->Schedule([&, i] {
      results[i] = ReadToEnd(*compressor.Compress(std::make_unique<StringSource>(content)));
      done[i].Notify();
    });
  }
  for (size_t i = 0; i < results.size(); ++i) {
    done[i].WaitForNotification();
    ASSERT_OK(results[i]);
    EXPECT_EQ(*results[i], *results[0]);
  }
}

TEST(CompressingSource, LeavesToItsSourceWhatThatStillLooksAt) {
  // A verifying source hashes what it gave while its reader goes on.
  const std::string content = Content(5 << 20);
  Sha256Pairing pairing;
  for (const int threads : {-2, 0, 6}) {  // no block beside the first, one, four
    Compressor compressor(
        *NewGzipFormat({}), [](std::function<void()>) {}, threads);
    EXPECT_OK(ReadToEnd(*compressor.Compress(std::make_unique<VerifyingSource>(
        std::make_unique<StringSource>(content, 128 << 10), Digest::Sha256Of(content),
        static_cast<int64_t>(content.size()), &pairing))));
  }
}

TEST(CompressingSource, AbandonedInTheMiddleItLeavesNothingRunning) {
  const std::string content = Content(5 << 20);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(3));
    auto compressor = std::make_unique<Compressor>(
        *NewGzipFormat({}), [&](std::function<void()> task) { pool->Schedule(std::move(task)); },
        4);
    std::unique_ptr<ByteSource> source =
        compressor->Compress(std::make_unique<StringSource>(content));
    char buffer[1];
    ASSERT_OK(source->Read(absl::MakeSpan(buffer)));
    source.reset();
    compressor.reset();  // before the tasks that came too late
  }
}

TEST(CompressingSource, ErrorOfTheSourceIsNeverAnEnd) {
  class Failing : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
      if (++reads_ == 100) {
        return absl::UnavailableError("reset");
      }
      return buffer.size() / 2 + 1;
    }

   private:
    int reads_ = 0;
  };
  for (const Compression compression : {Compression::kGzip, Compression::kZstd}) {
    Compressor compressor(
        FormatOf({compression, {}}), [](std::function<void()>) {}, 2);
    EXPECT_THAT(ReadToEnd(*compressor.Compress(std::make_unique<Failing>())),
                StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST(NewGzipFormat, RefusesLevelsThatThereAreNot) {
  for (const int level : {-3, 10}) {
    const absl::Status status = NewGzipFormat(level).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("invalid compression level")));
    EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
  }
}

}  // namespace
}  // namespace holkas
