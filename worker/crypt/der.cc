#include "worker/crypt/der.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

constexpr size_t kShortForm = 0x80;
// Lengths of up to 24 bits.
constexpr size_t kMaxLengthBytes = 3;

absl::Status Malformed() { return absl::InvalidArgumentError("malformed DER"); }

}  // namespace

std::string WriteDer(unsigned char tag, absl::string_view content) {
  std::string der(1, static_cast<char>(tag));
  if (content.size() < kShortForm) {
    der.push_back(static_cast<char>(content.size()));
    return absl::StrCat(der, content);
  }
  std::string length;
  for (size_t rest = content.size(); rest > 0; rest >>= 8) {
    length.insert(length.begin(), static_cast<char>(rest));
  }
  der.push_back(static_cast<char>(kShortForm | length.size()));
  return absl::StrCat(der, length, content);
}

absl::StatusOr<absl::string_view> DerReader::Read(unsigned char tag) {
  if (NextTag() != tag || rest_.size() < 2) {
    return Malformed();
  }
  size_t length = static_cast<unsigned char>(rest_[1]);
  size_t head = 2;
  if (length >= kShortForm) {
    const size_t count = length - kShortForm;
    if (count == 0 || count > kMaxLengthBytes || rest_.size() < head + count) {
      return Malformed();
    }
    length = 0;
    for (size_t i = 0; i < count; ++i) {
      length = length << 8 | static_cast<unsigned char>(rest_[head + i]);
    }
    head += count;
    if (length < kShortForm || length >> (8 * (count - 1)) == 0) {
      return Malformed();  // there is a shorter form
    }
  }
  if (rest_.size() - head < length) {
    return Malformed();
  }
  const absl::string_view content = rest_.substr(head, length);
  rest_.remove_prefix(head + length);
  return content;
}

}  // namespace holkas
