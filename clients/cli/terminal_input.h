#ifndef HOLKAS_CLIENTS_CLI_TERMINAL_INPUT_H_
#define HOLKAS_CLIENTS_CLI_TERMINAL_INPUT_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holkas {

// Standard input, as answers to prompts. SIGINT, SIGTERM and SIGHUP end the waiting, whether they
// are held back or not, and the terminal is as it was. Not thread-safe.
//
// Errors everywhere: those of Interrupted (command.h), and with Go's text those of reading: `EOF`.
class TerminalInput {
 public:
  // More is no answer.
  static constexpr size_t kMaxBytes = 64 << 10;

  // The descriptor stays the caller's.
  explicit TerminalInput(int fd) : fd_(fd) {}

  // One line, without its end. A line without an end is none, as in Skopeo.
  absl::StatusOr<std::string> ReadLine();

  // One line that the terminal does not show. Calls `ask` when it shows nothing any more, since who
  // types fast would be seen before. Errors: those of `ask`; `inappropriate ioctl for device` where
  // the input is no terminal.
  absl::StatusOr<std::string> ReadHiddenLine(const std::function<absl::Status()>& ask);

  // All lines until the end of the input, in one, without their ends.
  absl::StatusOr<std::string> ReadAllLines();

 private:
  const int fd_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TERMINAL_INPUT_H_
