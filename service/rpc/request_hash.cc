#include "service/rpc/request_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/wire/error.h"
#include "proto/wire/wipe.h"

namespace holkas {

absl::StatusOr<RequestHash> RequestHash::Create() {
  std::string key(SHA256_DIGEST_LENGTH, '\0');
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    return ErrnoError(errno, "getrandom");
  }
  return RequestHash(std::move(key));
}

std::string RequestHash::Of(const google::protobuf::Message& request) const {
  // At its full size from the start: growing would leave copies behind.
  std::string bytes(request.ByteSizeLong(), '\0');
  const WipedAtEnd wipe(bytes);
  google::protobuf::io::ArrayOutputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedOutputStream coded(&array);
  coded.SetSerializationDeterministic(true);
  request.SerializeWithCachedSizes(&coded);
  coded.Trim();
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
       reinterpret_cast<unsigned char*>(hash.data()), nullptr);
  return hash;
}

}  // namespace holkas
