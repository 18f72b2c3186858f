#include "worker/storage/tar_block.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// Beyond it, digits are no number: it is larger than all that tars have.
constexpr int64_t kMaxNumber = int64_t{1} << 60;

constexpr TarField kTarChecksum = {148, 8};
constexpr absl::string_view kTarGnuMagic = {"ustar  \0", 8};
constexpr TarField kTarGnuAtime = {345, 12};
constexpr TarField kTarGnuCtime = {357, 12};
// Of a format of its own, whose prefix is shorter.
constexpr TarField kTarStarMark = {508, 4};
constexpr absl::string_view kTarStarMagic = {"tar\0", 4};

// Big-endian two's complement, behind a bit that says so.
std::optional<int64_t> ParseBinary(absl::string_view text) {
  const bool negative = (text[0] & 0x40) != 0;
  const uint8_t fill = negative ? 0xff : 0;
  uint64_t value = negative ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = static_cast<uint8_t>(text[i]);
    if (i == 0) {
      byte = static_cast<uint8_t>((byte & 0x7f) | (negative ? 0x80 : 0));
    }
    if (i + 8 < text.size() && byte != fill) {
      return std::nullopt;
    }
    value = (value << 8) | byte;
  }
  const int64_t result = static_cast<int64_t>(value);
  return (result < 0) == negative ? std::optional<int64_t>(result) : std::nullopt;
}

// What GNU's headers have where others have the rest of a name.
void ReadGnuTime(absl::string_view block, TarField field, std::optional<TarTime>& time,
                 TarHeaderFields& header) {
  if (TarBytesOf(block, field)[0] == 0) {
    return;
  }
  const std::optional<int64_t> seconds = ParseTarNumber(TarBytesOf(block, field));
  header.is_ambiguous |= !seconds.has_value();
  time = TarTime{seconds.value_or(0)};
}

int64_t ReadDevice(absl::string_view block, TarField field, TarHeaderFields& header) {
  const std::optional<int64_t> number = ParseTarNumber(TarBytesOf(block, field));
  header.is_ambiguous |= !number.has_value();
  return number.value_or(0);
}

}  // namespace

absl::Status InvalidTar(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_LAYER",
                   absl::StrCat("read tar: ", why));
}

absl::string_view TarBytesOf(absl::string_view block, TarField field) {
  return block.substr(field.offset, field.size);
}

absl::string_view TarTextOf(absl::string_view block, TarField field) {
  const absl::string_view text = TarBytesOf(block, field);
  return text.substr(0, text.find('\0'));
}

std::optional<int64_t> ParseTarNumber(absl::string_view text) {
  if (!text.empty() && (text[0] & 0x80) != 0) {
    return ParseBinary(text);
  }
  const auto is_blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  int64_t value = 0;
  size_t i = 0;
  for (; i < text.size() && !is_blank(text[i]); ++i) {
    if (text[i] < '0' || text[i] > '7' || value > kMaxNumber) {
      return std::nullopt;
    }
    value = value * 8 + (text[i] - '0');
  }
  return value;
}

absl::StatusOr<int64_t> TarNumberOf(absl::string_view block, TarField field,
                                    absl::string_view what) {
  const std::optional<int64_t> number = ParseTarNumber(TarBytesOf(block, field));
  return number.has_value() ? absl::StatusOr<int64_t>(*number)
                            : InvalidTar(absl::StrCat(what, " is no number"));
}

TarHeaderFields ReadTarHeaderFields(absl::string_view block, char type, int64_t mode) {
  TarHeaderFields header;
  header.type = type;
  header.mode = mode;
  const absl::string_view magic = TarBytesOf(block, kTarMagic);
  const bool is_gnu = magic == kTarGnuMagic;
  if (is_gnu || absl::StartsWith(magic, kTarPosixMagic)) {
    header.device_major = ReadDevice(block, kTarMajor, header);
    header.device_minor = ReadDevice(block, kTarMinor, header);
  }
  if (is_gnu) {
    ReadGnuTime(block, kTarGnuAtime, header.atime, header);
    ReadGnuTime(block, kTarGnuCtime, header.ctime, header);
  } else {
    header.is_ambiguous |= TarBytesOf(block, kTarStarMark) == kTarStarMagic;
  }
  return header;
}

bool IsZeroTarBlock(absl::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

bool HasTarChecksum(absl::string_view block) {
  const std::optional<int64_t> wanted = ParseTarNumber(TarBytesOf(block, kTarChecksum));
  int64_t of_bytes = 0;
  int64_t of_chars = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool is_own = i >= kTarChecksum.offset && i < kTarChecksum.offset + kTarChecksum.size;
    const char c = is_own ? ' ' : block[i];
    of_bytes += static_cast<uint8_t>(c);
    of_chars += static_cast<signed char>(c);
  }
  return wanted == of_bytes || wanted == of_chars;
}

}  // namespace holkas
