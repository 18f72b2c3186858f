#include "worker/crypt/pgp_curve.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/build_pkey.h"
#include "worker/crypt/ecdh.h"

namespace holkas {
namespace {

constexpr absl::string_view kCurve25519("\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01", 10);
constexpr size_t kCurve25519Bytes = 32;
// What stands before a point of Curve25519.
constexpr absl::string_view kNativePoint = "\x40";

struct NistCurve {
  absl::string_view oid;
  const char* openssl_name;
};

constexpr NistCurve kNistCurves[] = {
    {absl::string_view("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8), "prime256v1"},
    {absl::string_view("\x2b\x81\x04\x00\x22", 5), "secp384r1"},
    {absl::string_view("\x2b\x81\x04\x00\x23", 5), "secp521r1"},
};

absl::Status NoSuchKey() {
  return absl::InvalidArgumentError("OpenPGP: no key of a curve that is here");
}

bool IsNativePoint(absl::string_view point) {
  return absl::StartsWith(point, kNativePoint) &&
         point.size() == kNativePoint.size() + kCurve25519Bytes;
}

// `key` is as OpenSSL made it.
absl::StatusOr<UniquePkey> TakeNativeKey(EVP_PKEY* key) {
  if (key == nullptr) {
    ERR_clear_error();
    return NoSuchKey();
  }
  return UniquePkey(key);
}

absl::StatusOr<UniquePkey> BuildOnNistCurve(absl::string_view oid, absl::string_view point,
                                            const BIGNUM* number) {
  const auto* curve = std::find_if(std::begin(kNistCurves), std::end(kNistCurves),
                                   [&](const NistCurve& c) { return c.oid == oid; });
  if (curve == std::end(kNistCurves)) {
    return NoSuchKey();
  }
  const UniqueParamsBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl_name,
                                  0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  if (number != nullptr) {
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number);
  }
  return BuildPkey("EC", number != nullptr, builder.get());
}

}  // namespace

absl::StatusOr<UniquePkey> PgpPublicPoint(absl::string_view curve, absl::string_view point) {
  if (curve != kCurve25519) {
    return BuildOnNistCurve(curve, point, nullptr);
  }
  if (!IsNativePoint(point)) {
    return NoSuchKey();
  }
  point.remove_prefix(kNativePoint.size());
  return TakeNativeKey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, Bytes(point.data()), point.size()));
}

absl::StatusOr<UniquePkey> PgpPrivateNumber(absl::string_view curve, absl::string_view point,
                                            absl::string_view number) {
  if (curve != kCurve25519) {
    const UniqueBignum private_number = ToBignum(number);
    return private_number == nullptr ? NoSuchKey()
                                     : BuildOnNistCurve(curve, point, private_number.get());
  }
  if (number.size() > kCurve25519Bytes) {
    return NoSuchKey();
  }
  // Little-endian to OpenSSL, and a big-endian integer to OpenPGP.
  std::string native(kCurve25519Bytes, '\0');
  const WipedAtEnd native_wiped(native);
  std::copy(number.rbegin(), number.rend(), native.begin());
  return TakeNativeKey(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, Bytes(native.data()), native.size()));
}

absl::StatusOr<UniquePkey> NewPgpEphemeral(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "X25519") != 1) {
    return NewEphemeralKey(key);
  }
  UniquePkey ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  if (ephemeral == nullptr) {
    ERR_clear_error();
    return absl::InternalError("make a key pair: OpenSSL failed");
  }
  return ephemeral;
}

absl::StatusOr<std::string> WritePgpPoint(EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  if (size == 0) {
    ERR_clear_error();
    return absl::InternalError("write a point: OpenSSL failed");
  }
  const std::string point(reinterpret_cast<const char*>(encoded), size);
  OPENSSL_free(encoded);
  return EVP_PKEY_is_a(key, "X25519") == 1 ? absl::StrCat(kNativePoint, point) : point;
}

}  // namespace holkas
