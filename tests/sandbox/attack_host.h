#ifndef HOLKAS_TESTS_SANDBOX_ATTACK_HOST_H_
#define HOLKAS_TESTS_SANDBOX_ATTACK_HOST_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"

namespace holkas {

// The host that hostile workers attack: files, a listener that talks to them and one that they must
// not reach. Launches test workers and sees how they end.
class AttackHost {
 public:
  static absl::StatusOr<std::unique_ptr<AttackHost>> New();
  ~AttackHost();

  // A worker that is confined, has the descriptors, and runs the attack.
  absl::StatusOr<std::unique_ptr<Worker>> Begin(Launcher& launcher, absl::string_view attack,
                                                int number = 0);

  // The same for a worker of the storage profile, which may write to its store or not. The store is
  // made anew.
  absl::StatusOr<std::unique_ptr<Worker>> BeginWithStore(Launcher& launcher,
                                                         absl::string_view attack, bool writable);

  // What the worker says in its Finish; or `SIGSYS` and its like, or WorkerExit's text, where it
  // ends without; or the name of the code with which its frame is refused.
  std::string End(Worker& worker);

  // Begin and End; the status's text where there was no worker.
  std::string Run(Launcher& launcher, absl::string_view attack, int number = 0);

  // BeginWithStore and End.
  std::string RunWithStore(Launcher& launcher, absl::string_view attack, bool writable);

  // Empty, or what an attack has done to the host.
  std::string Damage();
  // Empty, or what has become of what is beside the store.
  std::string DamageBesideStore();

 private:
  AttackHost() = default;
  absl::Status MakeFiles();
  absl::Status MakeStore();
  // Sends the job, waits for Ready, sends the descriptors.
  absl::Status Start(Worker& worker, absl::string_view attack, int number,
                     const std::vector<int>& fds);
  absl::Status Listen(UniqueFd& listener, int& port);
  absl::StatusOr<UniqueFd> ConnectToEcho();
  void Echo();

  std::string directory_;
  std::string store_;  // graph, run, and outside beside them
  UniqueFd echo_listener_;
  UniqueFd forbidden_listener_;
  int echo_port_ = 0;
  int forbidden_port_ = 0;
  std::thread echo_;
};

}  // namespace holkas

#endif  // HOLKAS_TESTS_SANDBOX_ATTACK_HOST_H_
