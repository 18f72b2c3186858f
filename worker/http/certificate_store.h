#ifndef HOLKAS_WORKER_HTTP_CERTIFICATE_STORE_H_
#define HOLKAS_WORKER_HTTP_CERTIFICATE_STORE_H_

#include <openssl/x509_vfy.h>

#include "absl/status/status.h"

// The system's certificate authorities. A worker cannot open their file and a zygote parses it once
// (20 ms), before the first worker that needs it is made; workers find the parsed store in the
// memory that they inherit.

namespace holkas {

// Opens the bundle, for LoadSystemCertificateStore: the first of the places where distributions
// keep it. -1 where there is none. The caller owns the descriptor.
int OpenSystemCertificateBundle();

// Parses the bundle in `fd` from its beginning into the store. Only a zygote calls it, with one
// thread. Certificates that OpenSSL cannot read are passed over.
// Errors: NOT_FOUND where there is no certificate in it; what read gives.
absl::Status LoadSystemCertificateStore(int fd);

// The store, owned by the process; null where none was loaded. Take a reference (X509_STORE_up_ref)
// to hand it to an SSL_CTX. Must not be changed.
X509_STORE* SystemCertificateStore();

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_CERTIFICATE_STORE_H_
