#ifndef HOLKAS_WORKER_BLOB_DECOMPRESSING_SOURCE_H_
#define HOLKAS_WORKER_BLOB_DECOMPRESSING_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/decoder.h"
#include "worker/blob/expansion_budget.h"

namespace holkas {

// The bytes of another source, decompressed. The end is told only after the end of that source was
// seen right behind the last member: where it is a VerifyingSource, what came out belongs to the
// digest. A source that ends early is an error, never a short success.
class DecompressingSource : public ByteSource {
 public:
  // Takes over `source`, whose bytes are compressed so: not kNone. What comes out is taken from
  // `budget`, where there are other blobs of the same image.
  // Errors: RESOURCE_EXHAUSTED where there is no memory.
  static absl::StatusOr<std::unique_ptr<ByteSource>> New(
      std::unique_ptr<ByteSource> source, Compression compression,
      std::shared_ptr<ExpansionBudget> budget = std::make_shared<ExpansionBudget>());
  // The same with limits of the caller's.
  static absl::StatusOr<std::unique_ptr<ByteSource>> New(std::unique_ptr<ByteSource> source,
                                                         Compression compression,
                                                         const ExpansionLimits& limits);

  // Errors, beside those of the source: FAILED_PRECONDITION (INVALID_COMPRESSION) for malformed or
  // truncated bytes, and for anything behind them; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where more
  // comes out than may, or it takes too much memory.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  DecompressingSource(std::unique_ptr<ByteSource> source, Compression compression,
                      const ExpansionLimits& limits, std::shared_ptr<ExpansionBudget> budget,
                      std::unique_ptr<Decoder> decoder);

  // Reads more of the source.
  absl::Status Fill();

  // Before the source: it may still read what it handed out.
  const std::unique_ptr<char[]> buffer_;
  const std::unique_ptr<ByteSource> source_;
  const Compression compression_;
  ExpansionMeter meter_;
  const std::unique_ptr<Decoder> decoder_;
  absl::string_view input_;  // of buffer_, not decoded yet
  bool source_ended_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_DECOMPRESSING_SOURCE_H_
