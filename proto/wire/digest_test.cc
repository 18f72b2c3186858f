#include "proto/wire/digest.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// FIPS 180-2, appendix B.1.
constexpr char kSha256OfAbc[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, HashesWithSha256) { EXPECT_EQ(Digest::Sha256Of("abc").ToString(), kSha256OfAbc); }

TEST(Digest, ParsesBothAlgorithms) {
  ASSERT_OK_AND_ASSIGN(Digest sha256, Digest::Parse(kSha256OfAbc));
  EXPECT_EQ(sha256, Digest::Sha256Of("abc"));
  EXPECT_EQ(sha256.algorithm(), "sha256");
  EXPECT_EQ(sha256.hex(), std::string(kSha256OfAbc).substr(7));
  ASSERT_OK_AND_ASSIGN(Digest sha512, Digest::Parse("sha512:" + std::string(128, 'a')));
  EXPECT_EQ(sha512.algorithm(), "sha512");
}

class MalformedDigest : public testing::TestWithParam<std::string> {};

TEST_P(MalformedDigest, IsInvalidArgument) {
  EXPECT_THAT(Digest::Parse(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("invalid digest")));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, MalformedDigest,
    testing::Values("", "sha256", "sha256:", "sha256:../../../etc/passwd",
                    "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
                    "sha256:" + std::string(64, 'A'), "sha256:" + std::string(64, 'g'),
                    "sha512:" + std::string(64, 'a'), " sha256:" + std::string(64, 'a'),
                    "sha256:" + std::string(63, 'a') + "\n",
                    "sha256:" + std::string(62, 'a') + std::string(2, '\0')));

TEST(Digest, UnknownAlgorithmIsUnimplemented) {
  EXPECT_THAT(Digest::Parse("md5:" + std::string(32, 'a')),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("sha256 or sha512")));
}

TEST(Digest, ErrorShowsNoRawBytes) {
  absl::Status status = Digest::Parse("sha256:\x1b[31m").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("\\x1b[31m"));
}

}  // namespace
}  // namespace holkas
