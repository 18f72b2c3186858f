#include "worker/broker/job_end.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "broker/broker.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// As broker.Finish says.
constexpr size_t kMaxMessageBytes = 1 << 10;
constexpr size_t kMaxMetadataEntries = 16;
constexpr size_t kMaxMetadataBytes = 256;
// Leaves room for the frame around it.
constexpr size_t kMaxChunkBytes = 60 << 10;

}  // namespace

absl::Status SendResult(FrameChannel& channel, absl::string_view result) {
  if (result.size() > kMaxResultBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("the result has more than ", kMaxResultBytes, " bytes"));
  }
  while (!result.empty()) {
    broker::WorkerFrame frame;
    absl::string_view part = result.substr(0, kMaxChunkBytes);
    frame.mutable_result_chunk()->set_data(part.data(), part.size());
    RETURN_IF_ERROR(channel.Send(frame));
    result.remove_prefix(part.size());
  }
  return absl::OkStatus();
}

absl::Status SendFinish(FrameChannel& channel, const absl::Status& status) {
  broker::WorkerFrame frame;
  broker::Finish& finish = *frame.mutable_finish();
  finish.set_code(static_cast<int>(status.code()));
  finish.set_message(Printable(status.message(), kMaxMessageBytes));
  finish.set_reason(ErrorReason(status));
  for (const auto& [key, value] : ErrorMetadata(status)) {
    if (finish.metadata().size() < kMaxMetadataEntries) {
      (*finish.mutable_metadata())[Printable(key, kMaxMetadataBytes)] =
          Printable(value, kMaxMetadataBytes);
    }
  }
  return channel.Send(frame);
}

}  // namespace holkas
