#include <lzma.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "worker/blob/decoder.h"

namespace holkas {
namespace {

// Zeros behind a stream come in fours (The .xz File Format, 2.2).
constexpr size_t kPaddingUnit = 4;

class XzDecoder : public Decoder {
 public:
  ~XzDecoder() override { lzma_end(&stream_); }

  absl::StatusOr<Progress> Decode(absl::string_view input, absl::Span<char> output) override {
    if (!in_stream_) {
      if (any_stream_ && !input.empty() && input.front() == '\0') {
        return SkipPadding(input);
      }
      if (input.empty()) {
        return Progress{};
      }
      if (padding_bytes_ % kPaddingUnit != 0) {
        return MalformedError(Compression::kXz, "invalid padding");
      }
      if (lzma_stream_decoder(&stream_, kMaxXzMemoryBytes, /*flags=*/0) != LZMA_OK) {
        return absl::ResourceExhaustedError("decompress xz: out of memory");
      }
      in_stream_ = true;
    }
    return DecodeStream(input, output);
  }

  bool MayEnd() const override {
    return !in_stream_ && any_stream_ && padding_bytes_ % kPaddingUnit == 0;
  }

 private:
  Progress SkipPadding(absl::string_view input) {
    size_t zeros = input.find_first_not_of('\0');
    zeros = zeros == absl::string_view::npos ? input.size() : zeros;
    padding_bytes_ += zeros;
    return {zeros, 0};
  }

  absl::StatusOr<Progress> DecodeStream(absl::string_view input, absl::Span<char> output) {
    stream_.next_in = reinterpret_cast<const uint8_t*>(input.data());
    stream_.avail_in = input.size();
    stream_.next_out = reinterpret_cast<uint8_t*>(output.data());
    stream_.avail_out = output.size();
    const lzma_ret result = lzma_code(&stream_, LZMA_RUN);
    const Progress progress{input.size() - stream_.avail_in, output.size() - stream_.avail_out};
    switch (result) {
      case LZMA_OK:
      case LZMA_BUF_ERROR:  // neither input nor output moved
        return progress;
      case LZMA_STREAM_END:
        in_stream_ = false;
        any_stream_ = true;
        padding_bytes_ = 0;
        return progress;
      case LZMA_FORMAT_ERROR:
        return MalformedError(Compression::kXz, "invalid header");
      case LZMA_OPTIONS_ERROR:
        return MalformedError(Compression::kXz, "unknown options");
      case LZMA_MEMLIMIT_ERROR:
        return DecoderLimitError(
            Compression::kXz, absl::StrCat("it takes ", lzma_memusage(&stream_),
                                           " bytes of memory, the limit is ", kMaxXzMemoryBytes));
      case LZMA_MEM_ERROR:
        return absl::ResourceExhaustedError("decompress xz: out of memory");
      default:
        return MalformedError(Compression::kXz, "invalid data");
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool in_stream_ = false;
  bool any_stream_ = false;
  size_t padding_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Decoder>> NewXzDecoder() { return std::make_unique<XzDecoder>(); }

}  // namespace holkas
