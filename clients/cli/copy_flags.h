#ifndef HOLKAS_CLIENTS_CLI_COPY_FLAGS_H_
#define HOLKAS_CLIENTS_CLI_COPY_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/command.h"
#include "clients/cli/copy_progress.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// The flags of `holkas copy`, those of Skopeo's that are not built among them.
std::vector<Flag> CopyFlags();

// What the user asked for.
struct CopyOrder {
  holkas::v1::CopyRequest request;
  ProgressMode progress = ProgressMode::kPlain;
  // Where to write the digest of what was copied; empty for nowhere.
  std::string digest_file;
};

// The order in flags and in `arguments`, which are source and destination. Reads the certificate
// directories and writes warnings to the context's console.
// Errors: INVALID_ARGUMENT with Skopeo's text, in the order in which Skopeo finds them.
absl::StatusOr<CopyOrder> ParseCopyOrder(const FlagSet& flags,
                                         const std::vector<std::string>& arguments,
                                         CommandContext& context);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_COPY_FLAGS_H_
