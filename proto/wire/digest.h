#ifndef HOLKAS_PROTO_WIRE_DIGEST_H_
#define HOLKAS_PROTO_WIRE_DIGEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// A content digest, `algorithm:hex` (OCI image-spec, descriptor.md). One that exists is well
// formed: sha256 with 64, or sha512 with 128 lower-case hex digits. No function takes a digest as
// a string.
class Digest {
 public:
  // Errors: INVALID_ARGUMENT for a malformed digest, UNIMPLEMENTED for another algorithm.
  static absl::StatusOr<Digest> Parse(absl::string_view text);

  // The digest of `content`, by SHA-256.
  static Digest Sha256Of(absl::string_view content);

  // `sha256` or `sha512`.
  absl::string_view algorithm() const;
  absl::string_view hex() const;

  // `algorithm:hex`.
  const std::string& ToString() const { return text_; }

  friend bool operator==(const Digest& a, const Digest& b) { return a.text_ == b.text_; }
  friend bool operator!=(const Digest& a, const Digest& b) { return a.text_ != b.text_; }
  friend bool operator<(const Digest& a, const Digest& b) { return a.text_ < b.text_; }
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.text_);
  }

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_DIGEST_H_
