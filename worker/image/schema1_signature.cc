#include "worker/image/schema1_signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

// Of P-256: a coordinate, or one of the two numbers of a signature.
constexpr size_t kFieldBytes = 32;
// How much of the digest of a key is in its ID, and in groups of how many characters it is shown.
constexpr size_t kKeyIdBytes = 30;
constexpr size_t kKeyIdGroup = 4;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using SigningContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

absl::Status Failed(absl::string_view what) {
  return absl::InternalError(absl::StrCat("sign manifest: cannot ", what));
}

std::string Base64(absl::string_view bytes) {
  std::string text;
  absl::WebSafeBase64Escape(bytes, &text);
  return text;
}

// A number as big-endian bytes of the field's length; not longer than that.
absl::StatusOr<std::string> FieldBytes(const BIGNUM& number) {
  std::string bytes(kFieldBytes, '\0');
  if (BN_bn2binpad(&number, reinterpret_cast<unsigned char*>(bytes.data()), kFieldBytes) < 0) {
    return Failed("write a number");
  }
  return bytes;
}

absl::StatusOr<std::string> Coordinate(const EVP_PKEY& key, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &value) != 1) {
    return Failed("read the key");
  }
  const Number owned(value);
  ASSIGN_OR_RETURN(const std::string bytes, FieldBytes(*owned));
  return Base64(bytes);
}

// RFC 4648, section 6, of a whole number of groups of five bytes.
std::string Base32(absl::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    for (count += 8; count >= 5; count -= 5) {
      text.push_back(kAlphabet[(bits >> (count - 5)) & 0x1f]);
    }
  }
  return text;
}

// libtrust's name for a key.
absl::StatusOr<std::string> KeyId(const EVP_PKEY& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(&key, &der);
  if (size <= 0) {
    return Failed("encode the key");
  }
  const std::string encoded(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  const std::string digest = absl::HexStringToBytes(Digest::Sha256Of(encoded).hex());
  const std::string text = Base32(absl::string_view(digest).substr(0, kKeyIdBytes));
  std::string id;
  for (size_t at = 0; at < text.size(); at += kKeyIdGroup) {
    absl::StrAppend(&id, at == 0 ? "" : ":", text.substr(at, kKeyIdGroup));
  }
  return id;
}

absl::StatusOr<JsonValue> PublicKey(const EVP_PKEY& key) {
  ASSIGN_OR_RETURN(const std::string id, KeyId(key));
  ASSIGN_OR_RETURN(const std::string x, Coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X));
  ASSIGN_OR_RETURN(const std::string y, Coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y));
  return JsonValue(JsonObject{{"crv", JsonValue("P-256")},
                              {"kid", JsonValue(id)},
                              {"kty", JsonValue("EC")},
                              {"x", JsonValue(x)},
                              {"y", JsonValue(y)}});
}

// ES256: the two numbers one after the other.
absl::StatusOr<std::string> Sign(EVP_PKEY& key, absl::string_view text) {
  const SigningContext context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, &key, nullptr) !=
          1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) {
    return Failed("begin");
  }
  std::string der(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, bytes,
                     text.size()) != 1) {
    return Failed("make the signature");
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's type
  const EcdsaSignature numbers(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  if (numbers == nullptr) {
    return Failed("read the signature");
  }
  ASSIGN_OR_RETURN(const std::string r, FieldBytes(*ECDSA_SIG_get0_r(numbers.get())));
  ASSIGN_OR_RETURN(const std::string s, FieldBytes(*ECDSA_SIG_get0_s(numbers.get())));
  return Base64(r + s);
}

}  // namespace

absl::StatusOr<Manifest> SignSchema1(absl::string_view payload, absl::Time now) {
  constexpr absl::string_view kTail = "}";
  const size_t head_bytes = payload.size() - kTail.size();
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (key == nullptr) {
    return Failed("make a key");
  }
  const std::string header =
      Base64(JsonValue(JsonObject{{"formatLength", JsonValue(static_cast<int64_t>(head_bytes))},
                                  {"formatTail", JsonValue(Base64(kTail))},
                                  {"time", JsonValue(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now,
                                                                      absl::UTCTimeZone()))}})
                 .Write());
  ASSIGN_OR_RETURN(JsonValue jwk, PublicKey(*key));
  ASSIGN_OR_RETURN(const std::string signature,
                   Sign(*key, absl::StrCat(header, ".", Base64(payload))));
  const JsonValue signatures(JsonArray{JsonValue(JsonObject{
      {"header", JsonValue(JsonObject{{"jwk", std::move(jwk)}, {"alg", JsonValue("ES256")}})},
      {"signature", JsonValue(signature)},
      {"protected", JsonValue(header)}})});
  std::string bytes =
      absl::StrCat(payload.substr(0, head_bytes), ",\"signatures\":", signatures.Write(), kTail);
  return Manifest::Parse(
      {std::move(bytes), Digest::Sha256Of(payload), std::string(kDockerSchema1SignedType)});
}

}  // namespace holkas
