#include "service/broker/staged_files.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/file_content.h"
#include "service/broker/image_writer.h"
#include "service/broker/test_files.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

std::unique_ptr<StagedFiles> NewStagedFiles(const std::string& parent) {
  UniqueFd fd(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return std::make_unique<StagedFiles>(*StagingDirectory::Create(std::move(fd), ".x-"), 32);
}

TEST(StagedFiles, UnknownContentIsCommittedUpToItsBound) {
  TestDirectory directory;
  Cancellation never;
  std::unique_ptr<StagedFiles> files = NewStagedFiles(directory.path());
  ASSERT_OK_AND_ASSIGN(CreatedFile small, files->Create(-1));
  WriteAndClose(std::move(small.fd), "12345");
  EXPECT_OK(files->CommitUnknown(small.id, "small", 5, never));
  EXPECT_TRUE(files->Has("small"));
  ASSERT_OK_AND_ASSIGN(CreatedFile large, files->Create(-1));
  WriteAndClose(std::move(large.fd), "123456");
  EXPECT_THAT(files->CommitUnknown(large.id, "large", 5, never),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(files->Has("large"));
}

TEST(StagedFiles, FilesAreUnnamedUntilTheyAreCommitted) {
  TestDirectory directory;
  std::unique_ptr<StagedFiles> files = NewStagedFiles(directory.path());
  ASSERT_OK(files->Create(-1).status());
  EXPECT_THAT(EntriesOf(files->directory().fd()), IsEmpty());
}

TEST(StagedFiles, AreGoneWithTheirOwner) {
  TestDirectory directory;
  std::unique_ptr<StagedFiles> files = NewStagedFiles(directory.path());
  ASSERT_OK(files->Write("name", "content"));
  EXPECT_FALSE(directory.Tree().empty());
  files.reset();
  EXPECT_THAT(directory.Tree(), IsEmpty());
}

TEST(StagingDirectory, SweepLeavesWhatIsNotItsOwnAndWhatLives) {
  TestDirectory directory;
  std::unique_ptr<StagedFiles> living = NewStagedFiles(directory.path());
  fs::create_directories(directory / ".x-0123456789abcdef/deep/er");
  WriteTestFile(directory / ".x-0123456789abcdef/deep/file", "stale");
  fs::create_symlink(directory.path(), directory / ".x-0123456789abcdef/link");
  fs::create_directory(directory / ".x-notours");
  fs::create_directory(directory / ".y-0123456789abcdef");
  WriteTestFile(directory / ".x-fedcba9876543210", "of an archive that nobody finished");
  std::unique_ptr<StagedFiles> next = NewStagedFiles(directory.path());
  auto tree = directory.Tree();
  EXPECT_EQ(tree.count(".x-0123456789abcdef"), 0u);
  EXPECT_EQ(tree.count(".x-notours"), 1u);
  EXPECT_EQ(tree.count(".y-0123456789abcdef"), 1u);
  EXPECT_EQ(tree.count(".x-fedcba9876543210"), 0u);
  EXPECT_EQ(tree.count(living->directory().name()), 1u);
}

TEST(FileContent, CopyIsExact) {
  TestDirectory directory;
  std::string content(700000, 'x');
  WriteTestFile(directory / "from", content);
  UniqueFd from(open((directory / "from").c_str(), O_RDONLY));
  UniqueFd to(open((directory / "to").c_str(), O_WRONLY | O_CREAT, 0600));
  Cancellation never;
  ASSERT_OK(CopyContent(from.get(), to.get(), content.size(), never));
  EXPECT_EQ(ReadTestFile(directory / "to"), content);
  EXPECT_THAT(CopyContent(from.get(), to.get(), content.size() + 1, never),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FileContent, WhatHasNoLeasesCannotTellOfWriters) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  EXPECT_THAT(HasWriter(read_end.get()).status(), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(StagedFiles, WithoutLeasesAWriterThatIsLeftWritesToAFileThatNobodyReads) {
  TestDirectory directory;
  Cancellation never;
  UniqueFd fd(open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  StagedFiles files(*StagingDirectory::Create(std::move(fd), ".x-"), 32,
                    [](int) { return absl::StatusOr<bool>(absl::UnimplementedError("none")); });
  ASSERT_OK_AND_ASSIGN(CreatedFile file, files.Create(4));
  UniqueFd kept(dup(file.fd.get()));
  WriteAndClose(std::move(file.fd), "good");
  ASSERT_OK(files.Commit(file.id, "name", Digest::Sha256Of("good"), 4, never));
  ASSERT_EQ(pwrite(kept.get(), "evil", 4, 0), 4);
  EXPECT_EQ(ReadTestFile(directory / (files.directory().name() + "/name")), "good");
}

bool WriteTo(const char* path, const std::string& text) {
  UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd.valid() && write(fd.get(), text.data(), text.size()) == ssize_t(text.size());
}

// Makes the caller the root of a user namespace of its own.
bool BecomeRootOfNamespace() {
  std::string uid = absl::StrCat(geteuid());
  std::string gid = absl::StrCat(getegid());
  return unshare(CLONE_NEWUSER) == 0 && WriteTo("/proc/self/setgroups", "deny") &&
         WriteTo("/proc/self/uid_map", absl::StrCat("0 ", uid, " 1")) &&
         WriteTo("/proc/self/gid_map", absl::StrCat("0 ", gid, " 1"));
}

// Runs `work` where `path` is a file system of `size`, in a child process; skips where nobody may
// mount. `work` returns 0 where all is as it should be.
template <typename Work>
void InSmallFileSystem(const std::string& path, const std::string& size, Work work) {
  constexpr int kCannotMount = 77;
  pid_t child = fork();
  if (child == 0) {
    if ((geteuid() != 0 && !BecomeRootOfNamespace()) || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
      _exit(kCannotMount);
    }
    _exit(work());
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kCannotMount) {
    GTEST_SKIP() << "mounting a small file system is not permitted here";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the check that failed";
}

TEST(FullDisk, IsToldAndChangesNothing) {
  TestDirectory directory;
  InSmallFileSystem(directory.path(), "64k", [&directory] {
    LayoutLocks locks;
    Cancellation never;
    std::unique_ptr<ImageWriter> writer = NewOciWriter(directory / "layout", 32, locks);
    absl::StatusOr<CreatedFile> file = writer->CreateFile(-1);
    if (!file.ok()) {
      return 1;
    }
    std::string chunk(4096, 'x');
    while (write(file->fd.get(), chunk.data(), chunk.size()) > 0) {
    }
    if (!writer->BeginPublish([] {}).ok()) {
      return 2;
    }
    auto start = writer->TryLock();
    if (!start.ok() || !start->has_value()) {
      return 2;
    }
    (*start)->next.fd.reset();
    absl::Status full = writer->Publish((*start)->next.id, 0, never);
    if (!absl::IsResourceExhausted(full) || ErrorReason(full) != "DISK_FULL") {
      return 3;
    }
    writer.reset();
    return directory.Tree().empty() ? 0 : 4;
  });
}

TEST(MountPoint, IsFilledInPlace) {
  TestDirectory directory;
  InSmallFileSystem(directory.path(), "1m", [&directory] {
    Cancellation never;
    for (const char* manifest : {"one", "two"}) {
      std::unique_ptr<ImageWriter> writer = NewDirWriter(directory.path(), 32);
      std::string layer = absl::StrCat("layer ", manifest);
      if (!writer->Check().ok() || !PutFile(*writer, broker::FILE_KIND_BLOB, layer).ok() ||
          !PutFile(*writer, broker::FILE_KIND_ROOT, manifest).ok()) {
        return 1;
      }
      if (!writer->Publish(0, 0, never).ok()) {
        return 2;
      }
    }
    // manifest.json, version and one layer.
    return directory.Tree().size() == 3 && ReadTestFile(directory / "manifest.json") == "two" ? 0
                                                                                              : 3;
  });
}

}  // namespace
}  // namespace holkas
