#include "worker/blob/read_all.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/verifying_source.h"

namespace holkas {

absl::StatusOr<std::string> ReadAll(std::unique_ptr<ByteSource> source, const Digest& digest,
                                    int64_t size_bytes, int64_t max_bytes) {
  if (size_bytes > max_bytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("read blob ", digest.ToString(), ": ", size_bytes,
                                  " bytes, the limit is ", max_bytes));
  }
  VerifyingSource verified(std::move(source), digest, size_bytes);
  std::string bytes(static_cast<size_t>(size_bytes), '\0');
  size_t done = 0;
  while (true) {
    // Once the string is full, one more byte of room is what the end is read
    // into.
    char beyond;
    const absl::Span<char> room =
        done < bytes.size() ? absl::MakeSpan(bytes).subspan(done) : absl::MakeSpan(&beyond, 1);
    ASSIGN_OR_RETURN(const size_t count, verified.Read(room));
    if (count == 0) {
      return bytes;
    }
    done += count;
  }
}

}  // namespace holkas
