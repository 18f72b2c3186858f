#include "worker/crypt/jwk.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/build_pkey.h"
#include "worker/crypt/strict_base64.h"
#include "worker/image/json_fields.h"

namespace holkas {
namespace {

// 16384 bits, the largest that OpenSSL takes for RSA.
constexpr size_t kMaxNumberBytes = 2048;

struct Curve {
  absl::string_view jwk_name;
  const char* openssl_name;
  size_t field_bytes;
};

constexpr Curve kCurves[] = {
    {"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};

// The numbers of an RSA key, as BuildRsa takes them: public ones first.
constexpr absl::string_view kRsaNumbers[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
constexpr size_t kRsaPublicNumbers = 2;

absl::Status Invalid(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("JSON Web Key: ", why));
}

absl::StatusOr<std::string> GetNumber(const JsonValue& jwk, absl::string_view name) {
  ASSIGN_OR_RETURN(const std::string text, GetString(jwk, name));
  ASSIGN_OR_RETURN(std::string number, DecodeBase64Url(text));
  if (number.empty() || number.size() > kMaxNumberBytes) {
    return Invalid(absl::StrCat(name, " has ", number.size(), " bytes"));
  }
  return number;
}

absl::StatusOr<UniquePkey> ParseRsa(const JsonValue& jwk) {
  const bool is_private = FindField(jwk, "d") != nullptr;
  std::vector<UniqueBignum> numbers;
  for (size_t i = 0; i < std::size(kRsaNumbers); ++i) {
    if (i >= kRsaPublicNumbers && !is_private) {
      break;
    }
    if (i > kRsaPublicNumbers && FindField(jwk, kRsaNumbers[i]) == nullptr) {
      break;  // all of the rest, or none
    }
    ASSIGN_OR_RETURN(const std::string number, GetNumber(jwk, kRsaNumbers[i]));
    numbers.push_back(ToBignum(number));
  }
  return BuildRsa(numbers);
}

absl::StatusOr<UniquePkey> ParseEc(const JsonValue& jwk) {
  ASSIGN_OR_RETURN(const std::string name, GetString(jwk, "crv"));
  const auto* curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                   [&](const Curve& c) { return c.jwk_name == name; });
  if (curve == std::end(kCurves)) {
    return absl::UnimplementedError(absl::StrCat("JSON Web Key: curve ", name));
  }
  ASSIGN_OR_RETURN(const std::string x, GetNumber(jwk, "x"));
  ASSIGN_OR_RETURN(const std::string y, GetNumber(jwk, "y"));
  if (x.size() != curve->field_bytes || y.size() != curve->field_bytes) {
    return Invalid("a coordinate has a wrong size");
  }
  const UniqueParamsBuilder builder(OSSL_PARAM_BLD_new());
  const std::string point = absl::StrCat("\x04", x, y);  // uncompressed
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl_name,
                                  0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  UniqueBignum d;
  if (FindField(jwk, "d") != nullptr) {
    ASSIGN_OR_RETURN(const std::string number, GetNumber(jwk, "d"));
    d = ToBignum(number);
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get());
  }
  return BuildPkey("EC", d != nullptr, builder.get());
}

absl::StatusOr<std::string> Coordinate(const EVP_PKEY* key, const char* name, size_t size) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  const UniqueBignum owned(number);
  std::string bytes(size, '\0');
  if (owned == nullptr ||
      BN_bn2binpad(owned.get(), Bytes(bytes.data()), static_cast<int>(size)) < 0) {
    return absl::InternalError("write a JSON Web Key: no coordinate");
  }
  return EncodeBase64Url(bytes);
}

}  // namespace

absl::StatusOr<UniquePkey> ParseJwk(const JsonValue& jwk) {
  if (jwk.object() == nullptr) {
    return Invalid("not an object");
  }
  ASSIGN_OR_RETURN(const std::string type, GetString(jwk, "kty"));
  if (type == "RSA") {
    return ParseRsa(jwk);
  }
  if (type == "EC") {
    return ParseEc(jwk);
  }
  return absl::UnimplementedError(absl::StrCat("JSON Web Key: type ", type));
}

absl::StatusOr<JsonValue> WriteEcJwk(const EVP_PKEY* key) {
  const int field_bytes = (EVP_PKEY_get_bits(key) + 7) / 8;
  const auto* curve = std::find_if(std::begin(kCurves), std::end(kCurves), [&](const Curve& c) {
    return c.field_bytes == static_cast<size_t>(field_bytes);
  });
  if (curve == std::end(kCurves)) {
    return absl::InternalError("write a JSON Web Key: of no known curve");
  }
  ASSIGN_OR_RETURN(std::string x, Coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, curve->field_bytes));
  ASSIGN_OR_RETURN(std::string y, Coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->field_bytes));
  return JsonValue(JsonObject{{"kty", JsonValue("EC")},
                              {"crv", JsonValue(curve->jwk_name)},
                              {"x", JsonValue(std::move(x))},
                              {"y", JsonValue(std::move(y))}});
}

}  // namespace holkas
