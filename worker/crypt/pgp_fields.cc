#include "worker/crypt/pgp_fields.h"

#include <algorithm>

#include "absl/numeric/bits.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::string_view WithoutLeadingZeros(absl::string_view number) {
  number.remove_prefix(std::min(number.find_first_not_of('\0'), number.size()));
  return number;
}

}  // namespace

absl::StatusOr<uint32_t> PgpReader::ReadNumber(size_t size) {
  ASSIGN_OR_RETURN(const absl::string_view bytes, ReadBytes(size));
  uint32_t number = 0;
  for (const char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

absl::StatusOr<absl::string_view> PgpReader::ReadBytes(size_t size) {
  if (size > rest_.size()) {
    return absl::InvalidArgumentError("OpenPGP: a packet is too short");
  }
  const absl::string_view bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return bytes;
}

absl::StatusOr<absl::string_view> PgpReader::ReadMpi() {
  ASSIGN_OR_RETURN(const uint32_t bits, ReadNumber(2));
  if (bits > kMaxPgpMpiBits) {
    return absl::InvalidArgumentError("OpenPGP: a number is too large");
  }
  ASSIGN_OR_RETURN(const absl::string_view number, ReadBytes((bits + 7) / 8));
  return WithoutLeadingZeros(number);
}

std::string WritePgpNumber(uint32_t number, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = size; i > 0; --i, number >>= 8) {
    bytes[i - 1] = static_cast<char>(number & 0xff);
  }
  return bytes;
}

std::string WritePgpSum(absl::string_view text) {
  uint32_t sum = 0;
  for (const char byte : text) {
    sum += static_cast<unsigned char>(byte);
  }
  return WritePgpNumber(sum & 0xffff, kPgpSumBytes);
}

std::string WritePgpMpi(absl::string_view number) {
  number = WithoutLeadingZeros(number);
  const size_t first_bits =
      number.empty() ? 8 : absl::bit_width(static_cast<unsigned char>(number.front()));
  const size_t bits = number.size() * 8 + first_bits - 8;
  return absl::StrCat(WritePgpNumber(static_cast<uint32_t>(bits), 2), number);
}

}  // namespace holkas
