#include "proto/broker/job_frames.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Leaves room for what the frame adds.
constexpr size_t kMaxChunkBytes = kMaxFrameBytes - 64;

absl::Status NoJob(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("receive job: ", why));
}

}  // namespace

absl::Status SendJob(FrameChannel& channel, const broker::JobSpec& job, absl::Time deadline) {
  broker::ServiceFrame whole;
  *whole.mutable_job() = job;
  if (whole.ByteSizeLong() <= kMaxFrameBytes) {
    return channel.Send(whole, {}, deadline);
  }
  const std::string bytes = job.SerializeAsString();
  if (bytes.size() > kMaxJobBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("the request with the certificates of all its registries and "
                                  "mirrors has ",
                                  bytes.size(), " bytes, at most ", kMaxJobBytes));
  }
  absl::string_view rest = bytes;
  while (!rest.empty()) {
    broker::ServiceFrame frame;
    const absl::string_view part = rest.substr(0, kMaxChunkBytes);
    rest.remove_prefix(part.size());
    frame.mutable_job_chunk()->set_data(part.data(), part.size());
    frame.mutable_job_chunk()->set_last(rest.empty());
    RETURN_IF_ERROR(channel.Send(frame, {}, deadline));
  }
  return absl::OkStatus();
}

absl::StatusOr<broker::JobSpec> ReceiveJob(FrameChannel& channel) {
  broker::ServiceFrame frame;
  RETURN_IF_ERROR(channel.Receive(frame).status());
  if (frame.has_job()) {
    return std::move(*frame.mutable_job());
  }
  std::string bytes;
  for (;;) {
    if (!frame.has_job_chunk() || frame.job_chunk().data().empty()) {
      return NoJob("a frame is no part of one");
    }
    bytes += frame.job_chunk().data();
    if (bytes.size() > kMaxJobBytes) {
      return NoJob(absl::StrCat("more than ", kMaxJobBytes, " bytes"));
    }
    if (frame.job_chunk().last()) {
      break;
    }
    RETURN_IF_ERROR(channel.Receive(frame).status());
  }
  broker::JobSpec job;
  if (!job.ParseFromString(bytes)) {
    return NoJob("its parts are malformed");
  }
  return job;
}

}  // namespace holkas
