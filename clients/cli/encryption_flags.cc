#include "clients/cli/encryption_flags.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"
#include "clients/cli/gpg_key_ring.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using holkas::v1::CopyRequest;
using holkas::v1::DecryptionKey;
using holkas::v1::LayerEncryption;
using holkas::v1::LayerRecipient;

// What a request may hold of each (LayerRecipient, DecryptionKey).
constexpr size_t kMaxKeyBytes = 16 << 10;
constexpr size_t kMaxPasswordBytes = 4 << 10;

// All that `fd` gives, at most `max_bytes`; `name` is for messages.
absl::StatusOr<std::string> ReadUpTo(int fd, const std::string& name, size_t max_bytes) {
  std::string content(max_bytes + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    ssize_t got = read(fd, content.data() + size, content.size() - size);
    if (got < 0) {
      return absl::UnknownError(absl::StrCat("read ", name, ": ", GoErrno(errno)));
    }
    if (got == 0) {
      content.resize(size);
      return content;
    }
    size += static_cast<size_t>(got);
  }
  return absl::InvalidArgumentError(absl::StrCat(name, ": more than ", max_bytes, " bytes"));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return WithContext(absl::UnknownError(absl::StrCat("open ", path, ": ", GoErrno(errno))),
                       "Unable to read file");
  }
  absl::StatusOr<std::string> content = ReadUpTo(file.get(), path, max_bytes);
  return content.ok() ? content : WithContext(content.status(), "Unable to read file");
}

// A line's end is the editor's, and not the password's.
std::string WithoutLineEnd(absl::string_view text) {
  return std::string(absl::StripSuffix(absl::StripSuffix(text, "\n"), "\r"));
}

absl::Status NotBuilt(absl::string_view scheme) {
  return absl::UnimplementedError(
      absl::StrCat("encrypting layers with ", scheme, ": is not built"));
}

// A recipient of OpenPGP is called by a name or address, for which the key ring may have several
// keys.
absl::Status AddPgpRecipients(const std::string& owner, LayerEncryption& encryption) {
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, ExportGpgKeys(owner));
  for (const std::string& key : keys) {
    if (key.size() > kMaxKeyBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key of ", owner, ": more than ", kMaxKeyBytes, " bytes"));
    }
    LayerRecipient& recipient = *encryption.add_recipients();
    recipient.set_wrapping(holkas::v1::KEY_WRAPPING_PGP);
    recipient.set_key(key);
  }
  return absl::OkStatus();
}

// `PROTOCOL:FILE`, or `pgp:OWNER`.
absl::Status AddRecipient(const std::string& text, LayerEncryption& encryption) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError("Invalid recipient format");
  }
  const std::string scheme = text.substr(0, colon);
  LayerRecipient recipient;
  if (scheme == "jwe") {
    recipient.set_wrapping(holkas::v1::KEY_WRAPPING_JWE);
  } else if (scheme == "pkcs7") {
    recipient.set_wrapping(holkas::v1::KEY_WRAPPING_PKCS7);
  } else if (scheme == "pgp") {
    return AddPgpRecipients(text.substr(colon + 1), encryption);
  } else if (scheme == "pkcs11" || scheme == "provider") {
    return NotBuilt(scheme);
  } else {
    return absl::InvalidArgumentError("Provided protocol not recognized");
  }
  ASSIGN_OR_RETURN(*recipient.mutable_key(), ReadFile(text.substr(colon + 1), kMaxKeyBytes));
  *encryption.add_recipients() = recipient;
  return absl::OkStatus();
}

absl::Status AddLayer(const std::string& text, LayerEncryption& encryption) {
  int32_t layer = 0;
  if (!absl::SimpleAtoi(text, &layer)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "invalid argument ", GoQuote(text), " for \"--encrypt-layer\" flag: strconv.Atoi: parsing ",
        GoQuote(text), ": invalid syntax"));
  }
  encryption.add_layers(layer);
  return absl::OkStatus();
}

// `pass=TEXT`, `file=PATH`, `fd=NUMBER`, or the password itself.
absl::StatusOr<std::string> ParsePassword(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "pass=")) {
    return std::string(text);
  }
  if (absl::ConsumePrefix(&text, "file=")) {
    ASSIGN_OR_RETURN(const std::string password, ReadFile(std::string(text), kMaxPasswordBytes));
    return WithoutLineEnd(password);
  }
  if (absl::ConsumePrefix(&text, "fd=")) {
    int fd = -1;
    if (!absl::SimpleAtoi(text, &fd) || fd < 0) {
      return absl::InvalidArgumentError(absl::StrCat("could not parse file descriptor ", text));
    }
    ASSIGN_OR_RETURN(const std::string password,
                     ReadUpTo(fd, absl::StrCat("file descriptor ", fd), kMaxPasswordBytes));
    return WithoutLineEnd(password);
  }
  return std::string(text);
}

// `FILE[:PASSWORD]`.
absl::StatusOr<DecryptionKey> ParseDecryptionKey(const std::string& text) {
  if (absl::StartsWith(text, "provider:")) {
    return NotBuilt("provider");
  }
  DecryptionKey key;
  const size_t colon = text.find(':');
  ASSIGN_OR_RETURN(*key.mutable_key(), ReadFile(text.substr(0, colon), kMaxKeyBytes));
  if (colon != std::string::npos) {
    ASSIGN_OR_RETURN(*key.mutable_password(), ParsePassword(text.substr(colon + 1)));
  }
  return key;
}

}  // namespace

std::vector<Flag> EncryptionFlags() {
  return {
      {"encryption-key", '\0', FlagType::kStrings, "PROTOCOL:KEY",
       "encrypt layers for a public key (jwe:FILE), a certificate (pkcs7:FILE), or the owner of a "
       "key in GnuPG's key ring (pgp:ADDRESS, pgp:NAME); may be given several times"},
      {"encrypt-layer", '\0', FlagType::kStrings, "N",
       "encrypt this layer alone, from 0 or, from the last one on, from -1; may be given several "
       "times"},
      {"decryption-key", '\0', FlagType::kStrings, "FILE[:PASSWORD]",
       "decrypt layers with a private key, or secret keys that GnuPG exported; PASSWORD is "
       "pass=TEXT, file=PATH or fd=NUMBER; may be "
       "given several times"},
  };
}

absl::Status SetEncryption(const FlagSet& flags, CopyRequest& request) {
  const std::vector<std::string> encryption_keys = flags.Strings("encryption-key");
  const std::vector<std::string> layers = flags.Strings("encrypt-layer");
  const std::vector<std::string> decryption_keys = flags.Strings("decryption-key");
  if (!encryption_keys.empty() && !decryption_keys.empty()) {
    return absl::InvalidArgumentError(
        "--encryption-key and --decryption-key cannot be specified together");
  }
  if (!layers.empty() && encryption_keys.empty()) {
    return absl::InvalidArgumentError("--encrypt-layer can only be used with --encryption-key");
  }
  for (const std::string& layer : layers) {
    RETURN_IF_ERROR(AddLayer(layer, *request.mutable_encryption()));
  }
  for (const std::string& key : encryption_keys) {
    RETURN_IF_ERROR(
        WithContext(AddRecipient(key, *request.mutable_encryption()), "Invalid encryption keys"));
  }
  for (const std::string& text : decryption_keys) {
    absl::StatusOr<DecryptionKey> key = ParseDecryptionKey(text);
    RETURN_IF_ERROR(WithContext(key.status(), "Invalid decryption keys"));
    *request.add_decryption_keys() = *std::move(key);
  }
  return absl::OkStatus();
}

}  // namespace holkas
