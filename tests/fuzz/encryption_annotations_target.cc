// What a manifest says of an encrypted layer: what comes out of it is bounded, and is written again
// as something that is read as the same.

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/crypt/encryption_annotations.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImhtYWMiOiJMM1oxZUlmSTRHMlBkNURWMVQyMnlwL3AwQ1"
    "BWSGxVRlJMajNhZ2FRdTAwPSIsImNpcGhlcm9wdGlvbnMiOnt9fQ==\ne30=,MAA=\nMAA=\nMAA=",
    "e30=\ne30=\ne30=\ne30=",
    nullptr,
};

const char* const kFuzzWords[] = {",", "=", "\n", "e30=", "MAA=", "eyJjaXBoZXIi", nullptr};

}  // namespace holkas

// The lines: the public options, the JWEs, the enveloped data, the messages of OpenPGP.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const char* const names[] = {
      "org.opencontainers.image.enc.pubopts", "org.opencontainers.image.enc.keys.jwe",
      "org.opencontainers.image.enc.keys.pkcs7", "org.opencontainers.image.enc.keys.pgp"};
  absl::string_view rest(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string> annotations;
  for (const char* name : names) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    annotations[name] = std::string(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto parsed = holkas::ParseEncryptionAnnotations(annotations);
  if (!parsed.ok()) {
    return 0;
  }
  size_t bytes = 0;
  size_t count = 0;
  for (const auto* keys : {&parsed->jwe, &parsed->pkcs7, &parsed->pgp}) {
    count += keys->size();
    for (const std::string& key : *keys) {
      HOLKAS_FUZZ_CHECK(!key.empty());
      bytes += key.size();
    }
  }
  HOLKAS_FUZZ_CHECK(bytes <= holkas::kMaxWrappedKeyBytes);
  HOLKAS_FUZZ_CHECK(count <= holkas::kMaxWrappedKeys);
  const auto again =
      holkas::ParseEncryptionAnnotations(holkas::WriteEncryptionAnnotations(*parsed));
  HOLKAS_FUZZ_CHECK(again.ok() && again->jwe == parsed->jwe && again->pkcs7 == parsed->pkcs7 &&
                    again->pgp == parsed->pgp && again->hmac == parsed->hmac);
  return 0;
}
