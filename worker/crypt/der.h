#ifndef HOLKAS_WORKER_CRYPT_DER_H_
#define HOLKAS_WORKER_CRYPT_DER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// ASN.1 in DER (ITU-T X.690): tags of one byte, lengths in their only form. No recursion: who reads
// a structure knows how deep it is.

inline constexpr unsigned char kDerInteger = 0x02;
inline constexpr unsigned char kDerOctetString = 0x04;
inline constexpr unsigned char kDerOid = 0x06;
inline constexpr unsigned char kDerSequence = 0x30;
inline constexpr unsigned char kDerSet = 0x31;
// [0] with one value in it, and in the place of a simple one.
inline constexpr unsigned char kDerExplicit0 = 0xa0;
inline constexpr unsigned char kDerImplicit0 = 0x80;

// One value.
std::string WriteDer(unsigned char tag, absl::string_view content);

// Values that follow one another in memory that outlives the reader.
class DerReader {
 public:
  explicit DerReader(absl::string_view der) : rest_(der) {}

  // The content of the next value, which must have the tag.
  // Errors: INVALID_ARGUMENT without a reason.
  absl::StatusOr<absl::string_view> Read(unsigned char tag);

  // The tag of the next value; 0 at the end.
  unsigned char NextTag() const {
    return rest_.empty() ? 0 : static_cast<unsigned char>(rest_.front());
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_DER_H_
