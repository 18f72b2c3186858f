#include "worker/blob/copy_bytes.h"

#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<int64_t> CopyBytes(ByteSource& source, ByteSink& sink, absl::Span<char> buffer,
                                  absl::FunctionRef<absl::Status(int64_t)> on_progress) {
  int64_t done_bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const absl::string_view piece, source.ReadPiece(buffer));
    if (piece.empty()) {
      return done_bytes;
    }
    RETURN_IF_ERROR(sink.Append(piece));
    done_bytes += static_cast<int64_t>(piece.size());
    RETURN_IF_ERROR(on_progress(done_bytes));
  }
}

}  // namespace holkas
