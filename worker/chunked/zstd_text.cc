#include "worker/chunked/zstd_text.h"

#include <zstd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// A window of 256 KiB: what repeats itself in lists of files is near.
constexpr int kWindowLog = 18;
constexpr size_t kPieceBytes = 64 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<ZstdText>> ZstdText::New() {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (context == nullptr) {
    return absl::ResourceExhaustedError("compress zstd: out of memory");
  }
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  return std::unique_ptr<ZstdText>(new ZstdText(context));
}

ZstdText::~ZstdText() { ZSTD_freeCCtx(context_); }

absl::Status ZstdText::Append(absl::string_view text) {
  size_bytes_ += static_cast<int64_t>(text.size());
  return Compress(text, /*at_end=*/false);
}

absl::StatusOr<std::string> ZstdText::Finish() {
  RETURN_IF_ERROR(Compress({}, /*at_end=*/true));
  return std::move(frame_);
}

absl::Status ZstdText::Compress(absl::string_view text, bool at_end) {
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  char piece[kPieceBytes];
  while (true) {
    ZSTD_outBuffer out{piece, sizeof piece, 0};
    const size_t left =
        ZSTD_compressStream2(context_, &out, &in, at_end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return absl::InternalError(absl::StrCat("compress zstd: ", ZSTD_getErrorName(left)));
    }
    frame_.append(piece, out.pos);
    if (at_end ? left == 0 : in.pos == in.size) {
      return absl::OkStatus();
    }
  }
}

}  // namespace holkas
