#ifndef HOLKAS_SERVICE_AUTH_TOKEN_TABLE_H_
#define HOLKAS_SERVICE_AUTH_TOKEN_TABLE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

// Who has which token, as a TokenFile says (proto/holkas/config/v1/access_files.proto). Knows
// tokens by their hashes alone.
class TokenTable {
 public:
  // `name` is what errors call the text.
  // Errors: INVALID_ARGUMENT (INVALID_CONFIG), `name:line: key: why`; none tells a hash.
  static absl::StatusOr<TokenTable> Parse(absl::string_view text, absl::string_view name);

  // The name of who has the token; nothing where nobody has, or it has ended. Takes the same time
  // whichever token it is, and whether there is one.
  std::optional<std::string> Find(absl::string_view token, absl::Time now) const;

 private:
  using Hash = std::array<uint8_t, 32>;
  struct Entry {
    std::string name;
    Hash sha256;
    absl::Time expires = absl::InfiniteFuture();
  };
  std::vector<Entry> entries_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_TOKEN_TABLE_H_
