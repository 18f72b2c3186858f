#include "worker/http/tls_settings.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/http/certificate_store.h"

namespace holkas {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key NewKey() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

// A certificate for `subject`, signed by `issuer`.
Certificate Sign(const std::string& subject, EVP_PKEY* key, const std::string& issuer,
                 EVP_PKEY* issuer_key) {
  Certificate certificate(X509_new(), X509_free);
  auto name = [](X509_NAME* to, const std::string& text) {
    X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
  };
  name(X509_get_subject_name(certificate.get()), subject);
  name(X509_get_issuer_name(certificate.get()), issuer);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), issuer_key, EVP_sha256());
  return certificate;
}

std::string Pem(X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

// An authority, and a certificate of a registry that it signed.
struct Authority {
  explicit Authority(const std::string& name)
      : key(NewKey()),
        certificate(Sign(name, key.get(), name, key.get())),
        registry_key(NewKey()),
        registry(Sign("registry", registry_key.get(), name, key.get())) {}
  Key key;
  Certificate certificate;
  Key registry_key;
  Certificate registry;
};

class TlsSettingsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    system_ = new Authority("system");
    const std::string path = absl::StrCat(testing::TempDir(), "/bundle.pem");
    std::ofstream(path) << Pem(system_->certificate.get());
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_OK(LoadSystemCertificateStore(fd.get()));
  }

  static bool Trusts(const TlsSettings& settings, const Authority& authority) {
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
        X509_STORE_CTX_new(), X509_STORE_CTX_free);
    X509_STORE_CTX_init(context.get(), settings.store(), authority.registry.get(), nullptr);
    return X509_verify_cert(context.get()) == 1;
  }

  static absl::StatusOr<TlsSettings> With(const std::string& ca_pem) {
    v1::TlsCertificates certificates;
    certificates.set_ca_pem(ca_pem);
    return TlsSettings::New(certificates, /*verify=*/true);
  }

  static Authority* system_;
  const Authority own_{"own"};
  const Authority stranger_{"stranger"};
};

Authority* TlsSettingsTest::system_ = nullptr;

TEST_F(TlsSettingsTest, WithoutAuthoritiesTheSystemsAreTrusted) {
  ASSERT_OK_AND_ASSIGN(const TlsSettings settings, With(""));
  EXPECT_TRUE(Trusts(settings, *system_));
  EXPECT_FALSE(Trusts(settings, own_));
}

TEST_F(TlsSettingsTest, GivenAuthoritiesAreTrustedBesideTheSystems) {
  ASSERT_OK_AND_ASSIGN(const TlsSettings settings, With(Pem(own_.certificate.get())));
  EXPECT_TRUE(Trusts(settings, own_));
  EXPECT_TRUE(Trusts(settings, *system_));
  EXPECT_FALSE(Trusts(settings, stranger_));
}

TEST_F(TlsSettingsTest, GivenAuthoritiesOfOneAreNotTrustedByAnother) {
  ASSERT_OK_AND_ASSIGN(const TlsSettings settings, With(Pem(own_.certificate.get())));
  ASSERT_OK_AND_ASSIGN(const TlsSettings other, With(Pem(stranger_.certificate.get())));
  EXPECT_FALSE(Trusts(settings, stranger_));
  EXPECT_FALSE(Trusts(other, own_));
}

TEST_F(TlsSettingsTest, AuthoritiesThatAreNoneAreRefused) {
  const absl::Status status = With("nonsense").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
}

}  // namespace
}  // namespace holkas
