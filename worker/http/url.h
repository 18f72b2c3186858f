#ifndef HOLKAS_WORKER_HTTP_URL_H_
#define HOLKAS_WORKER_HTTP_URL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// No URL is longer than this: pre-signed ones of object stores reach some 4 KiB.
inline constexpr size_t kMaxUrlBytes = 16 << 10;

// Scheme, host and port: who is spoken to, and the only ones to whom credentials may go.
struct Origin {
  bool https = true;
  std::string host;  // lower case, IPv6 without brackets
  uint16_t port = 443;

  friend bool operator==(const Origin&, const Origin&) = default;

  // `https://host:port`, without the port where it is the scheme's own.
  std::string ToString() const;
};

// An absolute http or https URL, as libcurl reads it, so that what is checked here is what libcurl
// connects to. Without user, password, zone and fragment.
class Url {
 public:
  // `target` is a path with perhaps a query, from "/" on, of visible ASCII characters.
  Url(Origin origin, std::string target) : origin_(std::move(origin)), target_(std::move(target)) {}

  // Reads a stranger's absolute URL.
  // Errors, without quoting it (its query may hold secrets): INVALID_ARGUMENT; RESOURCE_EXHAUSTED
  // (LIMIT_EXCEEDED) where it is longer than kMaxUrlBytes.
  static absl::StatusOr<Url> Parse(absl::string_view text);

  // Reads a stranger's reference, relative to this URL or absolute. Errors as Parse; what a
  // relative one becomes may not be too long either.
  absl::StatusOr<Url> Resolve(absl::string_view reference) const;

  const Origin& origin() const { return origin_; }
  const std::string& target() const { return target_; }

  std::string ToString() const;
  // Without the query, escaped and cut: for messages.
  std::string ForMessage() const;

 private:
  Origin origin_;
  std::string target_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_URL_H_
