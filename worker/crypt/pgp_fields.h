#ifndef HOLKAS_WORKER_CRYPT_PGP_FIELDS_H_
#define HOLKAS_WORKER_CRYPT_PGP_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The fields that OpenPGP's packets are made of (RFC 4880, section 3; RFC 9580): big-endian
// numbers, strings whose length is known, and multiprecision integers.

// The largest integer of a key or message: RSA with 16384 bits, the most that OpenSSL takes.
inline constexpr size_t kMaxPgpMpiBits = 16384;
inline constexpr size_t kPgpSumBytes = 2;

// Fields that follow one another in memory that outlives the reader.
// Errors everywhere: INVALID_ARGUMENT without a reason.
class PgpReader {
 public:
  explicit PgpReader(absl::string_view data) : rest_(data) {}

  // A number of `size` bytes, 1 to 4.
  absl::StatusOr<uint32_t> ReadNumber(size_t size);
  absl::StatusOr<absl::string_view> ReadBytes(size_t size);
  // Big-endian, without the leading zeros that it should not have.
  absl::StatusOr<absl::string_view> ReadMpi();

  // What was not read yet.
  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
};

// `number` in `size` bytes, 1 to 4.
std::string WritePgpNumber(uint32_t number, size_t size);
// The sum of the bytes of `text` modulo 65536, in kPgpSumBytes.
std::string WritePgpSum(absl::string_view text);
// `number` is big-endian, and at most kMaxPgpMpiBits.
std::string WritePgpMpi(absl::string_view number);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_FIELDS_H_
