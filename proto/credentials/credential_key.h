#ifndef HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_KEY_H_
#define HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_KEY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// What credentials are looked up for and stored under: a registry, `host[:port]`, or a namespace or
// repository in it, `host[:port]/path` (containers-auth.json(5)).
class CredentialKey {
 public:
  // Errors: INVALID_ARGUMENT (INVALID_REFERENCE), with Skopeo's text where it has one: a URL, a tag
  // or a digest, something else than visible ASCII, more than 8 KiB.
  static absl::StatusOr<CredentialKey> Parse(absl::string_view text);

  // `host[:port]`.
  std::string Registry() const { return text_.substr(0, text_.find('/')); }
  // Whether it is more than a registry.
  bool IsNamespaced() const { return text_.find('/') != std::string::npos; }
  const std::string& ToString() const { return text_; }

  // Itself and what it lies in, the most specific first: `quay.io/a/b`, `quay.io/a`, `quay.io`.
  std::vector<std::string> LookUpOrder() const;

 private:
  explicit CredentialKey(absl::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_KEY_H_
