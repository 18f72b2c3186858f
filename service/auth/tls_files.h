#ifndef HOLKAS_SERVICE_AUTH_TLS_FILES_H_
#define HOLKAS_SERVICE_AUTH_TLS_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace holkas {

// Where the server's certificate is, and what belongs to it.
struct TlsPaths {
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: none

  std::vector<std::string> All() const;
};

// The content of these files in PEM, which fits together.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string client_ca;
};

// Reads the files, and checks what a handshake could not get along with.
// Errors: INVALID_ARGUMENT (INVALID_CONFIG) with the path and the reason, where there is no
// certificate in one, or no key without a password, the key is another certificate's, or the
// certificate has expired; those of reading the files.
absl::StatusOr<TlsFiles> LoadTlsFiles(const TlsPaths& paths);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_TLS_FILES_H_
