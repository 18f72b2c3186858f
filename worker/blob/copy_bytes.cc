#include "worker/blob/copy_bytes.h"

#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<int64_t> CopyBytes(ByteSource& source, ByteSink& sink,
                                  absl::FunctionRef<absl::Status(int64_t)> on_progress) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  int64_t done_bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     source.Read(absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
    if (count == 0) {
      return done_bytes;
    }
    RETURN_IF_ERROR(sink.Append(absl::string_view(buffer.get(), count)));
    done_bytes += static_cast<int64_t>(count);
    RETURN_IF_ERROR(on_progress(done_bytes));
  }
}

}  // namespace holkas
