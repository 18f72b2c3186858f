#include "worker/image/layer_types.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

using ::testing::Eq;
using ::testing::Optional;

TEST(CompressionOfLayerType, IsThatOfTheSuffix) {
  EXPECT_THAT(CompressionOfLayerType(kOciLayerType), Optional(Compression::kNone));
  EXPECT_THAT(CompressionOfLayerType(kOciLayerZstdType), Optional(Compression::kZstd));
  EXPECT_THAT(CompressionOfLayerType(kDockerLayerGzipType), Optional(Compression::kGzip));
  EXPECT_THAT(CompressionOfLayerType(kDockerForeignLayerType), Optional(Compression::kNone));
}

TEST(CompressionOfLayerType, OtherTypesHaveNone) {
  for (const absl::string_view type :
       {"", "text/plain", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.config.v1+json"}) {
    EXPECT_THAT(CompressionOfLayerType(type), Eq(std::nullopt)) << type;
  }
}

TEST(LayerTypeWith, ChangesTheCompressionAlone) {
  EXPECT_EQ(LayerTypeWith(kOciLayerGzipType, Compression::kZstd), kOciLayerZstdType);
  EXPECT_EQ(LayerTypeWith(kOciLayerGzipType, Compression::kNone), kOciLayerType);
  EXPECT_EQ(LayerTypeWith(kDockerLayerType, Compression::kGzip), kDockerLayerGzipType);
  EXPECT_EQ(LayerTypeWith(kOciNondistributableLayerType, Compression::kGzip),
            kOciNondistributableLayerGzipType);
}

TEST(LayerTypeWith, IsEmptyWhereThereIsNoSuchType) {
  EXPECT_EQ(LayerTypeWith(kDockerLayerGzipType, Compression::kZstd), "");
  EXPECT_EQ(LayerTypeWith(kOciLayerGzipType, Compression::kXz), "");
  EXPECT_EQ(LayerTypeWith("text/plain", Compression::kGzip), "");
}

}  // namespace
}  // namespace holkas
