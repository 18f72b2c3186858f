#ifndef HOLKAS_TESTS_SANDBOX_DRIVER_PROCESS_H_
#define HOLKAS_TESTS_SANDBOX_DRIVER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// Who runs a driver.
enum class As { kRoot, kNobody };

// Whether this process may start a driver as that.
bool Can(As user);

// An attack_driver with the test worker, executed as root or as nobody (uid 65534) from a directory
// that both can read. Destroying it kills it.
class DriverProcess {
 public:
  DriverProcess(As user, const std::vector<std::string>& arguments);
  ~DriverProcess();

  pid_t pid() const { return pid_; }
  // The next line of its output, without the line break; empty at the end.
  std::string ReadLine();
  // All lines until the end.
  std::vector<std::string> ReadLines();
  void KillHard();

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string buffered_;
};

// Whether the process is there and not a zombie.
bool Lives(pid_t pid);

// The value of a field in /proc/<pid>/status, or `` where there is none.
std::string StatusField(pid_t pid, absl::string_view field);

// The only child of a process; -1 where there is none.
pid_t ChildOf(pid_t pid);

}  // namespace holkas

#endif  // HOLKAS_TESTS_SANDBOX_DRIVER_PROCESS_H_
