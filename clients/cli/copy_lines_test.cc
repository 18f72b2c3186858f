#include "clients/cli/copy_lines.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using holkas::v1::CopyResponse;
using testing::ElementsAre;

// The lines for events in protobuf's text format.
std::vector<std::string> LinesOf(const CopyLineOptions& options,
                                 const std::vector<std::string>& events) {
  CopyLines lines(options);
  std::vector<std::string> all;
  for (const std::string& text : events) {
    CopyResponse event;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
    for (std::string& line : lines.Lines(event)) {
      all.push_back(std::move(line));
    }
  }
  return all;
}

TEST(CopyLines, OneImageReadsAsSkopeos) {
  EXPECT_THAT(LinesOf({}, {"image_started { digest: 'sha256:m' number: 1 total: 1 }",
                           "blob_started { digest: 'sha256:a' kind: BLOB_KIND_LAYER }",
                           "blob_progress { digest: 'sha256:a' done_bytes: 1 }",
                           "blob_finished { digest: 'sha256:b' kind: BLOB_KIND_LAYER"
                           " outcome: BLOB_OUTCOME_ALREADY_PRESENT }",
                           "blob_finished { digest: 'sha256:a' kind: BLOB_KIND_LAYER }",
                           "blob_started { digest: 'sha256:c' kind: BLOB_KIND_CONFIG }",
                           "blob_finished { digest: 'sha256:c' kind: BLOB_KIND_CONFIG }",
                           "manifest_started { digest: 'sha256:m' }", "result { }"}),
              ElementsAre("Getting image source signatures", "Copying blob sha256:a",
                          "Copying blob sha256:b", "Copying config sha256:c",
                          "Writing manifest to image destination", "Storing signatures"));
}

TEST(CopyLines, OneImageOfAnIndexReadsAsASingleOne) {
  EXPECT_THAT(LinesOf({}, {"image_started { digest: 'sha256:m' number: 1 total: 1 listed: 2 }"}),
              ElementsAre("Getting image source signatures"));
}

TEST(CopyLines, WholeIndexCountsItsImages) {
  EXPECT_THAT(LinesOf({.whole_index = true},
                      {"image_started { digest: 'sha256:m1' number: 1 total: 2 listed: 2 }",
                       "manifest_started { digest: 'sha256:m1' }",
                       "image_started { digest: 'sha256:m2' number: 2 total: 2 listed: 2 }",
                       "manifest_started { digest: 'sha256:m2' }",
                       "manifest_started { digest: 'sha256:i' is_index: true }"}),
              ElementsAre("Getting image list signatures", "Copying 2 of 2 images in list",
                          "Copying image sha256:m1 (1/2)", "Getting image source signatures",
                          "Writing manifest to image destination", "Storing signatures",
                          "Copying image sha256:m2 (2/2)", "Getting image source signatures",
                          "Writing manifest to image destination", "Storing signatures",
                          "Writing manifest list to image destination", "Storing list signatures"));
}

TEST(CopyLines, IndexAloneHasNoImages) {
  EXPECT_THAT(
      LinesOf({.whole_index = true}, {"manifest_started { digest: 'sha256:i' is_index: true }"}),
      ElementsAre("Getting image list signatures", "Writing manifest list to image destination",
                  "Storing list signatures"));
}

TEST(CopyLines, WithoutSignaturesNothingIsGotten) {
  EXPECT_THAT(LinesOf({.whole_index = true, .remove_signatures = true},
                      {"image_started { digest: 'sha256:m' number: 1 total: 1 listed: 1 }"}),
              ElementsAre("Copying 1 of 1 images in list", "Copying image sha256:m (1/1)"));
}

}  // namespace
}  // namespace holkas
