#include "worker/storage/tar_stream.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Keeps what it gets.
class Recorder : public TarHandler {
 public:
  absl::Status OnRaw(absl::string_view bytes) override {
    absl::StrAppend(&all, bytes);
    return absl::OkStatus();
  }
  absl::Status OnEntry(const TarEntry& entry) override {
    entries.push_back(entry);
    contents.emplace_back();
    return absl::OkStatus();
  }
  absl::Status OnContent(int64_t offset, absl::string_view bytes) override {
    std::string& content = contents.back();
    content.resize(std::max(content.size(), static_cast<size_t>(offset)), '\0');
    absl::StrAppend(&content, bytes);
    if (!entries.back().is_sparse) {
      absl::StrAppend(&all, bytes);
    }
    return absl::OkStatus();
  }
  absl::Status OnEntryEnd() override {
    contents.back().resize(static_cast<size_t>(entries.back().size_bytes), '\0');
    ++ended;
    return absl::OkStatus();
  }

  std::string all;
  std::vector<TarEntry> entries;
  std::vector<std::string> contents;
  size_t ended = 0;
};

absl::Status Read(const std::string& tar, Recorder& recorder, size_t piece_bytes) {
  TarStream stream(recorder);
  for (size_t at = 0; at < tar.size(); at += piece_bytes) {
    if (absl::Status status = stream.Append(absl::string_view(tar).substr(at, piece_bytes));
        !status.ok()) {
      return status;
    }
  }
  return stream.Finish();
}

// Every tar is read in pieces of several sizes, and every byte of it comes out once.
Recorder ReadWhole(const std::string& tar) {
  Recorder result;
  for (const size_t piece_bytes : {1, 7, 512, 1 << 20}) {
    Recorder recorder;
    EXPECT_OK(Read(tar, recorder, piece_bytes));
    EXPECT_EQ(recorder.all, tar);
    EXPECT_EQ(recorder.ended, recorder.entries.size());
    result = recorder;
  }
  return result;
}

absl::Status ReadError(const std::string& tar) {
  Recorder recorder;
  return Read(tar, recorder, 100);
}

void ExpectInvalid(const std::string& tar, absl::string_view why) {
  const absl::Status status = ReadError(tar);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(std::string(why))));
  EXPECT_EQ(ErrorReason(status), "INVALID_LAYER");
}

TEST(TarStream, EntriesAreWhatHeadersSay) {
  const Recorder got = ReadWhole(TarBuilder()
                                     .Directory("etc", 01777)
                                     .File("etc/hello", std::string(1000, 'x'), 04755)
                                     .Symlink("etc/link", "../x")
                                     .HardLink("etc/hard", "etc/hello")
                                     .Build());
  ASSERT_EQ(got.entries.size(), 4u);
  EXPECT_EQ(got.entries[0].kind, TarEntry::Kind::kDirectory);
  EXPECT_EQ(got.entries[0].mode, 01777u);
  EXPECT_EQ(got.entries[1].name, "etc/hello");
  EXPECT_EQ(got.entries[1].mode, 04755u);
  EXPECT_EQ(got.entries[1].mtime_seconds, 1'600'000'000);
  EXPECT_EQ(got.contents[1], std::string(1000, 'x'));
  EXPECT_EQ(got.entries[2].kind, TarEntry::Kind::kSymlink);
  EXPECT_EQ(got.entries[2].link_name, "../x");
  EXPECT_EQ(got.entries[3].kind, TarEntry::Kind::kHardLink);
}

TEST(TarStream, LongNamesComeFromPrefixGnuAndPax) {
  const std::string name(300, 'n');
  const Recorder got = ReadWhole(TarBuilder()
                                     .Add({.name = "file", .prefix = "some/dir"})
                                     .LongName(name)
                                     .LongName("target", 'K')
                                     .Symlink("short", "t")
                                     .Pax({{"path", name + "2"}, {"linkpath", "other"}})
                                     .Symlink("short", "t")
                                     .File("plain", "")
                                     .LongName(name)
                                     .Pax({{"path", "other"}})
                                     .File("short", "")
                                     .Build());
  ASSERT_EQ(got.entries.size(), 5u);
  EXPECT_EQ(got.entries[4].name, name);  // as Go's archive/tar has it
  EXPECT_EQ(got.entries[0].name, "some/dir/file");
  EXPECT_EQ(got.entries[1].name, name);
  EXPECT_EQ(got.entries[1].link_name, "target");
  EXPECT_EQ(got.entries[2].name, name + "2");
  EXPECT_EQ(got.entries[2].link_name, "other");
  EXPECT_EQ(got.entries[3].name, "plain");
}

TEST(TarStream, PaxRecordsReplaceNumbersAndBringXattrs) {
  const Recorder got = ReadWhole(TarBuilder()
                                     .Pax({{"size", "3"},
                                           {"uid", "100000"},
                                           {"gid", "4000000000"},
                                           {"mtime", "1700000000.25"},
                                           {"SCHILY.xattr.user.a", std::string("b\0c", 3)}})
                                     .Add({.name = "f", .size_bytes = 1}, "abc")
                                     .Pax({{"mtime", "-1.5"}})
                                     .File("old", "")
                                     .Build());
  ASSERT_EQ(got.entries.size(), 2u);
  EXPECT_EQ(got.contents[0], "abc");
  EXPECT_EQ(got.entries[0].uid, 100000u);
  EXPECT_EQ(got.entries[0].gid, 4000000000u);
  EXPECT_EQ(got.entries[0].mtime_seconds, 1'700'000'000);
  EXPECT_EQ(got.entries[0].mtime_nanoseconds, 250'000'000);
  EXPECT_THAT(got.entries[0].xattrs, ElementsAre(Pair("user.a", std::string("b\0c", 3))));
  EXPECT_EQ(got.entries[1].mtime_seconds, -2);
  EXPECT_EQ(got.entries[1].mtime_nanoseconds, 500'000'000);
}

TEST(TarStream, FieldsOfAHeaderAreWhatItSaysWhateverItsEntryIs) {
  TarBuilder::Header header{.name = "a", .type = '5', .size_bytes = 7, .mode = 040755};
  header.patches = {{257, std::string("ustar  \0", 8)},
                    {329, "0000005"},
                    {337, "0000006"},
                    {345, "00000000012"},
                    {357, "00000000013"}};
  const Recorder gnu = ReadWhole(TarBuilder().Add(header).Build());
  ASSERT_EQ(gnu.entries.size(), 1u);
  const TarHeaderFields& fields = gnu.entries[0].header;
  EXPECT_EQ(fields.type, '5');
  EXPECT_EQ(fields.mode, 040755);
  EXPECT_EQ(fields.size_bytes, 7);
  EXPECT_EQ(fields.device_major, 5);
  EXPECT_EQ(fields.device_minor, 6);
  EXPECT_EQ(fields.atime->seconds, 10);
  EXPECT_EQ(fields.ctime->seconds, 11);
  EXPECT_FALSE(fields.is_ambiguous);
  const Recorder pax =
      ReadWhole(TarBuilder().Pax({{"atime", "-1.5"}}).File("a", "").File("b", "").Build());
  EXPECT_EQ(pax.entries[0].header.atime->seconds, -2);
  EXPECT_EQ(pax.entries[0].header.atime->nanoseconds, 500'000'000);
  EXPECT_FALSE(pax.entries[1].header.atime.has_value());
}

TEST(TarStream, HeadersThatReadersDifferAboutAreAmbiguous) {
  TarBuilder::Header star{.name = "a"};
  star.patches = {{508, std::string("tar\0", 4)}};
  TarBuilder::Header gnu{.name = "a"};
  gnu.patches = {{257, std::string("ustar  \0", 8)}, {345, "prefix"}};
  TarBuilder::Header device{.name = "a"};
  device.patches = {{329, "x"}};
  for (const TarBuilder::Header& header : {star, gnu, device}) {
    EXPECT_TRUE(ReadWhole(TarBuilder().Add(header).Build()).entries[0].header.is_ambiguous);
  }
}

TEST(TarStream, EarliestTimeDoesNotWrapAround) {
  const Recorder got =
      ReadWhole(TarBuilder().Pax({{"mtime", "-9223372036854775808.5"}}).File("old", "").Build());
  ASSERT_EQ(got.entries.size(), 1u);
  EXPECT_LT(got.entries[0].mtime_seconds, 0);
}

TEST(TarStream, NumbersMayBeBinary) {
  const Recorder got =
      ReadWhole(TarBuilder()
                    .Add({.name = "f",
                          .patches = {{108, std::string("\x80\0\0\0\0\x01\x00\x00", 8)},
                                      {124, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x02", 12)}}},
                         "ab")
                    .Build());
  EXPECT_EQ(got.entries[0].uid, 65536u);
  EXPECT_EQ(got.contents[0], "ab");
}

TEST(TarStream, SparseFilesOfGnuHaveTheirHoles) {
  TarBuilder::Header header{.name = "s", .type = 'S', .size_bytes = 5};
  header.patches = {{386, std::string("00000000000\0"
                                      "00000000003\0"
                                      "00000001000\0"
                                      "00000000002\0",
                                      48)},
                    {483, std::string("00000002000\0", 12)}};
  const Recorder got = ReadWhole(TarBuilder().Add(header, "abcde").Build());
  std::string want(1024, '\0');
  want.replace(0, 3, "abc");
  want.replace(512, 2, "de");
  EXPECT_EQ(got.contents[0], want);
  EXPECT_TRUE(got.entries[0].is_sparse);
}

TEST(TarStream, SparseFilesOfPaxHaveTheirHoles) {
  std::string want(1000, '\0');
  want.replace(10, 3, "abc");
  want.replace(997, 3, "def");
  std::string list = "2\n10\n3\n997\n3\n";
  list.resize(512, '\0');
  const Recorder got =
      ReadWhole(TarBuilder()
                    .Pax({{"GNU.sparse.major", "1"},
                          {"GNU.sparse.minor", "0"},
                          {"GNU.sparse.name", "v10"},
                          {"GNU.sparse.realsize", "1000"}})
                    .Add({.name = "GNUSparseFile.1/v10", .size_bytes = 518}, list + "abcdef")
                    .Pax({{"GNU.sparse.size", "1000"}, {"GNU.sparse.map", "10,3,997,3"}})
                    .Add({.name = "v01", .size_bytes = 6}, "abcdef")
                    .Pax({{"GNU.sparse.size", "1000"},
                          {"GNU.sparse.offset", "10"},
                          {"GNU.sparse.numbytes", "3"},
                          {"GNU.sparse.offset", "997"},
                          {"GNU.sparse.numbytes", "3"}})
                    .Add({.name = "v00", .size_bytes = 6}, "abcdef")
                    .Build());
  EXPECT_THAT(got.contents, ElementsAre(want, want, want));
  EXPECT_EQ(got.entries[0].name, "v10");
}

TEST(TarStream, WhatFollowsTheEndIsKept) {
  ReadWhole(TarBuilder().File("f", "x").Build() + std::string(10000, '\0') + "rest");
}

TEST(TarStream, EndWithoutZerosIsAnEnd) {
  EXPECT_EQ(ReadWhole(TarBuilder().File("f", "x").WithoutEnd()).entries.size(), 1u);
  EXPECT_EQ(ReadWhole("").entries.size(), 0u);
}

// As umoci 0.4 ends the layers that it inserts.
TEST(TarStream, LastBlockMayNotBeFull) {
  const std::string file = TarBuilder().File("f", std::string(600, 'x')).WithoutEnd();
  for (const size_t size : {1112, 1113, 1535}) {
    const Recorder got = ReadWhole(file.substr(0, size));
    EXPECT_THAT(got.contents, ElementsAre(std::string(600, 'x')));
  }
}

TEST(TarStream, WhatIsNoTarIsInvalid) {
  std::string changed = TarBuilder().File("f", "x").Build();
  changed[0] = 'g';
  ExpectInvalid(changed, "no header where one must be");
  ExpectInvalid(std::string(512, '\0') + TarBuilder().File("f", "x").Build(), "no header");
  ExpectInvalid(TarBuilder().Add({.name = "f", .type = 'V'}).Build(), "an entry of type 86");
  const std::string file = TarBuilder().File("f", std::string(600, 'x')).WithoutEnd();
  for (const size_t size : {100, 512, 700, 1111}) {
    ExpectInvalid(file.substr(0, size), "in the middle");
  }
  const std::string pax = TarBuilder().Pax({{"path", "a"}}).WithoutEnd();
  ExpectInvalid(pax, "in the middle");
  ExpectInvalid(pax.substr(0, 600), "in the middle");
}

TEST(TarStream, HostileNumbersAreInvalid) {
  const auto with = [](size_t offset, std::string bytes) {
    return TarBuilder().Add({.name = "f", .patches = {{offset, std::move(bytes)}}}).Build();
  };
  ExpectInvalid(with(124, std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)),
                "a size of -1 bytes");
  ExpectInvalid(with(124, std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
                "a size of");
  ExpectInvalid(with(124, std::string("\x80\0\0\x01\0\0\0\0\0\0\0\0", 12)), "a size is no number");
  ExpectInvalid(with(124, "99999999999"), "a size is no number");
  ExpectInvalid(with(108, std::string("\x80\0\0\0\xff\xff\xff\xff", 8)), "user or group");
  ExpectInvalid(TarBuilder().Pax({{"size", "-1"}}).File("f", "").Build(), "a size of -1");
  ExpectInvalid(TarBuilder().Pax({{"uid", "x"}}).File("f", "").Build(), "no number");
}

TEST(TarStream, MalformedExtendedHeadersAreInvalid) {
  for (const std::string content : {"5 a=b\n", "x path=a\n", "9 path=a", "99 path=a\n", "4 =\n",
                                    "18446744073709551617 a=b\n"}) {
    const auto size = static_cast<int64_t>(content.size());
    ExpectInvalid(TarBuilder().Add({.name = "x", .type = 'x', .size_bytes = size}, content).Build(),
                  "a malformed pax record");
  }
  ExpectInvalid(TarBuilder().Pax({{"path", std::string("a\0b", 3)}}).File("f", "").Build(),
                "a NUL byte");
  const absl::Status status =
      ReadError(TarBuilder().Add({.name = "x", .type = 'L', .size_bytes = 2 << 20}).Build());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1048576")));
}

TEST(TarStream, MalformedSparseListsAreInvalid) {
  const auto with_map = [](const std::string& map, int64_t size_bytes) {
    return TarBuilder()
        .Pax({{"GNU.sparse.size", "1000"}, {"GNU.sparse.map", map}})
        .Add({.name = "s", .size_bytes = size_bytes}, std::string(size_bytes, 'x'))
        .Build();
  };
  EXPECT_OK(ReadError(with_map("0,3,10,3", 6)));
  ExpectInvalid(with_map("10,3,0,3", 6), "list of a sparse file's parts");
  ExpectInvalid(with_map("0,3,999,3", 6), "list of a sparse file's parts");
  ExpectInvalid(with_map("0,3,9223372036854775807,3", 6), "list of a sparse file's parts");
  ExpectInvalid(with_map("0,-3", 6), "list of a sparse file's parts");
  ExpectInvalid(with_map("0,3,4", 6), "list of a sparse file's parts");
  ExpectInvalid(with_map("0,3", 6), "parts are not its content");
  ExpectInvalid(TarBuilder()
                    .Pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "10"}})
                    .Add({.name = "s", .size_bytes = 512}, "99999999\n1\n" + std::string(501, '\0'))
                    .Build(),
                "list of a sparse file's parts");
}

}  // namespace
}  // namespace holkas
