#include "worker/http/rehearse_tls.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace holkas {
namespace {

// Of each side; a handshake takes three.
constexpr int kMaxRounds = 10;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<X509> MakeCertificate(EVP_PKEY* key) {
  Owned<X509> certificate(X509_new());
  if (certificate == nullptr) {
    return nullptr;
  }
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("rehearsal"), -1, -1, 0);
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_issuer_name(certificate.get(), name) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1 ||
      X509_sign(certificate.get(), key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

// As certificates come from a caller.
Owned<X509> ThroughPem(X509* certificate) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return nullptr;
  }
  return Owned<X509>(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
}

Owned<SSL_CTX> ServerContext(X509* certificate, EVP_PKEY* key) {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key) != 1) {
    return nullptr;
  }
  return context;
}

Owned<SSL_CTX> ClientContext(X509* authority) {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr ||
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority) != 1) {
    return nullptr;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

bool Connect(SSL_CTX* client_context, SSL_CTX* server_context) {
  const Owned<SSL> client(SSL_new(client_context));
  const Owned<SSL> server(SSL_new(server_context));
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  if (client == nullptr || server == nullptr ||
      BIO_new_bio_pair(&client_end, 0, &server_end, 0) != 1) {
    return false;
  }
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_bio(server.get(), server_end, server_end);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  bool done = false;
  for (int round = 0; round < kMaxRounds && !done; ++round) {
    const int theirs = SSL_do_handshake(client.get());
    const int ours = SSL_do_handshake(server.get());
    done = theirs == 1 && ours == 1;
  }
  char byte = 0;
  return done && SSL_write(server.get(), "x", 1) == 1 && SSL_read(client.get(), &byte, 1) == 1;
}

}  // namespace

absl::Status RehearseTls() {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> made = key == nullptr ? nullptr : MakeCertificate(key.get());
  const Owned<X509> certificate = made == nullptr ? nullptr : ThroughPem(made.get());
  if (certificate == nullptr) {
    return absl::InternalError("OpenSSL makes no certificate");
  }
  const Owned<SSL_CTX> server = ServerContext(certificate.get(), key.get());
  const Owned<SSL_CTX> client = ClientContext(certificate.get());
  const bool connected =
      server != nullptr && client != nullptr && Connect(client.get(), server.get());
  ERR_clear_error();
  return connected ? absl::OkStatus() : absl::InternalError("OpenSSL makes no connection");
}

}  // namespace holkas
