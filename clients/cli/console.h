#ifndef HOLKAS_CLIENTS_CLI_CONSOLE_H_
#define HOLKAS_CLIENTS_CLI_CONSOLE_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cli/logrus.h"

namespace holkas {

// Standard output and standard error: results and progress go to the one, diagnostics in logrus
// form to the other. Not thread-safe.
class Console {
 public:
  // The descriptors stay the caller's and are to outlive this.
  Console(int out_fd, int err_fd);

  // Writes all of `text` to standard output, at once where the kernel takes it.
  // Errors: what write(2) said.
  absl::Status Write(absl::string_view text);

  // Writes text that is no diagnostic to standard error; failing is ignored.
  void WriteError(absl::string_view text);

  // Writes one diagnostic. kDebug ones show after EnableDebug only. Failing to write is ignored:
  // nobody is left to tell.
  void Log(LogLevel level, absl::string_view message);
  void EnableDebug() { debug_ = true; }
  bool debug() const { return debug_; }

  bool OutputIsTerminal() const { return out_is_terminal_; }

  // Columns and rows of the terminal now; 80 and 24 where it does not say.
  struct Size {
    size_t columns;
    size_t rows;
  };
  Size TerminalSize() const;

 private:
  const int out_fd_;
  const int err_fd_;
  const bool out_is_terminal_;
  const bool err_is_terminal_;
  const absl::Time start_;
  bool debug_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_CONSOLE_H_
