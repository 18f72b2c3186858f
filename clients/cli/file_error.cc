#include "clients/cli/file_error.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/go_text.h"
#include "proto/wire/error.h"

namespace holkas {

absl::Status FileError(int error, absl::string_view step, const std::string& path) {
  const absl::Status status = ErrnoError(error, "");
  return MakeError(status.code(), ErrorReason(status),
                   absl::StrCat(step, " ", path, ": ", GoErrno(error)));
}

}  // namespace holkas
