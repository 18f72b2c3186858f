#ifndef HOLKAS_WORKER_STORAGE_LAYER_SINK_H_
#define HOLKAS_WORKER_STORAGE_LAYER_SINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/compression.h"
#include "worker/blob/decoder.h"
#include "worker/blob/expansion_budget.h"

namespace holkas {

// A layer's blob on its way into a store: decompresses what comes, whatever its media type says,
// and hands the tar on at once.
class LayerSink : public ByteSink {
 public:
  // Gets the tar in pieces, and how many bytes of the blob came so far. Errors end the sink.
  using Tar = std::function<absl::Status(absl::string_view tar, int64_t blob_bytes)>;
  // The blob came whole, and was compressed so. Once.
  using Done = std::function<absl::Status(const Digest& blob_digest, int64_t size_bytes,
                                          Compression compression)>;

  // What the blob becomes is taken from `budget`.
  LayerSink(std::shared_ptr<ExpansionBudget> budget, Tar tar, Done done);

  // Errors, beside those of the callbacks: FAILED_PRECONDITION (INVALID_COMPRESSION);
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than the budget lets through.
  absl::Status Append(absl::string_view data) override;
  absl::Status Finish(const Digest& digest, int64_t size_bytes) override;

 private:
  absl::Status Begin();
  absl::Status Decode(absl::string_view input);
  absl::Status Drain();
  absl::StatusOr<size_t> DecodeSome(absl::string_view& input);

  const std::shared_ptr<ExpansionBudget> budget_;
  const Tar tar_;
  const Done done_;
  std::string first_bytes_;  // until they tell the compression
  bool begun_ = false;
  Compression compression_ = Compression::kNone;
  std::unique_ptr<Decoder> decoder_;
  std::optional<ExpansionMeter> meter_;
  std::vector<char> output_;
  int64_t in_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_SINK_H_
