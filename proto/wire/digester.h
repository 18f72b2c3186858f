#ifndef HOLKAS_PROTO_WIRE_DIGESTER_H_
#define HOLKAS_PROTO_WIRE_DIGESTER_H_

#include <openssl/sha.h>

#include <functional>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"

namespace holkas {

// Computes a digest piece by piece. Not thread-safe.
class Digester {
 public:
  // `algorithm` is that of an existing Digest: `sha256` or `sha512`. Digesters that have a
  // `pairing` in common, each used by a thread of its own, compute SHA-256 for one another.
  explicit Digester(absl::string_view algorithm = "sha256", Sha256Pairing* pairing = nullptr);
  Digester(const Digester&) = delete;
  // Awaits.
  ~Digester();

  void Update(absl::string_view data);

  // Update in two halves: `data` stays as it is until Await returns. In between the thread may do
  // something else, and another may compute.
  void Begin(absl::string_view data);
  void Await();

  // Update with all that `next_data` gives, up to nothing, which it may be asked for twice. It may
  // be called on other threads that use the pairing, on one at a time. Waits for one of these for
  // at most `patience`.
  void UpdateWithAll(std::function<absl::string_view()> next_data,
                     absl::Duration patience = absl::ZeroDuration());

  // The digest of all that was given. Once; the digester is used up.
  Digest Finish();

 private:
  void Post(absl::string_view data);

  Sha256Pairing* const pairing_;
  std::optional<SHA512_CTX> sha512_;
  Sha256Share sha256_;
  bool posted_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_DIGESTER_H_
