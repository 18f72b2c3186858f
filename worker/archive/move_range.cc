#include "worker/archive/move_range.h"

#include <algorithm>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_writer.h"

namespace holkas {
namespace {

constexpr int64_t kPieceBytes = 1 << 20;

}  // namespace

absl::Status MoveRange(const FilePlace& from, const FilePlace& to, int64_t size_bytes) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  for (int64_t done = 0; done < size_bytes;) {
    const int64_t count = std::min(kPieceBytes, size_bytes - done);
    // What is moved up begins with its end, so that nothing is written over before it is read.
    const int64_t at = to.offset > from.offset ? size_bytes - done - count : done;
    const absl::Span<char> piece(buffer.get(), static_cast<size_t>(count));
    ASSIGN_OR_RETURN(const size_t read, ReadFileAt(from.fd, from.offset + at, piece));
    if (read < piece.size()) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       "write archive: the file was cut off");
    }
    RETURN_IF_ERROR(
        WriteAllAt(to.fd, to.offset + at, absl::string_view(piece.data(), piece.size())));
    done += count;
  }
  return absl::OkStatus();
}

}  // namespace holkas
