#include "worker/archive/tar_header.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

struct Field {
  size_t offset;
  size_t size;
};

constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kOwner = {108, 8};
constexpr Field kGroup = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kTime = {136, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kLink = {157, 100};
constexpr Field kMagic = {257, 6};
constexpr Field kVersion = {263, 2};
constexpr Field kDeviceMajor = {329, 8};
constexpr Field kDeviceMinor = {337, 8};
constexpr Field kPrefix = {345, 155};
// Of the variant star: a shorter prefix, and a mark at the end.
constexpr Field kStarPrefix = {345, 131};
constexpr Field kStarMark = {508, 4};
// Of GNU's old sparse files: whether a block of more holes follows.
constexpr size_t kSparseContinues = 482;

constexpr absl::string_view kUstarMagic("ustar\0", 6);
constexpr absl::string_view kStarMarkText("tar\0", 4);
constexpr int64_t kMaxOctalSize = (int64_t{1} << 33) - 1;
constexpr uint32_t kMaxOctalId = (uint32_t{1} << 21) - 1;
constexpr absl::string_view kXattrKey = "SCHILY.xattr.";
// The shortest record: `5 a=\n`.
constexpr size_t kMinRecordBytes = 5;
constexpr size_t kMaxLengthDigits = 10;

absl::string_view Get(absl::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

// The text of a field, up to its first NUL.
std::string Text(absl::string_view block, Field field) {
  const absl::string_view bytes = Get(block, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

absl::StatusOr<int64_t> ParseBase256(absl::string_view bytes) {
  if ((bytes[0] & 0x40) != 0) {
    return absl::InvalidArgumentError("a negative number");
  }
  uint64_t value = static_cast<uint8_t>(bytes[0]) & 0x3f;
  for (const char byte : bytes.substr(1)) {
    if (value >> 55 != 0) {
      return absl::InvalidArgumentError("a number that is too large");
    }
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return static_cast<int64_t>(value);
}

// Octal digits between blanks and NULs, or base 256 where the first bit is set.
absl::StatusOr<int64_t> Number(absl::string_view block, Field field) {
  absl::string_view bytes = Get(block, field);
  if ((bytes[0] & 0x80) != 0) {
    return ParseBase256(bytes);
  }
  const auto is_blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!bytes.empty() && is_blank(bytes.front())) {
    bytes.remove_prefix(1);
  }
  while (!bytes.empty() && is_blank(bytes.back())) {
    bytes.remove_suffix(1);
  }
  int64_t value = 0;  // at most 12 digits
  for (const char digit : bytes) {
    if (digit < '0' || digit > '7') {
      return absl::InvalidArgumentError("a number that is none");
    }
    value = value * 8 + (digit - '0');
  }
  return value;
}

// The sums of a header's bytes, its own checksum taken for blanks: tar's, and that of old tools
// whose bytes had a sign.
std::pair<int64_t, int64_t> Sums(absl::string_view block) {
  int64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool is_checksum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char byte = is_checksum ? ' ' : block[i];
    sum += static_cast<uint8_t>(byte);
    signed_sum += static_cast<int8_t>(byte);
  }
  return {sum, signed_sum};
}

std::string FullName(absl::string_view block) {
  std::string name = Text(block, kName);
  if (Get(block, kMagic) != kUstarMagic) {
    return name;
  }
  const bool is_star = Get(block, kStarMark) == kStarMarkText;
  const std::string prefix = Text(block, is_star ? kStarPrefix : kPrefix);
  return prefix.empty() ? name : absl::StrCat(prefix, "/", name);
}

char TypeOf(char type, absl::string_view name) {
  switch (type) {
    case '\0':  // before POSIX
      return absl::EndsWith(name, "/") ? kTarDirectory : kTarFile;
    case '7':  // contiguous on disks that had the like
      return kTarFile;
    default:
      return type;
  }
}

void Set(std::string& block, Field field, absl::string_view text) {
  block.replace(field.offset, text.size(), text.data(), text.size());
}

void SetOctal(std::string& block, Field field, int64_t value) {
  Set(block, field, absl::StrFormat("%0*o", static_cast<int>(field.size) - 1, value));
}

void SetSize(std::string& block, int64_t size_bytes) {
  if (size_bytes <= kMaxOctalSize) {
    SetOctal(block, kSize, size_bytes);
    return;
  }
  for (size_t i = kSize.size; i-- > 0; size_bytes >>= 8) {
    block[kSize.offset + i] = static_cast<char>(size_bytes & 0xff);
  }
  block[kSize.offset] = static_cast<char>(0x80);
}

// `length key=value\n`, where the length counts itself, too.
std::string FormatRecord(absl::string_view key, absl::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest;
  while (absl::StrCat(length).size() + rest != length) {
    length = absl::StrCat(length).size() + rest;
  }
  return absl::StrCat(length, " ", key, "=", value, "\n");
}

std::string FormatBlock(const TarHeader& header, const TarAttributes& attributes) {
  std::string block(kTarBlockBytes, '\0');
  Set(block, kName, absl::string_view(header.name).substr(0, kName.size));
  SetOctal(block, kMode, attributes.mode);
  // One that is too large is in the records.
  SetOctal(block, kOwner, std::min(attributes.uid, kMaxOctalId));
  SetOctal(block, kGroup, std::min(attributes.gid, kMaxOctalId));
  SetSize(block, header.size_bytes);
  SetOctal(block, kTime, attributes.mtime_seconds);
  block[kType] = header.type;
  Set(block, kLink, absl::string_view(header.link).substr(0, kLink.size));
  Set(block, kMagic, kUstarMagic);
  Set(block, kVersion, "00");
  SetOctal(block, kDeviceMajor, attributes.device_major);
  SetOctal(block, kDeviceMinor, attributes.device_minor);
  // Six digits, a NUL, a blank.
  Set(block, kChecksum, absl::StrFormat("%06o", Sums(block).first));
  block[kChecksum.offset + kChecksum.size - 1] = ' ';
  return block;
}

// What does not fit into the header's block, as records.
std::string FormatRecords(const TarHeader& header, const TarAttributes& attributes) {
  std::string records;
  if (header.name.size() > kName.size) {
    absl::StrAppend(&records, FormatRecord("path", header.name));
  }
  if (header.link.size() > kLink.size) {
    absl::StrAppend(&records, FormatRecord("linkpath", header.link));
  }
  if (attributes.uid > kMaxOctalId) {
    absl::StrAppend(&records, FormatRecord("uid", absl::StrCat(attributes.uid)));
  }
  if (attributes.gid > kMaxOctalId) {
    absl::StrAppend(&records, FormatRecord("gid", absl::StrCat(attributes.gid)));
  }
  for (const auto& [name, value] : attributes.xattrs) {
    // A key ends at the first equals sign.
    const std::string key = absl::StrReplaceAll(name, {{"%", "%25"}, {"=", "%3D"}});
    absl::StrAppend(&records, FormatRecord(absl::StrCat(kXattrKey, key), value));
  }
  return records;
}

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

bool IsZeroBlock(absl::string_view block) {
  return block.find_first_not_of('\0') == absl::string_view::npos;
}

absl::StatusOr<TarHeader> ParseTarHeader(absl::string_view block) {
  ASSIGN_OR_RETURN(const int64_t checksum, Number(block, kChecksum));
  const auto [sum, signed_sum] = Sums(block);
  if (checksum != sum && checksum != signed_sum) {
    return absl::InvalidArgumentError("a header with a wrong checksum");
  }
  TarHeader header;
  header.name = FullName(block);
  header.type = TypeOf(block[kType], header.name);
  header.link = Text(block, kLink);
  ASSIGN_OR_RETURN(header.size_bytes, Number(block, kSize));
  header.sparse_continues = header.type == kTarSparse && block[kSparseContinues] != 0;
  return header;
}

absl::StatusOr<std::map<std::string, std::string>> ParseTarRecords(absl::string_view content) {
  std::map<std::string, std::string> records;
  while (!content.empty()) {
    const size_t blank = content.find(' ');
    const absl::string_view digits = content.substr(0, blank);
    size_t length = 0;
    // Without a blank `blank` is the largest of numbers.
    if (blank > kMaxLengthDigits || !IsDigits(digits) || !absl::SimpleAtoi(digits, &length) ||
        length < kMinRecordBytes || length < blank + 2 || length > content.size() ||
        content[length - 1] != '\n') {
      return absl::InvalidArgumentError("a record without its length");
    }
    const absl::string_view record = content.substr(blank + 1, length - blank - 2);
    const size_t equals = record.find('=');
    if (equals == absl::string_view::npos || equals == 0) {
      return absl::InvalidArgumentError("a record without a key");
    }
    const absl::string_view key = record.substr(0, equals);
    const absl::string_view value = record.substr(equals + 1);
    if (absl::StrContains(key, '\0') ||
        ((key == "path" || key == "linkpath") && absl::StrContains(value, '\0'))) {
      return absl::InvalidArgumentError("a name with a NUL byte");
    }
    records[std::string(key)] = std::string(value);
    content.remove_prefix(length);
  }
  return records;
}

std::string FormatTarHeader(const TarHeader& header, int mode) {
  TarAttributes attributes;
  attributes.mode = static_cast<uint32_t>(mode);
  return FormatTarHeader(header, attributes);
}

std::string FormatTarHeader(const TarHeader& header, const TarAttributes& attributes) {
  const std::string records = FormatRecords(header, attributes);
  std::string text;
  if (!records.empty()) {
    const int64_t size_bytes = static_cast<int64_t>(records.size());
    text = absl::StrCat(FormatBlock({kTarRecords, "PaxHeaders.0/long", "", size_bytes, false}, {}),
                        records, std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
  }
  return absl::StrCat(text, FormatBlock(header, attributes));
}

int64_t TarPadding(int64_t size_bytes) {
  return (kTarBlockBytes - size_bytes % kTarBlockBytes) % kTarBlockBytes;
}

}  // namespace holkas
