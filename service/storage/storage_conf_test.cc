#include "service/storage/storage_conf.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(StorageConf, SaysWhereImagesAreKept) {
  ASSERT_OK_AND_ASSIGN(const StorageConf conf, ParseStorageConf(R"(
      [storage]
      driver = "overlay"
      graphroot = "/g"
      runroot = "/r"
      rootless_storage_path = "$HOME/s"
      driver_priority = ["overlay", "btrfs"]
      [storage.options]
      additionalimagestores = ["/a"]
      [storage.options.overlay]
      mountopt = "nodev"
      mount_program = "/usr/bin/fuse-overlayfs"
      )",
                                                                "storage.conf"));
  EXPECT_EQ(conf.driver, "overlay");
  EXPECT_EQ(conf.graph_root, "/g");
  EXPECT_EQ(conf.run_root, "/r");
  EXPECT_EQ(conf.rootless_storage_path, "$HOME/s");
  EXPECT_THAT(conf.options, ElementsAre("overlay.mount_program=/usr/bin/fuse-overlayfs"));
}

TEST(StorageConf, OptionOfTheDriverWinsOverThatOfAll) {
  ASSERT_OK_AND_ASSIGN(const StorageConf conf, ParseStorageConf(R"(
      [storage.options]
      mount_program = "/general"
      force_mask = "shared"
      [storage.options.overlay]
      mount_program = "/own"
      )",
                                                                "storage.conf"));
  EXPECT_THAT(conf.options, ElementsAre("overlay.mount_program=/own", "overlay.force_mask=shared"));
}

TEST(StorageConf, EmptyFileSaysNothing) {
  ASSERT_OK_AND_ASSIGN(const StorageConf conf, ParseStorageConf("", "storage.conf"));
  EXPECT_EQ(conf.driver, "");
  EXPECT_EQ(conf.graph_root, "");
  EXPECT_THAT(conf.options, IsEmpty());
}

TEST(StorageConf, SeparateImageStoreIsAnOption) {
  ASSERT_OK_AND_ASSIGN(const StorageConf conf,
                       ParseStorageConf("[storage]\nimagestore = \"/i\"\n", "storage.conf"));
  EXPECT_THAT(conf.options, ElementsAre("overlay.imagestore=/i"));
}

TEST(StorageConf, ErrorsNameTheLine) {
  for (const auto& [text, why] :
       {std::pair("[storage]\ndriver = 3\n", "storage.conf:2: driver must be a string"),
        std::pair("storage = 3\n", "storage.conf:1: storage must be a table"),
        std::pair("\n\n[storage\n", "storage.conf:3: ")}) {
    const absl::Status status = ParseStorageConf(text, "storage.conf").status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
    EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
  }
}

TEST(StorageConf, FileThatIsNotThereIsNotFound) {
  EXPECT_THAT(LoadStorageConf("/no/such/storage.conf"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace holkas
