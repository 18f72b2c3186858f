// OpenPGP: keys and messages of strangers are read or refused, and what cannot be opened is not.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/crypt/pgp_key_file.h"
#include "worker/crypt/pgp_message.h"
#include "worker/crypt/pgp_packets.h"
#include "worker/crypt/testing/pgp_test_keys.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    kPgpCurveReader.public_key,
    kPgpCurveReader.secret_key,
    kPgpNist256Reader.secret_key,
    kPgpExpired,
    kPgpForCurve,
    kPgpForHidden,
    kPgpBomb,
    nullptr,
};

const char* const kFuzzWords[] = {"-----BEGIN PGP MESSAGE-----", "\n\n", "=", "AAAA", "////",
                                  "-----END PGP MESSAGE-----",   nullptr};

}  // namespace holkas

using holkas::DecryptPgp;
using holkas::ParsePgpRecipient;
using holkas::ParsePgpSecretKeys;
using holkas::PgpDecryptionKey;
using holkas::PgpKey;
using holkas::RemovePgpArmor;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view file(reinterpret_cast<const char*>(data), size);
  static const auto* const keys = [] {
    auto* made = new std::vector<PgpDecryptionKey>;
    for (PgpKey& key : ParsePgpSecretKeys(holkas::kPgpCurveReader.secret_key)) {
      made->push_back({std::move(key), ""});
    }
    return made;
  }();
  (void)ParsePgpRecipient(file, absl::FromUnixSeconds(1'800'000'000));
  for (PgpKey& key : ParsePgpSecretKeys(file)) {
    HOLKAS_FUZZ_CHECK(key.public_key != nullptr);
    HOLKAS_FUZZ_CHECK(key.fingerprint.size() == PgpKey::kFingerprintBytes);
  }
  const auto message = RemovePgpArmor(file);
  if (message.ok()) {
    const auto text = DecryptPgp(*message, *keys);
    HOLKAS_FUZZ_CHECK(!text.ok() || *text == holkas::kPgpText);
  }
  return 0;
}
