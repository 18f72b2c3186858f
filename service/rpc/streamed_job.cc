#include "service/rpc/streamed_job.h"

#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// How long a caller may take to read what is left when the job is over.
constexpr absl::Duration kReadOutTime = absl::Seconds(30);

}  // namespace

absl::Status RunStreamedJob(const RequestContext& context, const std::function<void()>& job,
                            const std::function<void()>& write) {
  absl::Notification read_out;
  std::thread thread;
  try {
    thread = std::thread([&context, &job, &read_out] {
      job();
      if (!read_out.WaitForNotificationWithTimeout(kReadOutTime)) {
        context.cancel(absl::CancelledError(absl::StrCat("the caller left events unread for ",
                                                         absl::FormatDuration(kReadOutTime))));
      }
    });
  } catch (const std::system_error& error) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("start a thread: ", error.what()));
  }
  write();
  read_out.Notify();
  thread.join();
  return absl::OkStatus();
}

}  // namespace holkas
