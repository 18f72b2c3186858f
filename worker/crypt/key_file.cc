#include "worker/crypt/key_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/ecdh.h"
#include "worker/crypt/jwk.h"
#include "worker/crypt/rsa.h"
#include "worker/image/json_fields.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// As LayerRecipient and DecryptionKey say; an RSA key of 16384 bits has 13 KiB.
constexpr size_t kMaxFileBytes = 64 << 10;

absl::Status InvalidKey(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_KEY", why);
}

bool IsPem(absl::string_view file) { return absl::StrContains(file, "-----BEGIN "); }

bool IsJson(absl::string_view file) {
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(file), "{");
}

bool IsUsable(const EVP_PKEY* key) { return key != nullptr && (IsRsa(key) || IsOnNistCurve(key)); }

UniqueBio Reader(absl::string_view file) {
  return UniqueBio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
}

// Hands the password out, and remembers that it was asked for.
struct Password {
  absl::string_view text;
  bool asked = false;
};

int GivePassword(char* buffer, int size, int /*writing*/, void* data) {
  auto& password = *static_cast<Password*>(data);
  password.asked = true;
  if (password.text.empty() || password.text.size() > static_cast<size_t>(size)) {
    return -1;
  }
  std::memcpy(buffer, password.text.data(), password.text.size());
  return static_cast<int>(password.text.size());
}

// A key of a JSON Web Key, null where it is none.
UniquePkey FromJwk(absl::string_view file, bool want_private) {
  const absl::StatusOr<JsonValue> json = ParseStrictJson(file);
  if (!json.ok() || (want_private && FindField(*json, "d") == nullptr)) {
    return nullptr;
  }
  absl::StatusOr<UniquePkey> key = ParseJwk(*json);
  return key.ok() ? *std::move(key) : nullptr;
}

UniquePkey ReadPublicKey(absl::string_view file) {
  if (IsJson(file)) {
    return FromJwk(file, false);
  }
  const UniqueBio bio = Reader(file);
  Password none;
  UniquePkey key(IsPem(file) ? PEM_read_bio_PUBKEY(bio.get(), nullptr, &GivePassword, &none)
                             : d2i_PUBKEY_bio(bio.get(), nullptr));
  ERR_clear_error();
  return key;
}

UniquePkey ReadPrivateKey(absl::string_view file, Password& password) {
  if (IsJson(file)) {
    return FromJwk(file, true);
  }
  const UniqueBio bio = Reader(file);
  UniquePkey key;
  if (IsPem(file)) {
    key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, &GivePassword, &password));
  } else {
    key.reset(d2i_PrivateKey_bio(bio.get(), nullptr));
    if (key == nullptr) {
      const UniqueBio again = Reader(file);
      key.reset(d2i_PKCS8PrivateKey_bio(again.get(), nullptr, &GivePassword, &password));
    }
  }
  ERR_clear_error();
  return key;
}

}  // namespace

absl::StatusOr<UniquePkey> ParsePublicKey(absl::string_view file) {
  UniquePkey key = file.size() <= kMaxFileBytes ? ReadPublicKey(file) : nullptr;
  if (!IsUsable(key.get())) {
    return InvalidKey("File provided is not a public key");
  }
  return key;
}

absl::StatusOr<UniqueCertificate> ParseRsaCertificate(absl::string_view file) {
  if (file.size() > kMaxFileBytes) {
    return InvalidKey("File provided is not an x509 cert");
  }
  const UniqueBio bio = Reader(file);
  Password none;
  UniqueCertificate certificate(IsPem(file)
                                    ? PEM_read_bio_X509(bio.get(), nullptr, &GivePassword, &none)
                                    : d2i_X509_bio(bio.get(), nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return InvalidKey("File provided is not an x509 cert");
  }
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr || !IsRsa(key)) {
    return InvalidKey("pkcs7: only supports RSA key");
  }
  return certificate;
}

absl::StatusOr<UniquePkey> ParsePrivateKey(absl::string_view file, absl::string_view text) {
  if (file.size() > kMaxFileBytes) {
    return UniquePkey();
  }
  Password password = {text};
  UniquePkey key = ReadPrivateKey(file, password);
  if (key == nullptr && password.asked) {
    return text.empty() ? MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_MISSING",
                                    "Missing password for encrypted private key")
                        : MakeError(absl::StatusCode::kInvalidArgument, "PASSWORD_WRONG",
                                    "Wrong password: could not decrypt private key");
  }
  if (!IsUsable(key.get())) {
    key.reset();
  }
  return key;
}

}  // namespace holkas
