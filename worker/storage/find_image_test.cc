#include "worker/storage/find_image.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

const Digest kDigest = Digest::Sha256Of("manifest");

std::vector<ImageRecord> Images() {
  ImageRecord first;
  first.id = "abc1" + std::string(60, '0');
  first.names = {"docker.io/library/busybox:latest", "localhost:5000/a/b:1"};
  first.data_digests = {{"manifest", kDigest.ToString()}};
  ImageRecord second;
  second.id = "abc2" + std::string(60, '0');
  second.names = {"quay.io/other:1"};
  second.data_digests = {{ManifestKey(kDigest), kDigest.ToString()}};
  return {first, second};
}

// The beginning of the identity of the image that is found; empty for none.
std::string Find(const StoredImageName& name) {
  const std::vector<ImageRecord> images = Images();
  const auto image = FindImage(images, name);
  if (!image.ok()) {
    EXPECT_EQ(ErrorReason(image.status()), "MANIFEST_UNKNOWN");
    return "";
  }
  return (*image)->id.substr(0, 4);
}

TEST(FindImage, NameIsTheWholeName) {
  EXPECT_EQ(Find({"docker.io/library/busybox:latest", std::nullopt, ""}), "abc1");
  EXPECT_EQ(Find({"docker.io/library/busybox", std::nullopt, ""}), "");
  EXPECT_EQ(Find({"docker.io/library/busybox:1", std::nullopt, ""}), "");
}

TEST(FindImage, DigestIsOfAnImageOfTheRepository) {
  EXPECT_EQ(Find({"quay.io/other", kDigest, ""}), "abc2");
  EXPECT_EQ(Find({"localhost:5000/a/b", kDigest, ""}), "abc1");
  EXPECT_EQ(Find({"localhost:5000/a/b", Digest::Sha256Of("x"), ""}), "");
  EXPECT_EQ(Find({"quay.io/third", kDigest, ""}), "");
}

TEST(FindImage, IdentityMayBeItsBeginning) {
  EXPECT_EQ(Find({"", std::nullopt, "abc1"}), "abc1");
  EXPECT_EQ(Find({"", std::nullopt, "abc2" + std::string(60, '0')}), "abc2");
  EXPECT_EQ(Find({"", std::nullopt, "abc"}), "");
  EXPECT_EQ(Find({"", std::nullopt, "def"}), "");
}

TEST(FindImage, IdentityAndNameAreOfOneImage) {
  EXPECT_EQ(Find({"quay.io/other:2", std::nullopt, "abc2"}), "abc2");
  EXPECT_EQ(Find({"quay.io/other:1", std::nullopt, "abc1"}), "");
}

}  // namespace
}  // namespace holkas
