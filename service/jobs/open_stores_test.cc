#include "service/jobs/open_stores.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "service/jobs/testing/fake_launcher.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// Opens another directory than it was asked for.
class WrongLauncher : public FakeLauncher {
 public:
  WrongLauncher() : FakeLauncher([](FakeWorkerSide&) { return CleanExit(); }) {}
  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees) override {
    return FakeLauncher::OpenTrees(std::vector<Tree>(trees.size(), {"/tmp", false}));
  }
};

class OpenStoresTest : public testing::Test {
 protected:
  OpenStoresTest() : root_(absl::StrCat(testing::TempDir(), "/open_stores")) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/layout");
  }
  StoreGrant Store(const std::string& name, bool writable) const {
    return {.graph_root = absl::StrCat(root_, "/", name, "/graph"),
            .run_root = absl::StrCat(root_, "/", name, "/run"),
            .writable = writable};
  }
  static std::string Writable(const OpenedStores& stores) {
    std::string text;
    for (const WorkerDirectory& directory : stores.directories) {
      text += directory.writable ? 'w' : 'r';
    }
    return text;
  }

  const std::string root_;
  FakeLauncher launcher_{[](FakeWorkerSide&) { return CleanExit(); }};
};

TEST_F(OpenStoresTest, JobWithoutAStoreHasNone) {
  Grants grants;
  grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kOci, root_ + "/layout"};
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  EXPECT_TRUE(stores.directories.empty());
  EXPECT_FALSE(stores.source_root.valid());
}

TEST_F(OpenStoresTest, StoreIsMadeForItsOwnerAlone) {
  Grants grants;
  grants.destination_store = Store("new", true);
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  EXPECT_EQ(Writable(stores), "ww");
  EXPECT_FALSE(stores.source.has_value());
  EXPECT_TRUE(stores.destination->graph_root.valid());
  struct stat status = {};
  ASSERT_EQ(stat((root_ + "/new/graph").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(OpenStoresTest, SourceOfACopyIsReadAlone) {
  Grants grants;
  grants.source_store = Store("from", false);
  grants.destination_store = Store("to", true);
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  EXPECT_EQ(Writable(stores), "rrww");
}

TEST_F(OpenStoresTest, LayoutBesideAStoreIsOpenedToo) {
  Grants grants;
  grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kOci, root_ + "/layout"};
  grants.destination_store = Store("to", true);
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  EXPECT_EQ(Writable(stores), "ww");
  struct stat given = {};
  struct stat there = {};
  ASSERT_EQ(fstat(stores.source_root.get(), &given), 0);
  ASSERT_EQ(stat((root_ + "/layout").c_str(), &there), 0);
  EXPECT_EQ(given.st_ino, there.st_ino);
}

TEST_F(OpenStoresTest, FilesBesideAStoreAreOpenedThroughTheLauncher) {
  std::ofstream(root_ + "/archive") << "x";
  Grants grants;
  grants.source_path = ReadPathGrant{
      ReadPathGrant::Kind::kFile, root_ + "/archive", {root_ + "/missing", root_ + "/layout"}};
  grants.destination_store = Store("to", true);
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  EXPECT_FALSE(stores.source_root.valid());
  ASSERT_EQ(stores.source_files.size(), 3u);
  struct stat given = {};
  struct stat there = {};
  ASSERT_EQ(fstat(stores.source_files[0].get(), &given), 0);
  ASSERT_EQ(stat((root_ + "/archive").c_str(), &there), 0);
  EXPECT_EQ(given.st_ino, there.st_ino);
  EXPECT_FALSE(stores.source_files[1].valid());
  EXPECT_FALSE(stores.source_files[2].valid());
}

TEST_F(OpenStoresTest, SharedBlobsOfTheLayoutAreOpenedToo) {
  std::filesystem::create_directories(root_ + "/blobs");
  Grants grants;
  grants.source_path = ReadPathGrant{.kind = ReadPathGrant::Kind::kOci,
                                     .path = root_ + "/layout",
                                     .blob_directory = root_ + "/blobs"};
  grants.destination_store = Store("to", true);
  ASSERT_OK_AND_ASSIGN(const OpenedStores stores, OpenStores(grants, launcher_));
  struct stat given = {};
  struct stat there = {};
  ASSERT_EQ(fstat(stores.source_blobs.get(), &given), 0);
  ASSERT_EQ(stat((root_ + "/blobs").c_str(), &there), 0);
  EXPECT_EQ(given.st_ino, there.st_ino);
  EXPECT_TRUE(stores.source_root.valid());
}

TEST_F(OpenStoresTest, DirectoryThatCannotBeMadeFails) {
  Grants grants;
  grants.destination_store = StoreGrant{.graph_root = "/proc/graph", .run_root = root_ + "/run"};
  EXPECT_FALSE(OpenStores(grants, launcher_).ok());
}

TEST_F(OpenStoresTest, AnotherDirectoryThanTheOneThatIsThereIsRefused) {
  WrongLauncher wrong;
  Grants grants;
  grants.destination_store = Store("to", true);
  EXPECT_THAT(OpenStores(grants, wrong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted since")));
}

}  // namespace
}  // namespace holkas
