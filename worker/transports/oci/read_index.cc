#include "worker/transports/oci/read_index.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/files/file_source.h"

namespace holkas {

absl::StatusOr<LayoutIndex> ReadIndex(Broker& broker, broker::Place place) {
  absl::StatusOr<std::string> text = ReadWholeFile(
      broker, place, broker::FILE_KIND_ROOT, std::nullopt, kMaxLayoutIndexBytes, "index.json");
  if (absl::IsNotFound(text.status())) {
    return MakeError(absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN",
                     "open index.json: no such file or directory");
  }
  RETURN_IF_ERROR(text.status());
  return LayoutIndex::Parse(*text);
}

}  // namespace holkas
