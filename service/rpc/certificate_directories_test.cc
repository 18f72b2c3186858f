#include "service/rpc/certificate_directories.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

using testing::HasSubstr;

class FindCertificatesTest : public testing::Test {
 protected:
  FindCertificatesTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
  }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  absl::StatusOr<v1::TlsCertificates> Find() {
    return FindCertificates({root_ + "/a", root_ + "/b"}, "reg:5000");
  }

  void ExpectInvalid(const std::string& why) {
    const absl::Status status = Find().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(why)));
    EXPECT_EQ(ErrorReason(status), "INVALID_CERTIFICATES");
  }

  std::string root_;
};

TEST_F(FindCertificatesTest, NoDirectoryGivesNone) {
  ASSERT_OK_AND_ASSIGN(v1::TlsCertificates found, Find());
  EXPECT_EQ(found.ByteSizeLong(), 0u);
}

TEST_F(FindCertificatesTest, AuthoritiesAreJoinedAndTheClientIsPaired) {
  Write("a/reg:5000/one.crt", "ONE");
  Write("a/reg:5000/two.crt", "TWO\n");
  Write("a/reg:5000/client.cert", "CERT\n");
  Write("a/reg:5000/client.key", "KEY\n");
  Write("a/reg:5000/README", "not looked at");
  Write("a/reg/other.crt", "OTHER");
  ASSERT_OK_AND_ASSIGN(v1::TlsCertificates found, Find());
  EXPECT_EQ(found.ca_pem(), "ONE\nTWO\n");
  EXPECT_EQ(found.client_certificate_pem(), "CERT\n");
  EXPECT_EQ(found.client_key_pem(), "KEY\n");
}

TEST_F(FindCertificatesTest, TheFirstDirectoryThatHasTheRegistryWins) {
  Write("b/reg:5000/ca.crt", "B");
  ASSERT_OK_AND_ASSIGN(v1::TlsCertificates found, Find());
  EXPECT_EQ(found.ca_pem(), "B\n");
  Write("a/reg:5000/ca.crt", "A");
  ASSERT_OK_AND_ASSIGN(found, Find());
  EXPECT_EQ(found.ca_pem(), "A\n");
}

TEST_F(FindCertificatesTest, KeyWithoutCertificateIsAnError) {
  Write("a/reg:5000/client.key", "KEY");
  ExpectInvalid("missing client certificate client.cert");
}

TEST_F(FindCertificatesTest, CertificateWithoutKeyIsAnError) {
  Write("a/reg:5000/client.cert", "CERT");
  ExpectInvalid("missing key");
}

TEST_F(FindCertificatesTest, AllFilesTogetherAreBounded) {
  Write("a/reg:5000/a.crt", std::string(kMaxCertificateBytes - 1, 'x'));
  EXPECT_OK(Find());
  Write("a/reg:5000/b.crt", std::string(4096, 'x'));
  ExpectInvalid("are larger than 49152 bytes");
}

TEST_F(FindCertificatesTest, OnlyRegularFilesAreRead) {
  std::filesystem::create_directories(root_ + "/a/reg:5000/x.crt");
  ExpectInvalid("is not a regular file");
}

}  // namespace
}  // namespace holkas
