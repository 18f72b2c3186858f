#include "clients/cli/certificates.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// A new directory with files.
std::string Directory(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string path = testing::TempDir() + "/certs-XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  for (const auto& [name, content] : files) {
    std::ofstream(std::filesystem::path(path) / name) << content;
  }
  return path;
}

TEST(ReadCertificates, JoinsAuthoritiesAndTakesTheClientsPair) {
  ASSERT_OK_AND_ASSIGN(auto certificates, ReadCertificates(Directory({{"b.crt", "B\n"},
                                                                      {"a.crt", "A"},
                                                                      {"me.cert", "CERT"},
                                                                      {"me.key", "KEY"},
                                                                      {"README", "x"}})));
  EXPECT_EQ(certificates.ca_pem(), "A\nB\n");
  EXPECT_EQ(certificates.client_certificate_pem(), "CERT");
  EXPECT_EQ(certificates.client_key_pem(), "KEY");
}

TEST(ReadCertificates, DirectoryThatIsNotThereIsEmpty) {
  ASSERT_OK_AND_ASSIGN(auto certificates, ReadCertificates("/nonexistent/certs"));
  EXPECT_EQ(certificates.ByteSizeLong(), 0U);
}

TEST(ReadCertificates, HalfAPairIsAnError) {
  EXPECT_THAT(ReadCertificates(Directory({{"a.cert", ""}})),
              StatusIs(StatusCode::kInvalidArgument,
                       "missing key a.key for client certificate a.cert. Note that CA certificates "
                       "should use the extension .crt"));
  EXPECT_THAT(
      ReadCertificates(Directory({{"a.key", ""}})),
      StatusIs(StatusCode::kInvalidArgument, "missing client certificate a.cert for key a.key"));
}

TEST(ReadCertificates, TwoPairsAndTooManyBytesAreErrors) {
  EXPECT_THAT(
      ReadCertificates(
          Directory({{"a.cert", "x"}, {"a.key", "x"}, {"b.cert", "x"}, {"b.key", "x"}})),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("more than one client certificate")));
  std::string most((48 << 10) - 1, 'x');
  EXPECT_OK(ReadCertificates(Directory({{"a.crt", most + "\n"}})));
  EXPECT_THAT(ReadCertificates(Directory({{"a.crt", most + "x\n"}})),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("more than 49152 bytes")));
}

TEST(ReadCertificates, WhatCannotBeReadIsNamed) {
  std::string directory = Directory({});
  ASSERT_EQ(mkdir((directory + "/a.crt").c_str(), 0700), 0);
  EXPECT_THAT(ReadCertificates(directory).status().message(), HasSubstr("read " + directory));
}

TEST(ReadDaemonCertificates, ThreeFilesMakeThem) {
  const std::string directory =
      Directory({{"ca.pem", "CA"}, {"cert.pem", "CERT"}, {"key.pem", "KEY"}, {"other", "x"}});
  ASSERT_OK_AND_ASSIGN(const holkas::v1::TlsCertificates certificates,
                       ReadDaemonCertificates(directory));
  EXPECT_EQ(certificates.ca_pem(), "CA");
  EXPECT_EQ(certificates.client_certificate_pem(), "CERT");
  EXPECT_EQ(certificates.client_key_pem(), "KEY");
}

TEST(ReadDaemonCertificates, EachIsNeeded) {
  std::string directory = Directory({});
  EXPECT_EQ(ReadDaemonCertificates(directory).status().message(),
            "could not read CA certificate \"" + directory + "/ca.pem\": open " + directory +
                "/ca.pem: no such file or directory");
  directory = Directory({{"ca.pem", "x"}, {"cert.pem", "x"}});
  EXPECT_EQ(
      ReadDaemonCertificates(directory).status().message(),
      "Could not load X509 key pair: open " + directory + "/key.pem: no such file or directory");
  EXPECT_THAT(ReadDaemonCertificates(Directory(
                  {{"ca.pem", std::string(48 << 10, 'x')}, {"cert.pem", "x"}, {"key.pem", "x"}})),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("more than 49152 bytes")));
}

}  // namespace
}  // namespace holkas
