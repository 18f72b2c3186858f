#include "worker/archive/tar_table.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/random_file.h"
#include "worker/archive/test_tar.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<TarTable> TableOf(absl::string_view archive) {
  return TarTable::Read(RandomFile(FileWith(archive)));
}

// The content of `name` in `archive`.
absl::StatusOr<std::string> ContentIn(absl::string_view archive, absl::string_view name) {
  const RandomFile file(FileWith(archive));
  ASSIGN_OR_RETURN(const TarTable table, TarTable::Read(file));
  return ReadMember(file, table, name, 1 << 20);
}

void ExpectInvalid(const absl::Status& status, absl::string_view why) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(why)));
  EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
}

TEST(CleanMemberName, IsAsGoCleansPaths) {
  const std::pair<const char*, const char*> rows[] = {
      {"a", "a"},
      {"./a", "a"},
      {"a//b/", "a/b"},
      {"a/./b", "a/b"},
      {"a/../b", "b"},
      {"../a", "../a"},
      {"a/../../b", "../b"},
      {"/a", "/a"},
      {"/../a", "/a"},
      {"", "."},
      {"./", "."},
      {"/", "/"},
      {"a/b/../../..", ".."},
  };
  for (const auto& [name, clean] : rows) {
    EXPECT_EQ(CleanMemberName(name), clean) << name;
  }
}

TEST(TarTable, FilesAreFoundByTheirCleanNames) {
  const std::string archive = absl::StrCat(
      TarFileBytes("./a/b", "first"), TarFileBytes("empty", ""),
      TarFileBytes("long", std::string(1000, 'x')), TarFileBytes("last", "end"), TarEnd());
  EXPECT_THAT(ContentIn(archive, "a/b"), IsOkAndHolds("first"));
  EXPECT_THAT(ContentIn(archive, "a//b"), IsOkAndHolds("first"));
  EXPECT_THAT(ContentIn(archive, "empty"), IsOkAndHolds(""));
  EXPECT_THAT(ContentIn(archive, "long"), IsOkAndHolds(std::string(1000, 'x')));
  EXPECT_THAT(ContentIn(archive, "last"), IsOkAndHolds("end"));
  EXPECT_THAT(ContentIn(archive, "/last"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(TarTable, OneLinkIsFollowed) {
  const std::string archive =
      absl::StrCat(TarFileBytes("x/layer.tar", "layer"),
                   TarLinkBytes(kTarSymlink, "y/layer.tar", "../x/layer.tar"),
                   TarLinkBytes(kTarHardLink, "z", "x/layer.tar"),
                   TarLinkBytes(kTarSymlink, "w", "z"), TarLinkBytes(kTarSymlink, "loop", "loop"),
                   TarLinkBytes(kTarSymlink, "out", "../../etc/passwd"), TarEnd());
  EXPECT_THAT(ContentIn(archive, "y/layer.tar"), IsOkAndHolds("layer"));
  EXPECT_THAT(ContentIn(archive, "z"), IsOkAndHolds("layer"));
  ExpectInvalid(ContentIn(archive, "w").status(), "not a regular file");
  ExpectInvalid(ContentIn(archive, "loop").status(), "not a regular file");
  EXPECT_THAT(ContentIn(archive, "out"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(TarTable, WhatIsThereTwiceIsNotGivenOut) {
  const std::string archive =
      absl::StrCat(TarFileBytes("a", "1"), TarFileBytes("./a", "2"), TarFileBytes("b", "3"),
                   TarLinkBytes(kTarSymlink, "c", "a"), TarFileBytes("d/", "", kTarDirectory),
                   TarFileBytes("d/", "", kTarDirectory), TarFileBytes("d/e", "5"), TarEnd());
  ExpectInvalid(ContentIn(archive, "a").status(), "is there twice");
  ExpectInvalid(ContentIn(archive, "c").status(), "is there twice");
  ExpectInvalid(ContentIn(archive, "d").status(), "is not a regular file");
  EXPECT_THAT(ContentIn(archive, "b"), IsOkAndHolds("3"));
  EXPECT_THAT(ContentIn(archive, "d/e"), IsOkAndHolds("5"));
}

TEST(TarTable, LongNamesOfBothKindsAreRead) {
  const std::string name(300, 'n');
  const std::string gnu = absl::StrCat(
      TarFileBytes("././@LongLink", absl::StrCat(name, std::string(1, '\0')), kTarLongName),
      TarFileBytes("short", "gnu"), TarEnd());
  EXPECT_THAT(ContentIn(gnu, name), IsOkAndHolds("gnu"));
  const std::string pax =
      absl::StrCat(TarFileBytes("PaxHeaders.0/x", TarRecord("path", name), kTarRecords),
                   TarFileBytes("short", "pax"), TarFileBytes("next", "plain"), TarEnd());
  EXPECT_THAT(ContentIn(pax, name), IsOkAndHolds("pax"));
  EXPECT_THAT(ContentIn(pax, "next"), IsOkAndHolds("plain"));
  const std::string prefix =
      absl::StrCat(TarBlock({kTarFile, "name", "", 0, false}, 345, "directory"), TarEnd());
  EXPECT_THAT(ContentIn(prefix, "directory/name"), IsOkAndHolds(""));
}

TEST(TarTable, TwoSizesOfOneMemberAreAmbiguous) {
  const auto archive = [](absl::string_view size) {
    return absl::StrCat(TarFileBytes("x", TarRecord("size", size), kTarRecords),
                        TarFileBytes("a", "content"), TarEnd());
  };
  EXPECT_THAT(ContentIn(archive("7"), "a"), IsOkAndHolds("content"));
  ExpectInvalid(TableOf(archive("6")).status(), "has two sizes, 7 and 6");
  ExpectInvalid(TableOf(archive("-1")).status(), "a size that is none");
  ExpectInvalid(TableOf(archive("99999999999999999999")).status(), "a size that is none");
  ExpectInvalid(TableOf(absl::StrCat(TarFileBytes("g", TarRecord("size", "7"), kTarGlobalRecords),
                                     TarFileBytes("a", "content"), TarEnd()))
                    .status(),
                "a global record of \"size\"");
}

TEST(TarTable, SizesInBase256AreRead) {
  std::string size("\x80\0\0\0\0\0\0\0\0\0\0\x03", 12);
  EXPECT_THAT(ContentIn(absl::StrCat(TarBlock({kTarFile, "a", "", 0, false}, 124, size),
                                     Padded("abc"), TarEnd()),
                        "a"),
              IsOkAndHolds("abc"));
  size[0] = '\xff';
  ExpectInvalid(TableOf(TarBlock({kTarFile, "a", "", 0, false}, 124, size)).status(),
                "a negative number");
  ExpectInvalid(TableOf(TarBlock({kTarFile, "a", "", 0, false}, 124,
                                 absl::StrCat("\x80", std::string(11, '\x7f'))))
                    .status(),
                "too large");
}

TEST(TarTable, TruncatedArchivesAreRefused) {
  const std::string archive = absl::StrCat(TarFileBytes("a", "1"), TarFileBytes("b", "2"));
  EXPECT_OK(TableOf(archive).status());
  // Without the last padding, as old tools wrote it.
  EXPECT_OK(TableOf(archive.substr(0, 3 * kTarBlockBytes + 1)).status());
  for (const size_t length : {size_t{1}, size_t{511}, size_t{512}, size_t{1025}, size_t{1536}}) {
    ExpectInvalid(TableOf(archive.substr(0, length)).status(), "unexpected EOF");
  }
}

TEST(TarTable, ChecksumsAreChecked) {
  std::string archive = absl::StrCat(TarFileBytes("a", "1"), TarEnd());
  archive[0] = 'b';
  ExpectInvalid(TableOf(archive).status(), "wrong checksum");
  ExpectInvalid(TableOf(std::string(4096, 'x')).status(), "invalid tar header at 0");
}

TEST(TarTable, FilesWithHolesAreNotGivenOut) {
  const std::string old_form =
      absl::StrCat(TarBlock({kTarSparse, "a", "", 0, false}, 482, "\1"),
                   std::string(kTarBlockBytes, '\0'), TarFileBytes("b", "2"), TarEnd());
  ExpectInvalid(ContentIn(old_form, "a").status(), "has holes");
  EXPECT_THAT(ContentIn(old_form, "b"), IsOkAndHolds("2"));
  const std::string pax =
      absl::StrCat(TarFileBytes("x", TarRecord("GNU.sparse.major", "1"), kTarRecords),
                   TarFileBytes("a", "1"), TarEnd());
  ExpectInvalid(ContentIn(pax, "a").status(), "has holes");
}

TEST(TarTable, DevicesAreNoFiles) {
  for (const char type : {'3', '4', '6', 'V', 'M', '\xff'}) {
    const std::string archive =
        absl::StrCat(TarBlock({type, "device", "", 0, false}), TarFileBytes("a", "1"), TarEnd());
    ExpectInvalid(ContentIn(archive, "device").status(), "is not a regular file");
    EXPECT_THAT(ContentIn(archive, "a"), IsOkAndHolds("1"));
  }
}

TEST(TarTable, NumberOfHeadersIsBounded) {
  std::string archive;
  const std::string header = TarFileBytes("d", "", kTarDirectory);
  for (int i = 0; i < 100'000; ++i) {
    archive += header;
  }
  EXPECT_OK(TableOf(archive).status());
  const absl::Status status = TableOf(archive + header).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("headers")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(TarTable, LengthOfNamesIsBounded) {
  const auto archive = [](size_t length) {
    return absl::StrCat(TarFileBytes("L", std::string(length, 'n'), kTarLongName),
                        TarFileBytes("a", "1"), TarEnd());
  };
  EXPECT_OK(TableOf(archive(4096)).status());
  EXPECT_THAT(TableOf(archive(4097)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("bytes of a name")));
}

TEST(ReadMember, IsBounded) {
  const RandomFile file(FileWith(absl::StrCat(TarFileBytes("a", "12345"), TarEnd())));
  ASSERT_OK_AND_ASSIGN(const TarTable table, TarTable::Read(file));
  EXPECT_THAT(ReadMember(file, table, "a", 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadMember(file, table, "a", 4),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("bytes of \"a\"")));
}

}  // namespace
}  // namespace holkas
