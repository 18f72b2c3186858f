#include "worker/jobs/layer_policy.h"

#include <map>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/jobs/copy_fakes.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using Form = LayerPolicy::Form;

class LayerPolicyTest : public testing::Test {
 protected:
  LayerPolicy Policy() const {
    absl::StatusOr<LayerPolicy> policy = LayerPolicyOf(options_, to_);
    EXPECT_OK(policy);
    return *policy;
  }

  v1::CopyRequest options_;
  FakeDestination to_;
};

TEST_F(LayerPolicyTest, DestinationDecidesWhereTheCallerDoesNot) {
  EXPECT_EQ(Policy().form, Form::kAsTheyAre);
  to_.layer_form = Form::kUncompressed;
  EXPECT_EQ(Policy().form, Form::kUncompressed);
  options_.set_layer_form(v1::LAYER_FORM_AS_IS);
  EXPECT_EQ(Policy().form, Form::kAsTheyAre);
}

TEST_F(LayerPolicyTest, CompressedMeansGzipForWhatIsNotCompressedAtAll) {
  to_.layer_form = Form::kCompressed;
  const LayerPolicy policy = Policy();
  EXPECT_EQ(policy.Wanted(Compression::kNone), Compression::kGzip);
  EXPECT_EQ(policy.Wanted(Compression::kZstd), Compression::kZstd);
  EXPECT_EQ(policy.Wanted(Compression::kXz), Compression::kXz);
  EXPECT_FALSE(policy.NeedsOci());
}

TEST_F(LayerPolicyTest, AFormatIsWantedOfAllLayers) {
  to_.layer_form = Form::kCompressed;
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  const LayerPolicy policy = Policy();
  EXPECT_EQ(policy.Wanted(Compression::kNone), Compression::kZstd);
  EXPECT_EQ(policy.Wanted(Compression::kGzip), Compression::kZstd);
  EXPECT_EQ(policy.Wanted(Compression::kZstd), Compression::kZstd);
  EXPECT_TRUE(policy.NeedsOci());
}

TEST_F(LayerPolicyTest, ChunkedIsZstdForWhatHasNoTableOfContents) {
  const std::map<std::string, std::string> has = {
      {"io.github.containers.zstd-chunked.manifest-checksum", "sha256:1"}};
  // Podman 4.3's, which has no tar-split.
  const std::map<std::string, std::string> old = {
      {"io.containers.zstd-chunked.manifest-checksum", "sha256:1"}};
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  EXPECT_FALSE(Policy().WantsContents(Compression::kNone, {}));
  to_.layer_form = Form::kCompressed;
  const LayerPolicy policy = Policy();
  EXPECT_EQ(policy.Wanted(Compression::kGzip), Compression::kZstd);
  EXPECT_TRUE(policy.NeedsOci());
  EXPECT_TRUE(policy.WantsContents(Compression::kNone, has));
  EXPECT_TRUE(policy.WantsContents(Compression::kZstd, {}));
  EXPECT_TRUE(policy.WantsContents(Compression::kZstd, old));
  EXPECT_FALSE(policy.WantsContents(Compression::kZstd, has));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_FALSE(Policy().WantsContents(Compression::kZstd, {}));
}

TEST_F(LayerPolicyTest, AFormatChangesNothingWhereLayersAreNotToBeCompressed) {
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_EQ(Policy().Wanted(Compression::kGzip), Compression::kGzip);
  EXPECT_FALSE(Policy().NeedsOci());
  options_.set_layer_form(v1::LAYER_FORM_UNCOMPRESSED);
  EXPECT_EQ(Policy().Wanted(Compression::kGzip), Compression::kNone);
}

TEST_F(LayerPolicyTest, WhereDigestsStayNothingChanges) {
  options_.set_layer_form(v1::LAYER_FORM_UNCOMPRESSED);
  EXPECT_EQ(ReasonNotToModify(options_, to_), "");
  options_.set_preserve_digests(true);
  EXPECT_EQ(Policy().form, Form::kAsTheyAre);
  EXPECT_EQ(ReasonNotToModify(options_, to_), "Instructed to preserve digests");
  options_.set_preserve_digests(false);
  to_.has_digest_name = true;
  EXPECT_EQ(Policy().form, Form::kAsTheyAre);
  EXPECT_EQ(ReasonNotToModify(options_, to_), "Destination specifies a digest");
}

TEST_F(LayerPolicyTest, ForcingNeedsAFormat) {
  options_.set_force_compression_format(true);
  const absl::Status status = LayerPolicyOf(options_, to_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("undefined default")));
  EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
}

TEST_F(LayerPolicyTest, DockersManifestsAndZstdDoNotGoTogether) {
  options_.set_format(v1::MANIFEST_FORMAT_DOCKER_V2S2);
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_OK(LayerPolicyOf(options_, to_));
  to_.layer_form = Form::kCompressed;
  EXPECT_EQ(ErrorReason(LayerPolicyOf(options_, to_).status()), "INVALID_FIELD");
}

TEST_F(LayerPolicyTest, LevelsThatThereAreNotAreRefused) {
  to_.layer_form = Form::kCompressed;
  options_.set_compression_level(9);
  EXPECT_OK(FormatOf(Policy()));
  options_.set_compression_level(10);
  EXPECT_THAT(FormatOf(Policy()), StatusIs(absl::StatusCode::kInvalidArgument));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_OK(FormatOf(Policy()));
}

}  // namespace
}  // namespace holkas
