#include "service/auth/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/read_config_file.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

constexpr int kMaxCertificates = 10000;

absl::Status Bad(const std::string& path, absl::string_view why) {
  ERR_clear_error();
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                   absl::StrCat(path, ": ", why));
}

std::unique_ptr<BIO, Free> Open(const std::string& pem) {
  return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Nobody is there to be asked for a password.
int NoPassword(char*, int, int, void*) { return -1; }

std::unique_ptr<X509, Free> NextCertificate(BIO* bio) {
  return std::unique_ptr<X509, Free>(PEM_read_bio_X509(bio, nullptr, &NoPassword, nullptr));
}

// The first certificate of a file in which all that looks like one is one.
absl::StatusOr<std::unique_ptr<X509, Free>> CheckCertificates(const std::string& path,
                                                              const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio = Open(pem);
  std::unique_ptr<X509, Free> first = NextCertificate(bio.get());
  if (first == nullptr) {
    return Bad(path, "holds no certificate in PEM");
  }
  for (int i = 1; NextCertificate(bio.get()) != nullptr; ++i) {
    if (i == kMaxCertificates) {
      return Bad(path, absl::StrCat("holds more than ", kMaxCertificates, " certificates"));
    }
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Bad(path, "holds a malformed certificate behind good ones");
  }
  ERR_clear_error();
  return first;
}

}  // namespace

std::vector<std::string> TlsPaths::All() const {
  std::vector<std::string> all = {certificate, key};
  if (!client_ca.empty()) {
    all.push_back(client_ca);
  }
  return all;
}

absl::StatusOr<TlsFiles> LoadTlsFiles(const TlsPaths& paths) {
  TlsFiles files;
  ASSIGN_OR_RETURN(files.certificate, ReadConfigFile(paths.certificate));
  ASSIGN_OR_RETURN(files.key, ReadConfigFile(paths.key));
  ASSIGN_OR_RETURN(const auto certificate, CheckCertificates(paths.certificate, files.certificate));
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) {
    return Bad(paths.certificate, "the certificate has expired");
  }
  const std::unique_ptr<BIO, Free> bio = Open(files.key);
  const std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassword, nullptr));
  if (key == nullptr) {
    return Bad(paths.key, "holds no private key in PEM without a password");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Bad(paths.key, absl::StrCat("is not the key of the certificate in ", paths.certificate));
  }
  if (!paths.client_ca.empty()) {
    ASSIGN_OR_RETURN(files.client_ca, ReadConfigFile(paths.client_ca));
    RETURN_IF_ERROR(CheckCertificates(paths.client_ca, files.client_ca).status());
  }
  return files;
}

}  // namespace holkas
