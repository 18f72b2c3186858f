#include "worker/storage/tar_split.h"

#include <fcntl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/string_source.h"
#include "worker/transports/files/file_source.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

std::vector<TarSplitEntry> ReadAllEntries(std::unique_ptr<ByteSource> json) {
  TarSplitReader reader(std::move(json));
  std::vector<TarSplitEntry> entries;
  while (true) {
    auto entry = reader.Next();
    EXPECT_OK(entry.status());
    if (!entry.ok() || !entry->has_value()) {
      return entries;
    }
    entries.push_back(**std::move(entry));
  }
}

TEST(TarSplitEntry, LinesOfPeersAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const TarSplitEntry file,
      TarSplitEntry::Parse(
          R"({"type":1,"name":"./etc/hello","size":6,"payload":"YUw+7uLYEAA=","position":29})"));
  EXPECT_EQ(file.kind, TarSplitEntry::Kind::kFile);
  EXPECT_EQ(file.name, "./etc/hello");
  EXPECT_EQ(file.size_bytes, 6);
  EXPECT_EQ(file.crc64, std::string("\x61\x4c\x3e\xee\xe2\xd8\x10\x00", 8));
  ASSERT_OK_AND_ASSIGN(const TarSplitEntry segment,
                       TarSplitEntry::Parse(R"({"type":2,"payload":"YWI=","position":0})"));
  EXPECT_EQ(segment.bytes, "ab");
  ASSERT_OK_AND_ASSIGN(
      const TarSplitEntry raw,
      TarSplitEntry::Parse(R"({"type":1,"name_raw":"/2E=","payload":null,"position":1})"));
  EXPECT_EQ(raw.name, "\xff\x61");
}

TEST(TarSplitEntry, OtherLinesAreRefused) {
  for (const char* line : {"", "{}", "[]", R"({"type":3,"payload":""})",
                           R"({"type":2,"payload":"*"})", R"({"type":1,"name":"a","size":-1})",
                           R"({"type":1,"name":"a","size":1e3})", R"({"type":1,"name":5})"}) {
    EXPECT_THAT(TarSplitEntry::Parse(line).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("tar-split")))
        << line;
  }
}

TEST(TarSplitReader, LinesMayComeInPieces) {
  const std::string json =
      "{\"type\":2,\"payload\":\"YWI=\",\"position\":0}\n"
      "{\"type\":1,\"name\":\"a\",\"payload\":null,\"position\":1}";
  for (const size_t chunk : {1, 10, 1000}) {
    const auto entries = ReadAllEntries(std::make_unique<StringSource>(json, chunk));
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[1].name, "a");
  }
}

TEST(TarSplitReader, TooLongALineIsRefused) {
  TarSplitReader reader(
      std::make_unique<StringSource>(std::string(TarSplitReader::kMaxLineBytes + 1, ' ')));
  EXPECT_THAT(reader.Next().status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("16777216")));
}

TEST(TarSplitWriter, WhatIsWrittenIsReadAgain) {
  const std::string path = absl::StrCat(testing::TempDir(), "/split.gz");
  TarSplitWriter writer(UniqueFd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600)));
  std::string segments;
  ASSERT_OK(writer.AddSegment("ab"));
  ASSERT_OK(writer.AddSegment("c"));
  ASSERT_OK(writer.AddFile("<&\xc3\xa9\n", 6, "12345678"));
  ASSERT_OK(writer.AddSegment(std::string(1 << 20, 'x')));
  ASSERT_OK(writer.AddFile("\xff", 0, "12345678"));
  ASSERT_OK(writer.Finish());

  ASSERT_OK_AND_ASSIGN(
      auto json,
      DecompressingSource::New(std::make_unique<FileSource>(UniqueFd(open(path.c_str(), O_RDONLY))),
                               Compression::kGzip));
  const auto entries = ReadAllEntries(std::move(json));
  ASSERT_GE(entries.size(), 4u);
  EXPECT_EQ(entries[0].bytes, "abc");
  EXPECT_EQ(entries[1].name, "<&\xc3\xa9\n");
  EXPECT_EQ(entries[1].size_bytes, 6);
  EXPECT_EQ(entries[1].crc64, "12345678");
  for (size_t i = 2; i + 1 < entries.size(); ++i) {
    absl::StrAppend(&segments, entries[i].bytes);
  }
  EXPECT_EQ(segments, std::string(1 << 20, 'x'));
  EXPECT_EQ(entries.back().name, "\xff");
  EXPECT_EQ(entries.back().crc64, "");
}

}  // namespace
}  // namespace holkas
