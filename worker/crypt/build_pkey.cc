#include "worker/crypt/build_pkey.h"

#include <openssl/err.h>

#include "absl/status/status.h"

namespace holkas {

UniqueBignum ToBignum(absl::string_view number) {
  return UniqueBignum(BN_bin2bn(Bytes(number.data()), static_cast<int>(number.size()), nullptr));
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
    return absl::InvalidArgumentError("its numbers are no key");
  }
  return UniquePkey(key);
}

}  // namespace holkas
