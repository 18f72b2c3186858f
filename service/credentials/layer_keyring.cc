#include "service/credentials/layer_keyring.h"

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

// As broker.WrappedKeys says; an honest worker sends no more.
constexpr size_t kMaxWrappedKeys = 64;
constexpr size_t kMaxWrappedKeyBytes = 48 << 10;
// As broker.LayerKey says.
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 16;

// What an unwrap worker may end with, by the error's reason, in Skopeo's words.
struct Failure {
  absl::string_view reason;
  absl::StatusCode code;
  absl::string_view message;
};

constexpr Failure kFailures[] = {
    {"KEY_UNSUITABLE", absl::StatusCode::kFailedPrecondition,
     "no suitable key unwrapper found or none of the private keys could be used for decryption"},
    {"KEY_MISSING", absl::StatusCode::kFailedPrecondition,
     "missing private key needed for decryption"},
    {"PASSWORD_MISSING", absl::StatusCode::kInvalidArgument,
     "Invalid decryption keys: Missing password for encrypted private key"},
    {"PASSWORD_WRONG", absl::StatusCode::kInvalidArgument,
     "Invalid decryption keys: Wrong password: could not decrypt private key"},
};

absl::Status Translated(const absl::Status& status) {
  for (const Failure& failure : kFailures) {
    if (ErrorReason(status) == failure.reason) {
      return MakeError(failure.code, failure.reason, failure.message);
    }
  }
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    return absl::Status(status.code(), "unwrap a layer's key: cut off");
  }
  // Its faults are not those of the worker that waits for the key.
  return MakeError(absl::StatusCode::kInternal, "WORKER_DIED",
                   "unwrap a layer's key: the unwrap worker failed");
}

bool IsWellFormed(const broker::WrappedKeys& wrapped) {
  size_t bytes = 0;
  size_t count = 0;
  for (const auto* keys : {&wrapped.jwe(), &wrapped.pkcs7(), &wrapped.pgp()}) {
    count += static_cast<size_t>(keys->size());
    for (const std::string& key : *keys) {
      bytes += key.size();
    }
  }
  return count <= kMaxWrappedKeys && bytes <= kMaxWrappedKeyBytes;
}

}  // namespace

LayerKeyring::LayerKeyring(const std::vector<v1::DecryptionKey>& keys, RunJob run)
    : keys_(keys), run_(std::move(run)) {}

absl::StatusOr<broker::LayerKey> LayerKeyring::Unwrap(const broker::WrappedKeys& wrapped,
                                                      const Cancellation& cancellation) {
  if (!IsWellFormed(wrapped)) {
    return Violation("malformed wrapped keys");
  }
  if (++calls_ > kMaxCalls) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("keys of layers: more than ", kMaxCalls));
  }
  broker::JobSpec job;
  *job.mutable_unwrap()->mutable_wrapped() = wrapped;
  job.mutable_unwrap()->mutable_keys()->Assign(keys_.begin(), keys_.end());
  job.set_threads(1);
  const absl::StatusOr<std::string> result = run_(job, cancellation);
  if (!result.ok()) {
    return Translated(result.status());
  }
  broker::LayerKey answer;
  if (!answer.ParseFromString(*result) || answer.key().size() != kKeyBytes ||
      answer.nonce().size() != kNonceBytes || !Digest::Parse(answer.plain_digest()).ok()) {
    return Translated(absl::InternalError("no key"));
  }
  // Field by field, so that nothing else comes along.
  broker::LayerKey key;
  key.set_key(answer.key());
  key.set_nonce(answer.nonce());
  key.set_plain_digest(answer.plain_digest());
  return key;
}

}  // namespace holkas
