#ifndef HOLKAS_WORKER_HTTP_TLS_SETTINGS_H_
#define HOLKAS_WORKER_HTTP_TLS_SETTINGS_H_

#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// Whom one place of a job trusts, and with what certificate it presents itself. Made once, read by
// all threads.
class TlsSettings {
 public:
  // The system's authorities (SystemCertificateStore) together with those of `certificates`.
  // Errors: INVALID_ARGUMENT (INVALID_FIELD) where `certificates` cannot be read.
  static absl::StatusOr<TlsSettings> New(const v1::TlsCertificates& certificates, bool verify);

  // Whether certificates are checked at all.
  bool verify() const { return verify_; }
  X509_STORE* store() const { return store_.get(); }
  bool has_client_certificate() const { return !client_certificate_pem_.empty(); }
  const std::string& client_certificate_pem() const { return client_certificate_pem_; }
  const std::string& client_key_pem() const { return client_key_pem_; }

 private:
  struct FreeStore {
    void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  };

  TlsSettings() = default;

  bool verify_ = true;
  std::unique_ptr<X509_STORE, FreeStore> store_;
  std::string client_certificate_pem_;
  std::string client_key_pem_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_TLS_SETTINGS_H_
