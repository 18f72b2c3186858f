#include "worker/archive/tar_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_table.h"
#include "worker/archive/test_tar.h"

namespace holkas {
namespace {

std::string ContentOf(int fd) {
  std::string content(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return content;
}

TEST(TarWriter, WhatIsWrittenIsRead) {
  const UniqueFd fd = FileWith("");
  TarWriter writer(fd.get());
  ASSERT_OK(writer.AddDirectory("d/"));
  ASSERT_OK(writer.AddFile("d/a", "content"));
  ASSERT_OK(writer.AddSymlink("link", "d/a"));
  const std::string long_name = "blobs/sha512/" + std::string(128, 'a');
  ASSERT_OK(writer.AddFile(long_name, std::string(700, 'x')));
  ASSERT_OK(writer.AddSymlink("long link", long_name));
  ASSERT_OK(writer.Finish());

  const RandomFile file(UniqueFd(dup(fd.get())));
  EXPECT_THAT(file.SizeBytes(), IsOkAndHolds(writer.offset()));
  EXPECT_EQ(writer.offset() % kTarBlockBytes, 0);
  ASSERT_OK_AND_ASSIGN(const TarTable table, TarTable::Read(file));
  EXPECT_EQ(table.size(), 5);
  EXPECT_THAT(ReadMember(file, table, "link", 100), IsOkAndHolds("content"));
  EXPECT_THAT(ReadMember(file, table, long_name, 1000), IsOkAndHolds(std::string(700, 'x')));
  EXPECT_THAT(ReadMember(file, table, "long link", 1000), IsOkAndHolds(std::string(700, 'x')));
}

TEST(TarWriter, HeaderIsThatOfGo) {
  const UniqueFd fd = FileWith("");
  TarWriter writer(fd.get());
  const std::string name = "adfede2c2b8f4407c4d89cbb77f22c62dd8d6615ab986961254d5dddf59251b7.tar";
  ASSERT_OK(writer.AddFile(name, std::string(24209, 'x')));
  const std::string header = ContentOf(fd.get()).substr(0, kTarBlockBytes);
  EXPECT_EQ(header.substr(100, 36), absl::string_view("0000444\0"
                                                      "0000000\0"
                                                      "0000000\0"
                                                      "00000057221\0",
                                                      36));
  EXPECT_EQ(header.substr(136, 12), absl::string_view("00000000000\0", 12));
  EXPECT_EQ(header.substr(154, 3), absl::string_view("\0 0", 3));
  EXPECT_EQ(header.substr(257, 8), absl::string_view("ustar\0"
                                                     "00",
                                                     8));
  EXPECT_EQ(header.substr(329, 16), absl::string_view("0000000\0"
                                                      "0000000\0",
                                                      16));
}

TEST(FormatTarHeader, AttributesAreInTheHeaderOrInRecords) {
  TarAttributes attributes{04750, 1000, 3'000'000'000, 1'600'000'000, 259, 70'000, {}};
  attributes.xattrs["user.a=b%"] = std::string("v\0", 2);
  const std::string text = FormatTarHeader({kTarBlockDevice, "./disk", "", 0, false}, attributes);
  ASSERT_EQ(text.size(), 3 * static_cast<size_t>(kTarBlockBytes));
  ASSERT_OK_AND_ASSIGN(const TarHeader records, ParseTarHeader(text.substr(0, kTarBlockBytes)));
  EXPECT_EQ(records.type, kTarRecords);
  EXPECT_THAT(ParseTarRecords(text.substr(kTarBlockBytes, records.size_bytes)),
              IsOkAndHolds(testing::UnorderedElementsAre(
                  testing::Pair("gid", "3000000000"),
                  testing::Pair("SCHILY.xattr.user.a%3Db%25", std::string("v\0", 2)))));
  const std::string header = text.substr(2 * kTarBlockBytes);
  EXPECT_EQ(header.substr(100, 24), absl::string_view("0004750\0"
                                                      "0001750\0"
                                                      "7777777\0",
                                                      24));
  EXPECT_EQ(header.substr(136, 12), absl::string_view("13727410000\0", 12));
  EXPECT_EQ(header.substr(329, 16), absl::string_view("0000403\0"
                                                      "0210560\0",
                                                      16));
  EXPECT_OK(ParseTarHeader(header));
}

TEST(TarWriter, SizesOfEightGibibytesAndMoreAreRead) {
  for (const int64_t size : {(int64_t{1} << 33) - 1, int64_t{1} << 33, int64_t{1} << 40}) {
    ASSERT_OK_AND_ASSIGN(const TarHeader header,
                         ParseTarHeader(FormatTarHeader({kTarFile, "a", "", size, false}, 0444)));
    EXPECT_EQ(header.size_bytes, size);
  }
}

TEST(TarWriter, FullDiskIsResourceExhausted) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full.valid()) {
    GTEST_SKIP() << "there is no /dev/full";
  }
  TarWriter writer(full.get());
  const absl::Status status = writer.AddFile("a", "content");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
}

}  // namespace
}  // namespace holkas
