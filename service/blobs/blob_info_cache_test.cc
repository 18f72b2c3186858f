#include "service/blobs/blob_info_cache.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Form = BlobInfoCache::Form;

constexpr uid_t kAlice = 1000;
constexpr uid_t kMallory = 1001;

Digest DigestOf(const std::string& content) { return Digest::Sha256Of(content); }
Form Plain(const std::string& content) {
  return {DigestOf(content), 1000, broker::BLOB_COMPRESSION_NONE};
}
Form Gzip(const std::string& content) {
  return {DigestOf(content), 100, broker::BLOB_COMPRESSION_GZIP};
}
Form Zstd(const std::string& content) {
  return {DigestOf(content), 90, broker::BLOB_COMPRESSION_ZSTD};
}
BlobInfoCache::Findings Same(const Form& one, const Form& other) { return {{{one, other}}, {}}; }
BlobInfoCache::Findings At(const std::string& repository, const Digest& digest) {
  return {{}, {{"r.example", repository, digest}}};
}

// Runs `work` in a process of its own.
pid_t Fork(const std::function<int()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    _exit(work());
  }
  return pid;
}
int ExitOf(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class BlobInfoCacheTest : public testing::Test {
 protected:
  ~BlobInfoCacheTest() override { fs::remove_all(directory_); }

  // As another server that uses the same file.
  BlobInfoCache Other() {
    return BlobInfoCache(
        path_, [this](const std::string& why) { warnings_.push_back(why); },
        [this] { return now_; });
  }
  std::vector<Digest> TwinsOf(uid_t user, const Digest& digest) {
    std::vector<Digest> digests;
    for (const Form& form : cache_.FindTwins(user, digest).forms) {
      digests.push_back(form.digest);
    }
    return digests;
  }
  std::vector<std::string> Repositories(uid_t user, const std::string& registry,
                                        const Digest& digest) {
    return cache_.FindRepositories(user, registry, digest, 4);
  }
  // Makes the file and closes it.
  void Fill() { Other().Keep(kAlice, Same(Plain("p"), Gzip("c"))); }
  std::unique_ptr<SqliteDatabase> Raw() {
    return SqliteDatabase::Open(path_, absl::Seconds(5)).value();
  }
  std::string Bytes() {
    std::ifstream file(path_, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  void Write(absl::string_view bytes) {
    fs::create_directories(fs::path(path_).parent_path());
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  // That the cache knows nothing, and has said why once however often it is asked.
  void ExpectLeftAlone(const std::string& why) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
      cache_.Keep(kAlice, Same(Plain("p2"), Gzip("c2")));
      EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), IsEmpty());
    }
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr(why)));
  }

  static std::string MakeDirectory() {
    std::string directory = absl::StrCat(testing::TempDir(), "/cache-XXXXXX");
    return mkdtemp(directory.data());
  }

  const std::string directory_ = MakeDirectory();
  const std::string path_ = absl::StrCat(directory_, "/made/by/it/cache.sqlite");
  absl::Time now_ = absl::Now();
  std::vector<std::string> warnings_;
  BlobInfoCache cache_ = Other();
};

TEST_F(BlobInfoCacheTest, FindsWhatALayerWasCompressedTo) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  const BlobInfoCache::Twins twins = cache_.FindTwins(kAlice, DigestOf("p"));
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_EQ(twins.compression, broker::BLOB_COMPRESSION_NONE);
  ASSERT_THAT(twins.forms, SizeIs(1));
  EXPECT_EQ(twins.forms[0].digest, DigestOf("c"));
  EXPECT_EQ(twins.forms[0].size_bytes, 100);
  EXPECT_EQ(twins.forms[0].compression, broker::BLOB_COMPRESSION_GZIP);
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("c")), ElementsAre(DigestOf("p")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("other")), IsEmpty());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(BlobInfoCacheTest, FormsOfOneContentFindEachOtherInWhateverOrderTheyCame) {
  cache_.Keep(kAlice, Same(Gzip("c1"), Zstd("c2")));  // recompressed: nobody saw the plain one
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c3")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c3")));
  cache_.Keep(kAlice, Same(Gzip("c1"), Plain("p")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")),
              UnorderedElementsAre(DigestOf("c1"), DigestOf("c2"), DigestOf("c3")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("c2")),
              UnorderedElementsAre(DigestOf("c1"), DigestOf("p"), DigestOf("c3")));
}

TEST_F(BlobInfoCacheTest, TheNewestComeFirst) {
  for (const char* compressed : {"c1", "c2", "c3"}) {
    cache_.Keep(kAlice, Same(Plain("p"), Gzip(compressed)));
    now_ += absl::Seconds(1);
  }
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")),
              ElementsAre(DigestOf("c3"), DigestOf("c2"), DigestOf("c1")));
}

TEST_F(BlobInfoCacheTest, FindsRepositoriesOfARegistry) {
  cache_.Keep(kAlice, At("app", DigestOf("c")));
  now_ += absl::Seconds(1);
  cache_.Keep(kAlice, At("base", DigestOf("c")));
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), ElementsAre("base", "app"));
  EXPECT_THAT(cache_.FindRepositories(kAlice, "r.example", DigestOf("c"), 1), ElementsAre("base"));
  EXPECT_THAT(Repositories(kAlice, "r.example:444", DigestOf("c")), IsEmpty());
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("other")), IsEmpty());
  cache_.Forget(kAlice, {{"r.example", "base", DigestOf("c")}});
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), ElementsAre("app"));
}

// Attacks.

TEST_F(BlobInfoCacheTest, WhatOneUserSaysNoOtherHears) {
  cache_.Keep(kMallory, Same(Plain("p"), Gzip("evil")));
  cache_.Keep(kMallory, At("stolen", DigestOf("c")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("evil")), IsEmpty());
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), IsEmpty());
}

TEST_F(BlobInfoCacheTest, WhatOneUserSaysChangesNothingOfAnothers) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  cache_.Keep(kAlice, At("app", DigestOf("c")));
  Form other_size = Gzip("c");
  other_size.size_bytes = 7;
  cache_.Keep(kMallory, Same(Plain("p"), other_size));
  cache_.Keep(kMallory, Same(Plain("evil"), Gzip("c")));  // a contradiction, of Mallory's own words
  cache_.Forget(kMallory, {{"r.example", "app", DigestOf("c")}});
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
  EXPECT_EQ(cache_.FindTwins(kAlice, DigestOf("p")).forms[0].size_bytes, 100);
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), ElementsAre("app"));
}

TEST_F(BlobInfoCacheTest, ManyEntriesOfOneUserCostAnotherNone) {
  Fill();
  EXPECT_THAT(Raw()->Run(absl::StrCat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                      "FROM n WHERE i < ",
                                      BlobInfoCache::kMaxBlobs,
                                      ") INSERT INTO blobs SELECT 1001, 'sha256:' || "
                                      "printf('%064x', i), 1, 'BLOB_COMPRESSION_GZIP', 'x' || i, ",
                                      absl::ToUnixSeconds(now_) + 10, " FROM n")
                             .c_str()),
              IsOk());
  now_ += absl::Seconds(20);
  cache_.Keep(kMallory, Same(Plain("p"), Gzip("c")));
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM blobs WHERE user = 1001"),
              IsOkAndHolds(BlobInfoCache::kMaxBlobs));
  EXPECT_THAT(TwinsOf(kMallory, DigestOf("p")), ElementsAre(DigestOf("c")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
}

TEST_F(BlobInfoCacheTest, ABlobOfTwoContentsIsForgotten) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  cache_.Keep(kAlice, Same(Plain("evil"), Gzip("c")));
  for (const char* blob : {"p", "c", "evil"}) {
    EXPECT_THAT(TwinsOf(kAlice, DigestOf(blob)), IsEmpty()) << blob;
  }
}

TEST_F(BlobInfoCacheTest, ABlobOfTwoSizesOrCompressionsIsForgotten) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  Form other_size = Gzip("c");
  other_size.size_bytes = 7;
  cache_.Keep(kAlice, Same(Plain("p"), other_size));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  cache_.Keep(kAlice, Same(Plain("p"), Zstd("c")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
}

TEST_F(BlobInfoCacheTest, TwoContentsDoNotBecomeOne) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  cache_.Keep(kAlice, Same(Plain("q"), Gzip("d")));
  cache_.Keep(kAlice, Same(Gzip("c"), Gzip("d")));
  for (const char* blob : {"p", "c", "q", "d"}) {
    EXPECT_THAT(TwinsOf(kAlice, DigestOf(blob)), IsEmpty()) << blob;
  }
}

// Limits.

TEST_F(BlobInfoCacheTest, OneContentHasNoMoreFormsThanTheLimit) {
  for (int i = 0; i < 3 * BlobInfoCache::kMaxForms; ++i) {
    now_ += absl::Seconds(1);
    cache_.Keep(kAlice, Same(Plain("p"), Gzip(absl::StrCat("c", i))));
  }
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), SizeIs(BlobInfoCache::kMaxTwins));
  EXPECT_EQ(TwinsOf(kAlice, DigestOf("p"))[0],
            DigestOf(absl::StrCat("c", 3 * BlobInfoCache::kMaxForms - 1)));
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM blobs"), IsOkAndHolds(BlobInfoCache::kMaxForms));
}

TEST_F(BlobInfoCacheTest, PlacesAreNoMoreThanTheLimit) {
  Fill();
  EXPECT_THAT(Raw()->Run(absl::StrCat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                      "FROM n WHERE i < ",
                                      BlobInfoCache::kMaxPlaces,
                                      ") INSERT INTO places SELECT 1000, 'r.example', 'sha256:0', "
                                      "'old-' || i, ",
                                      absl::ToUnixSeconds(now_), " FROM n")
                             .c_str()),
              IsOk());
  now_ += absl::Seconds(1);
  cache_.Keep(kAlice, At("new", DigestOf("c")));
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM places"),
              IsOkAndHolds(BlobInfoCache::kMaxPlaces));
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), ElementsAre("new"));
}

TEST_F(BlobInfoCacheTest, WhatIsOldIsForgotten) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  cache_.Keep(kAlice, At("app", DigestOf("c")));
  now_ += BlobInfoCache::kMaxAge - absl::Hours(1);
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
  now_ += absl::Hours(2);
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
  EXPECT_THAT(Repositories(kAlice, "r.example", DigestOf("c")), IsEmpty());
  cache_.Keep(kAlice, At("other", DigestOf("d")));
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM blobs"), IsOkAndHolds(0));
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM places"), IsOkAndHolds(1));
}

TEST_F(BlobInfoCacheTest, WhatIsSeenAgainIsAsNew) {
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  now_ += BlobInfoCache::kMaxAge - absl::Hours(1);
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  now_ += absl::Hours(2);
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
}

// Files in trouble.

TEST_F(BlobInfoCacheTest, AFileIsItsOwnersAlone) {
  Fill();
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(stat(fs::path(path_).parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(BlobInfoCacheTest, AFileThatIsNoneOfSqlitesIsLeftAsItIs) {
  const std::string text(8192, 'x');
  Write(text);
  ExpectLeftAlone("not a database");
  EXPECT_EQ(Bytes(), text);
}

TEST_F(BlobInfoCacheTest, ABrokenFileIsLeftAlone) {
  Fill();
  EXPECT_THAT(Raw()->Run("PRAGMA journal_mode = DELETE"), IsOk());
  std::string bytes = Bytes();
  for (size_t i = 4096; i < bytes.size(); ++i) {
    bytes[i] = '\x5a';
  }
  Write(bytes);
  ExpectLeftAlone("malformed");
}

TEST_F(BlobInfoCacheTest, AFileOfANewerVersionIsLeftAsItIs) {
  Fill();
  EXPECT_THAT(Raw()->Run("PRAGMA user_version = 2"), IsOk());
  ExpectLeftAlone("it is of version 2");
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM blobs"), IsOkAndHolds(2));
}

TEST_F(BlobInfoCacheTest, AnotherProgramsFileIsLeftAsItIs) {
  Write("");
  EXPECT_THAT(Raw()->Run("CREATE TABLE KnownLocations(digest TEXT)"), IsOk());
  const std::string before = Bytes();
  ExpectLeftAlone("it is another program's");
  EXPECT_EQ(Bytes(), before);
}

TEST_F(BlobInfoCacheTest, APathThatCannotBeIsLeftAlone) {
  std::ofstream(absl::StrCat(directory_, "/made")) << "a file";
  ExpectLeftAlone("Not a directory");
}

TEST_F(BlobInfoCacheTest, ALockedFileIsWaitedForAndThenLeftAlone) {
  Fill();
  const std::unique_ptr<SqliteDatabase> holder = Raw();
  ASSERT_THAT(holder->Run("BEGIN EXCLUSIVE"), IsOk());
  cache_.Keep(kAlice, Same(Plain("q"), Gzip("d")));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("locked")));
  ASSERT_THAT(holder->Run("ROLLBACK"), IsOk());
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), IsEmpty());
  now_ += BlobInfoCache::kRest;
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("q")), IsEmpty());
}

TEST_F(BlobInfoCacheTest, AFullDiskLosesWhatIsNewAlone) {
  Fill();
  const pid_t child = Fork([this] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {64 << 10, 64 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 200; ++i) {
      cache_.Keep(kAlice, Same(Plain(absl::StrCat("q", i)), Gzip(absl::StrCat("d", i))));
    }
    return warnings_.size() == 1 ? 0 : 1;
  });
  EXPECT_EQ(ExitOf(child), 0);
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
  cache_.Keep(kAlice, Same(Plain("new"), Gzip("n")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("new")), ElementsAre(DigestOf("n")));
  EXPECT_THAT(warnings_, IsEmpty());
}

// Processes.

TEST_F(BlobInfoCacheTest, ServersShareAFile) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 25;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(Fork([this, process] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = absl::StrCat(process, "-", i);
        cache_.Keep(kAlice, Same(Plain(absl::StrCat("p", name)), Gzip(absl::StrCat("c", name))));
        if (TwinsOf(kAlice, DigestOf(absl::StrCat("p", name))).size() != 1) {
          return 1;
        }
      }
      return warnings_.empty() ? 0 : 2;
    }));
  }
  for (const pid_t child : children) {
    EXPECT_EQ(ExitOf(child), 0);
  }
  EXPECT_THAT(Raw()->Number("SELECT count(*) FROM blobs"), IsOkAndHolds(2 * kProcesses * kEach));
}

TEST_F(BlobInfoCacheTest, AKilledServerLeavesAWholeFile) {
  constexpr int kKills = 40;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    const pid_t child = Fork([this, kill_number] {
      for (int i = 0;; ++i) {
        BlobInfoCache::Findings findings;
        for (int j = 0; j < 20; ++j) {
          const std::string name = absl::StrCat(kill_number, "-", i, "-", j);
          findings.twins.push_back({Plain(absl::StrCat("p", name)), Gzip(absl::StrCat("c", name))});
        }
        cache_.Keep(kAlice, findings);
      }
      return 0;
    });
    usleep(static_cast<useconds_t>(500 + 777 * kill_number));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const std::unique_ptr<SqliteDatabase> raw = Raw();
    absl::StatusOr<SqliteStatement> check = raw->Prepare("PRAGMA integrity_check");
    ASSERT_THAT(check, IsOk());
    ASSERT_THAT(check->Step(), IsOkAndHolds(true));
    EXPECT_EQ(check->Text(0), "ok");
  }
  // Each transaction is there as a whole or not at all.
  const absl::StatusOr<int64_t> blobs = Raw()->Number("SELECT count(*) FROM blobs");
  ASSERT_THAT(blobs, IsOk());
  EXPECT_GT(*blobs, 0);
  EXPECT_EQ(*blobs % 40, 0);
  cache_.Keep(kAlice, Same(Plain("p"), Gzip("c")));
  EXPECT_THAT(TwinsOf(kAlice, DigestOf("p")), ElementsAre(DigestOf("c")));
  EXPECT_THAT(warnings_, IsEmpty());
}

}  // namespace
}  // namespace holkas
