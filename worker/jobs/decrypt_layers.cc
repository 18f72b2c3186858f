#include "worker/jobs/decrypt_layers.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/image/chunked_annotations.h"
#include "worker/image/rewrite_manifest.h"

namespace holkas {
namespace {

std::string NameOf(const Descriptor& layer) {
  return absl::StrCat("decrypting layer ", layer.digest.ToString());
}

absl::Status InvalidEncryption(const Descriptor& layer, const absl::Status& why) {
  if (absl::IsResourceExhausted(why)) {
    return WithContext(why, NameOf(layer));
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ENCRYPTION",
                   absl::StrCat(NameOf(layer), ": ", why.message()));
}

// What a layer is once it is decrypted.
struct Unwrapped {
  EncryptedLayer encrypted;
  Digest plain_digest;
};

absl::StatusOr<broker::LayerKey> UnwrapFor(const Descriptor& layer,
                                           const EncryptionAnnotations& encryption,
                                           const UnwrapKey& unwrap) {
  broker::WrappedKeys wrapped;
  wrapped.mutable_jwe()->Assign(encryption.jwe.begin(), encryption.jwe.end());
  wrapped.mutable_pkcs7()->Assign(encryption.pkcs7.begin(), encryption.pkcs7.end());
  wrapped.mutable_pgp()->Assign(encryption.pgp.begin(), encryption.pgp.end());
  if (wrapped.jwe().empty() && wrapped.pkcs7().empty() && wrapped.pgp().empty() &&
      !encryption.unread_schemes.empty()) {
    return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                     absl::StrCat(NameOf(layer), ": its key is wrapped with ",
                                  absl::StrJoin(encryption.unread_schemes, ", "),
                                  " alone, which is not implemented"));
  }
  absl::StatusOr<broker::LayerKey> key = unwrap(wrapped);
  // What is wrong with a key file is so for every layer.
  return key.ok() || absl::IsInvalidArgument(key.status())
             ? std::move(key)
             : WithContext(key.status(), NameOf(layer));
}

absl::StatusOr<Unwrapped> Unwrap(const Descriptor& layer, const UnwrapKey& unwrap) {
  absl::StatusOr<EncryptionAnnotations> encryption = ParseEncryptionAnnotations(layer.annotations);
  if (!encryption.ok()) {
    return InvalidEncryption(layer, encryption.status());
  }
  ASSIGN_OR_RETURN(broker::LayerKey key, UnwrapFor(layer, *encryption, unwrap));
  absl::StatusOr<Digest> plain_digest = Digest::Parse(key.plain_digest());
  if (!plain_digest.ok()) {
    return InvalidEncryption(layer, plain_digest.status());
  }
  return Unwrapped{{layer,
                    {std::move(*key.mutable_key()), std::move(*key.mutable_nonce())},
                    std::move(encryption->hmac)},
                   *std::move(plain_digest)};
}

}  // namespace

absl::StatusOr<DecryptedImage> DecryptLayers(const Manifest& image, const UnwrapKey& unwrap) {
  std::map<Digest, MadeLayer> made;
  std::map<Digest, EncryptedLayer> layers;
  for (const Descriptor& layer : image.image().layers) {
    if (!IsEncryptedLayerType(layer.media_type) || made.count(layer.digest) > 0) {
      continue;
    }
    ASSIGN_OR_RETURN(Unwrapped unwrapped, Unwrap(layer, unwrap));
    MadeLayer& plain =
        made.emplace(layer.digest, MadeLayer{unwrapped.plain_digest, layer.size_bytes})
            .first->second;
    plain.media_type = PlainLayerType(layer.media_type);
    // A table of contents is where it was.
    plain.annotations = ChunkedAnnotationsOf(layer.annotations);
    layers.emplace(std::move(unwrapped.plain_digest), std::move(unwrapped.encrypted));
  }
  if (made.empty()) {
    return DecryptedImage{image, {}};
  }
  ASSIGN_OR_RETURN(Manifest plain, ReplaceLayers(image, made));
  return DecryptedImage{std::move(plain), std::move(layers)};
}

}  // namespace holkas
