#include <zstd.h>
#include <zstd_errors.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "worker/blob/decoder.h"

namespace holkas {
namespace {

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// The library skips skippable frames, and compares checksums where a frame has one.
class ZstdDecoder : public Decoder {
 public:
  explicit ZstdDecoder(ZSTD_DCtx* context) : context_(context) {
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }

  absl::StatusOr<Progress> Decode(absl::string_view input, absl::Span<char> output) override {
    if (input.empty() && may_end_) {
      return Progress{};  // the library would wait for a next frame
    }
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(result) == 0) {
      may_end_ = result == 0;
      return Progress{in.pos, out.pos};
    }
    switch (ZSTD_getErrorCode(result)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        return DecoderLimitError(
            Compression::kZstd,
            absl::StrCat("its window is larger than ", size_t{1} << kMaxZstdWindowLog, " bytes"));
      case ZSTD_error_memory_allocation:
        return absl::ResourceExhaustedError("decompress zstd: out of memory");
      case ZSTD_error_prefix_unknown:
        return MalformedError(Compression::kZstd, "invalid header");
      case ZSTD_error_checksum_wrong:
        return MalformedError(Compression::kZstd, "invalid checksum");
      default:
        return MalformedError(Compression::kZstd, "invalid data");
    }
  }

  bool MayEnd() const override { return may_end_; }

 private:
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool may_end_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Decoder>> NewZstdDecoder() {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  if (context == nullptr) {
    return absl::ResourceExhaustedError("decompress zstd: out of memory");
  }
  return std::make_unique<ZstdDecoder>(context);
}

}  // namespace holkas
