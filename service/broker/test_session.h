#ifndef HOLKAS_SERVICE_BROKER_TEST_SESSION_H_
#define HOLKAS_SERVICE_BROKER_TEST_SESSION_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/broker_session.h"

namespace holkas {

// A real session on a thread, and a worker that the test plays by hand, so that it can do what no
// honest worker does.
class TestSession {
 public:
  // Begins the session. The test is the worker of `options`, which has been sent its job.
  explicit TestSession(BrokerSession::Options options);
  ~TestSession();

  // The job that it has been sent; none where the session refused to begin.
  const broker::JobSpec& job() const { return job_; }
  // Says Ready.
  void Ready();
  // Sends a frame as it is.
  void Send(const broker::WorkerFrame& frame);
  // Sends bytes, with so many descriptors, past all checks.
  void SendRaw(const std::string& bytes, int fd_count);
  // Sends a call under the next number.
  uint32_t Begin(broker::WorkerFrame frame);
  // The next reply; its code is 13 (INTERNAL) where the session closed the channel.
  broker::Reply NextReply(std::vector<UniqueFd>* fds = nullptr);
  // Whether the next frame says that nobody waits any more.
  bool NextIsCancel();
  // Both.
  broker::Reply Call(broker::WorkerFrame frame, std::vector<UniqueFd>* fds = nullptr);
  // Creates, writes, and commits a file.
  broker::Reply Put(broker::FileKind kind, absl::string_view content);
  // Says Finish.
  void Finish(int code = 0, absl::string_view message = "");
  // Closes the worker's end.
  void Die() { worker_.reset(); }

  // Waits for the session's end.
  const JobOutcome& Outcome();

 private:
  std::unique_ptr<FrameChannel> service_;
  std::unique_ptr<FrameChannel> worker_;
  broker::JobSpec job_;
  uint32_t last_call_id_ = 0;
  JobOutcome outcome_;
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_TEST_SESSION_H_
