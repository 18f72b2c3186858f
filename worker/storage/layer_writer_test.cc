#include "worker/storage/layer_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/read_to_end.h"
#include "worker/storage/layer_budget.h"
#include "worker/storage/layer_rights.h"
#include "worker/storage/layer_tar_source.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class LayerWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    top_ = absl::StrCat(testing::TempDir(), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(top_);
    fs::create_directories(top_ + "/stage");
  }

  Directory Open(const std::string& path) {
    return Directory(UniqueFd(open((top_ + path).c_str(), O_RDONLY | O_DIRECTORY)));
  }

  absl::StatusOr<LayerContent> Unpack(const std::string& tar,
                                      WhiteoutForm whiteouts = WhiteoutForm::kOverlay,
                                      std::optional<int64_t> blob_bytes = std::nullopt) {
    LayerRights rights = {
        .mark_opaque =
            [this](const std::string& path) {
              opaque_.push_back(path);
              return absl::OkStatus();
            },
        .make_device = [this](int parent, const std::string& name, mode_t type,
                              dev_t device) { return Make(parent, name, type, device); }};
    ASSIGN_OR_RETURN(const auto writer,
                     LayerWriter::Create(Open("/stage"), whiteouts, std::move(rights), nullptr));
    LayerBudget budget;
    if (blob_bytes.has_value()) {
      writer->TakeFrom(budget);
      budget.AddBytes(*blob_bytes);
    }
    RETURN_IF_ERROR(writer->Append(absl::string_view(tar).substr(0, 700)));
    RETURN_IF_ERROR(
        writer->Append(absl::string_view(tar).substr(std::min<size_t>(700, tar.size()))));
    return writer->Finish();
  }

  absl::StatusOr<std::string> PutTogether() {
    UniqueFd split(open((top_ + "/stage/tar-split.gz").c_str(), O_RDONLY));
    ASSIGN_OR_RETURN(const auto source,
                     LayerTarSource::Open(Open("/stage/files"), std::move(split)));
    return ReadToEnd(*source, /*step=*/1000);
  }

  std::string PathOf(const std::string& name) const { return top_ + "/stage/files/" + name; }
  struct stat StatOf(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(lstat(PathOf(name).c_str(), &info), 0) << name;
    return info;
  }
  std::string ContentOf(const std::string& name) const {
    std::ifstream file(PathOf(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  bool IsWhiteout(const std::string& name) const {
    const struct stat info = StatOf(name);
    return S_ISCHR(info.st_mode) && info.st_rdev == 0;
  }

  // Instead of a device, a FIFO, which everybody may make.
  absl::StatusOr<bool> Make(int parent, const std::string& name, mode_t type, dev_t device) {
    devices_.push_back(
        absl::StrCat(name, type == S_IFBLK ? " b " : " c ", major(device), ":", minor(device)));
    if (!may_make_devices_) {
      return false;
    }
    return mknodat(parent, name.c_str(), S_IFIFO | 0600, 0) == 0
               ? absl::StatusOr<bool>(true)
               : absl::InternalError("the name is taken");
  }

  std::string top_;
  std::vector<std::string> opaque_;
  std::vector<std::string> devices_;
  bool may_make_devices_ = true;
};

TarBuilder::Header Device(const std::string& name, char type, int number_major, int number_minor) {
  return {.name = name,
          .type = type,
          .mode = 0640,
          .patches = {{329, absl::StrFormat("%07o", number_major)},
                      {337, absl::StrFormat("%07o", number_minor)}}};
}

TEST_F(LayerWriterTest, FilesAreWhatTheTarSays) {
  const std::string tar = TarBuilder()
                              .Directory("./")
                              .Directory("./etc", 01770)
                              .File("./etc/hello", "hello\n", 0640)
                              .HardLink("./etc/again", "./etc/hello")
                              .Symlink("./etc/link", "/outside")
                              .Add({.name = "fifo", .type = '6', .mode = 0600})
                              .Pax({{"mtime", "1500000000.5"}})
                              .File("./etc/old", "", 0600)
                              .Build();
  ASSERT_OK_AND_ASSIGN(const LayerContent content, Unpack(tar));
  EXPECT_EQ(content.diff_digest, Digest::Sha256Of(tar));
  EXPECT_EQ(content.size_bytes, static_cast<int64_t>(tar.size()));
  EXPECT_THAT(content.uids, ElementsAre(geteuid()));
  EXPECT_EQ(StatOf("etc").st_mode, S_IFDIR | 01770u);
  // What came into it later did not change its time.
  EXPECT_EQ(StatOf("etc").st_mtim.tv_sec, 1'600'000'000);
  // The last entry of a file of several names is what holds.
  EXPECT_EQ(StatOf("etc/hello").st_mode, S_IFREG | 0644u);
  EXPECT_EQ(StatOf("etc/hello").st_ino, StatOf("etc/again").st_ino);
  EXPECT_EQ(ContentOf("etc/hello"), "hello\n");
  EXPECT_EQ(fs::read_symlink(PathOf("etc/link")), "/outside");
  EXPECT_EQ(StatOf("fifo").st_mode, S_IFIFO | 0600u);
  EXPECT_EQ(StatOf("etc/old").st_mtim.tv_sec, 1'500'000'000);
  EXPECT_EQ(StatOf("etc/old").st_mtim.tv_nsec, 500'000'000);
}

TEST_F(LayerWriterTest, TarIsPutTogetherAgainByteForByte) {
  std::string list = "1\n10\n3\n";
  list.resize(512, '\0');
  const std::string tar = TarBuilder()
                              .Directory("d")
                              .File("d/file", std::string(100'000, 'a') + "z")
                              .File("d/empty", "")
                              .File("d/.wh.gone", "not empty")
                              .File("d/.wh..wh..opq", "")
                              .LongName(std::string(200, 'l'))
                              .File("short", "content")
                              .File("\xff.bin", "raw")
                              .Pax({{"GNU.sparse.major", "1"},
                                    {"GNU.sparse.name", "sparse"},
                                    {"GNU.sparse.realsize", "1000"}})
                              .Add({.name = "s", .size_bytes = 515}, list + "abc")
                              .Build() +
                          std::string(5000, '\0') + "trailer";
  ASSERT_OK(Unpack(tar));
  EXPECT_THAT(PutTogether(), IsOkAndHolds(tar));
  EXPECT_EQ(ContentOf("sparse"), std::string(10, '\0') + "abc" + std::string(987, '\0'));
}

TEST_F(LayerWriterTest, ChangedFileIsDataLoss) {
  const std::string tar = TarBuilder().File("a", "content").Build();
  ASSERT_OK(Unpack(tar));
  std::ofstream(PathOf("a"), std::ios::binary) << "CONTENT";
  absl::Status status = PutTogether().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("checksum")));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  std::ofstream(PathOf("a"), std::ios::binary) << "longer content";
  EXPECT_THAT(PutTogether().status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("14 bytes")));
  fs::remove(PathOf("a"));
  EXPECT_THAT(PutTogether().status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("file a")));
  fs::create_symlink("/etc/passwd", PathOf("a"));
  EXPECT_THAT(PutTogether().status(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(LayerWriterTest, DeletedNamesAreWhiteouts) {
  ASSERT_OK(Unpack(TarBuilder()
                       .File("dir/.wh.gone", "")
                       .File("dir/both", "kept")
                       .File("dir/.wh.both", "")
                       .File("deep/er/.wh..wh..opq", "")
                       .File(".wh..wh.plnk", "")
                       .File(".wh.dir2", "")
                       .File("dir2/.wh.inner", "")
                       .Build()));
  EXPECT_TRUE(IsWhiteout("dir/gone"));
  EXPECT_EQ(ContentOf("dir/both"), "kept");
  EXPECT_THAT(opaque_, ElementsAre("deep/er"));
  EXPECT_TRUE(IsWhiteout("dir2"));
  EXPECT_FALSE(fs::exists(PathOf(".wh..wh.plnk")));
}

TEST_F(LayerWriterTest, UsersMarkOpaqueDirectoriesThemselves) {
  const absl::Status status = Unpack(TarBuilder().Directory("d").File("d/.wh..wh..opq", "").Build(),
                                     WhiteoutForm::kOverlayUser)
                                  .status();
  if (absl::IsUnimplemented(status)) {
    GTEST_SKIP() << "no extended attributes here: " << status;
  }
  ASSERT_OK(status);
  char value[4] = {};
  EXPECT_EQ(getxattr(PathOf("d").c_str(), "user.overlay.opaque", value, sizeof value), 1);
  EXPECT_EQ(value[0], 'y');
}

TEST_F(LayerWriterTest, MountProgramsGetFiles) {
  ASSERT_OK(Unpack(TarBuilder().File("d/.wh.gone", "").File("d/.wh..wh..opq", "").Build(),
                   WhiteoutForm::kFiles));
  EXPECT_TRUE(fs::is_regular_file(PathOf("d/.wh.gone")));
  EXPECT_TRUE(fs::is_regular_file(PathOf("d/.wh..wh..opq")));
}

TEST_F(LayerWriterTest, WithoutALayerBelowWhiteoutsAreApplied) {
  fs::create_directories(PathOf("gone/deep"));
  fs::create_directories(PathOf("dir/old"));
  fs::create_directories(PathOf("dir/new"));
  std::ofstream(PathOf("dir/new/old")) << "x";
  std::ofstream(PathOf("dir/file")) << "x";
  std::ofstream(PathOf("kept")) << "x";
  ASSERT_OK(Unpack(TarBuilder()
                       .File(".wh.gone", "")
                       .File("dir/new/mine", "mine")
                       .File("dir/mine", "mine")
                       .File("dir/.wh..wh..opq", "")
                       .File("dir/.wh.mine", "")
                       .Build(),
                   WhiteoutForm::kApplied));
  EXPECT_FALSE(fs::exists(PathOf("gone")));
  EXPECT_FALSE(fs::exists(PathOf("dir/old")));
  EXPECT_FALSE(fs::exists(PathOf("dir/file")));
  EXPECT_FALSE(fs::exists(PathOf("dir/new/old")));
  EXPECT_EQ(ContentOf("dir/new/mine"), "mine");
  EXPECT_EQ(ContentOf("dir/mine"), "mine");
  EXPECT_TRUE(fs::exists(PathOf("kept")));
}

TEST_F(LayerWriterTest, LaterEntryReplacesEarlier) {
  ASSERT_OK(Unpack(TarBuilder()
                       .Directory("a")
                       .File("a/inner", "x")
                       .File("a", "file now")
                       .File("b", "x")
                       .Directory("b", 0700)
                       .File("b/inner", "y")
                       .Directory("b", 0711)
                       .Symlink("c", "b")
                       .File("c", "no link")
                       .Build()));
  EXPECT_EQ(ContentOf("a"), "file now");
  EXPECT_EQ(ContentOf("b/inner"), "y");
  EXPECT_EQ(StatOf("b").st_mode, S_IFDIR | 0711u);
  EXPECT_EQ(ContentOf("c"), "no link");
}

TEST_F(LayerWriterTest, DirectoriesWithoutEntriesAreMade) {
  const std::string deep = absl::StrCat("link/b/", std::string(3, 'c'), "/d/e");
  ASSERT_OK(Unpack(TarBuilder()
                       .Directory("a", 0700)
                       .Symlink("link", "/a")
                       .File(deep + "/f", "x")
                       .File("a/b/g", "y")
                       .Build()));
  EXPECT_EQ(ContentOf("a/b/ccc/d/e/f"), "x");
  EXPECT_EQ(StatOf("a/b/ccc/d").st_mode & 07777, 0755u);
  EXPECT_EQ(StatOf("a").st_mode & 07777, 0700u);
}

TEST_F(LayerWriterTest, DevicesAreMadeByWhoHasTheRight) {
  const std::string tar = TarBuilder()
                              .Directory("dev")
                              .Symlink("link", "dev")
                              .Add(Device("dev/null", '3', 1, 3))
                              .Add(Device("link/disk", '4', 259, 70'000))
                              .Build();
  ASSERT_OK(Unpack(tar));
  EXPECT_THAT(devices_, ElementsAre("null c 1:3", "disk b 259:70000"));
  for (const char* name : {"dev/null", "dev/disk"}) {
    const struct stat info = StatOf(name);
    EXPECT_EQ(info.st_mode, S_IFIFO | 0640u) << name;
    EXPECT_EQ(info.st_mtim.tv_sec, 1'600'000'000) << name;
  }
  EXPECT_THAT(PutTogether(), IsOkAndHolds(tar));
}

TEST_F(LayerWriterTest, DevicesReplaceWhatWasThere) {
  ASSERT_OK(Unpack(TarBuilder()
                       .File("a", "x")
                       .Add(Device("a", '3', 1, 3))
                       .File("b/inner", "x")
                       .Add(Device("b", '4', 7, 0))
                       .Symlink("c", "a")
                       .Add(Device("c", '3', 1, 5))
                       .Build()));
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(StatOf(name).st_mode, S_IFIFO | 0640u) << name;
  }
}

TEST_F(LayerWriterTest, DevicesThatNobodyMayMakeAreLeftOut) {
  may_make_devices_ = false;
  const std::string tar = TarBuilder().Add(Device("a", '3', 1, 3)).File("b", "y").Build();
  ASSERT_OK(Unpack(tar));
  EXPECT_THAT(devices_, ElementsAre("a c 1:3"));
  EXPECT_FALSE(fs::exists(PathOf("a")));
  EXPECT_EQ(ContentOf("b"), "y");
  EXPECT_THAT(PutTogether(), IsOkAndHolds(tar));
}

TEST_F(LayerWriterTest, DevicesCostMoreThanOtherEntries) {
  TarBuilder many;
  many.File("a", "x");
  constexpr int64_t kOthers = LayerBudget::kFreeEntries - 1 - LayerBudget::kEntriesOfCall;
  for (int64_t i = 1; i < kOthers; ++i) {
    many.HardLink("a", "a");  // is there, and takes no call
  }
  many.Add(Device("null", '3', 1, 3));
  EXPECT_OK(Unpack(many.Build(), WhiteoutForm::kOverlay, 1));
  SetUp();
  EXPECT_THAT(Unpack(many.HardLink("a", "a").Build(), WhiteoutForm::kOverlay, 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

// A few bytes of a compressed layer can be as many headers, each of which costs several calls.
TEST_F(LayerWriterTest, WhatIsNoContentIsBoundedByTheSizeOfTheLayer) {
  constexpr size_t kBytes = LayerBudget::kFreeDescriptionBytes;
  constexpr int64_t kEnough = LayerBudget::kFreeDescriptionBytes / LayerBudget::kDescriptionRatio;
  const std::string zeros = TarBuilder().File("f", "x").Build() + std::string(kBytes, '\0');
  EXPECT_THAT(Unpack(zeros, WhiteoutForm::kOverlay, kEnough / 2),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("for each byte")));
  SetUp();
  EXPECT_OK(Unpack(zeros, WhiteoutForm::kOverlay, kEnough + 1000));
  SetUp();
  EXPECT_OK(Unpack(zeros));
  SetUp();
  EXPECT_OK(Unpack(TarBuilder().File("f", std::string(kBytes + 1, 'x')).Build(),
                   WhiteoutForm::kOverlay, 1));
}

TEST_F(LayerWriterTest, EntriesAreBoundedByTheSizeOfTheLayer) {
  TarBuilder many;
  many.File("a", "x");
  for (int64_t i = 1; i < LayerBudget::kFreeEntries; ++i) {
    many.HardLink("a", "a");  // is there, and takes no call
  }
  const std::string most = many.WithoutEnd();
  constexpr int64_t kEnough = (LayerBudget::kFreeEntries + 1) * LayerBudget::kEntryBlobBytes;
  constexpr int64_t kTooFew = kEnough - 1;
  const auto is_too_many =
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too much in layers that came as"));
  EXPECT_OK(Unpack(many.Build(), WhiteoutForm::kOverlay, kTooFew));
  SetUp();
  const std::string one_more = most + TarBuilder().File("b", "x").Build();
  EXPECT_THAT(Unpack(one_more, WhiteoutForm::kOverlay, kTooFew), is_too_many);
  SetUp();
  EXPECT_OK(Unpack(one_more, WhiteoutForm::kOverlay, kEnough));
  SetUp();
  // A directory without an entry is as much as one.
  const std::string implied = most + TarBuilder().File("d/b", "x").Build();
  EXPECT_THAT(Unpack(implied, WhiteoutForm::kOverlay, kEnough), is_too_many);
  SetUp();
  EXPECT_OK(Unpack(implied, WhiteoutForm::kOverlay, kEnough + LayerBudget::kEntryBlobBytes));
}

TEST_F(LayerWriterTest, NamesDoNotLeadOutside) {
  ASSERT_OK(Unpack(TarBuilder()
                       .File("../../outside1", "x")
                       .File("/outside2", "x")
                       .File("a/../../../outside3", "x")
                       .Build()));
  for (const char* name : {"outside1", "outside2", "outside3"}) {
    EXPECT_EQ(ContentOf(name), "x") << name;
    EXPECT_FALSE(fs::exists(absl::StrCat(top_, "/", name)));
  }
}

TEST_F(LayerWriterTest, LinksDoNotLeadOutside) {
  fs::create_directories(top_ + "/secret");
  std::ofstream(top_ + "/secret/file") << "secret";
  const std::string tar = TarBuilder()
                              .Symlink("up", "../../secret")
                              .Symlink("absolute", top_ + "/secret")
                              .Directory("lib64")
                              .Symlink("lib", "lib64")
                              .File("lib/in_lib64", "x")
                              .Symlink("loop", "loop")
                              .Directory("secret")
                              .File("up/written", "x")
                              .Build();
  ASSERT_OK(Unpack(tar));
  EXPECT_EQ(ContentOf("lib64/in_lib64"), "x");
  // The links are within the layer's root.
  EXPECT_EQ(ContentOf("secret/written"), "x");
  EXPECT_FALSE(fs::exists(top_ + "/secret/written"));
  EXPECT_THAT(PutTogether(), IsOkAndHolds(tar));
}

TEST_F(LayerWriterTest, WhatCannotBeUnpackedIsInvalid) {
  const std::string tars[] = {
      TarBuilder().Symlink("up", top_).HardLink("stolen", "up/secret").Build(),
      TarBuilder().HardLink("a", "not/there").Build(),
      TarBuilder().HardLink("a", "../../secret").Build(),
      TarBuilder().Symlink("loop", "loop").File("loop/a", "x").Build(),
      TarBuilder().File("file", "x").File("file/below", "x").Build(),
      TarBuilder().File(".wh.", "").Build(),
      TarBuilder().File(".wh...", "").Build(),
      TarBuilder().LongName(std::string(300, 'n')).File("n", "x").Build(),
      TarBuilder().LongName(std::string(300, 'n')).Add(Device("n", '3', 1, 3)).Build(),
      TarBuilder().Add(Device("device", '3', 4096, 0)).Build(),
      TarBuilder().Add(Device("device", '4', 0, 1 << 20)).Build(),
  };
  std::ofstream(top_ + "/secret") << "secret";
  for (const std::string& tar : tars) {
    fs::remove_all(top_ + "/stage");
    fs::create_directories(top_ + "/stage");
    const absl::Status status = Unpack(tar).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition)) << tar.c_str();
    EXPECT_EQ(ErrorReason(status), "INVALID_LAYER");
  }
}

TEST_F(LayerWriterTest, XattrsOfOverlayAreLeftOut) {
  ASSERT_OK(Unpack(TarBuilder()
                       .Pax({{"SCHILY.xattr.user.kept", "v"},
                             {"SCHILY.xattr.user.overlay.redirect", "/"},
                             {"SCHILY.xattr.trusted.overlay.redirect", "/"}})
                       .Directory("d")
                       .Build()));
  char value[8] = {};
  if (getxattr(PathOf("d").c_str(), "user.kept", value, sizeof value) < 0) {
    GTEST_SKIP() << "no extended attributes here";
  }
  EXPECT_LT(getxattr(PathOf("d").c_str(), "user.overlay.redirect", value, sizeof value), 0);
  EXPECT_LT(getxattr(PathOf("d").c_str(), "trusted.overlay.redirect", value, sizeof value), 0);
}

}  // namespace
}  // namespace holkas
