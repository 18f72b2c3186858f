#include "worker/crypt/build_pkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <cstddef>
#include <iterator>

#include "absl/status/status.h"

namespace holkas {
namespace {

constexpr const char* kRsaNumbers[] = {
    OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
    OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};
constexpr size_t kRsaPublicNumbers = 2;

absl::Status NoKey() { return absl::InvalidArgumentError("its numbers are no key"); }

}  // namespace

// Secure ones alone are overwritten where a key's parameters are freed.
UniqueBignum ToBignum(absl::string_view number) {
  UniqueBignum made(BN_secure_new());
  if (made == nullptr ||
      BN_bin2bn(Bytes(number.data()), static_cast<int>(number.size()), made.get()) == nullptr) {
    return nullptr;
  }
  return made;
}

absl::StatusOr<UniquePkey> BuildPkey(const char* type, bool is_private, OSSL_PARAM_BLD* builder) {
  const UniqueParams params(OSSL_PARAM_BLD_to_param(builder));
  const UniquePkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool built =
      params != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
      EVP_PKEY_fromdata(context.get(), &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) == 1;
  ERR_clear_error();
  if (!built) {
    return NoKey();
  }
  return UniquePkey(key);
}

absl::StatusOr<UniquePkey> BuildRsa(absl::Span<const UniqueBignum> numbers) {
  const UniqueParamsBuilder builder(OSSL_PARAM_BLD_new());
  bool whole = builder != nullptr && numbers.size() <= std::size(kRsaNumbers);
  for (size_t i = 0; whole && i < numbers.size(); ++i) {
    whole = numbers[i] != nullptr &&
            OSSL_PARAM_BLD_push_BN(builder.get(), kRsaNumbers[i], numbers[i].get()) == 1;
  }
  if (!whole) {
    ERR_clear_error();
    return NoKey();
  }
  return BuildPkey("RSA", numbers.size() > kRsaPublicNumbers, builder.get());
}

}  // namespace holkas
