#include "worker/crypt/pgp_message.h"

#include <openssl/crypto.h>
#include <zlib.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/pgp_algorithms.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/pgp_packets.h"
#include "worker/crypt/pgp_session_key.h"
#include "worker/crypt/pgp_unlock.h"

namespace holkas {
namespace {

constexpr absl::string_view kProtectedVersion = "\x01";
// The head of the packet that holds the hash; it is hashed, too.
constexpr absl::string_view kHashHead = "\xd3\x14";
// Random bytes stand before the text, the last two of them twice.
constexpr size_t kRepeatedBytes = 2;
constexpr size_t kPrefixBytes = kPgpBlockBytes + kRepeatedBytes;
constexpr uint32_t kZip = 1;
constexpr uint32_t kZlib = 2;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OpenPGP message: ", why));
}

std::string FirstBlock() { return std::string(kPgpBlockBytes, '\0'); }

absl::StatusOr<std::string> Protect(absl::string_view packets, const std::string& key) {
  ASSIGN_OR_RETURN(std::string text, PgpRandom(kPgpBlockBytes));
  text += text.substr(kPgpBlockBytes - kRepeatedBytes);
  absl::StrAppend(&text, packets, kHashHead);
  ASSIGN_OR_RETURN(const std::string digest, PgpSha1(text));
  text += digest;
  ASSIGN_OR_RETURN(const std::string encrypted, EncryptPgpCfb(key, FirstBlock(), text));
  return absl::StrCat(kProtectedVersion, encrypted);
}

// The packets in a protected one's body. The repeated bytes are not compared: the hash tells, and
// who could ask about them alone would learn of the text.
absl::StatusOr<std::string> RemoveProtection(absl::string_view body, const std::string& key) {
  if (!absl::ConsumePrefix(&body, kProtectedVersion)) {
    return Malformed("a protection that is not here");
  }
  ASSIGN_OR_RETURN(const std::string text, DecryptPgpCfb(key, FirstBlock(), body));
  const size_t tail = kHashHead.size() + kPgpSha1Bytes;
  if (text.size() < kPrefixBytes + tail) {
    return Malformed("too short");
  }
  const absl::string_view hashed(text.data(), text.size() - kPgpSha1Bytes);
  ASSIGN_OR_RETURN(const std::string digest, PgpSha1(hashed));
  if (!absl::EndsWith(hashed, kHashHead) ||
      CRYPTO_memcmp(digest.data(), text.data() + hashed.size(), digest.size()) != 0) {
    return Malformed("it is another than was encrypted");
  }
  return text.substr(kPrefixBytes, text.size() - kPrefixBytes - tail);
}

absl::StatusOr<std::string> Inflate(absl::string_view body) {
  PgpReader reader(body);
  ASSIGN_OR_RETURN(const uint32_t algorithm, reader.ReadNumber(1));
  z_stream stream = {};
  // Deflate as it is, or with zlib's head and checksum.
  if ((algorithm != kZip && algorithm != kZlib) ||
      inflateInit2(&stream, algorithm == kZip ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
    return Malformed("compressed in a way that is not here");
  }
  std::string text(kMaxPgpTextBytes, '\0');
  stream.next_in = const_cast<Bytef*>(Bytes(reader.rest().data()));
  stream.avail_in = static_cast<uInt>(reader.rest().size());
  stream.next_out = Bytes(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  if (!whole) {
    return Malformed("badly compressed, or too long");
  }
  return text;
}

// The text of a literal packet: behind a byte for its kind, a name and a date.
absl::StatusOr<std::string> ReadLiteral(absl::string_view body) {
  PgpReader reader(body);
  RETURN_IF_ERROR(reader.ReadNumber(1).status());
  ASSIGN_OR_RETURN(const uint32_t name_size, reader.ReadNumber(1));
  RETURN_IF_ERROR(reader.ReadBytes(name_size).status());
  RETURN_IF_ERROR(reader.ReadNumber(4).status());
  return std::string(reader.rest());
}

std::string WriteLiteral(absl::string_view text) {
  return WritePgpPacket(kPgpLiteral,
                        absl::StrCat("b", WritePgpNumber(0, 1), WritePgpNumber(0, 4), text));
}

// The text of the one packet in `data`, which may be compressed once.
absl::StatusOr<std::string> ReadText(absl::string_view data, bool may_be_compressed) {
  ASSIGN_OR_RETURN(const std::vector<PgpPacket> packets, ReadPgpPackets(data));
  if (packets.size() == 1 && packets[0].tag == kPgpLiteral) {
    return ReadLiteral(packets[0].body);
  }
  if (packets.size() != 1 || packets[0].tag != kPgpCompressed || !may_be_compressed) {
    return Malformed("something else than a text");
  }
  ASSIGN_OR_RETURN(const std::string inflated, Inflate(packets[0].body));
  return ReadText(inflated, /*may_be_compressed=*/false);
}

}  // namespace

absl::StatusOr<std::string> EncryptPgp(absl::string_view message,
                                       absl::Span<const PgpKey> recipients) {
  PgpSessionKey session = {kPgpAes256, ""};
  ASSIGN_OR_RETURN(session.key, PgpRandom(PgpKeyBytes(kPgpAes256)));
  const WipedAtEnd key_wiped(session.key);
  std::string pgp;
  for (const PgpKey& recipient : recipients) {
    ASSIGN_OR_RETURN(const std::string wrapped, WrapPgpSessionKey(session, recipient));
    pgp += WritePgpPacket(kPgpSessionKey, wrapped);
  }
  ASSIGN_OR_RETURN(const std::string content, Protect(WriteLiteral(message), session.key));
  return absl::StrCat(pgp, WritePgpPacket(kPgpProtected, content));
}

// A message taken apart: whom it is for, and what it says.
struct PgpOpener::Envelope {
  std::vector<std::string> session_keys;
  std::string content;
};

absl::StatusOr<PgpOpener::Envelope> PgpOpener::TakeApart(absl::string_view pgp) {
  ASSIGN_OR_RETURN(std::vector<PgpPacket> packets, ReadPgpPackets(pgp));
  if (packets.empty() || packets.back().tag != kPgpProtected) {
    return Malformed("its integrity is not protected");
  }
  Envelope envelope = {{}, std::move(packets.back().body)};
  packets.pop_back();
  for (PgpPacket& packet : packets) {
    if (packet.tag == kPgpSessionKey) {
      envelope.session_keys.push_back(std::move(packet.body));
    } else if (packet.tag != kPgpMarker) {
      return Malformed("something else than recipients");
    }
  }
  if (envelope.session_keys.size() > kMaxPgpRecipients) {
    return Malformed("too many recipients");
  }
  return envelope;
}

absl::StatusOr<std::string> PgpOpener::Open(absl::string_view pgp) {
  // What is told where no key opens it, unless there is something to tell of a password.
  absl::Status failure = Malformed("not for this key");
  const absl::StatusOr<Envelope> envelope = TakeApart(pgp);
  if (!envelope.ok()) {
    return failure;
  }
  for (const std::string& session_key : envelope->session_keys) {
    for (size_t key = 0; key < keys_.size(); ++key) {
      if (!IsForPgpKey(session_key, keys_[key].key) || attempts_ == kMaxPgpRecipients) {
        continue;
      }
      ++attempts_;
      absl::StatusOr<std::string> text = OpenWith(*envelope, session_key, key);
      if (text.ok()) {
        return text;
      }
      if (!ErrorReason(text.status()).empty()) {
        failure = text.status();
      }
    }
  }
  return failure;
}

absl::StatusOr<std::string> PgpOpener::OpenWith(const Envelope& envelope,
                                                absl::string_view session_key, size_t key) {
  ASSIGN_OR_RETURN(EVP_PKEY* const private_key, Unlock(key));
  ASSIGN_OR_RETURN(PgpSessionKey session,
                   UnwrapPgpSessionKey(session_key, keys_[key].key, private_key));
  const WipedAtEnd key_wiped(session.key);
  ASSIGN_OR_RETURN(std::string packets, RemoveProtection(envelope.content, session.key));
  const WipedAtEnd packets_wiped(packets);
  return ReadText(packets, /*may_be_compressed=*/true);
}

absl::StatusOr<EVP_PKEY*> PgpOpener::Unlock(size_t key) {
  auto found = unlocked_.find(key);
  if (found == unlocked_.end()) {
    found = unlocked_.emplace(key, UnlockPgpKey(keys_[key].key, keys_[key].password)).first;
  }
  RETURN_IF_ERROR(found->second.status());
  return found->second->get();
}

absl::StatusOr<std::string> DecryptPgp(absl::string_view pgp,
                                       absl::Span<const PgpDecryptionKey> keys) {
  return PgpOpener(keys).Open(pgp);
}

}  // namespace holkas
