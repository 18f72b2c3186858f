#ifndef HOLKAS_WORKER_CRYPT_OPENSSL_POINTERS_H_
#define HOLKAS_WORKER_CRYPT_OPENSSL_POINTERS_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include <memory>

namespace holkas {

// Owners of OpenSSL's objects. Each may be null.

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using UniqueBio = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using UniqueBignum = std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>>;
using UniqueCertificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using UniqueCipher = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using UniqueMac = std::unique_ptr<EVP_MAC, OpensslFree<EVP_MAC_free>>;
using UniqueMacContext = std::unique_ptr<EVP_MAC_CTX, OpensslFree<EVP_MAC_CTX_free>>;
using UniqueParams = std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>>;
using UniqueParamsBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>>;
using UniquePkey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using UniquePkeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;

// OpenSSL's functions take bytes as unsigned.
inline const unsigned char* Bytes(const char* data) {
  return reinterpret_cast<const unsigned char*>(data);
}
inline unsigned char* Bytes(char* data) { return reinterpret_cast<unsigned char*>(data); }

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_OPENSSL_POINTERS_H_
