#include <bzlib.h>

#include <algorithm>
#include <memory>

#include "worker/blob/decoder.h"

namespace holkas {
namespace {

class Bzip2Decoder : public Decoder {
 public:
  ~Bzip2Decoder() override { End(); }

  absl::StatusOr<Progress> Decode(absl::string_view input, absl::Span<char> output) override {
    if (!in_stream_) {
      if (input.empty()) {
        return Progress{};
      }
      stream_ = {};
      if (BZ2_bzDecompressInit(&stream_, /*verbosity=*/0, /*small=*/0) != BZ_OK) {
        return absl::ResourceExhaustedError("decompress bzip2: out of memory");
      }
      in_stream_ = true;
    }
    const auto given = static_cast<unsigned>(std::min(input.size(), kMaxGivenBytes));
    const auto room = static_cast<unsigned>(std::min(output.size(), kMaxGivenBytes));
    // The library does not write to its input.
    stream_.next_in = const_cast<char*>(input.data());
    stream_.avail_in = given;
    stream_.next_out = output.data();
    stream_.avail_out = room;
    const int result = BZ2_bzDecompress(&stream_);
    const Progress progress{given - stream_.avail_in, room - stream_.avail_out};
    switch (result) {
      case BZ_OK:
        return progress;
      case BZ_STREAM_END:
        End();
        any_stream_ = true;
        return progress;
      case BZ_DATA_ERROR_MAGIC:
        return MalformedError(Compression::kBzip2, "invalid header");
      case BZ_MEM_ERROR:
        return absl::ResourceExhaustedError("decompress bzip2: out of memory");
      default:
        return MalformedError(Compression::kBzip2, "invalid data");
    }
  }

  bool MayEnd() const override { return !in_stream_ && any_stream_; }

 private:
  // The library counts in 32 bits.
  static constexpr size_t kMaxGivenBytes = size_t{1} << 30;

  void End() {
    if (in_stream_) {
      BZ2_bzDecompressEnd(&stream_);
      in_stream_ = false;
    }
  }

  bz_stream stream_ = {};
  bool in_stream_ = false;
  bool any_stream_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Decoder>> NewBzip2Decoder() {
  return std::make_unique<Bzip2Decoder>();
}

}  // namespace holkas
