#include "worker/crypt/pgp_packets.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/strict_base64.h"

namespace holkas {
namespace {

constexpr absl::string_view kArmorHead = "-----BEGIN PGP ";
constexpr absl::string_view kArmorTail = "-----END PGP ";

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP: ", why));
}

// What may be longer than whoever writes it knows beforehand.
bool MayComeInParts(int tag) {
  return tag == kPgpCompressed || tag == kPgpUnprotected || tag == kPgpLiteral ||
         tag == kPgpProtected;
}

constexpr uint32_t kIsPacket = 0x80;
constexpr uint32_t kIsNewFormat = 0x40;

// What the first byte of a header says; it is of the old format or the new.
int TagOf(uint32_t head) {
  return static_cast<int>((head & kIsNewFormat) != 0 ? head & 0x3f : head >> 2 & 0xf);
}

bool IsTagOfKey(int tag) {
  return tag == kPgpSecretKey || tag == kPgpPublicKey || tag == kPgpSecretSubkey ||
         tag == kPgpPublicSubkey;
}

// A packet behind the first byte of an old header.
absl::StatusOr<PgpPacket> ReadOldPacket(uint32_t head, PgpReader& reader) {
  PgpPacket packet = {TagOf(head), ""};
  const uint32_t kind = head & 3;
  size_t size = reader.rest().size();
  if (kind < 3) {
    ASSIGN_OR_RETURN(size, reader.ReadNumber(size_t{1} << kind));
  } else if (!MayComeInParts(packet.tag)) {
    return Malformed("a packet of no length");
  }
  ASSIGN_OR_RETURN(const absl::string_view body, reader.ReadBytes(size));
  packet.body = std::string(body);
  return packet;
}

struct Length {
  size_t bytes = 0;
  bool is_last = true;
};

absl::StatusOr<Length> ReadNewLength(PgpReader& reader) {
  ASSIGN_OR_RETURN(const uint32_t first, reader.ReadNumber(1));
  if (first < 192) {
    return Length{first};
  }
  if (first < 224) {
    ASSIGN_OR_RETURN(const uint32_t second, reader.ReadNumber(1));
    return Length{(first - 192) * 256 + second + 192};
  }
  if (first < 255) {
    return Length{size_t{1} << (first & 0x1f), false};
  }
  ASSIGN_OR_RETURN(const uint32_t size, reader.ReadNumber(4));
  return Length{size};
}

absl::StatusOr<PgpPacket> ReadNewPacket(uint32_t head, PgpReader& reader) {
  PgpPacket packet = {TagOf(head), ""};
  Length length;
  do {  // each part has a byte at least, or is the last
    ASSIGN_OR_RETURN(length, ReadNewLength(reader));
    if (!length.is_last && !MayComeInParts(packet.tag)) {
      return Malformed("a packet comes in parts that must not");
    }
    ASSIGN_OR_RETURN(const absl::string_view part, reader.ReadBytes(length.bytes));
    packet.body.append(part.data(), part.size());
  } while (!length.is_last);
  return packet;
}

}  // namespace

absl::StatusOr<std::vector<PgpPacket>> ReadPgpPackets(absl::string_view data) {
  std::vector<PgpPacket> packets;
  PgpReader reader(data);
  while (!reader.rest().empty()) {
    if (packets.size() == kMaxPgpPackets) {
      return Malformed("too many packets");
    }
    ASSIGN_OR_RETURN(const uint32_t head, reader.ReadNumber(1));
    if ((head & kIsPacket) == 0) {
      return Malformed("no packet");
    }
    ASSIGN_OR_RETURN(PgpPacket packet, (head & kIsNewFormat) != 0 ? ReadNewPacket(head, reader)
                                                                  : ReadOldPacket(head, reader));
    packets.push_back(std::move(packet));
  }
  return packets;
}

std::string WritePgpPacket(int tag, absl::string_view body) {
  const uint32_t size = static_cast<uint32_t>(body.size());
  const std::string length = size < 192    ? WritePgpNumber(size, 1)
                             : size < 8384 ? WritePgpNumber(size - 192 + (192 << 8), 2)
                                           : absl::StrCat("\xff", WritePgpNumber(size, 4));
  return absl::StrCat(WritePgpNumber(0xc0 | static_cast<uint32_t>(tag), 1), length, body);
}

bool IsPgp(absl::string_view file) {
  const uint32_t head = file.empty() ? 0 : static_cast<unsigned char>(file.front());
  return ((head & kIsPacket) != 0 && IsTagOfKey(TagOf(head))) ||
         absl::StrContains(file, kArmorHead);
}

absl::StatusOr<std::string> RemovePgpArmor(absl::string_view file) {
  const size_t head = file.find(kArmorHead);
  if (head == absl::string_view::npos) {
    return std::string(file);
  }
  std::string base64;
  bool in_body = false;
  bool first = true;
  for (absl::string_view line : absl::StrSplit(file.substr(head), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (std::exchange(first, false)) {
      continue;  // the head
    }
    if (absl::StartsWith(line, kArmorTail)) {
      return DecodeBase64(base64);
    }
    if (!in_body) {
      in_body = line.empty();  // headers end at an empty line
    } else if (!absl::StartsWith(line, "=")) {
      base64.append(line.data(), line.size());
    }
  }
  return Malformed("armor without an end");
}

}  // namespace holkas
