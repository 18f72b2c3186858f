#include "service/spool/spooled_archive.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_files.h"
#include "service/spool/spool_quota.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SpooledArchiveTest : public testing::Test {
 protected:
  std::unique_ptr<SpooledArchive> Create(const std::string& caller = "uid:1") {
    absl::StatusOr<std::unique_ptr<SpooledArchive>> archive =
        SpooledArchive::Create(directory_.path(), quota_, caller);
    EXPECT_OK(archive.status());
    return *std::move(archive);
  }

  TestDirectory directory_;
  SpoolQuota quota_{{.archive_bytes = 100, .spooled_bytes = 150, .caller_bytes = 120}};
};

void ExpectExceeded(const absl::Status& status, const std::string& limit,
                    const std::string& limit_bytes) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               testing::AllOf(HasSubstr(limit), HasSubstr(limit_bytes))));
  EXPECT_EQ(ErrorReason(status), "SPOOL_QUOTA_EXCEEDED");
  EXPECT_EQ(ErrorMetadata(status)["limit"], limit);
  EXPECT_EQ(ErrorMetadata(status)["limit_bytes"], limit_bytes);
}

TEST_F(SpooledArchiveTest, WhatIsBehindTheEndIsCutOff) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK_AND_ASSIGN(const UniqueFd worker, archive->OpenToWrite());
  ASSERT_EQ(write(worker.get(), "archive and more", 16), 16);
  ASSERT_OK(archive->CutTo(7));
  EXPECT_THAT(archive->Measure(), IsOkAndHolds(7));
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, archive->OpenToRead());
  EXPECT_EQ(ReadTestFd(file), "archive");
}

TEST_F(SpooledArchiveTest, WhatIsAppendedIsReadAndHasNoName) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK(archive->Append("one "));
  ASSERT_OK(archive->Append("two"));
  EXPECT_EQ(archive->appended_bytes(), 7);
  EXPECT_THAT(directory_.Tree(), IsEmpty());
  for (int reader = 0; reader < 2; ++reader) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd file, archive->OpenToRead());
    EXPECT_EQ(ReadTestFd(file), "one two");
  }
}

TEST_F(SpooledArchiveTest, AReaderCannotWrite) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, archive->OpenToRead());
  EXPECT_EQ(write(file.get(), "x", 1), -1);
}

TEST_F(SpooledArchiveTest, WhatAWorkerWritesIsRead) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK_AND_ASSIGN(UniqueFd first, archive->OpenToWrite());
  WriteAndClose(std::move(first), "given up, and longer");
  ASSERT_OK_AND_ASSIGN(UniqueFd second, archive->OpenToWrite());
  WriteAndClose(std::move(second), "archive");
  EXPECT_THAT(archive->Measure(), IsOkAndHolds(7));
  char buffer[100];
  EXPECT_THAT(archive->ReadAt(0, absl::MakeSpan(buffer)), IsOkAndHolds(7u));
  EXPECT_EQ(std::string(buffer, 7), "archive");
  EXPECT_THAT(archive->ReadAt(7, absl::MakeSpan(buffer)), IsOkAndHolds(0u));
}

TEST_F(SpooledArchiveTest, OneArchiveHasItsLimit) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK(archive->Append(std::string(100, 'x')));
  ExpectExceeded(archive->Append("x"), "max_archive_bytes", "100");
  ExpectExceeded(Create()->Reserve(101), "max_archive_bytes", "100");
}

TEST_F(SpooledArchiveTest, AllTogetherHaveTheirs) {
  std::unique_ptr<SpooledArchive> first = Create();
  ASSERT_OK(first->Reserve(90));
  const std::unique_ptr<SpooledArchive> second = Create("uid:2");
  ASSERT_OK(second->Append(std::string(60, 'x')));
  ExpectExceeded(second->Append("x"), "max_spooled_bytes", "150");
  ASSERT_OK(first->Append(std::string(90, 'x')));
  ExpectExceeded(first->Append("x"), "max_spooled_bytes", "150");
  // What one had is free when it is gone.
  first.reset();
  EXPECT_OK(second->Append(std::string(40, 'x')));
}

TEST_F(SpooledArchiveTest, WhatIsDiscardedTakesNothing) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK(archive->Append(std::string(90, 'x')));
  archive->Discard();
  EXPECT_THAT(archive->Measure(), IsOkAndHolds(0));
  EXPECT_OK(Create()->Reserve(100));
  const std::unique_ptr<SpooledArchive> other = Create();
  ASSERT_OK(other->Reserve(100));
  ExpectExceeded(Create()->Reserve(51), "max_spooled_bytes", "150");
  ExpectExceeded(Create()->Reserve(21), "max_spooled_bytes_per_caller", "120");
}

TEST_F(SpooledArchiveTest, WhatIsDiscardedCountsNoMore) {
  std::unique_ptr<SpooledArchive> archive = Create();
  const std::unique_ptr<SpooledArchive> other = Create();
  EXPECT_EQ(quota_.archives(), 2);
  archive->Discard();
  archive->Discard();
  EXPECT_EQ(quota_.archives(), 1);
  archive.reset();
  EXPECT_EQ(quota_.archives(), 1);
}

TEST(SpoolQuotaShare, WhatIsReleasedGrowsNoMore) {
  SpoolQuota quota({.archive_bytes = 100, .spooled_bytes = 100, .caller_bytes = 100});
  SpoolQuota::Share share(quota, "uid:1");
  ASSERT_OK(share.GrowTo(90));
  share.Release();
  EXPECT_OK(share.GrowTo(95));
  SpoolQuota::Share other(quota, "uid:1");
  EXPECT_OK(other.GrowTo(100));
}

TEST_F(SpooledArchiveTest, ThoseOfOneCallerHaveTheirs) {
  std::unique_ptr<SpooledArchive> first = Create();
  ASSERT_OK(first->Reserve(90));
  const std::unique_ptr<SpooledArchive> second = Create();
  ASSERT_OK(second->Append(std::string(30, 'x')));
  ExpectExceeded(second->Append("x"), "max_spooled_bytes_per_caller", "120");
  EXPECT_THAT(second->Reserve(31), StatusIs(absl::StatusCode::kResourceExhausted,
                                            HasSubstr("the archives of uid:1 have more than")));
  EXPECT_OK(Create("uid:2")->Reserve(30)) << "there is room for others";
  first.reset();
  EXPECT_OK(second->Append(std::string(70, 'x')));
}

TEST_F(SpooledArchiveTest, AWorkerHasNoMore) {
  const std::unique_ptr<SpooledArchive> archive = Create();
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, archive->OpenToWrite());
  ASSERT_EQ(pwrite(file.get(), "x", 1, 99), 1);
  EXPECT_OK(archive->Measure().status());
  // Whether or not there is anything before it.
  ASSERT_EQ(pwrite(file.get(), "x", 1, 1 << 20), 1);
  ExpectExceeded(archive->Measure().status(), "max_archive_bytes", "100");
}

TEST_F(SpooledArchiveTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_THAT(SpooledArchive::Create(directory_ / "missing", quota_, "uid:1").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("a file for the archive")));
}

}  // namespace
}  // namespace holkas
