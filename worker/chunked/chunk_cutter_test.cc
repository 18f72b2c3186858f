#include "worker/chunked/chunk_cutter.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Chunk {
  std::string bytes;
  bool is_zeros = false;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};

class Chunks : public ChunkHandler {
 public:
  absl::Status OnChunkBytes(absl::string_view bytes) override {
    open_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  absl::Status OnChunkEnd(bool is_zeros) override {
    chunks.push_back({std::move(open_), is_zeros});
    open_.clear();
    return absl::OkStatus();
  }

  std::vector<Chunk> chunks;

 private:
  std::string open_;
};

std::vector<Chunk> Cut(const std::string& content, size_t piece_bytes = 1 << 20) {
  Chunks chunks;
  ChunkCutter cutter(chunks);
  for (size_t i = 0; i < content.size(); i += piece_bytes) {
    EXPECT_OK(cutter.Append(absl::string_view(content).substr(i, piece_bytes)));
  }
  EXPECT_OK(cutter.Finish());
  return chunks.chunks;
}

std::string Random(size_t size, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random());
  }
  return bytes;
}

std::vector<size_t> SizesOf(const std::vector<Chunk>& chunks) {
  std::vector<size_t> sizes;
  for (const Chunk& chunk : chunks) {
    sizes.push_back(chunk.bytes.size());
  }
  return sizes;
}

TEST(ChunkCutter, EmptyFileHasNoChunk) { EXPECT_THAT(Cut(""), IsEmpty()); }

TEST(ChunkCutter, ShortFileIsOneChunk) { EXPECT_THAT(Cut("hello"), ElementsAre(Chunk{"hello"})); }

TEST(ChunkCutter, ManyZerosAreAChunkAndFewAreNot) {
  const std::string zeros(ChunkCutter::kMinZeros, '\0');
  const std::string fewer = zeros.substr(1);
  EXPECT_THAT(Cut(zeros), ElementsAre(Chunk{zeros, true}));
  EXPECT_THAT(Cut("a" + zeros + "b"), ElementsAre(Chunk{"a"}, Chunk{zeros, true}, Chunk{"b"}));
  EXPECT_THAT(Cut("a" + zeros), ElementsAre(Chunk{"a"}, Chunk{zeros, true}));
  EXPECT_THAT(Cut("a" + fewer + "b" + fewer), ElementsAre(Chunk{"a" + fewer + "b" + fewer}));
}

// What containers/storage makes of the same bytes.
TEST(ChunkCutter, CutsWherePeersCut) {
  std::string content;
  uint32_t state = 1;
  for (int i = 0; i < 300'000; ++i) {
    state = state * 1103515245 + 12345;
    content.push_back(static_cast<char>(state >> 16));
  }
  EXPECT_THAT(SizesOf(Cut(content)), ElementsAre(49253, 65256, 41131, 11963, 77785, 18138, 36474));
}

TEST(ChunkCutter, ChunksAreTheSameHoweverTheFileComes) {
  std::string content = Random(200'000);
  content += std::string(1500, '\0') + Random(10, 2) + std::string(1023, '\0') +
             Random(100'000, 3) + std::string(5, '\0') + "x" + std::string(4000, '\0');
  const std::vector<Chunk> whole = Cut(content);
  std::string joined;
  for (const Chunk& chunk : whole) {
    joined += chunk.bytes;
  }
  EXPECT_EQ(joined, content);
  for (const size_t piece_bytes : {1, 7, 512, 1000, 65536}) {
    EXPECT_EQ(Cut(content, piece_bytes), whole) << piece_bytes;
  }
}

TEST(ChunkCutter, ChangeInTheMiddleLeavesTheOtherChunks) {
  const std::string before = Random(400'000);
  const std::string after = before.substr(0, 200'000) + "changed" + before.substr(200'000);
  const std::vector<Chunk> old_chunks = Cut(before);
  const std::vector<Chunk> new_chunks = Cut(after);
  ASSERT_GT(old_chunks.size(), 2u);
  EXPECT_EQ(new_chunks.front(), old_chunks.front());
  EXPECT_EQ(new_chunks.back(), old_chunks.back());
}

TEST(ChunkCutter, NextFileIsCutLikeTheFirst) {
  const std::string content = Random(200'000);
  Chunks chunks;
  ChunkCutter cutter(chunks);
  ASSERT_OK(cutter.Append(content));
  ASSERT_OK(cutter.Finish());
  const std::vector<Chunk> first = std::exchange(chunks.chunks, {});
  ASSERT_OK(cutter.Append(content));
  ASSERT_OK(cutter.Finish());
  EXPECT_EQ(chunks.chunks, first);
}

}  // namespace
}  // namespace holkas
