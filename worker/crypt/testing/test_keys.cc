#include "worker/crypt/testing/test_keys.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace holkas {
namespace {

std::string Written(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

UniqueBio Writer() { return UniqueBio(BIO_new(BIO_s_mem())); }

const EVP_CIPHER* CipherFor(const std::string& password) {
  return password.empty() ? nullptr : EVP_aes_256_cbc();
}

}  // namespace

UniquePkey NewRsaKey() { return UniquePkey(EVP_RSA_gen(1024)); }

UniquePkey NewEcKey(const char* curve) { return UniquePkey(EVP_EC_gen(curve)); }

std::string PublicPem(EVP_PKEY* key) {
  const UniqueBio bio = Writer();
  PEM_write_bio_PUBKEY(bio.get(), key);
  return Written(bio.get());
}

std::string PrivatePem(EVP_PKEY* key, const std::string& password) {
  const UniqueBio bio = Writer();
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, CipherFor(password), password.data(),
                                static_cast<int>(password.size()), nullptr, nullptr);
  return Written(bio.get());
}

std::string TraditionalPem(EVP_PKEY* key, const std::string& password) {
  const UniqueBio bio = Writer();
  PEM_write_bio_PrivateKey_traditional(bio.get(), key, CipherFor(password), Bytes(password.data()),
                                       static_cast<int>(password.size()), nullptr, nullptr);
  return Written(bio.get());
}

std::string PublicDer(EVP_PKEY* key) {
  const UniqueBio bio = Writer();
  i2d_PUBKEY_bio(bio.get(), key);
  return Written(bio.get());
}

std::string PrivateDer(EVP_PKEY* key) {
  const UniqueBio bio = Writer();
  i2d_PrivateKey_bio(bio.get(), key);
  return Written(bio.get());
}

std::string CertificatePem(EVP_PKEY* key) {
  const UniqueCertificate certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 4711);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, Bytes("layers.test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, EVP_sha256());
  const UniqueBio bio = Writer();
  PEM_write_bio_X509(bio.get(), certificate.get());
  return Written(bio.get());
}

}  // namespace holkas
