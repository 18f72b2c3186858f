#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/image_writer.h"
#include "service/broker/test_files.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr broker::FileKind kBlob = broker::FILE_KIND_BLOB;
constexpr broker::FileKind kRoot = broker::FILE_KIND_ROOT;
const char kVersionText[] = "Directory Transport Version: 1.1\n";

std::string Hex(absl::string_view content) { return std::string(Digest::Sha256Of(content).hex()); }

class DirWriterTest : public testing::Test {
 protected:
  std::unique_ptr<ImageWriter> NewWriter() { return NewDirWriter(image_, 32); }

  void MakeImage(const std::string& manifest) {
    fs::create_directory(image_);
    WriteTestFile(image_ + "/version", kVersionText);
    WriteTestFile(image_ + "/manifest.json", manifest);
  }

  TestDirectory directory_;
  std::string image_ = directory_ / "image";
  Cancellation never_;
};

TEST_F(DirWriterTest, PublishMakesAnImageDirectory) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(PutFile(*writer, broker::FILE_KIND_MANIFEST, "child"));
  ASSERT_OK(PutFile(*writer, kRoot, "manifest"));
  EXPECT_FALSE(fs::exists(image_));
  ASSERT_OK(writer->Publish(0, 0, never_));
  writer.reset();
  EXPECT_THAT(directory_.Tree(),
              UnorderedElementsAre(Pair("image", "<dir>"), Pair("image/version", kVersionText),
                                   Pair("image/manifest.json", "manifest"),
                                   Pair("image/" + Hex("layer"), "layer"),
                                   Pair("image/" + Hex("child") + ".manifest.json", "child")));
}

TEST_F(DirWriterTest, OldImageIsWholeUntilPublishAndGoneAfterIt) {
  MakeImage("old");
  WriteTestFile(image_ + "/signature-1", "signature");
  auto before = directory_.Tree();
  {
    std::unique_ptr<ImageWriter> writer = NewWriter();
    ASSERT_OK(writer->Check());
    ASSERT_OK(PutFile(*writer, kRoot, "new"));
  }
  EXPECT_EQ(directory_.Tree(), before);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  writer.reset();
  EXPECT_THAT(directory_.Tree(),
              UnorderedElementsAre(Pair("image", "<dir>"), Pair("image/version", kVersionText),
                                   Pair("image/manifest.json", "new")));
}

TEST_F(DirWriterTest, ModeOfTheOldDirectoryIsKept) {
  MakeImage("old");
  ASSERT_EQ(chmod(image_.c_str(), 0750), 0);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  struct stat status = {};
  ASSERT_EQ(stat(image_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
}

TEST_F(DirWriterTest, DirectoryThatIsNoImageIsRefusedInSkopeosWords) {
  fs::create_directory(image_);
  WriteTestFile(image_ + "/thesis.tex", "important");
  absl::Status status = NewWriter()->Check();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "not a containers image directory, don't want to overwrite important data"));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  WriteTestFile(image_ + "/version", "Directory Transport Version: 9.9\n");
  EXPECT_THAT(NewWriter()->Check(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(DirWriterTest, ImportantDataThatAppearsMeanwhileIsNotOverwritten) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  fs::create_directory(image_);
  WriteTestFile(image_ + "/thesis.tex", "important");
  EXPECT_THAT(writer->Publish(0, 0, never_), StatusIs(absl::StatusCode::kFailedPrecondition));
  writer.reset();
  EXPECT_THAT(directory_.Tree(),
              UnorderedElementsAre(Pair("image", "<dir>"), Pair("image/thesis.tex", "important")));
}

TEST_F(DirWriterTest, EmptyDirectoryIsFilledAndLinkIsFollowed) {
  fs::create_directory(image_);
  fs::create_directory_symlink(image_, directory_ / "link");
  std::unique_ptr<ImageWriter> writer = NewDirWriter(directory_ / "link", 32);
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  EXPECT_EQ(ReadTestFile(image_ + "/manifest.json"), "new");
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
}

TEST_F(DirWriterTest, BlobOfTheOldImageIsTakenOverWhereItIsIntact) {
  MakeImage("old");
  WriteTestFile(image_ + "/" + Hex("layer"), "layer");
  WriteTestFile(image_ + "/" + Hex("other"), "0ther");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("other"), 5, never_), IsOkAndHolds(false));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 4, never_), IsOkAndHolds(true));
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  writer.reset();
  EXPECT_EQ(ReadTestFile(image_ + "/" + Hex("layer")), "layer");
  EXPECT_EQ(ReadTestFile(image_ + "/" + Hex("other")), "<missing>");
}

TEST_F(DirWriterTest, PublishWithoutAManifestIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_TRUE(IsViolation(writer->Publish(0, 0, never_)));
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  EXPECT_TRUE(IsViolation(writer->Publish(0, 0, never_)));
  EXPECT_TRUE(IsViolation(writer->BeginPublish([] {})));
}

TEST_F(DirWriterTest, OtherAlgorithmsGiveNewNamesAndANewVersion) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(-1));
  file.fd.reset();
  std::string hex =
      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
  ASSERT_OK(writer->CommitFile(file.id, kBlob, *Digest::Parse("sha512:" + hex), 0, never_));
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  EXPECT_EQ(ReadTestFile(image_ + "/sha512-" + hex), "");
  EXPECT_EQ(ReadTestFile(image_ + "/version"), "Directory Transport Version: 1.2\n");
}

TEST_F(DirWriterTest, WrongContentIsDataLossAndTheOldImageStays) {
  MakeImage("old");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(3));
  WriteAndClose(std::move(file.fd), "bad");
  EXPECT_THAT(writer->CommitFile(file.id, kRoot, Digest::Sha256Of("new"), 3, never_),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(IsViolation(writer->Publish(0, 0, never_)));
  EXPECT_EQ(ReadTestFile(image_ + "/manifest.json"), "old");
}

TEST_F(DirWriterTest, FilesThatAreStillBeingWrittenAreNotPublished) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(writer->CreateFile(3).status());
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  writer.reset();
  EXPECT_EQ(directory_.Tree().size(), 3u);
}

TEST_F(DirWriterTest, ConcurrentCopiesLeaveOneWholeImageAndNothingElse) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([this, i] {
      std::unique_ptr<ImageWriter> writer = NewWriter();
      ASSERT_OK(writer->Check());
      ASSERT_OK(PutFile(*writer, kBlob, absl::StrCat("layer ", i)));
      ASSERT_OK(PutFile(*writer, kRoot, absl::StrCat(i)));
      ASSERT_OK(writer->Publish(0, 0, never_));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::string winner = ReadTestFile(image_ + "/manifest.json");
  EXPECT_EQ(ReadTestFile(image_ + "/" + Hex("layer " + winner)), "layer " + winner);
  EXPECT_EQ(directory_.Tree().size(), 4u);
}

TEST_F(DirWriterTest, WhatAKilledProcessLeftIsGoneAfterTheNextCopy) {
  MakeImage("old");
  pid_t child = fork();
  if (child == 0) {
    ImageWriter* writer = NewWriter().release();
    if (!PutFile(*writer, kRoot, "lost").ok()) {
      _exit(1);
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadTestFile(image_ + "/manifest.json"), "old");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  writer.reset();
  EXPECT_EQ(directory_.Tree().size(), 3u);
}

TEST_F(DirWriterTest, LongNamesFit) {
  image_ = directory_ / std::string(255, 'n');
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kRoot, "new"));
  ASSERT_OK(writer->Publish(0, 0, never_));
  EXPECT_EQ(ReadTestFile(image_ + "/manifest.json"), "new");
}

}  // namespace
}  // namespace holkas
