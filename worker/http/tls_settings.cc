#include "worker/http/tls_settings.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/http/certificate_store.h"

namespace holkas {
namespace {

// More certificate authorities than any system has.
constexpr int kMaxAuthorities = 2000;

absl::Status InvalidField(absl::string_view field, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat(field, ": ", why), {{"field", std::string(field)}});
}

// Looks for who issued `certificate` in the context's own store and then in the system's. Adding
// the system's authorities to the own store would touch each of them, and with that copy most of
// what this process shares with the zygote.
int FindIssuer(X509** issuer, X509_STORE_CTX* context, X509* certificate) {
  const int found = X509_STORE_CTX_get1_issuer(issuer, context, certificate);
  X509_STORE* const system = SystemCertificateStore();
  if (found != 0 || system == nullptr) {
    return found;
  }
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> of_system(
      X509_STORE_CTX_new(), X509_STORE_CTX_free);
  if (of_system == nullptr ||
      X509_STORE_CTX_init(of_system.get(), system, certificate, nullptr) != 1) {
    return -1;
  }
  return X509_STORE_CTX_get1_issuer(issuer, of_system.get(), certificate);
}

absl::Status AddPemAuthorities(const std::string& pem, X509_STORE* store) {
  constexpr absl::string_view kField = "certificates.ca_pem";
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  int count = 0;
  for (; count <= kMaxAuthorities; ++count) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr) {
      break;
    }
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return InvalidField(kField, "a certificate cannot be used");
    }
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (count == 0) {
    return InvalidField(kField, "holds no certificate");
  }
  if (!at_end) {
    return InvalidField(kField, "holds a malformed certificate, or too many");
  }
  return absl::OkStatus();
}

// A reference to the system's store, or where there are other authorities a store that knows both.
absl::StatusOr<X509_STORE*> NewStore(const std::string& ca_pem) {
  X509_STORE* const system = SystemCertificateStore();
  if (ca_pem.empty() && system != nullptr) {
    X509_STORE_up_ref(system);
    return system;
  }
  X509_STORE* const store = X509_STORE_new();
  if (store == nullptr) {
    return absl::ResourceExhaustedError("no memory for certificates");
  }
  if (ca_pem.empty()) {
    return store;
  }
  // What the user names is trusted itself, be it self-signed or an intermediate.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_set_get_issuer(store, &FindIssuer);
  if (absl::Status status = AddPemAuthorities(ca_pem, store); !status.ok()) {
    X509_STORE_free(store);
    return status;
  }
  return store;
}

}  // namespace

absl::StatusOr<TlsSettings> TlsSettings::New(const v1::TlsCertificates& certificates, bool verify) {
  TlsSettings settings;
  settings.verify_ = verify;
  ASSIGN_OR_RETURN(X509_STORE * store, NewStore(verify ? certificates.ca_pem() : ""));
  settings.store_.reset(store);
  if (certificates.client_certificate_pem().empty() != certificates.client_key_pem().empty()) {
    return InvalidField("certificates", "a client certificate and its key go together");
  }
  settings.client_certificate_pem_ = certificates.client_certificate_pem();
  settings.client_key_pem_ = certificates.client_key_pem();
  return settings;
}

}  // namespace holkas
