#ifndef HOLKAS_WORKER_JOBS_LAYER_POLICY_H_
#define HOLKAS_WORKER_JOBS_LAYER_POLICY_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/compression.h"
#include "worker/transports/image_destination.h"

namespace holkas {

// In which form a copy writes layers: what the caller asked for, else what the destination wants.
struct LayerPolicy {
  using Form = ImageDestination::LayerForm;

  // kAsTheyAre also where nothing may be changed.
  Form form = Form::kAsTheyAre;
  // What uncompressed layers become, with kCompressed: kGzip or kZstd.
  Compression compression = Compression::kGzip;
  // Whether those in kZstd have a table of contents (zstd:chunked).
  bool with_contents = false;
  // Whether those in another compression become that, too.
  bool recompress = false;
  std::optional<int> level;
  // Whether to take over only what has the right compression.
  bool force_compression = false;
  // Whether to find out the digest of what a layer becomes before it is sent.
  bool precompute_digests = false;

  // What a layer in compression `is` becomes.
  Compression Wanted(Compression is) const;
  // Whether a layer in compression `is`, of which its manifest says `annotations`, gets a table of
  // contents, and so becomes another even where the compression stays.
  bool WantsContents(Compression is, const std::map<std::string, std::string>& annotations) const;
  // Whether layers are compressed in a way that Docker's manifests have no name for.
  bool NeedsOci() const {
    return form == Form::kCompressed && recompress && compression == Compression::kZstd;
  }
};

// Why digests may not be changed, in Skopeo's words; empty where they may.
std::string ReasonNotToModify(const v1::CopyRequest& options, const ImageDestination& to);

// Errors: INVALID_ARGUMENT (INVALID_FIELD) for fields that do not go together.
absl::StatusOr<LayerPolicy> LayerPolicyOf(const v1::CopyRequest& options,
                                          const ImageDestination& to);

// What compresses by the policy.
// Errors: INVALID_ARGUMENT (INVALID_FIELD) for a level that there is not.
absl::StatusOr<std::unique_ptr<BlockFormat>> FormatOf(const LayerPolicy& policy);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_LAYER_POLICY_H_
