#include "worker/storage/layer_spool.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/read_to_end.h"
#include "worker/storage/layer_tar_source.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class LayerSpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    top_ = absl::StrCat(testing::TempDir(), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(top_);
    fs::create_directories(top_ + "/spool");
  }

  Directory Open(const std::string& path) {
    return Directory(UniqueFd(open((top_ + path).c_str(), O_RDONLY | O_DIRECTORY)));
  }

  absl::StatusOr<SpooledTar> Spool(absl::string_view tar) {
    ASSIGN_OR_RETURN(const auto spool, LayerSpool::Create(Open("/spool"), budget_));
    // In pieces that end anywhere.
    for (; !tar.empty(); tar.remove_prefix(std::min<size_t>(tar.size(), 70'001))) {
      RETURN_IF_ERROR(spool->Append(tar.substr(0, 70'001)));
    }
    return spool->Finish();
  }

  // Unpacks what was spooled to `stage`, and gives the tar that is made of that.
  absl::StatusOr<std::string> PutTogether(const SpooledTar& spooled, const std::string& stage,
                                          bool is_last_time) {
    fs::create_directories(top_ + stage);
    ASSIGN_OR_RETURN(const auto writer, LayerWriter::Create(Open(stage), WhiteoutForm::kApplied, {},
                                                            /*pairing=*/nullptr, spooled.digest));
    RETURN_IF_ERROR(Unspool(Open("/spool"), spooled, is_last_time, *writer));
    ASSIGN_OR_RETURN(const LayerContent content, writer->Finish());
    EXPECT_EQ(content.diff_digest, spooled.digest);
    EXPECT_EQ(content.size_bytes, spooled.size_bytes);
    UniqueFd split(open((top_ + stage + "/tar-split.gz").c_str(), O_RDONLY));
    ASSIGN_OR_RETURN(const auto source,
                     LayerTarSource::Open(Open(stage + "/files"), std::move(split)));
    return ReadToEnd(*source);
  }

  std::vector<std::string> Spooled() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(top_ + "/spool")) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void Change(const std::string& name, int64_t offset) {
    std::fstream file(top_ + "/spool/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset);
    file.put('!');
  }

  std::string top_;
  LayerBudget budget_;
};

const std::string& Large() {
  static const std::string* const large = new std::string(LayerSpool::kLargeBytes, 'l');
  return *large;
}

std::string TarOfAll() {
  return TarBuilder()
             .Directory("d")
             .File("d/large", Large())
             .File("d/small", "small")
             .File("d/larger", Large() + "and more", 04711)
             // As large as a file, and one for the tar-split alone.
             .File("d/.wh.gone", Large())
             .HardLink("d/again", "d/large")
             .Pax({{"GNU.sparse.size", "1000000"}, {"GNU.sparse.map", "4096,300000"}})
             .File("d/sparse", std::string(300'000, 's'))
             .File("d/replaced", Large())
             .File("d/empty", "")
             .Build() +
         std::string(5000, '\0');
}

TEST_F(LayerSpoolTest, TarComesBackByteForByte) {
  const std::string tar = TarOfAll();
  ASSERT_OK_AND_ASSIGN(const SpooledTar spooled, Spool(tar));
  EXPECT_EQ(spooled.digest, Digest::Sha256Of(tar));
  EXPECT_EQ(spooled.size_bytes, static_cast<int64_t>(tar.size()));
  EXPECT_THAT(Spooled(),
              ElementsAre("content-0", "content-1", "content-2", "content-3", "layer.tar"));
  EXPECT_LT(fs::file_size(top_ + "/spool/layer.tar"), 400'000u);
  EXPECT_THAT(PutTogether(spooled, "/first", /*is_last_time=*/false), IsOkAndHolds(tar));
  EXPECT_THAT(PutTogether(spooled, "/second", /*is_last_time=*/true), IsOkAndHolds(tar));
  struct stat info = {};
  ASSERT_EQ(stat((top_ + "/second/files/d/larger").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 04711u);
  EXPECT_EQ(info.st_mtime, 1'600'000'000);
}

TEST_F(LayerSpoolTest, LargeFilesAreMovedTheLastTime) {
  ASSERT_OK_AND_ASSIGN(const SpooledTar spooled, Spool(TarBuilder().File("f", Large()).Build()));
  struct stat before = {};
  ASSERT_EQ(stat((top_ + "/spool/content-0").c_str(), &before), 0);
  ASSERT_OK(PutTogether(spooled, "/copied", /*is_last_time=*/false));
  EXPECT_THAT(Spooled(), ElementsAre("content-0", "layer.tar"));
  ASSERT_OK(PutTogether(spooled, "/moved", /*is_last_time=*/true));
  EXPECT_THAT(Spooled(), ElementsAre("layer.tar"));
  struct stat after = {};
  ASSERT_EQ(stat((top_ + "/moved/files/f").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  ASSERT_EQ(stat((top_ + "/copied/files/f").c_str(), &after), 0);
  EXPECT_NE(before.st_ino, after.st_ino);
}

TEST_F(LayerSpoolTest, LargeFileReplacesWhatIsBelow) {
  ASSERT_OK_AND_ASSIGN(const SpooledTar spooled, Spool(TarBuilder().File("f", Large()).Build()));
  fs::create_directories(top_ + "/stage/files/f/directory");
  EXPECT_OK(PutTogether(spooled, "/stage", /*is_last_time=*/true));
  EXPECT_EQ(fs::file_size(top_ + "/stage/files/f"), Large().size());
}

TEST_F(LayerSpoolTest, WhatIsReadBackAsSomethingElseIsDataLoss) {
  const std::string tar = TarBuilder().File("a", Large()).File("b", "b").Build();
  const auto is_data_loss =
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("read back as something else"));
  ASSERT_OK_AND_ASSIGN(const SpooledTar spooled, Spool(tar));
  Change("content-0", 7);
  EXPECT_THAT(PutTogether(spooled, "/copied", /*is_last_time=*/false), is_data_loss);
  // Another size is seen without reading it.
  Change("content-0", LayerSpool::kLargeBytes);
  EXPECT_THAT(PutTogether(spooled, "/moved", /*is_last_time=*/true), is_data_loss);
  fs::resize_file(top_ + "/spool/content-0", 10);
  EXPECT_THAT(PutTogether(spooled, "/short", /*is_last_time=*/false), is_data_loss);
  SetUp();
  ASSERT_OK_AND_ASSIGN(const SpooledTar again, Spool(tar));
  Change("layer.tar", 2 * 512);  // of b's content
  EXPECT_THAT(PutTogether(again, "/changed", /*is_last_time=*/true), is_data_loss);
  SetUp();
  ASSERT_OK_AND_ASSIGN(const SpooledTar cut, Spool(tar));
  fs::resize_file(top_ + "/spool/layer.tar", 100);
  EXPECT_THAT(PutTogether(cut, "/cut", /*is_last_time=*/true), is_data_loss);
}

TEST_F(LayerSpoolTest, WhatComesIsTakenFromTheBudget) {
  TarBuilder many;
  for (int64_t i = 0; i <= LayerBudget::kFreeEntries; ++i) {
    many.File("f", "");
  }
  EXPECT_THAT(Spool(many.Build()).status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(LayerSpoolTest, WhatWasTakenFromTheBudgetIsKnown) {
  const std::string tar = TarBuilder().Directory("d").File("d/f", "x").Build();
  ASSERT_OK_AND_ASSIGN(const SpooledTar spooled, Spool(tar));
  EXPECT_EQ(spooled.entries, 2);
  // Two headers, what fills the file's block, and the end.
  EXPECT_EQ(spooled.described_bytes, 2 * 512 + 511 + 1024);
}

TEST_F(LayerSpoolTest, WhatIsNoTarIsNotSpooled) {
  EXPECT_THAT(Spool(std::string(1000, 'x')).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read tar")));
  SetUp();
  const std::string tar = TarBuilder().File("f", Large()).Build();
  EXPECT_THAT(Spool(tar.substr(0, 10'000)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ends in the middle")));
}

}  // namespace
}  // namespace holkas
