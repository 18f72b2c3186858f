#include "service/auth/tls_files.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_tls.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class TlsFilesTest : public testing::Test {
 protected:
  // The certificate and the key of somebody who has them.
  TlsPaths Write(const TestCertificate& pair, const std::string& name) {
    TlsPaths paths = {Path(name + ".crt"), Path(name + ".key"), ""};
    FILE* file = fopen(paths.certificate.c_str(), "w");
    PEM_write_X509(file, pair.certificate());
    fclose(file);
    file = fopen(paths.key.c_str(), "w");
    PEM_write_PrivateKey(file, pair.key(), nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
    return paths;
  }

  std::string WriteText(const std::string& name, const std::string& text) {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  static std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

  static auto IsBad(const std::string& path, const std::string& why) {
    return StatusIs(StatusCode::kInvalidArgument, HasSubstr(absl::StrCat(path, ": ", why)));
  }

  const TestCertificate pair_{"DNS:server.test"};
  const TestCertificate other_{"DNS:other.test"};
};

TEST_F(TlsFilesTest, FilesThatFitTogetherAreRead) {
  TlsPaths paths = Write(pair_, "server");
  paths.client_ca = Write(other_, "ca").certificate;
  ASSERT_OK_AND_ASSIGN(const TlsFiles files, LoadTlsFiles(paths));
  EXPECT_THAT(files.certificate, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(files.key, HasSubstr("PRIVATE KEY"));
  EXPECT_THAT(files.client_ca, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(paths.All().size(), 3u);
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  TlsPaths paths = Write(pair_, "server");
  paths.key = Write(other_, "other").key;
  const absl::Status status = LoadTlsFiles(paths).status();
  EXPECT_THAT(status,
              IsBad(paths.key, "is not the key of the certificate in " + paths.certificate));
  EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
}

TEST_F(TlsFilesTest, AnExpiredCertificateIsRefused) {
  X509_gmtime_adj(X509_getm_notAfter(pair_.certificate()), -60);
  X509_sign(pair_.certificate(), pair_.key(), EVP_sha256());
  const TlsPaths paths = Write(pair_, "expired");
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(paths.certificate, "the certificate has expired"));
}

TEST_F(TlsFilesTest, WhatIsNoPemIsRefused) {
  const TlsPaths good = Write(pair_, "server");
  const std::string text = WriteText("text", "nothing");
  TlsPaths paths = good;
  paths.certificate = text;
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(text, "holds no certificate"));
  paths = good;
  paths.key = text;
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(text, "holds no private key"));
  paths = good;
  paths.client_ca = text;
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(text, "holds no certificate"));
}

TEST_F(TlsFilesTest, AMalformedCertificateBehindGoodOnesIsRefused) {
  TlsPaths paths = Write(pair_, "server");
  paths.client_ca = Write(other_, "ca").certificate;
  std::ofstream(paths.client_ca, std::ios::app)
      << "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(paths.client_ca, "holds a malformed certificate"));
}

TEST_F(TlsFilesTest, AnEncryptedKeyIsRefusedAndNobodyIsAsked) {
  TlsPaths paths = Write(pair_, "server");
  char password[] = "secret";
  FILE* file = fopen(paths.key.c_str(), "w");
  PEM_write_PrivateKey(file, pair_.key(), EVP_aes_128_cbc(),
                       reinterpret_cast<unsigned char*>(password), 6, nullptr, nullptr);
  fclose(file);
  EXPECT_THAT(LoadTlsFiles(paths), IsBad(paths.key, "holds no private key"));
}

TEST_F(TlsFilesTest, AMissingFileIsNotFound) {
  TlsPaths paths = Write(pair_, "server");
  paths.key = "/none/key";
  EXPECT_THAT(LoadTlsFiles(paths), StatusIs(StatusCode::kNotFound, HasSubstr("/none/key")));
}

}  // namespace
}  // namespace holkas
