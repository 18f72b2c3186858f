#include "service/storage/find_store.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class FindStoreTest : public testing::Test {
 protected:
  StorageEnvironment Environment(unsigned uid) const {
    return {uid, "me",
            [this](const std::string& name) {
              const auto found = variables_.find(name);
              return found == variables_.end() ? "" : found->second;
            },
            [this](const std::string& path) { return exists_.count(path) > 0; }};
  }
  absl::StatusOr<StorageReference> Find(const std::string& store, unsigned uid) const {
    absl::StatusOr<ImageReference> reference =
        ImageReference::Parse(absl::StrCat("containers-storage:", store, "x"));
    if (!reference.ok()) {
      return reference.status();
    }
    return FindStore(*reference->storage(), Environment(uid));
  }
  // As Skopeo prints it; the error's text where there is none.
  std::string Found(const std::string& store, unsigned uid) const {
    absl::StatusOr<StorageReference> found = Find(store, uid);
    return found.ok() ? ImageReference::Of(*found).ToString().substr(19)
                      : std::string(found.status().message());
  }
  // A file that exists, with this text.
  std::string Conf(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(testing::TempDir(), "/", name);
    std::ofstream(path) << text;
    exists_.insert(path);
    return path;
  }

  std::map<std::string, std::string> variables_ = {{"HOME", "/home/me"}};
  std::set<std::string> exists_;
};

TEST_F(FindStoreTest, OfRootIsTheSystems) {
  EXPECT_EQ(Found("", 0),
            "[overlay@/var/lib/containers/storage+/run/containers/storage]docker.io/library/"
            "x:latest");
}

TEST_F(FindStoreTest, OfAUserIsInTheHome) {
  EXPECT_EQ(Found("", 1001),
            "[overlay@/home/me/.local/share/containers/storage+/tmp/containers-user-1001/"
            "containers]docker.io/library/x:latest");
  variables_["XDG_DATA_HOME"] = "/data";
  exists_.insert("/run/user/1001");
  EXPECT_EQ(Found("", 1001),
            "[overlay@/data/containers/storage+/run/user/1001/containers]docker.io/library/"
            "x:latest");
  variables_["XDG_RUNTIME_DIR"] = "/gone";
  EXPECT_THAT(Found("", 1001), HasSubstr("+/run/user/1001/containers]"));
  exists_.insert("/gone");
  EXPECT_THAT(Found("", 1001), HasSubstr("+/gone/containers]"));
}

TEST_F(FindStoreTest, OfAUserWithoutAHomeIsNotFound) {
  variables_.clear();
  EXPECT_THAT(Find("", 1001), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("HOME")));
}

TEST_F(FindStoreTest, BracketsWin) {
  EXPECT_THAT(Found("[vfs@/g+/r]", 0), HasSubstr("[vfs@/g+/r]"));
  EXPECT_THAT(Found("[/g]", 0), HasSubstr("[overlay@/g+/run/containers/storage]"));
  EXPECT_THAT(Found("[vfs@+/r]", 0), HasSubstr("[vfs@/var/lib/containers/storage+/r]"));
  EXPECT_THAT(Found("[vfs@/g/../h/./+/r/]", 0), HasSubstr("[vfs@/h+/r]"));
  EXPECT_THAT(Found("[overlay2@/g+/r]", 0), HasSubstr("[overlay@/g+/r]"));
}

TEST_F(FindStoreTest, ConfigurationThatAVariableNamesCounts) {
  variables_["CONTAINERS_STORAGE_CONF"] =
      Conf("named.conf", "[storage]\ndriver=\"vfs\"\ngraphroot=\"/g\"\nrunroot=\"/r\"\n");
  EXPECT_THAT(Found("", 0), HasSubstr("[vfs@/g+/r]"));
  EXPECT_THAT(Found("", 1001), HasSubstr("[vfs@/g+/r]"));
  EXPECT_THAT(Found("[/other]", 0), HasSubstr("[overlay@/other+/r]"));
  variables_["CONTAINERS_STORAGE_CONF"] = "/no/such/storage.conf";
  EXPECT_THAT(Find("", 0), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FindStoreTest, UsersConfigurationCounts) {
  variables_["XDG_CONFIG_HOME"] = testing::TempDir();
  std::filesystem::create_directories(absl::StrCat(testing::TempDir(), "/containers"));
  Conf("containers/storage.conf", "[storage]\ndriver=\"vfs\"\ngraphroot=\"$HOME/mine\"\n");
  EXPECT_THAT(Found("", 1001),
              HasSubstr("[vfs@/home/me/mine+/tmp/containers-user-1001/containers]"));
}

TEST_F(FindStoreTest, RootlessPathIsExpanded) {
  variables_["CONTAINERS_STORAGE_CONF"] =
      Conf("rootless.conf", "[storage]\nrootless_storage_path=\"/s/$USER/${UID}/x\"\n");
  EXPECT_THAT(Found("", 1001), HasSubstr("[overlay@/s/me/1001/x+"));
}

TEST_F(FindStoreTest, VariablesWinOverConfiguration) {
  variables_["STORAGE_DRIVER"] = "vfs";
  EXPECT_THAT(Found("", 0), HasSubstr("[vfs@"));
  variables_["STORAGE_DRIVER"] = "overlay";
  variables_["STORAGE_OPTS"] = "overlay.mount_program=/usr/bin/fuse-overlayfs";
  ASSERT_OK_AND_ASSIGN(const StorageReference store, Find("", 1001));
  EXPECT_EQ(WhiteoutFormOf(store, 1001), broker::WHITEOUT_FORM_AUFS);
}

TEST_F(FindStoreTest, DriverIsTheOneThatIsThere) {
  exists_ = {"/g/vfs"};
  EXPECT_THAT(Found("[/g+/r]", 1001), HasSubstr("[vfs@/g+/r]"));
  EXPECT_THAT(Found("[/g+/r]", 0), HasSubstr("[overlay@/g+/r]"));
  exists_ = {"/g/vfs", "/g/overlay", "/g/btrfs"};
  EXPECT_THAT(Found("[/g+/r]", 1001), HasSubstr("[overlay@/g+/r]"));
  exists_ = {"/g/btrfs"};
  EXPECT_THAT(Found("[/g+/r]", 0), HasSubstr("driver btrfs at /g"));
}

TEST_F(FindStoreTest, OtherDriversAreRefusedByName) {
  for (const char* driver : {"btrfs", "zfs", "aufs", "devicemapper"}) {
    const absl::Status status = Find(absl::StrCat("[", driver, "@/g+/r]"), 0).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(driver)));
    EXPECT_EQ(ErrorReason(status), "TRANSPORT_UNIMPLEMENTED");
  }
  EXPECT_THAT(Find("[none@/g+/r]", 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("failed to GetDriver graph none /g: driver not supported")));
}

TEST_F(FindStoreTest, OptionsAreCheckedByName) {
  EXPECT_OK(Find("[overlay@/g+/r:overlay.mountopt=nodev,overlay.ignore_chown_errors=true]", 0));
  const absl::Status status = Find("[overlay@/g+/r:overlay.force_mask=700]", 0).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("force_mask")));
  EXPECT_EQ(ErrorReason(status), "OPTION_UNIMPLEMENTED");
  EXPECT_THAT(Find("[overlay@/g+/r:overlay.foo=bar]", 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("overlay: Unknown option")));
}

TEST_F(FindStoreTest, WhiteoutsAreTheDriversAndTheUsers) {
  ASSERT_OK_AND_ASSIGN(const StorageReference overlay, Find("[overlay@/g+/r]", 0));
  EXPECT_EQ(WhiteoutFormOf(overlay, 0), broker::WHITEOUT_FORM_OVERLAY);
  EXPECT_EQ(WhiteoutFormOf(overlay, 1001), broker::WHITEOUT_FORM_OVERLAY_USER);
  ASSERT_OK_AND_ASSIGN(const StorageReference vfs, Find("[vfs@/g+/r]", 0));
  EXPECT_EQ(WhiteoutFormOf(vfs, 0), broker::WHITEOUT_FORM_UNSPECIFIED);
  ASSERT_OK_AND_ASSIGN(const StorageReference fuse,
                       Find("[overlay@/g+/r:.mount_program=/usr/bin/fuse-overlayfs]", 0));
  EXPECT_EQ(WhiteoutFormOf(fuse, 0), broker::WHITEOUT_FORM_AUFS);
}

}  // namespace
}  // namespace holkas
