#ifndef HOLKAS_WORKER_CRYPT_TESTING_TEST_KEYS_H_
#define HOLKAS_WORKER_CRYPT_TESTING_TEST_KEYS_H_

#include <string>

#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// Keys for tests, made when asked for.

// Of 1024 bits, so that tests are quick.
UniquePkey NewRsaKey();
// `curve` in OpenSSL's words, for example `prime256v1`.
UniquePkey NewEcKey(const char* curve);

// In PEM. A password encrypts the private key, by PKCS #8, or the older way.
std::string PublicPem(EVP_PKEY* key);
std::string PrivatePem(EVP_PKEY* key, const std::string& password = "");
std::string TraditionalPem(EVP_PKEY* key, const std::string& password = "");

// In DER.
std::string PublicDer(EVP_PKEY* key);
std::string PrivateDer(EVP_PKEY* key);

// A certificate that the key signed for itself; in PEM.
std::string CertificatePem(EVP_PKEY* key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_TESTING_TEST_KEYS_H_
