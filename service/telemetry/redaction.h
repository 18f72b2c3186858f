#ifndef HOLKAS_SERVICE_TELEMETRY_REDACTION_H_
#define HOLKAS_SERVICE_TELEMETRY_REDACTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Takes secrets out of what is logged, or told to a caller: a registry or a proxy that was shown
// one may say it again in an error.
class Redaction {
 public:
  // Shorter ones are none: a text would be nothing but stars.
  static constexpr size_t kMinSecretBytes = 6;

  // Hides `secret`, as it is and percent-encoded, in upper case or lower.
  void Add(absl::string_view secret);
  // Hides what the value of an Authorization header tells: what follows the scheme, and of Basic
  // (RFC 7617) the password.
  void AddAuthorization(absl::string_view header);

  // With `***` in place of each.
  std::string Apply(absl::string_view text) const;
  // The message and the metadata of an error.
  absl::Status Apply(const absl::Status& status) const;

 private:
  std::vector<std::string> secrets_;  // in lower case
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_TELEMETRY_REDACTION_H_
