#include "worker/zygote/preload.h"

#include <curl/curl.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <time.h>

#include <memory>
#include <thread>

namespace holkas {
namespace {

// Each arena reserves address space and keeps memory; more than this do not make a worker faster.
constexpr int kMallocArenas = 4;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

}  // namespace

absl::Status PreloadLibraries() {
  mallopt(M_ARENA_MAX, kMallocArenas);
  tzset();
  std::thread::hardware_concurrency();

  if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                           OPENSSL_INIT_LOAD_CONFIG,
                       nullptr) != 1) {
    return absl::InternalError("OPENSSL_init_ssl failed");
  }
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  unsigned char bytes[EVP_MAX_MD_SIZE];
  if (context == nullptr || RAND_bytes(bytes, 1) != 1 || RAND_priv_bytes(bytes, 1) != 1 ||
      EVP_Digest("", 0, bytes, nullptr, EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("OpenSSL does not work");
  }
  if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
    return absl::InternalError("curl_global_init failed");
  }
  const std::unique_ptr<CURL, Free> easy(curl_easy_init());
  if (easy == nullptr) {
    return absl::InternalError("curl_easy_init failed");
  }
  return absl::OkStatus();
}

}  // namespace holkas
