#include "worker/blob/digesting_source.h"

#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<size_t> DigestingSource::Read(absl::Span<char> buffer) {
  digester_.Await();
  ASSIGN_OR_RETURN(const size_t count, source_->Read(buffer));
  digester_.Begin(absl::string_view(buffer.data(), count));
  size_bytes_ += static_cast<int64_t>(count);
  return count;
}

}  // namespace holkas
