#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class FileWriterTest : public testing::Test {
 protected:
  std::unique_ptr<ImageWriter> NewWriter(bool must_be_new = false) {
    return NewFileWriter(archive_, must_be_new);
  }
  // A file with `content`, and its number.
  uint32_t Write(ImageWriter& writer, absl::string_view content) {
    absl::StatusOr<CreatedFile> file = writer.CreateFile(-1);
    EXPECT_OK(file.status());
    WriteAndClose(std::move(file->fd), content);
    return file->id;
  }

  TestDirectory directory_;
  std::string archive_ = directory_ / "archive.tar";
  Cancellation never_;
};

TEST_F(FileWriterTest, NothingIsThereBeforePublish) {
  std::unique_ptr<ImageWriter> writer = NewWriter(/*must_be_new=*/true);
  ASSERT_OK(writer->Check());
  const uint32_t id = Write(*writer, "new");
  EXPECT_THAT(directory_.Tree(), IsEmpty());
  ASSERT_OK(writer->Publish(id, 0, never_));
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair("archive.tar", "new")));
}

TEST_F(FileWriterTest, OldFileIsWholeUntilPublishAndItsModeStays) {
  WriteTestFile(archive_, "old");
  fs::permissions(archive_, fs::perms::owner_read | fs::perms::owner_write);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(writer->Check());
  const uint32_t id = Write(*writer, "new");
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair("archive.tar", "old")));
  ASSERT_OK(writer->Publish(id, 0, never_));
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair("archive.tar", "new")));
  EXPECT_EQ(fs::status(archive_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(FileWriterTest, WhatIsNotPublishedLeavesNothing) {
  {
    std::unique_ptr<ImageWriter> writer = NewWriter();
    Write(*writer, "new");
  }
  EXPECT_THAT(directory_.Tree(), IsEmpty());
}

TEST_F(FileWriterTest, ADroppedFileMakesRoomForAnother) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  const uint32_t first = Write(*writer, "first");
  EXPECT_THAT(writer->CreateFile(-1), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_OK(writer->DropFile(first));
  ASSERT_OK(writer->DropFile(first));
  const uint32_t second = Write(*writer, "second");
  EXPECT_TRUE(IsViolation(writer->Publish(first, 0, never_)));
  ASSERT_OK(writer->Publish(second, 0, never_));
  EXPECT_EQ(ReadTestFile(archive_), "second");
  EXPECT_TRUE(IsViolation(writer->Publish(second, 0, never_)));
  EXPECT_TRUE(IsViolation(writer->DropFile(3)));
}

TEST_F(FileWriterTest, NewArchiveTakesThePlaceOfAnEmptyFileAlone) {
  WriteTestFile(archive_, "old");
  const absl::Status status = NewWriter(/*must_be_new=*/true)->Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "docker-archive doesn't support modifying existing images"));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  WriteTestFile(archive_, "");
  std::unique_ptr<ImageWriter> writer = NewWriter(/*must_be_new=*/true);
  ASSERT_OK(writer->Check());
  const uint32_t id = Write(*writer, "new");
  ASSERT_OK(writer->Publish(id, 0, never_));
  EXPECT_EQ(ReadTestFile(archive_), "new");
}

TEST_F(FileWriterTest, AnArchiveIsNotMadeLonger) {
  std::unique_ptr<ImageWriter> writer = NewWriter(/*must_be_new=*/true);
  const uint32_t id = Write(*writer, "new");
  EXPECT_TRUE(IsViolation(writer->Publish(id, 4, never_)));
  EXPECT_TRUE(IsViolation(writer->Publish(id, -1, never_)));
  ASSERT_OK(writer->Publish(id, 2, never_));
  EXPECT_EQ(ReadTestFile(archive_), "ne");
}

TEST_F(FileWriterTest, WhatCameMeanwhileIsNotReplacedByANewArchive) {
  std::unique_ptr<ImageWriter> writer = NewWriter(/*must_be_new=*/true);
  ASSERT_OK(writer->Check());
  const uint32_t id = Write(*writer, "new");
  WriteTestFile(archive_, "another's");
  EXPECT_THAT(writer->Publish(id, 0, never_), StatusIs(absl::StatusCode::kFailedPrecondition));
  writer.reset();
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair("archive.tar", "another's")));
}

TEST_F(FileWriterTest, OnlyRegularFilesAreReplaced) {
  fs::create_directory(archive_);
  EXPECT_THAT(NewWriter()->Check(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is a directory")));
  fs::remove(archive_);
  ASSERT_EQ(mkfifo(archive_.c_str(), 0600), 0);
  EXPECT_THAT(NewWriter()->Check(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(NewFileWriter(directory_ / "missing/archive", false)->Check(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no such file")));
}

TEST_F(FileWriterTest, SymbolicLinkStaysAndItsFileIsReplaced) {
  WriteTestFile(directory_ / "real", "old");
  fs::create_symlink("real", archive_);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  const uint32_t id = Write(*writer, "new");
  ASSERT_OK(writer->Publish(id, 0, never_));
  EXPECT_TRUE(fs::is_symlink(archive_));
  EXPECT_EQ(ReadTestFile(directory_ / "real"), "new");
}

TEST_F(FileWriterTest, AFileThatIsOpenForWritingIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(const CreatedFile file, writer->CreateFile(-1));
  EXPECT_TRUE(IsViolation(writer->Publish(file.id, 0, never_)));
  EXPECT_THAT(directory_.Tree(), IsEmpty());
}

TEST_F(FileWriterTest, CancelledPublishChangesNothing) {
  WriteTestFile(archive_, "old");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  const uint32_t id = Write(*writer, "new");
  Cancellation cancelled;
  cancelled.Cancel();
  EXPECT_THAT(writer->Publish(id, 0, cancelled), StatusIs(absl::StatusCode::kCancelled));
  writer.reset();
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair("archive.tar", "old")));
}

TEST_F(FileWriterTest, StagedFilesOfTheDeadAreSwept) {
  WriteTestFile(directory_ / ".archive.tar.holkas-0123456789abcdef", "left behind");
  WriteTestFile(directory_ / ".archive.tar.holkas-", "not ours");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  Write(*writer, "new");
  EXPECT_THAT(directory_.Tree(), UnorderedElementsAre(Pair(".archive.tar.holkas-", "not ours")));
}

TEST_F(FileWriterTest, ArchivesHaveNoBlobs) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  const Digest digest = Digest::Sha256Of("x");
  EXPECT_TRUE(IsViolation(writer->HasBlob(digest, 1, never_).status()));
  EXPECT_TRUE(IsViolation(writer->CommitFile(1, broker::FILE_KIND_BLOB, digest, 1, never_)));
  EXPECT_TRUE(IsViolation(writer->OpenFile(broker::FILE_KIND_ROOT, std::nullopt).status()));
  EXPECT_TRUE(IsViolation(writer->BeginPublish([] {})));
}

}  // namespace
}  // namespace holkas
