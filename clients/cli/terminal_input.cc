#include "clients/cli/terminal_input.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "clients/cli/command.h"
#include "clients/cli/go_text.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "proto/wire/wipe.h"

namespace holkas {
namespace {

absl::Status EndOfInput() { return absl::OutOfRangeError("EOF"); }

// Reads while signals are watched instead of ending the process.
class WatchedReader {
 public:
  explicit WatchedReader(int fd) : fd_(fd) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
      sigaddset(&set, signal_number);
    }
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    signals_.reset(signalfd(-1, &set, SFD_CLOEXEC));
  }
  ~WatchedReader() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WatchedReader(const WatchedReader&) = delete;
  WatchedReader& operator=(const WatchedReader&) = delete;

  // The next byte. Errors: EndOfInput() at the end.
  absl::StatusOr<char> ReadByte() {
    std::array<pollfd, 2> events = {pollfd{signals_.get(), POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
    while (poll(events.data(), events.size(), -1) < 0) {
      if (errno != EINTR) {
        return absl::UnknownError(GoErrno(errno));
      }
    }
    signalfd_siginfo info;
    if (events[0].revents != 0 && read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      return Interrupted(static_cast<int>(info.ssi_signo));
    }
    char byte = '\0';
    ssize_t got = read(fd_, &byte, 1);
    if (got < 0) {
      return absl::UnknownError(GoErrno(errno));
    }
    return got == 0 ? absl::StatusOr<char>(EndOfInput()) : byte;
  }

  // What comes before the next line break. Errors: EndOfInput() where none comes.
  absl::StatusOr<std::string> ReadLine() {
    std::string line;
    for (;;) {
      absl::StatusOr<char> byte = ReadByte();
      if (!byte.ok()) {
        Wipe(line);
        return byte.status();
      }
      if (*byte == '\n') {
        return line;
      }
      line.push_back(*byte);
      if (line.size() > TerminalInput::kMaxBytes) {
        Wipe(line);
        return absl::ResourceExhaustedError(
            absl::StrCat("more than ", TerminalInput::kMaxBytes, " bytes"));
      }
    }
  }

 private:
  const int fd_;
  sigset_t before_;
  UniqueFd signals_;
};

// A terminal that does not show what is typed, until this is destroyed.
class HiddenTyping {
 public:
  static absl::StatusOr<HiddenTyping> Start(int fd) {
    termios before;
    if (tcgetattr(fd, &before) != 0) {
      return absl::FailedPreconditionError(GoErrno(errno));
    }
    termios hidden = before;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden.c_lflag |= ICANON | ISIG;
    hidden.c_iflag |= ICRNL;
    if (tcsetattr(fd, TCSANOW, &hidden) != 0) {
      return absl::FailedPreconditionError(GoErrno(errno));
    }
    return HiddenTyping(fd, before);
  }
  ~HiddenTyping() {
    if (fd_ >= 0) {
      tcsetattr(fd_, TCSANOW, &before_);
    }
  }
  HiddenTyping(HiddenTyping&& other) noexcept : fd_(other.fd_), before_(other.before_) {
    other.fd_ = -1;
  }
  HiddenTyping& operator=(HiddenTyping&&) = delete;

 private:
  HiddenTyping(int fd, const termios& before) : fd_(fd), before_(before) {}

  int fd_;
  termios before_;
};

}  // namespace

absl::StatusOr<std::string> TerminalInput::ReadLine() { return WatchedReader(fd_).ReadLine(); }

absl::StatusOr<std::string> TerminalInput::ReadHiddenLine(
    const std::function<absl::Status()>& ask) {
  // Signals are held back first and let go last: none of them leaves the terminal as it is not.
  WatchedReader reader(fd_);
  const absl::StatusOr<HiddenTyping> hidden = HiddenTyping::Start(fd_);
  RETURN_IF_ERROR(ask());
  RETURN_IF_ERROR(hidden.status());
  ASSIGN_OR_RETURN(std::string line, reader.ReadLine());
  return std::string(absl::StripSuffix(line, "\r"));
}

absl::StatusOr<std::string> TerminalInput::ReadAllLines() {
  WatchedReader reader(fd_);
  std::string text;
  WipedAtEnd wiped(text);
  for (;;) {
    absl::StatusOr<char> byte = reader.ReadByte();
    if (absl::IsOutOfRange(byte.status())) {
      break;
    }
    RETURN_IF_ERROR(byte.status());
    text.push_back(*byte);
    if (text.size() > kMaxBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("more than ", kMaxBytes, " bytes"));
    }
  }
  return absl::StrReplaceAll(absl::StripSuffix(text, "\r"), {{"\r\n", ""}, {"\n", ""}});
}

}  // namespace holkas
