#include "worker/blob/gzip_members.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/gzip_frame.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

// Less than a block, and like the files of a layer.
std::string Content() {
  std::string content;
  std::minstd_rand random(7);
  for (int i = 0; i < 20'000; ++i) {
    absl::StrAppend(&content, "file ", random() % 1000, " of ", random() % 10, "\n");
  }
  return content;
}

// Each block as it comes out, by its number.
absl::StatusOr<std::vector<std::string>> Encode(int level, const std::vector<std::string>& blocks) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlockEncoder> encoder,
                   NewGzipMembersFormat(level)->NewEncoder());
  std::vector<std::string> members;
  for (size_t i = 0; i < blocks.size(); ++i) {
    ASSIGN_OR_RETURN(EncodedBlock block, encoder->Encode(static_cast<int64_t>(i), "", blocks[i]));
    members.push_back(std::move(block.bytes));
  }
  return members;
}

TEST(GzipMembers, EachBlockIsAMemberThatStandsAlone) {
  const std::vector<std::string> blocks = {Content(), "second", "third", "", Content()};
  for (int level = 0; level <= kHighestMembersLevel; ++level) {
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> members, Encode(level, blocks));
    ASSERT_EQ(members.size(), blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_TRUE(absl::StartsWith(members[i], kGzipHeader));
      ASSERT_OK_AND_ASSIGN(
          const std::unique_ptr<ByteSource> source,
          DecompressingSource::New(std::make_unique<StringSource>(members[i]), Compression::kGzip));
      ASSERT_OK_AND_ASSIGN(const std::string content, ReadToEnd(*source));
      EXPECT_TRUE(content == blocks[i]) << "level " << level << ", block " << i;
    }
  }
}

TEST(GzipMembers, AHigherLevelTakesLess) {
  const std::vector<std::string> blocks(3, Content());
  std::vector<size_t> sizes;
  for (int level = 0; level <= kHighestMembersLevel; ++level) {
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> members, Encode(level, blocks));
    sizes.push_back(0);
    for (const std::string& member : members) {
      sizes.back() += member.size();
    }
  }
  EXPECT_GT(sizes[0], 3 * Content().size());
  EXPECT_LT(sizes[1], sizes[0] / 2);
  for (size_t level = 2; level < sizes.size(); ++level) {
    EXPECT_LT(sizes[level], sizes[level - 1] * 101 / 100) << level;
  }
  EXPECT_LT(sizes[9], sizes[1] * 9 / 10);
}

}  // namespace
}  // namespace holkas
