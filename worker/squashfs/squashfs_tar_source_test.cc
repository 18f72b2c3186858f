#include "worker/squashfs/squashfs_tar_source.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/squashfs/test_squashfs.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using Addition = SquashfsTarSource::Addition;

constexpr int64_t kOffset = 1000;
const std::string kEnd(2 * kTarBlockBytes, '\0');

// The archive made of a file system that lies somewhere in a file.
absl::StatusOr<std::string> TarOf(const std::string& image,
                                  std::optional<Addition> addition = std::nullopt) {
  UniqueFd fd(memfd_create("squashfs", MFD_CLOEXEC));
  EXPECT_EQ(pwrite(fd.get(), image.data(), image.size(), kOffset),
            static_cast<ssize_t>(image.size()));
  const RandomFile file(std::move(fd));
  absl::StatusOr<std::unique_ptr<SquashfsTarSource>> source = SquashfsTarSource::Open(
      file, kOffset, static_cast<int64_t>(image.size()), std::move(addition));
  if (!source.ok()) {
    return source.status();
  }
  std::string tar;
  char buffer[777];
  while (true) {
    const absl::StatusOr<size_t> count = (*source)->Read(absl::MakeSpan(buffer));
    if (!count.ok()) {
      return count.status();
    }
    if (*count == 0) {
      return tar;
    }
    tar.append(buffer, *count);
  }
}

TarAttributes Attributes(uint32_t mode, uint32_t uid = 0, uint32_t gid = 0,
                         uint32_t mtime_seconds = 0) {
  TarAttributes attributes;
  attributes.mode = mode;
  attributes.uid = uid;
  attributes.gid = gid;
  attributes.mtime_seconds = mtime_seconds;
  return attributes;
}

std::string Directory(const std::string& name, const TarAttributes& attributes = Attributes(0755)) {
  return FormatTarHeader({kTarDirectory, name, "", 0, false}, attributes);
}

std::string File(const std::string& name, const std::string& content,
                 const TarAttributes& attributes = Attributes(0644)) {
  const int64_t size_bytes = static_cast<int64_t>(content.size());
  return absl::StrCat(FormatTarHeader({kTarFile, name, "", size_bytes, false}, attributes), content,
                      std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
}

template <typename T>
void Patch(std::string& image, size_t at, T value) {
  memcpy(&image.at(at), &value, sizeof(value));
}

void ExpectInvalid(const absl::Status& status, const std::string& text) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(text)));
  EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
}

void ExpectLimit(const absl::Status& status, const std::string& text) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(text)));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(SquashfsTarSource, EveryKindOfFileIsThere) {
  TestSquashfs squashfs;
  const TestSquashfs::Node etc = squashfs.AddDirectory(0, "etc");
  const TestSquashfs::Node file = squashfs.AddFile(etc, "file", std::string(10'000, 'f'));
  squashfs.SetAttributes(file, 04750, 1000, 3'000'000'000, 1'600'000'000);
  squashfs.SetXattr(file, "a=b", "value");
  squashfs.AddSymlink(etc, "link", "file");
  squashfs.AddDevice(0, "disk", true, 5 << 20 | 259 << 8 | 7);
  squashfs.AddDevice(0, "null", false, 1 << 8 | 3);
  squashfs.AddPipe(0, "pipe", false);
  squashfs.AddPipe(0, "socket", true);
  TarAttributes attributes = Attributes(04750, 1000, 3'000'000'000, 1'600'000'000);
  attributes.xattrs["user.a=b"] = "value";
  TarAttributes disk = Attributes(0755);
  disk.device_major = 259;
  disk.device_minor = 5 << 8 | 7;
  TarAttributes null = Attributes(0755);
  null.device_major = 1;
  null.device_minor = 3;
  EXPECT_THAT(TarOf(squashfs.Build()),
              IsOkAndHolds(absl::StrCat(
                  Directory("./"), FormatTarHeader({kTarBlockDevice, "./disk", "", 0, false}, disk),
                  Directory("./etc/"), File("./etc/file", std::string(10'000, 'f'), attributes),
                  FormatTarHeader({kTarSymlink, "./etc/link", "file", 0, false}, 0777),
                  FormatTarHeader({kTarCharDevice, "./null", "", 0, false}, null),
                  FormatTarHeader({kTarFifo, "./pipe", "", 0, false}, 0755), kEnd)));
}

TEST(SquashfsTarSource, FurtherNamesAreHardLinks) {
  TestSquashfs squashfs;
  const TestSquashfs::Node file = squashfs.AddFile(0, "b", "content");
  squashfs.AddName(0, "a", file);
  squashfs.AddName(0, "c", file);
  EXPECT_THAT(TarOf(squashfs.Build()),
              IsOkAndHolds(absl::StrCat(
                  Directory("./"), File("./a", "content"),
                  FormatTarHeader({kTarHardLink, "./b", "./a", 0, false}, 0644),
                  FormatTarHeader({kTarHardLink, "./c", "./a", 0, false}, 0644), kEnd)));
}

TEST(SquashfsTarSource, ListsMayCrossBlocksOfMetadata) {
  TestSquashfs squashfs;
  std::string expected = Directory("./");
  // 2500 sizes of blocks, and 30 KB of names.
  const std::string large(2500 * TestSquashfs::kBlockBytes, 'l');
  squashfs.AddFile(0, "0", large);
  expected += File("./0", large);
  for (int i = 1000; i < 1600; ++i) {
    const std::string name = absl::StrCat(i, std::string(30, 'n'));
    squashfs.AddFile(0, name, "x");
    expected += File("./" + name, "x");
  }
  EXPECT_THAT(TarOf(squashfs.Build()), IsOkAndHolds(absl::StrCat(expected, kEnd)));
}

TEST(SquashfsTarSource, AdditionIsPutWhereNothingIs) {
  const Addition addition{"podman", "runscript", "run", 17};
  const TarAttributes attributes = Attributes(0755, 0, 0, 17);
  TestSquashfs empty;
  EXPECT_THAT(TarOf(empty.Build(), addition),
              IsOkAndHolds(absl::StrCat(Directory("./"), Directory("./podman/", attributes),
                                        File("./podman/runscript", "run", attributes), kEnd)));
  TestSquashfs squashfs;
  const TestSquashfs::Node podman = squashfs.AddDirectory(0, "podman");
  squashfs.AddFile(podman, "a", "a");
  EXPECT_THAT(TarOf(squashfs.Build(), addition),
              IsOkAndHolds(absl::StrCat(Directory("./"), Directory("./podman/"),
                                        File("./podman/runscript", "run", attributes),
                                        File("./podman/a", "a"), kEnd)));
  squashfs.AddFile(podman, "runscript", "mine");
  EXPECT_THAT(
      TarOf(squashfs.Build(), addition),
      IsOkAndHolds(absl::StrCat(Directory("./"), Directory("./podman/"), File("./podman/a", "a"),
                                File("./podman/runscript", "mine"), kEnd)));
  TestSquashfs other;
  other.AddSymlink(0, "podman", "/etc");
  ExpectInvalid(TarOf(other.Build(), addition).status(), "/podman");
}

TEST(SquashfsTarSource, DirectoryInItselfIsRefused) {
  TestSquashfs squashfs;
  const TestSquashfs::Node outer = squashfs.AddDirectory(0, "outer");
  const TestSquashfs::Node inner = squashfs.AddDirectory(outer, "inner");
  squashfs.AddFile(inner, "file", "x");
  squashfs.AddName(0, "again", outer);
  ExpectInvalid(TarOf(squashfs.Build()).status(), "a directory that is there twice");

  TestSquashfs loop;
  const TestSquashfs::Node one = loop.AddDirectory(0, "one");
  const TestSquashfs::Node two = loop.AddDirectory(one, "two");
  loop.AddName(two, "three", one);
  std::string image = loop.Build();
  // The name `three` means the inode of `two`, which is the first one.
  EXPECT_FALSE(TarOf(image).ok());
}

TEST(SquashfsTarSource, NamesThatAreNoneAreRefused) {
  for (const std::string& name : {std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a\0b", 3), std::string(257, 'n')}) {
    TestSquashfs squashfs;
    squashfs.AddFile(0, name, "x");
    EXPECT_EQ(ErrorReason(TarOf(squashfs.Build()).status()), "INVALID_ARCHIVE") << name;
  }
  TestSquashfs twice;
  twice.AddFile(0, "a", "x");
  twice.AddFile(0, "a", "y");
  ExpectInvalid(TarOf(twice.Build()).status(), "twice");
}

TEST(SquashfsTarSource, PathsHaveALimit) {
  TestSquashfs squashfs;
  TestSquashfs::Node directory = 0;
  for (int i = 0; i < 17; ++i) {
    directory = squashfs.AddDirectory(directory, std::string(250, 'd'));
  }
  ExpectLimit(TarOf(squashfs.Build()).status(), "bytes of a path: more than 4096");
}

TEST(SquashfsTarSource, FileThatIsLargerThanItsBlocksIsRefused) {
  TestSquashfs squashfs;
  const TestSquashfs::Node file = squashfs.AddFile(0, "file", "content");
  squashfs.SetSize(file, 100);
  ExpectInvalid(TarOf(squashfs.Build()).status(), "a block of another size");
  squashfs.SetSize(file, int64_t{1} << 60);
  ExpectLimit(TarOf(squashfs.Build()).status(), "bytes of a file");
  squashfs.SetSize(file, 300 * TestSquashfs::kBlockBytes);
  EXPECT_FALSE(TarOf(squashfs.Build()).ok());
}

TEST(SquashfsTarSource, TargetsAndXattrsHaveLimits) {
  TestSquashfs link;
  link.AddSymlink(0, "link", std::string(SquashfsReader::kMaxTargetBytes + 1, 't'));
  ExpectLimit(TarOf(link.Build()).status(), "target");
  TestSquashfs large;
  large.SetXattr(large.AddFile(0, "file", ""), "large",
                 std::string(SquashfsReader::kMaxXattrBytes, 'v'));
  ExpectLimit(TarOf(large.Build()).status(), "extended attributes");
  TestSquashfs many;
  const TestSquashfs::Node file = many.AddFile(0, "file", "");
  for (size_t i = 0; i <= SquashfsReader::kMaxXattrs; ++i) {
    many.SetXattr(file, absl::StrCat(i), "");
  }
  ExpectLimit(TarOf(many.Build()).status(), "extended attributes");
}

TEST(SquashfsTarSource, SuperblocksThatAreNoneAreRefused) {
  TestSquashfs squashfs;
  const std::string image = squashfs.Build();
  std::string other = image;
  Patch(other, 0, uint32_t{0x12345678});
  ExpectInvalid(TarOf(other).status(), "there is no superblock");
  ExpectInvalid(TarOf(image.substr(0, 50)).status(), "beyond its end");
  other = image;
  Patch(other, 16, uint32_t{SquashfsReader::kMaxFragments + 1});
  ExpectLimit(TarOf(other).status(), "fragments");
  other = image;
  Patch(other, 20, uint16_t{3});
  EXPECT_THAT(TarOf(other).status(), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("lzo")));
  for (const size_t at : {32, 48, 64, 72}) {
    other = image;
    Patch(other, at, ~uint64_t{0} - 1);
    EXPECT_EQ(ErrorReason(TarOf(other).status()), "INVALID_ARCHIVE") << at;
  }
}

TEST(SquashfsTarSource, EveryBitOfASmallOneMayBeWrong) {
  TestSquashfs squashfs;
  const TestSquashfs::Node directory = squashfs.AddDirectory(0, "d");
  squashfs.AddFile(directory, "f", "content");
  squashfs.AddSymlink(directory, "l", "f");
  squashfs.SetXattr(directory, "x", "v");
  const std::string image = squashfs.Build();
  for (size_t bit = 0; bit < 8 * image.size(); ++bit) {
    std::string other = image;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    const absl::Status status = TarOf(other).status();
    const std::string reason = ErrorReason(status);
    EXPECT_TRUE(status.ok() || reason == "INVALID_ARCHIVE" || reason == "LIMIT_EXCEEDED" ||
                reason == "OPTION_UNIMPLEMENTED")
        << bit << ": " << status;
  }
}

}  // namespace
}  // namespace holkas
