#include "worker/image/choose_platform.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

struct Item {
  std::string platform;  // `os/architecture[/variant]`; empty for none
  bool zstd = false;
};

// An index whose entries have their position as size.
Manifest Index(const std::vector<Item>& items, absl::string_view type = kOciIndexType) {
  std::string json = R"({"schemaVersion":2,"manifests":[)";
  for (size_t i = 0; i < items.size(); ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", R"({"mediaType":")", kOciManifestType,
                    R"(","digest":")", Digest::Sha256Of(absl::StrCat(i)).ToString(), R"(","size":)",
                    i);
    if (items[i].zstd) {
      absl::StrAppend(&json, R"(,"annotations":{"io.github.containers.compression.zstd":"true"})");
    }
    std::string rest = items[i].platform;
    if (!rest.empty()) {
      std::vector<std::string> parts(3);
      for (std::string& part : parts) {
        size_t slash = rest.find('/');
        part = rest.substr(0, slash);
        rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
      }
      absl::StrAppend(&json, R"(,"platform":{"os":")", parts[0], R"(","architecture":")", parts[1],
                      R"(","variant":")", parts[2], R"("})");
    }
    absl::StrAppend(&json, "}");
  }
  absl::StrAppend(&json, "]}");
  Digest digest = Digest::Sha256Of(json);
  return *Manifest::Parse({json, digest, std::string(type)});
}

struct Case {
  std::vector<Item> items;
  ImagePlatform wanted;
  int64_t chosen;
};

class Choice : public testing::TestWithParam<Case> {};

TEST_P(Choice, IsSkopeos) {
  Manifest index = Index(GetParam().items);
  ASSERT_OK_AND_ASSIGN(const ImageIndex::Entry* entry, ChoosePlatform(index, GetParam().wanted));
  EXPECT_EQ(entry->descriptor.size_bytes, GetParam().chosen);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Choice,
    testing::Values(
        // Operating system and architecture, the first that fits.
        Case{{{"linux/arm64"}, {"windows/amd64"}, {"linux/amd64"}, {"linux/amd64"}},
             {"linux", "amd64", ""},
             2},
        // An ARM of the wanted variant, then older ones, then one without a variant.
        Case{{{"linux/arm"}, {"linux/arm/v5"}, {"linux/arm/v6"}, {"linux/arm/v7"}},
             {"linux", "arm", "v7"},
             3},
        Case{{{"linux/arm"}, {"linux/arm/v5"}, {"linux/arm/v6"}, {"linux/arm/v7"}},
             {"linux", "arm", "v6"},
             2},
        Case{{{"linux/arm"}, {"linux/arm/v7"}}, {"linux", "arm", "v6"}, 0},
        Case{{{"linux/arm/v7"}, {"linux/arm/v5"}}, {"linux", "arm", "v6"}, 1},
        Case{{{"linux/arm/v7"}}, {"linux", "arm", "v8"}, 0},
        // Every 64-bit ARM is a v8.
        Case{{{"linux/arm64/v8"}}, {"linux", "arm64", ""}, 0},
        Case{{{"linux/arm64/v8"}, {"linux/arm64"}}, {"linux", "arm64", ""}, 1},
        Case{{{"linux/arm64"}, {"linux/arm64/v8"}}, {"linux", "arm64", "v8"}, 1},
        // A variant that nobody knows fits itself and none.
        Case{
            {{"linux/amd64/v2"}, {"linux/amd64/v3"}, {"linux/amd64"}}, {"linux", "amd64", "v3"}, 1},
        Case{{{"linux/amd64/v2"}, {"linux/amd64"}}, {"linux", "amd64", "v3"}, 1},
        // Zstd before gzip, but not before a better variant.
        Case{{{"linux/amd64"}, {"linux/amd64", true}}, {"linux", "amd64", ""}, 1},
        Case{{{"linux/arm/v6", true}, {"linux/arm/v7"}}, {"linux", "arm", "v7"}, 1},
        // Without a platform: better than nothing.
        Case{{{""}, {"linux/amd64"}}, {"linux", "amd64", ""}, 1},
        Case{{{"linux/arm64"}, {""}, {""}}, {"linux", "amd64", ""}, 1}));

TEST(ChoosePlatform, NoneIsNotFoundWithSkopeosText) {
  Manifest index = Index({{"linux/arm/v7"}, {"linux/amd64/v3"}});
  absl::Status status = ChoosePlatform(index, {"linux", "riscv64", ""}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               "no image found in image index for architecture \"riscv64\", "
                               "variant \"\", OS \"linux\""));
  EXPECT_EQ(ErrorReason(status), "PLATFORM_NOT_FOUND");
  EXPECT_THAT(ChoosePlatform(index, {"linux", "arm", "v6"}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ChoosePlatform(index, {"linux", "amd64", ""}), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ChoosePlatform, InADockerListAnEntryWithoutPlatformIsForNobody) {
  Manifest list = Index({{""}}, kDockerListType);
  EXPECT_THAT(ChoosePlatform(list, {"linux", "amd64", ""}),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("in manifest list for")));
}

TEST(ChoosePlatforms, AllEntriesOfEachAreChosenInTheIndexesOrder) {
  const Manifest index = Index({{"linux/arm/v7"},
                                {"linux/amd64"},
                                {""},
                                {"linux/arm/v6"},
                                {"linux/amd64", true},
                                {"windows/amd64"}});
  const auto numbers = [&](const std::vector<ImagePlatform>& wanted) {
    std::vector<std::ptrdiff_t> found;
    const auto chosen = *ChoosePlatforms(index, wanted);
    for (const ImageIndex::Entry* entry : chosen) {
      found.push_back(entry - index.index().manifests.data());
    }
    return found;
  };
  EXPECT_THAT(numbers({{"linux", "amd64", ""}}), testing::ElementsAre(1, 4));
  // Without a variant all that there are.
  EXPECT_THAT(numbers({{"linux", "arm", ""}}), testing::ElementsAre(0, 3));
  EXPECT_THAT(numbers({{"windows", "amd64", ""}, {"linux", "arm", "v6"}}),
              testing::ElementsAre(3, 5));
  EXPECT_THAT(numbers({{"linux", "arm", ""}, {"linux", "arm", "v6"}}), testing::ElementsAre(0, 3));
}

TEST(ChoosePlatforms, OneThatIsNotThereIsNotFound) {
  const Manifest index = Index({{"linux/arm/v7"}, {"linux/amd64"}, {""}});
  const absl::Status status =
      ChoosePlatforms(index, {{"linux", "amd64", ""}, {"linux", "arm", "v6"}}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               "no image found in image index for architecture \"arm\", "
                               "variant \"v6\", OS \"linux\""));
  EXPECT_EQ(ErrorReason(status), "PLATFORM_NOT_FOUND");
}

}  // namespace
}  // namespace holkas
