#include "worker/blob/copy_bytes.h"

#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<int64_t> CopyBytes(ByteSource& source, ByteSink& sink, absl::Span<char> buffer,
                                  absl::FunctionRef<absl::Status(int64_t)> on_progress) {
  int64_t done_bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(buffer));
    if (count == 0) {
      return done_bytes;
    }
    RETURN_IF_ERROR(sink.Append(absl::string_view(buffer.data(), count)));
    done_bytes += static_cast<int64_t>(count);
    RETURN_IF_ERROR(on_progress(done_bytes));
  }
}

}  // namespace holkas
