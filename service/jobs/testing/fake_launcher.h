#ifndef HOLKAS_SERVICE_JOBS_TESTING_FAKE_LAUNCHER_H_
#define HOLKAS_SERVICE_JOBS_TESTING_FAKE_LAUNCHER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"

namespace holkas {

// A worker's side of the broker protocol, for the script of a fake worker.
class FakeWorkerSide {
 public:
  explicit FakeWorkerSide(UniqueFd socket);

  // Reads the JobSpec and says Ready.
  broker::JobSpec Begin();
  void Send(const broker::WorkerFrame& frame);
  void SendEvent(const v1::CopyResponse& event);
  void SendTags(const std::vector<std::string>& tags);
  void SendResult(const std::string& data);
  // Asks and waits for the reply.
  broker::Reply Authorize(const broker::Authorize& question);
  broker::Reply UnwrapKey(const broker::WrappedKeys& wrapped);
  broker::Reply FindTwins(const std::string& digest);
  broker::Reply MountBlob(const std::string& digest, int64_t size_bytes);
  void Remember(const broker::Remember& told);
  // The one file of the source; not valid where it is refused.
  UniqueFd OpenSource();
  // The one file of the destination, to write; its number is 1. Not valid where it is refused.
  UniqueFd CreateFile();
  broker::Reply Publish();
  void Finish(const absl::Status& status = absl::OkStatus());
  // Waits until the service closes its end, or the worker is killed.
  void AwaitEnd();

 private:
  // Puts the first descriptor of the reply into `fd`, where that is not null.
  broker::Reply Call(broker::WorkerFrame frame, UniqueFd* fd = nullptr);

  FrameChannel channel_;
};

// Launches threads that speak the broker protocol as a script says. Thread-safe.
class FakeLauncher : public Launcher {
 public:
  // The worker's life; when it returns, the worker ends as the result says.
  using Script = std::function<WorkerExit(FakeWorkerSide& worker)>;

  explicit FakeLauncher(Script script) : script_(std::move(script)) {}

  absl::StatusOr<std::unique_ptr<Worker>> Launch(const WorkerNeeds& needs) override;
  // The directories as they are.
  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees) override;

  // The answer of Launch from now on, where it is not OK. Before there are threads.
  void FailWith(absl::Status status) { failure_ = std::move(status); }

  int launched() const { return launched_; }
  int killed() const { return killed_; }
  int distrusted() const { return distrusted_; }
  bool needed_certificate_store() const { return needed_certificate_store_; }
  // With what the last worker was launched: `r` or `w` for each directory.
  const std::string& directories() const { return directories_; }

 private:
  class FakeWorker;

  const Script script_;
  absl::Status failure_;
  std::atomic<int> launched_ = 0;
  std::atomic<int> killed_ = 0;
  std::atomic<int> distrusted_ = 0;
  std::atomic<bool> needed_certificate_store_ = false;
  std::string directories_;
};

// How a worker ends that did its job.
inline WorkerExit CleanExit() { return {WorkerExit::How::kExited, 0}; }

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_TESTING_FAKE_LAUNCHER_H_
