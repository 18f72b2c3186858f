#ifndef HOLKAS_CLIENTS_CLI_COPY_PROGRESS_H_
#define HOLKAS_CLIENTS_CLI_COPY_PROGRESS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/console.h"
#include "clients/cli/copy_lines.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// How the events of a copy are shown on standard output.
class CopyProgress {
 public:
  virtual ~CopyProgress() = default;
  // Shows one event. An output that cannot be written is left alone: the copy goes on.
  virtual void Show(const holkas::v1::CopyResponse& event) = 0;
};

enum class ProgressMode { kBars, kPlain, kJson, kNone };

// The mode named `auto` (bars on a terminal, plain lines elsewhere), `plain`, `json` or `none`.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<ProgressMode> ParseProgressMode(absl::string_view name, bool terminal);

// `console` is to outlive the result.
std::unique_ptr<CopyProgress> MakeCopyProgress(ProgressMode mode, const CopyLineOptions& options,
                                               Console& console);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_COPY_PROGRESS_H_
