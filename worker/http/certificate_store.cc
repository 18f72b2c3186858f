#include "worker/http/certificate_store.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "proto/wire/error.h"

namespace holkas {
namespace {

// Debian, Fedora, SUSE and Alpine, in this order.
constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

// Debian's bundle has 220 kB.
constexpr size_t kMaxBundleBytes = 16 << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(X509_NAME* name) const { X509_NAME_free(name); }
};

X509_STORE*& Store() {
  static X509_STORE* store = nullptr;
  return store;
}

absl::Status ReadBundle(int fd, std::string& bundle) {
  char buffer[64 << 10];
  while (bundle.size() < kMaxBundleBytes) {
    const ssize_t n = pread(fd, buffer, sizeof(buffer), static_cast<off_t>(bundle.size()));
    if (n < 0) {
      return ErrnoError(errno, "read the system's certificate authorities");
    }
    if (n == 0) {
      break;
    }
    bundle.append(buffer, static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

// OpenSSL sorts a store when it is first searched: better here than in every worker.
void SortNow(X509_STORE& store) {
  const std::unique_ptr<X509_STORE_CTX, Free> context(X509_STORE_CTX_new());
  const std::unique_ptr<X509_NAME, Free> nobody(X509_NAME_new());
  if (context != nullptr && nobody != nullptr &&
      X509_STORE_CTX_init(context.get(), &store, nullptr, nullptr) == 1) {
    X509_OBJECT_free(X509_STORE_CTX_get_obj_by_subject(context.get(), X509_LU_X509, nobody.get()));
  }
}

}  // namespace

int OpenSystemCertificateBundle() {
  for (const char* path : kBundles) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      return fd;
    }
  }
  return -1;
}

absl::Status LoadSystemCertificateStore(int fd) {
  std::string bundle;
  if (absl::Status status = ReadBundle(fd, bundle); !status.ok()) {
    return status;
  }
  std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(bundle.data(), static_cast<int>(bundle.size())));
  std::unique_ptr<X509_STORE, Free> store(X509_STORE_new());
  int count = 0;
  while (std::unique_ptr<X509, Free> certificate{
      PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) {
    count += X509_STORE_add_cert(store.get(), certificate.get());
  }
  ERR_clear_error();
  if (count == 0) {
    return absl::NotFoundError("read the system's certificate authorities: no certificate");
  }
  SortNow(*store);
  Store() = store.release();
  return absl::OkStatus();
}

X509_STORE* SystemCertificateStore() { return Store(); }

}  // namespace holkas
