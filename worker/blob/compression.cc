#include "worker/blob/compression.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

struct Magic {
  Compression compression;
  absl::string_view name;
  absl::string_view first_bytes;
};

constexpr Magic kMagics[] = {
    {Compression::kGzip, "gzip", "\x1f\x8b\x08"},
    {Compression::kBzip2, "bzip2", "BZh"},
    {Compression::kXz,
     "xz",
     {"\xfd"
      "7zXZ\0",
      6}},
    {Compression::kZstd, "zstd", "\x28\xb5\x2f\xfd"},
};

// Bytes that were read, and then those that follow in the source.
class PrefixedSource : public ByteSource {
 public:
  PrefixedSource(std::string prefix, std::unique_ptr<ByteSource> rest)
      : prefix_(std::move(prefix)), rest_(std::move(rest)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    if (position_ == prefix_.size()) {
      return rest_->Read(buffer);
    }
    const size_t count = std::min(buffer.size(), prefix_.size() - position_);
    std::memcpy(buffer.data(), prefix_.data() + position_, count);
    position_ += count;
    if (count == buffer.size()) {
      return count;
    }
    // A whole buffer, where there is one, so that what follows does not begin with a piece.
    ASSIGN_OR_RETURN(const size_t more, rest_->Read(buffer.subspan(count)));
    return count + more;
  }
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override {
    return position_ == prefix_.size() ? rest_->ReadPiece(buffer) : ByteSource::ReadPiece(buffer);
  }

 private:
  const std::string prefix_;
  const std::unique_ptr<ByteSource> rest_;
  size_t position_ = 0;
};

}  // namespace

absl::string_view CompressionName(Compression compression) {
  for (const Magic& magic : kMagics) {
    if (magic.compression == compression) {
      return magic.name;
    }
  }
  return "none";
}

Compression CompressionOf(absl::string_view first_bytes) {
  for (const Magic& magic : kMagics) {
    if (absl::StartsWith(first_bytes, magic.first_bytes)) {
      return magic.compression;
    }
  }
  return Compression::kNone;
}

absl::StatusOr<DetectedSource> DetectCompression(std::unique_ptr<ByteSource> source) {
  std::string first_bytes(kMagicBytes, '\0');
  size_t done = 0;
  while (done < first_bytes.size()) {
    ASSIGN_OR_RETURN(const size_t count, source->Read(absl::MakeSpan(first_bytes).subspan(done)));
    if (count == 0) {
      break;
    }
    done += count;
  }
  first_bytes.resize(done);
  const Compression compression = CompressionOf(first_bytes);
  return DetectedSource{
      compression, std::make_unique<PrefixedSource>(std::move(first_bytes), std::move(source))};
}

}  // namespace holkas
