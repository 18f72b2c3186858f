#ifndef HOLKAS_PROTO_WIRE_DIGESTER_H_
#define HOLKAS_PROTO_WIRE_DIGESTER_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

struct evp_md_ctx_st;

namespace holkas {

// Computes a digest piece by piece. Not thread-safe.
class Digester {
 public:
  // `algorithm` is that of an existing Digest: `sha256` or `sha512`.
  explicit Digester(absl::string_view algorithm = "sha256");
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;
  ~Digester();

  void Update(absl::string_view data);

  // The digest of all that was given. Once; the digester is used up.
  Digest Finish();

 private:
  struct FreeContext {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, FreeContext> context_;
  absl::string_view algorithm_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_DIGESTER_H_
