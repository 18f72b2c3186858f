#include "service/rpc/unimplemented.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/version.h"

namespace holkas {

absl::Status UnimplementedRpc(absl::string_view rpc) {
  return MakeError(absl::StatusCode::kUnimplemented, "RPC_UNIMPLEMENTED",
                   absl::StrCat("rpc ", rpc, " is not served by holkasd ", kVersion),
                   {{"rpc", std::string(rpc)}});
}

}  // namespace holkas
