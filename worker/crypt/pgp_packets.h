#ifndef HOLKAS_WORKER_CRYPT_PGP_PACKETS_H_
#define HOLKAS_WORKER_CRYPT_PGP_PACKETS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// OpenPGP's outer form (RFC 4880, section 4): a row of packets, each with a tag and a length, of
// the old format or the new; and the ASCII armor around it (section 6).

inline constexpr int kPgpSessionKey = 1;
inline constexpr int kPgpSignature = 2;
inline constexpr int kPgpSecretKey = 5;
inline constexpr int kPgpPublicKey = 6;
inline constexpr int kPgpSecretSubkey = 7;
inline constexpr int kPgpCompressed = 8;
inline constexpr int kPgpUnprotected = 9;
inline constexpr int kPgpMarker = 10;
inline constexpr int kPgpLiteral = 11;
inline constexpr int kPgpPublicSubkey = 14;
inline constexpr int kPgpProtected = 18;

// A key that many have signed has some hundred.
inline constexpr size_t kMaxPgpPackets = 1000;

struct PgpPacket {
  int tag = 0;
  std::string body;
};

// Bodies that come in parts are put together.
// Errors: INVALID_ARGUMENT without a reason where they are malformed or more than kMaxPgpPackets.
absl::StatusOr<std::vector<PgpPacket>> ReadPgpPackets(absl::string_view data);

// In the new format.
std::string WritePgpPacket(int tag, absl::string_view body);

// Whether `file` is one of OpenPGP's keys: whether it begins with the packet of a key, as no DER or
// JSON of one does, or has the head of armor in it, which may have text before it, as PEM may.
bool IsPgp(absl::string_view file);

// The packets of a file, armored or not. The armor's checksum is not looked at: it is no
// protection, and RFC 9580 says so.
// Errors: INVALID_ARGUMENT without a reason for armor that is malformed.
absl::StatusOr<std::string> RemovePgpArmor(absl::string_view file);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_PACKETS_H_
