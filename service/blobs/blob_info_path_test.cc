#include "service/blobs/blob_info_path.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace holkas {
namespace {

using Variables = std::map<std::string, std::string>;

std::string PathOf(bool is_private, unsigned uid, Variables variables) {
  return DefaultBlobInfoPath(
      is_private, {uid, [variables](const char* name) -> std::optional<std::string> {
                     const auto found = variables.find(name);
                     return found == variables.end() ? std::nullopt
                                                     : std::optional<std::string>(found->second);
                   }});
}

TEST(DefaultBlobInfoPath, OfAPrivateServerIsBesideSkopeos) {
  EXPECT_EQ(PathOf(true, 0, {{"XDG_DATA_HOME", "/data"}}),
            "/var/lib/containers/cache/holkas-blob-info-cache-v1.sqlite");
  EXPECT_EQ(PathOf(true, 1000, {{"XDG_DATA_HOME", "/data"}, {"HOME", "/home/u"}}),
            "/data/containers/cache/holkas-blob-info-cache-v1.sqlite");
  EXPECT_EQ(PathOf(true, 1000, {{"HOME", "/home/u"}}),
            "/home/u/.local/share/containers/cache/holkas-blob-info-cache-v1.sqlite");
}

TEST(DefaultBlobInfoPath, OfAServerForManyIsInItsStateDirectory) {
  EXPECT_EQ(PathOf(false, 1000, {{"STATE_DIRECTORY", "/var/lib/x:/var/lib/y"}}),
            "/var/lib/x/holkas-blob-info-cache-v1.sqlite");
  EXPECT_EQ(PathOf(false, 0, {}), "/var/lib/holkas/holkas-blob-info-cache-v1.sqlite");
  EXPECT_EQ(PathOf(false, 1000, {{"XDG_STATE_HOME", "/state"}}),
            "/state/holkas/holkas-blob-info-cache-v1.sqlite");
  EXPECT_EQ(PathOf(false, 1000, {{"HOME", "/home/u"}}),
            "/home/u/.local/state/holkas/holkas-blob-info-cache-v1.sqlite");
}

TEST(DefaultBlobInfoPath, WithoutAHomeThereIsNone) {
  EXPECT_EQ(PathOf(true, 1000, {}), "");
  EXPECT_EQ(PathOf(true, 1000, {{"XDG_DATA_HOME", "relative"}, {"HOME", "too"}}), "");
  EXPECT_EQ(PathOf(false, 1000, {}), "");
}

TEST(DefaultBlobInfoPath, TheVariableComesFirst) {
  for (const bool is_private : {true, false}) {
    EXPECT_EQ(PathOf(is_private, 0, {{"HOLKAS_BLOB_INFO_CACHE", "/my/file"}}), "/my/file");
    EXPECT_EQ(PathOf(is_private, 0, {{"HOLKAS_BLOB_INFO_CACHE", ""}}), "");
  }
}

}  // namespace
}  // namespace holkas
