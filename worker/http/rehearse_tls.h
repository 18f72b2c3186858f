#ifndef HOLKAS_WORKER_HTTP_REHEARSE_TLS_H_
#define HOLKAS_WORKER_HTTP_REHEARSE_TLS_H_

#include "absl/status/status.h"

namespace holkas {

// Makes a TLS connection between two ends in memory, with a certificate of its own making that
// serves for nothing else. OpenSSL looks up algorithms when they are first used and remembers them;
// the zygote rehearses, so that its workers find them remembered.
// Errors: INTERNAL where OpenSSL does not work.
absl::Status RehearseTls();

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_REHEARSE_TLS_H_
