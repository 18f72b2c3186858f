#include "worker/jobs/read_schema1_layers.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/expansion_budget.h"
#include "worker/image/descriptor.h"

namespace holkas {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

// What went through a MeasuringSource.
struct Measured {
  explicit Measured(const Digest& digest) : digester(digest.algorithm()) {}
  Digester digester;
  int64_t size_bytes = 0;
};

// The bytes of another source, counted and hashed.
class MeasuringSource : public ByteSource {
 public:
  // `measured` outlives it.
  MeasuringSource(std::unique_ptr<ByteSource> source, Measured& measured)
      : source_(std::move(source)), measured_(measured) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    ASSIGN_OR_RETURN(const size_t count, source_->Read(buffer));
    measured_.digester.Update(absl::string_view(buffer.data(), count));
    measured_.size_bytes += static_cast<int64_t>(count);
    if (measured_.size_bytes > kMaxDecompressedBytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("read blob: more than ", kMaxDecompressedBytes, " bytes"));
    }
    return count;
  }

 private:
  const std::unique_ptr<ByteSource> source_;
  Measured& measured_;
};

// Reads to the end.
absl::StatusOr<Digest> DigestOf(ByteSource& source, absl::Span<char> buffer) {
  Digester digester("sha256");
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(buffer));
    if (count == 0) {
      return digester.Finish();
    }
    digester.Update(absl::string_view(buffer.data(), count));
  }
}

absl::StatusOr<ReadLayer> ReadOne(ImageSource& from, const Digest& digest, DiffIds diff_ids,
                                  const std::shared_ptr<ExpansionBudget>& budget,
                                  absl::Span<char> buffer) {
  Measured measured(digest);
  const Descriptor blob{"", digest, -1, {}, {}};
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, from.OpenBlob(blob));
  source = std::make_unique<MeasuringSource>(std::move(source), measured);
  if (diff_ids == DiffIds::kComputed) {
    ASSIGN_OR_RETURN(DetectedSource detected, DetectCompression(std::move(source)));
    source = std::move(detected.source);
    if (detected.compression != Compression::kNone) {
      ASSIGN_OR_RETURN(source,
                       DecompressingSource::New(std::move(source), detected.compression, budget));
    }
  }
  ASSIGN_OR_RETURN(Digest content, DigestOf(*source, buffer));
  source.reset();
  const Digest found = measured.digester.Finish();
  if (found != digest) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read blob ", digest.ToString(), ": got content with digest ",
                                  found.ToString()));
  }
  ReadLayer layer;
  layer.size_bytes = measured.size_bytes;
  if (diff_ids == DiffIds::kComputed) {
    layer.diff_id = std::move(content);
  }
  return layer;
}

}  // namespace

absl::StatusOr<std::vector<ReadLayer>> ReadSchema1Layers(ImageSource& from,
                                                         const Schema1Manifest& image,
                                                         DiffIds diff_ids) {
  const auto buffer = std::make_unique<char[]>(kBufferBytes);
  const auto budget = std::make_shared<ExpansionBudget>();
  // An empty layer is in most images more than once.
  std::map<Digest, ReadLayer> known;
  std::vector<ReadLayer> layers;
  for (const Schema1Manifest::Layer& layer : image.layers) {
    auto found = known.find(layer.digest);
    if (found == known.end()) {
      ASSIGN_OR_RETURN(ReadLayer read, ReadOne(from, layer.digest, diff_ids, budget,
                                               absl::MakeSpan(buffer.get(), kBufferBytes)));
      found = known.emplace(layer.digest, std::move(read)).first;
    }
    layers.push_back(found->second);
  }
  return layers;
}

}  // namespace holkas
