#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
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
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr broker::FileKind kBlob = broker::FILE_KIND_BLOB;
const char kLayoutText[] = R"({"imageLayoutVersion": "1.0.0"})";

std::string BlobPath(absl::string_view content) {
  return absl::StrCat("blobs/sha256/", Digest::Sha256Of(content).hex());
}

class OciWriterTest : public testing::Test {
 protected:
  std::unique_ptr<ImageWriter> NewWriter() { return NewOciWriter(layout_, 32, locks_); }
  std::unique_ptr<ImageWriter> NewSharingWriter() {
    return NewOciWriter(layout_, 32, locks_, shared_);
  }
  std::unique_ptr<ImageWriter> NewRemovingWriter(const std::string& shared_blobs = "") {
    return NewOciWriter(layout_, 32, locks_, shared_blobs, /*only_removes=*/true);
  }
  // A layout with these blobs.
  void MakeLayoutWith(std::initializer_list<absl::string_view> blobs) {
    MakeTestLayout(layout_, "old\n");
    for (absl::string_view blob : blobs) {
      WriteTestFile(InLayout(blob), blob);
    }
  }
  std::string InLayout(absl::string_view content) const {
    return absl::StrCat(layout_, "/", BlobPath(content));
  }
  // Publishes the list `list` with these blobs removed.
  absl::Status Remove(ImageWriter& writer, std::initializer_list<absl::string_view> blobs,
                      const std::string& list) {
    absl::StatusOr<ImageWriter::PublishStart> start = Lock(writer);
    if (!start.ok()) {
      return start.status();
    }
    for (absl::string_view blob : blobs) {
      EXPECT_OK(writer.RemoveBlob(Digest::Sha256Of(blob)));
    }
    WriteAndClose(std::move(start->next.fd), list);
    return writer.Publish(start->next.id, 0, never_);
  }
  std::string SharedPath(absl::string_view content) const {
    return absl::StrCat(shared_, "/sha256/", Digest::Sha256Of(content).hex());
  }

  // Waits for the lock as a session does.
  static absl::StatusOr<ImageWriter::PublishStart> Lock(ImageWriter& writer) {
    absl::Status begun = writer.BeginPublish([] {});
    while (begun.ok()) {
      absl::StatusOr<std::optional<ImageWriter::PublishStart>> start = writer.TryLock();
      if (!start.ok()) {
        return start.status();
      }
      if (start->has_value()) {
        return **std::move(start);
      }
      std::this_thread::yield();
    }
    return begun;
  }

  // Adds a line to the list of images, which need not be JSON for the service.
  absl::Status PublishLine(ImageWriter& writer, const std::string& line) {
    absl::StatusOr<ImageWriter::PublishStart> start = Lock(writer);
    if (!start.ok()) {
      return start.status();
    }
    std::string list = start->current.has_value() ? ReadTestFd(*start->current) : "";
    WriteAndClose(std::move(start->next.fd), list + line + "\n");
    return writer.Publish(start->next.id, 0, never_);
  }

  TestDirectory directory_;
  std::string layout_ = directory_ / "layout";
  std::string shared_ = directory_ / "some/shared";
  LayoutLocks locks_;
  Cancellation never_;
};

TEST_F(OciWriterTest, PublishMakesALayoutWhereThereIsNone) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(PutFile(*writer, broker::FILE_KIND_MANIFEST, "manifest"));
  ASSERT_OK(PublishLine(*writer, "one"));
  writer.reset();
  EXPECT_THAT(
      directory_.Tree(),
      UnorderedElementsAre(Pair("layout", "<dir>"), Pair("layout/oci-layout", kLayoutText),
                           Pair("layout/index.json", "one\n"), Pair("layout/blobs", "<dir>"),
                           Pair("layout/blobs/sha256", "<dir>"),
                           Pair("layout/" + BlobPath("layer"), "layer"),
                           Pair("layout/" + BlobPath("manifest"), "manifest")));
}

TEST_F(OciWriterTest, NothingIsVisibleBeforePublishAndNothingIsLeftWithoutIt) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  EXPECT_FALSE(fs::exists(layout_));
  ASSERT_OK(Lock(*writer).status());
  writer.reset();
  EXPECT_THAT(directory_.Tree(), IsEmpty());
}

TEST_F(OciWriterTest, ExistingLayoutIsAsItWasWithoutPublish) {
  MakeTestLayout(layout_, "old\n");
  auto before = directory_.Tree();
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(writer->CreateFile(10).status());
  ASSERT_OK(Lock(*writer).status());
  writer.reset();
  EXPECT_EQ(directory_.Tree(), before);
}

TEST_F(OciWriterTest, ImagesAreAddedToTheListThatIsThere) {
  MakeTestLayout(layout_, "old\n");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PublishLine(*writer, "new"));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "old\nnew\n");
}

TEST_F(OciWriterTest, DirectoryThatIsNoLayoutIsRefused) {
  fs::create_directory(layout_);
  WriteTestFile(layout_ + "/thesis.tex", "important");
  absl::Status status = NewWriter()->Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not empty")));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
}

TEST_F(OciWriterTest, EmptyDirectoryAndLinkToALayoutAreFine) {
  fs::create_directory(layout_);
  EXPECT_OK(NewWriter()->Check());
  fs::create_directory_symlink(layout_, directory_ / "link");
  std::unique_ptr<ImageWriter> writer = NewOciWriter(directory_ / "link", 32, locks_);
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kBlob, "x"));
  ASSERT_OK(PublishLine(*writer, "one"));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "one\n");
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
}

TEST_F(OciWriterTest, MissingParentAndLinkToNothingAreRefused) {
  absl::Status status = NewOciWriter(directory_ / "a/b", 32, locks_)->Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("/a: no such file or directory")));
  fs::create_symlink("nowhere", directory_ / "dangling");
  EXPECT_THAT(NewOciWriter(directory_ / "dangling", 32, locks_)->Check(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("dangling")));
}

TEST_F(OciWriterTest, FileInTheLayoutsPlaceIsRefused) {
  WriteTestFile(layout_, "a file");
  EXPECT_THAT(NewWriter()->Check(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(OciWriterTest, WrongDigestOrSizeIsDataLossAndLeavesNothing) {
  MakeTestLayout(layout_, "old\n");
  auto before = directory_.Tree();
  std::unique_ptr<ImageWriter> writer = NewWriter();
  for (auto [size, content] : {std::pair(3, "bad"), std::pair(4, "short"), std::pair(9, "long")}) {
    ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(-1));
    WriteAndClose(std::move(file.fd), content);
    absl::Status status =
        writer->CommitFile(file.id, kBlob, Digest::Sha256Of("good"), size, never_);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                                 HasSubstr(Digest::Sha256Of("good").ToString())));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(2));
  WriteAndClose(std::move(file.fd), "good");
  EXPECT_THAT(writer->CommitFile(file.id, kBlob, Digest::Sha256Of("good"), 4, never_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("got 4 bytes, want 2")));
  writer.reset();
  EXPECT_EQ(directory_.Tree(), before);
}

TEST_F(OciWriterTest, FileThatAWriterStillHasOpenIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  UniqueFd kept(dup(file.fd.get()));
  WriteAndClose(std::move(file.fd), "good");
  absl::Status status = writer->CommitFile(file.id, kBlob, Digest::Sha256Of("good"), 4, never_);
  EXPECT_TRUE(IsViolation(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("still open for writing"));
}

TEST_F(OciWriterTest, FileThatAWriterStillHasMappedIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  // A shared mapping needs the file open for reading as well, which no honest worker can have.
  UniqueFd both(open(absl::StrCat("/proc/self/fd/", file.fd.get()).c_str(), O_RDWR));
  WriteAndClose(std::move(file.fd), "good");
  void* mapped = mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, both.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  both.reset();
  absl::Status status = writer->CommitFile(file.id, kBlob, Digest::Sha256Of("good"), 4, never_);
  munmap(mapped, 4);
  EXPECT_TRUE(IsViolation(status)) << status;
}

TEST_F(OciWriterTest, HashedFileIsCommittedUnderThatDigestAlone) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  for (const auto& [claimed, size] :
       {std::pair("good", 4), std::pair("bad!", 4), std::pair("good", 5)}) {
    ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(-1));
    WriteAndClose(std::move(file.fd), "good");
    EXPECT_THAT(writer->HashFile(file.id, 4, never_), IsOkAndHolds(Digest::Sha256Of("good")));
    const absl::Status status =
        writer->CommitFile(file.id, kBlob, Digest::Sha256Of(claimed), size, never_);
    if (claimed == std::string("good") && size == 4) {
      EXPECT_OK(status);
    } else {
      EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH") << status;
    }
  }
}

TEST_F(OciWriterTest, FileThatAWriterStillHasOpenIsNotHashed) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  UniqueFd kept(dup(file.fd.get()));
  WriteAndClose(std::move(file.fd), "good");
  EXPECT_TRUE(IsViolation(writer->HashFile(file.id, 4, never_).status()));
  EXPECT_TRUE(IsViolation(writer->HashFile(file.id, 4, never_).status())) << "it is gone";
}

TEST_F(OciWriterTest, FilesThatNeverWereAreViolationsAndOldOnesAreForgotten) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_TRUE(IsViolation(writer->CommitFile(1, kBlob, Digest::Sha256Of(""), 0, never_)));
  EXPECT_TRUE(IsViolation(writer->DropFile(1)));
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  EXPECT_OK(writer->DropFile(file.id));
  EXPECT_OK(writer->DropFile(file.id));
  EXPECT_TRUE(IsViolation(writer->CommitFile(file.id, kBlob, Digest::Sha256Of(""), 0, never_)));
  EXPECT_TRUE(IsViolation(
      writer->CommitFile(file.id, broker::FILE_KIND_ROOT, Digest::Sha256Of(""), 0, never_)));
}

TEST_F(OciWriterTest, MoreFilesThanGrantedAtOnceAreRefused) {
  std::unique_ptr<ImageWriter> writer = NewOciWriter(layout_, 2, locks_);
  ASSERT_OK_AND_ASSIGN(CreatedFile first, writer->CreateFile(1));
  ASSERT_OK(writer->CreateFile(1).status());
  EXPECT_THAT(writer->CreateFile(1).status(), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_OK(writer->DropFile(first.id));
  EXPECT_OK(writer->CreateFile(1).status());
}

TEST_F(OciWriterTest, BlobIsThereWhenItsContentIs) {
  MakeTestLayout(layout_, "old\n");
  WriteTestFile(layout_ + "/" + BlobPath("layer"), "layer");
  WriteTestFile(layout_ + "/" + BlobPath("other"), "0ther");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 6, never_), IsOkAndHolds(false));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("other"), 5, never_), IsOkAndHolds(false));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("none"), 4, never_), IsOkAndHolds(false));
  ASSERT_OK(PutFile(*writer, kBlob, "mine"));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("mine"), 4, never_), IsOkAndHolds(true));
}

TEST_F(OciWriterTest, CorruptBlobAtTheDestinationIsRepairedByPublish) {
  MakeTestLayout(layout_, "old\n");
  WriteTestFile(layout_ + "/" + BlobPath("layer"), "lAyer");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  EXPECT_EQ(ReadTestFile(layout_ + "/" + BlobPath("layer")), "lAyer");
  ASSERT_OK(PublishLine(*writer, "new"));
  EXPECT_EQ(ReadTestFile(layout_ + "/" + BlobPath("layer")), "layer");
}

TEST_F(OciWriterTest, LinkOrFifoInABlobsPlaceIsAbsentAndReplaced) {
  MakeTestLayout(layout_, "old\n");
  WriteTestFile(directory_ / "outside", "layer");
  std::string link = layout_ + "/" + BlobPath("layer");
  std::string fifo = layout_ + "/" + BlobPath("other");
  fs::create_symlink(directory_ / "outside", link);
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(false));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("other"), 5, never_), IsOkAndHolds(false));
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(PutFile(*writer, kBlob, "other"));
  ASSERT_OK(PublishLine(*writer, "new"));
  EXPECT_FALSE(fs::is_symlink(link));
  EXPECT_EQ(ReadTestFile(link), "layer");
  EXPECT_EQ(ReadTestFile(fifo), "other");
  EXPECT_EQ(ReadTestFile(directory_ / "outside"), "layer");
}

TEST_F(OciWriterTest, BlobsDirectoryThatIsALinkIsRefused) {
  MakeTestLayout(layout_, "old\n");
  fs::remove_all(layout_ + "/blobs");
  fs::create_directory(directory_ / "elsewhere");
  fs::create_directory_symlink(directory_ / "elsewhere", layout_ + "/blobs");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  EXPECT_FALSE(PublishLine(*writer, "new").ok());
  EXPECT_TRUE(fs::is_empty(directory_ / "elsewhere"));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "old\n");
}

TEST_F(OciWriterTest, CommittedFileCanBeReadBeforePublishAndAfterIt) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(PutFile(*writer, broker::FILE_KIND_MANIFEST, "manifest"));
  Digest digest = Digest::Sha256Of("manifest");
  ASSERT_OK_AND_ASSIGN(UniqueFd before, writer->OpenFile(broker::FILE_KIND_MANIFEST, digest));
  EXPECT_EQ(ReadTestFd(before), "manifest");
  ASSERT_OK(PublishLine(*writer, "new"));
  ASSERT_OK_AND_ASSIGN(UniqueFd after, writer->OpenFile(broker::FILE_KIND_MANIFEST, digest));
  EXPECT_EQ(ReadTestFd(after), "manifest");
}

TEST_F(OciWriterTest, ForeignWriterThatComesBetweenIsNotOverwritten) {
  MakeTestLayout(layout_, "old\n");
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  WriteAndClose(std::move(start.next.fd), "old\nours\n");
  WriteTestFile(layout_ + "/index.json", "old\ntheirs\n");
  EXPECT_THAT(writer->Publish(start.next.id, 0, never_), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "old\ntheirs\n");
  ASSERT_OK(PublishLine(*writer, "ours"));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "old\ntheirs\nours\n");
}

TEST_F(OciWriterTest, PublishAfterTheLockWasLostIsAborted) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  writer->GiveUpLock();
  WriteAndClose(std::move(start.next.fd), "ours\n");
  EXPECT_THAT(writer->Publish(start.next.id, 0, never_), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(PublishLine(*writer, "ours"));
}

TEST_F(OciWriterTest, PublishWithoutBeginPublishIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  EXPECT_TRUE(IsViolation(writer->Publish(0, 0, never_)));
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  EXPECT_TRUE(IsViolation(writer->Publish(file.id, 0, never_)));
}

TEST_F(OciWriterTest, ListThatIsStillOpenForWritingIsAViolation) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  EXPECT_TRUE(IsViolation(writer->Publish(start.next.id, 0, never_)));
  EXPECT_FALSE(fs::exists(layout_ + "/index.json"));
}

TEST_F(OciWriterTest, DroppingTheListLetsOthersHaveTheLock) {
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  std::unique_ptr<ImageWriter> other = NewWriter();
  bool woken = false;
  ASSERT_OK(other->BeginPublish([&woken] { woken = true; }));
  ASSERT_OK_AND_ASSIGN(auto nothing, other->TryLock());
  EXPECT_FALSE(nothing.has_value());
  ASSERT_OK(writer->DropFile(start.next.id));
  EXPECT_FALSE(writer->has_lock());
  EXPECT_TRUE(woken);
  ASSERT_OK_AND_ASSIGN(auto something, other->TryLock());
  EXPECT_TRUE(something.has_value());
}

TEST_F(OciWriterTest, LockOfAnotherProcessIsRespected) {
  MakeTestLayout(layout_, "old\n");
  UniqueFd theirs(open(layout_.c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(flock(theirs.get(), LOCK_EX), 0);
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK(writer->BeginPublish([] {}));
  ASSERT_OK_AND_ASSIGN(auto nothing, writer->TryLock());
  EXPECT_FALSE(nothing.has_value());
  theirs.reset();
  ASSERT_OK_AND_ASSIGN(auto something, writer->TryLock());
  EXPECT_TRUE(something.has_value());
}

TEST_F(OciWriterTest, HundredCopiesAtOnceAllEndInTheList) {
  constexpr int kCopies = 100;
  std::vector<std::thread> threads;
  for (int i = 0; i < kCopies; ++i) {
    threads.emplace_back([this, i] {
      std::unique_ptr<ImageWriter> writer = NewWriter();
      ASSERT_OK(writer->Check());
      ASSERT_OK(PutFile(*writer, kBlob, "shared layer"));
      ASSERT_OK(PutFile(*writer, broker::FILE_KIND_MANIFEST, absl::StrCat("manifest ", i)));
      ASSERT_OK(PublishLine(*writer, absl::StrCat("image ", i)));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<std::string> lines =
      absl::StrSplit(ReadTestFile(layout_ + "/index.json"), '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), static_cast<size_t>(kCopies));
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size());
  EXPECT_EQ(directory_.Tree().size(), 4u + 1u + 1u + kCopies);  // no residue
}

// Runs `work` in a process of its own that dies by SIGKILL at its end.
template <typename Work>
void InKilledProcess(Work work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(OciWriterTest, WhatAKilledProcessLeftIsGoneAfterTheNextCopy) {
  for (bool existing : {false, true}) {
    fs::remove_all(layout_);
    if (existing) {
      MakeTestLayout(layout_, "");
    }
    InKilledProcess([this] {
      ImageWriter* writer = NewWriter().release();
      if (!PutFile(*writer, kBlob, "lost layer").ok() || !Lock(*writer).ok()) {
        _exit(1);
      }
    });
    EXPECT_FALSE(fs::exists(layout_ + "/index.json") && !existing);
    std::unique_ptr<ImageWriter> writer = NewWriter();
    ASSERT_OK(writer->Check());
    ASSERT_OK(PutFile(*writer, kBlob, "layer"));
    ASSERT_OK(PublishLine(*writer, "one"));
    writer.reset();
    EXPECT_THAT(directory_.Tree(), Not(Contains(Key(HasSubstr(".holkas")))));
    EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "one\n");
  }
}

TEST_F(OciWriterTest, StagingOfALivingJobIsNotSwept) {
  MakeTestLayout(layout_, "");
  std::unique_ptr<ImageWriter> first = NewWriter();
  ASSERT_OK(PutFile(*first, kBlob, "first"));
  std::unique_ptr<ImageWriter> second = NewWriter();
  ASSERT_OK(PutFile(*second, kBlob, "second"));
  EXPECT_OK(PublishLine(*first, "1"));
  EXPECT_OK(PublishLine(*second, "2"));
  EXPECT_EQ(ReadTestFile(layout_ + "/" + BlobPath("first")), "first");
}

TEST_F(OciWriterTest, RemovedBlobsGoWithTheNewListAndNothingElseChanges) {
  MakeLayoutWith({"layer", "kept"});
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
  ASSERT_OK(writer->Check());
  ASSERT_OK(Remove(*writer, {"layer", "never there"}, "new\n"));
  writer.reset();
  EXPECT_THAT(
      directory_.Tree(),
      UnorderedElementsAre(Pair("layout", "<dir>"), Pair("layout/oci-layout", testing::_),
                           Pair("layout/index.json", "new\n"), Pair("layout/blobs", "<dir>"),
                           Pair("layout/blobs/sha256", "<dir>"),
                           Pair("layout/" + BlobPath("kept"), "kept")));
}

TEST_F(OciWriterTest, NoBlobIsRemovedWithoutTheNewList) {
  MakeLayoutWith({"layer"});
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  ASSERT_OK(writer->RemoveBlob(Digest::Sha256Of("layer")));
  WriteAndClose(std::move(start.next.fd), "new\n");
  WriteTestFile(layout_ + "/index.json", "theirs\n");
  EXPECT_THAT(writer->Publish(start.next.id, 0, never_), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ReadTestFile(InLayout("layer")), "layer");
  // Nor with the next list, which the blob was not named for.
  ASSERT_OK(Remove(*writer, {}, "new\n"));
  EXPECT_EQ(ReadTestFile(InLayout("layer")), "layer");
}

TEST_F(OciWriterTest, BlobsNamedWhenTheLockIsGoneAreForgotten) {
  MakeLayoutWith({"layer"});
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
  ASSERT_OK(Lock(*writer).status());
  writer->GiveUpLock();
  ASSERT_OK(writer->RemoveBlob(Digest::Sha256Of("layer")));
  ASSERT_OK(Remove(*writer, {}, "new\n"));
  EXPECT_EQ(ReadTestFile(InLayout("layer")), "layer");
}

TEST_F(OciWriterTest, OnlyRegularFilesOfTheLayoutAreRemoved) {
  MakeLayoutWith({});
  WriteTestFile(directory_ / "outside", "layer");
  fs::create_symlink(directory_ / "outside", InLayout("link"));
  fs::create_directory(InLayout("directory"));
  fs::create_directories(directory_ / "elsewhere");
  const std::string hex(128, 'a');
  WriteTestFile(directory_ / "elsewhere/" + hex, "x");
  fs::create_directory_symlink(directory_ / "elsewhere", layout_ + "/blobs/sha512");
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  ASSERT_OK(writer->RemoveBlob(*Digest::Parse("sha512:" + hex)));
  ASSERT_OK(writer->RemoveBlob(Digest::Sha256Of("link")));
  ASSERT_OK(writer->RemoveBlob(Digest::Sha256Of("directory")));
  WriteAndClose(std::move(start.next.fd), "new\n");
  ASSERT_OK(writer->Publish(start.next.id, 0, never_));
  EXPECT_EQ(ReadTestFile(directory_ / "outside"), "layer");
  EXPECT_TRUE(fs::is_symlink(InLayout("link")));
  EXPECT_TRUE(fs::is_directory(InLayout("directory")));
  EXPECT_EQ(ReadTestFile(directory_ / "elsewhere/" + hex), "x");
}

TEST_F(OciWriterTest, SharedBlobsAndThoseBesideThemAreNotRemoved) {
  MakeLayoutWith({"layer"});
  fs::create_directories(shared_ + "/sha256");
  WriteTestFile(SharedPath("layer"), "layer");
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter(shared_);
  ASSERT_OK(Remove(*writer, {"layer"}, "new\n"));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "new\n");
  EXPECT_EQ(ReadTestFile(SharedPath("layer")), "layer");
  EXPECT_EQ(ReadTestFile(InLayout("layer")), "layer");
}

TEST_F(OciWriterTest, RemovingMakesNoLayoutAndNoPartOfOne) {
  for (const char* there : {"", "layout", "layout/blobs"}) {
    if (*there != '\0') {
      fs::create_directory(directory_ / there);
    }
    const auto before = directory_.Tree();
    std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
    EXPECT_OK(writer->Check());
    EXPECT_FALSE(Lock(*writer).ok()) << there;
    writer.reset();
    EXPECT_EQ(directory_.Tree(), before);
  }
  WriteTestFile(layout_ + "/index.json", "old\n");
  ASSERT_OK(Remove(*NewRemovingWriter(), {}, "new\n"));
  EXPECT_THAT(directory_.Tree(),
              UnorderedElementsAre(Pair("layout", "<dir>"), Pair("layout/blobs", "<dir>"),
                                   Pair("layout/index.json", "new\n")));
}

TEST_F(OciWriterTest, LayoutThatGoesWhileItsLockIsWaitedForIsNotMadeAgain) {
  MakeLayoutWith({});
  std::unique_ptr<ImageWriter> first = NewRemovingWriter();
  ASSERT_OK(Lock(*first).status());
  std::unique_ptr<ImageWriter> second = NewRemovingWriter();
  ASSERT_OK(second->BeginPublish([] {}));
  fs::remove_all(layout_);
  first.reset();
  EXPECT_THAT(second->TryLock().status(), StatusIs(absl::StatusCode::kNotFound));
  second.reset();
  EXPECT_THAT(directory_.Tree(), IsEmpty());
}

TEST_F(OciWriterTest, TooManyBlobsToRemoveAreRefused) {
  MakeLayoutWith({});
  std::unique_ptr<ImageWriter> writer = NewRemovingWriter();
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_OK(writer->RemoveBlob(Digest::Sha256Of("")));
  }
  EXPECT_THAT(writer->RemoveBlob(Digest::Sha256Of("")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100000")));
}

TEST_F(OciWriterTest, BlobThatACopyFoundOutlivesADeletionThatComesBetween) {
  MakeLayoutWith({"layer"});
  std::unique_ptr<ImageWriter> copy = NewWriter();
  ASSERT_THAT(copy->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  ASSERT_OK(Remove(*NewRemovingWriter(), {"layer"}, ""));
  EXPECT_FALSE(fs::exists(InLayout("layer")));
  ASSERT_OK(PublishLine(*copy, "copied"));
  copy.reset();
  EXPECT_EQ(ReadTestFile(InLayout("layer")), "layer");
  EXPECT_THAT(directory_.Tree(), Not(Contains(Key(HasSubstr(".holkas")))));
}

TEST_F(OciWriterTest, BlobThatWasDeletedBeforeItCouldBeKeptIsAbsent) {
  MakeLayoutWith({"layer"});
  std::unique_ptr<ImageWriter> copy = NewWriter();
  ASSERT_OK(Remove(*NewRemovingWriter(), {"layer"}, ""));
  EXPECT_THAT(copy->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(false));
}

// Gives a file as many names as its file system lets it have; false where that is too many for a
// test.
bool UseUpNames(const std::string& file, const std::string& directory) {
  constexpr int kMost = 70'000;
  fs::create_directory(directory);
  for (int i = 0; i < kMost; ++i) {
    if (link(file.c_str(), absl::StrCat(directory, "/", i).c_str()) != 0) {
      return errno == EMLINK;
    }
  }
  return false;
}

TEST_F(OciWriterTest, BlobThatCannotBeKeptMustStillBeThereInTheEnd) {
  MakeLayoutWith({"layer"});
  if (!UseUpNames(InLayout("layer"), directory_ / "names")) {
    GTEST_SKIP() << "files have too many names here";
  }
  std::unique_ptr<ImageWriter> copy = NewWriter();
  ASSERT_THAT(copy->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  std::unique_ptr<ImageWriter> lucky = NewWriter();
  ASSERT_THAT(lucky->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  ASSERT_OK(PublishLine(*lucky, "one"));
  ASSERT_OK(Remove(*NewRemovingWriter(), {"layer"}, "none\n"));
  const absl::Status status = PublishLine(*copy, "two");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, HasSubstr("deleted during the copy")));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "none\n");
}

TEST_F(OciWriterTest, BlobsOfAnAttemptThatFailedMustStillBeThereInTheNext) {
  MakeLayoutWith({});
  // The blob takes the place of the list's second name, which counts as a change of the list.
  fs::create_hard_link(layout_ + "/index.json", InLayout("layer"));
  std::unique_ptr<ImageWriter> copy = NewWriter();
  ASSERT_OK(PutFile(*copy, kBlob, "layer"));
  ASSERT_THAT(PublishLine(*copy, "one"), StatusIs(absl::StatusCode::kAborted));
  ASSERT_EQ(ReadTestFile(InLayout("layer")), "layer");
  ASSERT_OK(Remove(*NewRemovingWriter(), {"layer"}, "none\n"));
  EXPECT_THAT(PublishLine(*copy, "one"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("deleted during the copy")));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "none\n");
}

TEST_F(OciWriterTest, SharedBlobsGoToTheirDirectoryAndTheListIntoTheLayout) {
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(PutFile(*writer, broker::FILE_KIND_MANIFEST, "manifest"));
  ASSERT_OK(PublishLine(*writer, "one"));
  writer.reset();
  EXPECT_EQ(ReadTestFile(SharedPath("layer")), "layer");
  EXPECT_THAT(
      directory_.Tree(),
      UnorderedElementsAre(Pair("layout", "<dir>"), Pair("layout/oci-layout", kLayoutText),
                           Pair("layout/index.json", "one\n"), Pair("layout/blobs", "<dir>"),
                           Pair("some", "<dir>"), Pair("some/shared", "<dir>"),
                           Pair("some/shared/sha256", "<dir>"), Pair(HasSubstr("sha256/"), "layer"),
                           Pair(HasSubstr("sha256/"), "manifest")));
}

TEST_F(OciWriterTest, SharedBlobsThatWereNotPublishedLeaveNothing) {
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  EXPECT_FALSE(fs::exists(SharedPath("layer")));
  ASSERT_OK(Lock(*writer).status());
  writer.reset();
  EXPECT_THAT(directory_.Tree(), IsEmpty());
}

TEST_F(OciWriterTest, SharedBlobIsThereWhenItsContentIs) {
  MakeTestLayout(layout_, "old\n");
  fs::create_directories(shared_ + "/sha256");
  WriteTestFile(SharedPath("layer"), "layer");
  WriteTestFile(SharedPath("other"), "0ther");
  WriteTestFile(layout_ + "/" + BlobPath("inside"), "inside");
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(true));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("other"), 5, never_), IsOkAndHolds(false));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("inside"), 6, never_), IsOkAndHolds(false));
  ASSERT_OK(PutFile(*writer, kBlob, "other"));
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("other"), 5, never_), IsOkAndHolds(true));
  ASSERT_OK(PublishLine(*writer, "new"));
  EXPECT_EQ(ReadTestFile(SharedPath("other")), "other");
}

TEST_F(OciWriterTest, SharedDirectoryMayBeInANewLayoutOrBeTheLayout) {
  for (const std::string& shared : {layout_ + "/blobs", layout_ + "/more/blobs", layout_}) {
    fs::remove_all(layout_);
    shared_ = shared;
    // What a killed process left there first.
    fs::create_directories(shared + "/.holkas-0123456789abcdef");
    std::unique_ptr<ImageWriter> writer = NewSharingWriter();
    ASSERT_OK(writer->Check());
    ASSERT_OK(PutFile(*writer, kBlob, "layer"));
    ASSERT_OK(PublishLine(*writer, "one"));
    writer.reset();
    EXPECT_EQ(ReadTestFile(SharedPath("layer")), "layer");
    EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "one\n");
    EXPECT_THAT(directory_.Tree(), Not(Contains(Key(HasSubstr(".holkas")))));
  }
}

TEST_F(OciWriterTest, SharedDirectoryThatIsAFileIsRefused) {
  WriteTestFile(directory_ / "some", "a file");
  EXPECT_FALSE(NewSharingWriter()->Check().ok());
  shared_ = directory_ / "some";
  EXPECT_FALSE(NewSharingWriter()->Check().ok());
}

TEST_F(OciWriterTest, LinksBeneathTheSharedDirectoryAreNotFollowed) {
  fs::create_directories(shared_);
  fs::create_directory(directory_ / "elsewhere");
  WriteTestFile(absl::StrCat(directory_ / "elsewhere", "/", Digest::Sha256Of("layer").hex()),
                "layer");
  fs::create_directory_symlink(directory_ / "elsewhere", shared_ + "/sha256");
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  EXPECT_THAT(writer->HasBlob(Digest::Sha256Of("layer"), 5, never_), IsOkAndHolds(false));
  ASSERT_OK(PutFile(*writer, kBlob, "other"));
  EXPECT_FALSE(PublishLine(*writer, "new").ok());
  EXPECT_FALSE(fs::exists(layout_ + "/index.json"));
}

TEST_F(OciWriterTest, DroppedListOfASharingLayoutIsNoBlob) {
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK_AND_ASSIGN(ImageWriter::PublishStart start, Lock(*writer));
  // The number of the blob, which was committed.
  EXPECT_OK(writer->DropFile(1));
  EXPECT_TRUE(writer->has_lock());
  EXPECT_OK(writer->DropFile(start.next.id));
  EXPECT_FALSE(writer->has_lock());
  EXPECT_OK(PublishLine(*writer, "one"));
}

TEST_F(OciWriterTest, HundredCopiesAtOnceShareBlobs) {
  constexpr int kCopies = 100;
  std::vector<std::thread> threads;
  for (int i = 0; i < kCopies; ++i) {
    threads.emplace_back([this, i] {
      std::unique_ptr<ImageWriter> writer =
          NewOciWriter(absl::StrCat(layout_, i % 5), 32, locks_, shared_);
      ASSERT_OK(writer->Check());
      ASSERT_OK(PutFile(*writer, kBlob, "shared layer"));
      // Every other one gives up.
      if (i % 2 == 0) {
        ASSERT_OK(PublishLine(*writer, absl::StrCat("image ", i)));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  size_t lines = 0;
  for (int i = 0; i < 5; ++i) {
    lines += std::vector<std::string>(
                 absl::StrSplit(ReadTestFile(absl::StrCat(layout_, i, "/index.json")), '\n',
                                absl::SkipEmpty()))
                 .size();
  }
  EXPECT_EQ(lines, kCopies / 2u);
  EXPECT_EQ(ReadTestFile(SharedPath("shared layer")), "shared layer");
  EXPECT_THAT(directory_.Tree(), Not(Contains(Key(HasSubstr(".holkas")))));
}

TEST_F(OciWriterTest, WhatAKilledProcessLeftOfSharedBlobsIsGoneAfterTheNextCopy) {
  InKilledProcess([this] {
    ImageWriter* writer = NewSharingWriter().release();
    if (!PutFile(*writer, kBlob, "lost layer").ok() || !Lock(*writer).ok()) {
      _exit(1);
    }
  });
  EXPECT_THAT(directory_.Tree(), Contains(Key(HasSubstr("some/shared/.holkas-"))));
  std::unique_ptr<ImageWriter> writer = NewSharingWriter();
  ASSERT_OK(writer->Check());
  ASSERT_OK(PutFile(*writer, kBlob, "layer"));
  ASSERT_OK(PublishLine(*writer, "one"));
  writer.reset();
  EXPECT_THAT(directory_.Tree(), Not(Contains(Key(HasSubstr(".holkas")))));
  EXPECT_EQ(ReadTestFile(SharedPath("layer")), "layer");
}

TEST_F(OciWriterTest, CancelledHashingEnds) {
  Cancellation cancelled;
  cancelled.Cancel();
  std::unique_ptr<ImageWriter> writer = NewWriter();
  ASSERT_OK_AND_ASSIGN(CreatedFile file, writer->CreateFile(4));
  WriteAndClose(std::move(file.fd), "good");
  EXPECT_THAT(writer->CommitFile(file.id, kBlob, Digest::Sha256Of("good"), 4, cancelled),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace holkas
