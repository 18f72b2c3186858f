#include "worker/storage/lock_file.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;

class LockFileTest : public testing::Test {
 protected:
  LockFileTest()
      : path_(absl::StrCat(testing::TempDir(), "/locks")), directory_([this] {
          fs::remove_all(path_);
          fs::create_directories(path_);
          return UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY));
        }()) {}

  // Whether another process, as a peer does it, gets the lock at once.
  bool PeerGets(short type) {
    const pid_t child = fork();
    if (child == 0) {
      const int fd = open((path_ + "/a.lock").c_str(), O_RDWR);
      struct flock lock = {};
      lock.l_type = type;
      lock.l_whence = SEEK_SET;
      _exit(fcntl(fd, F_SETLK, &lock) == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 0;
  }
  std::string Token() {
    std::ifstream file(path_ + "/a.lock", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  const std::string path_;
  const Directory directory_;
};

TEST_F(LockFileTest, PeersWaitForAWriterAndReadersAreSeveral) {
  {
    ASSERT_OK_AND_ASSIGN(const LockFile lock,
                         LockFile::Acquire(directory_, "a.lock", LockFile::Mode::kWrite));
    EXPECT_FALSE(PeerGets(F_RDLCK));
  }
  EXPECT_TRUE(PeerGets(F_WRLCK));
  ASSERT_OK_AND_ASSIGN(const LockFile lock,
                       LockFile::Acquire(directory_, "a.lock", LockFile::Mode::kRead));
  EXPECT_TRUE(PeerGets(F_RDLCK));
  EXPECT_FALSE(PeerGets(F_WRLCK));
}

TEST_F(LockFileTest, AnotherDescriptorThatIsClosedUnlocksNothing) {
  ASSERT_OK_AND_ASSIGN(const LockFile lock,
                       LockFile::Acquire(directory_, "a.lock", LockFile::Mode::kWrite));
  close(open((path_ + "/a.lock").c_str(), O_RDWR));
  EXPECT_FALSE(PeerGets(F_RDLCK));
}

TEST_F(LockFileTest, EachTouchMakesAnotherTokenOf64Bytes) {
  ASSERT_OK_AND_ASSIGN(const LockFile lock,
                       LockFile::Acquire(directory_, "a.lock", LockFile::Mode::kWrite));
  ASSERT_OK(lock.Touch());
  const std::string first = Token();
  ASSERT_OK(lock.Touch());
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(Token().size(), 64u);
  EXPECT_NE(Token(), first);
}

TEST_F(LockFileTest, ReadersMakeNoFile) {
  ASSERT_OK(LockFile::Acquire(directory_, "a.lock", LockFile::Mode::kRead).status());
  EXPECT_TRUE(fs::is_empty(path_));
}

}  // namespace
}  // namespace holkas
