#include "worker/jobs/read_schema1_layers.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/empty_layer.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReadSchema1LayersTest : public testing::Test {
 protected:
  // The image's next layer.
  Digest Add(const std::string& content) {
    const Digest digest = from_.AddBlob(kDockerLayerGzipType, content).digest;
    image_.layers.emplace_back(digest);
    return digest;
  }

  FakeSource from_;
  Schema1Manifest image_;
};

TEST_F(ReadSchema1LayersTest, TellsSizesAndDigestsOfTheContent) {
  Add("uncompressed");
  Add(std::string(kEmptyLayer));
  ASSERT_OK_AND_ASSIGN(const std::vector<ReadLayer> layers,
                       ReadSchema1Layers(from_, image_, DiffIds::kComputed));
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].size_bytes, 12);
  EXPECT_EQ(layers[0].diff_id, Digest::Sha256Of("uncompressed"));
  EXPECT_EQ(layers[1].size_bytes, 32);
  // A tar archive of no files: two blocks of zeros.
  EXPECT_EQ(layers[1].diff_id, Digest::Sha256Of(std::string(1024, '\0')));
}

TEST_F(ReadSchema1LayersTest, WithoutNeedNothingIsDecompressed) {
  Add("\x1f\x8b\x08 no gzip");
  ASSERT_OK_AND_ASSIGN(const std::vector<ReadLayer> layers,
                       ReadSchema1Layers(from_, image_, DiffIds::kUnknown));
  EXPECT_EQ(layers[0].size_bytes, 11);
  EXPECT_FALSE(layers[0].diff_id.has_value());
  EXPECT_EQ(ErrorReason(ReadSchema1Layers(from_, image_, DiffIds::kComputed).status()),
            "INVALID_COMPRESSION");
}

TEST_F(ReadSchema1LayersTest, EachLayerIsReadOnce) {
  const Digest empty = Add(std::string(kEmptyLayer));
  const Digest base = Add("base");
  Add(std::string(kEmptyLayer));
  ASSERT_OK_AND_ASSIGN(const std::vector<ReadLayer> layers,
                       ReadSchema1Layers(from_, image_, DiffIds::kComputed));
  EXPECT_EQ(layers.size(), 3u);
  EXPECT_THAT(from_.opened(), ElementsAre(empty, base));
}

TEST_F(ReadSchema1LayersTest, OtherContentIsDataLoss) {
  const Digest digest = Add("layer");
  from_.Replace(digest, "other");
  for (const DiffIds diff_ids : {DiffIds::kUnknown, DiffIds::kComputed}) {
    const absl::Status status = ReadSchema1Layers(from_, image_, diff_ids).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(digest.ToString())));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
}

}  // namespace
}  // namespace holkas
