#ifndef HOLKAS_SERVICE_BROKER_FRAME_DIGEST_H_
#define HOLKAS_SERVICE_BROKER_FRAME_DIGEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "service/broker/violation.h"

namespace holkas {

// The digest of a frame. One that is malformed is no mistake of a worker that was not tampered
// with: it has parsed it, too.
inline absl::StatusOr<Digest> ParseDigest(const std::string& text) {
  absl::StatusOr<Digest> digest = Digest::Parse(text);
  return digest.ok() ? digest : Violation("a malformed digest");
}

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_FRAME_DIGEST_H_
