#include "proto/wire/error.h"

#include <cerrno>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Error, KeepsCodeReasonMessageAndMetadata) {
  absl::Status status = MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                                  "read manifest: no such tag", {{"tag", "1"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "read manifest: no such tag");
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(ErrorMetadata(status), ElementsAre(Pair("tag", "1")));
}

TEST(Error, PlainStatusHasNoReason) {
  EXPECT_EQ(ErrorReason(absl::InternalError("x")), "");
  EXPECT_THAT(ErrorMetadata(absl::InternalError("x")), IsEmpty());
}

TEST(Error, ContextGoesBeforeTheMessageAndKeepsTheReason) {
  absl::Status status =
      WithContext(MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", "short"), "read blob");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "read blob: short");
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST(Error, ContextLeavesOkAlone) { EXPECT_TRUE(WithContext(absl::OkStatus(), "read").ok()); }

TEST(Error, FullDiskIsResourceExhausted) {
  absl::Status status = ErrnoError(ENOSPC, "write blob");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
  EXPECT_EQ(status.message(), "write blob: No space left on device");
}

TEST(Error, MissingFileIsNotFound) {
  EXPECT_EQ(ErrnoError(ENOENT, "open").code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace holkas
