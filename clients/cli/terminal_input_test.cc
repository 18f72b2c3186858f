#include "clients/cli/terminal_input.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/status/status.h"
#include "clients/cli/command.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

UniqueFd FileWith(const std::string& text) {
  UniqueFd file(memfd_create("input", 0));
  EXPECT_EQ(pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return file;
}

class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    EXPECT_EQ(grantpt(master_.get()), 0);
    EXPECT_EQ(unlockpt(master_.get()), 0);
    slave_.reset(open(ptsname(master_.get()), O_RDWR | O_NOCTTY));
  }

  int fd() const { return slave_.get(); }

  bool Echoes() const {
    termios settings;
    EXPECT_EQ(tcgetattr(slave_.get(), &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
  }

  // Waits until typing is hidden.
  void WaitUntilHidden() const {
    while (Echoes()) {
      poll(nullptr, 0, 1);
    }
  }

  void Type(const std::string& text) {
    EXPECT_EQ(write(master_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // What the terminal shows.
  std::string Shown() {
    char buffer[4096];
    ssize_t size = read(master_.get(), buffer, sizeof(buffer));
    return std::string(buffer, size < 0 ? 0 : static_cast<size_t>(size));
  }

 private:
  UniqueFd master_;
  UniqueFd slave_;
};

absl::Status AskNothing() { return absl::OkStatus(); }

TEST(TerminalInput, LinesAreReadOneByOne) {
  UniqueFd file = FileWith("one\n two \n\nrest");
  TerminalInput input(file.get());
  EXPECT_THAT(input.ReadLine(), IsOkAndHolds("one"));
  EXPECT_THAT(input.ReadLine(), IsOkAndHolds(" two "));
  EXPECT_THAT(input.ReadLine(), IsOkAndHolds(""));
  EXPECT_THAT(input.ReadLine(), StatusIs(absl::StatusCode::kOutOfRange, "EOF"));
}

TEST(TerminalInput, AllLinesAreJoined) {
  EXPECT_THAT(TerminalInput(FileWith("pass\n").get()).ReadAllLines(), IsOkAndHolds("pass"));
  EXPECT_THAT(TerminalInput(FileWith("pa\r\nss wo\nrd").get()).ReadAllLines(),
              IsOkAndHolds("pass word"));
  EXPECT_THAT(TerminalInput(FileWith("").get()).ReadAllLines(), IsOkAndHolds(""));
}

TEST(TerminalInput, EndlessInputIsRefused) {
  UniqueFd zero(open("/dev/zero", O_RDONLY));
  TerminalInput input(zero.get());
  EXPECT_THAT(input.ReadLine(),
              StatusIs(absl::StatusCode::kResourceExhausted, "more than 65536 bytes"));
  EXPECT_THAT(input.ReadAllLines(),
              StatusIs(absl::StatusCode::kResourceExhausted, "more than 65536 bytes"));
}

TEST(TerminalInput, WhatIsNoTerminalHidesNothing) {
  EXPECT_THAT(TerminalInput(FileWith("secret\n").get()).ReadHiddenLine(&AskNothing),
              StatusIs(absl::StatusCode::kFailedPrecondition, "inappropriate ioctl for device"));
}

TEST(TerminalInput, HiddenLineIsNotShown) {
  Terminal terminal;
  std::thread typist([&terminal] {
    terminal.WaitUntilHidden();
    terminal.Type("sec ret\r");
  });
  EXPECT_THAT(TerminalInput(terminal.fd()).ReadHiddenLine(&AskNothing), IsOkAndHolds("sec ret"));
  typist.join();
  EXPECT_EQ(terminal.Shown(), "");
  EXPECT_TRUE(terminal.Echoes());
}

TEST(TerminalInput, NobodyIsAskedBeforeTheTerminalHides) {
  Terminal terminal;
  bool hidden_when_asked = false;
  EXPECT_THAT(TerminalInput(terminal.fd()).ReadHiddenLine([&] {
    hidden_when_asked = !terminal.Echoes();
    terminal.Type("secret\r");
    return absl::OkStatus();
  }),
              IsOkAndHolds("secret"));
  EXPECT_TRUE(hidden_when_asked);
}

TEST(TerminalInput, EndOfTheTerminalIsAnError) {
  Terminal terminal;
  std::thread typist([&terminal] {
    terminal.WaitUntilHidden();
    terminal.Type("\x04");
  });
  EXPECT_THAT(TerminalInput(terminal.fd()).ReadHiddenLine(&AskNothing),
              StatusIs(absl::StatusCode::kOutOfRange, "EOF"));
  typist.join();
  EXPECT_TRUE(terminal.Echoes());
}

TEST(TerminalInput, SignalEndsTheWaitingAndTheTerminalIsAsBefore) {
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    Terminal terminal;
    pthread_t reader = pthread_self();
    std::thread sender([&] {
      terminal.WaitUntilHidden();
      pthread_kill(reader, signal_number);
    });
    absl::Status status = TerminalInput(terminal.fd()).ReadHiddenLine(&AskNothing).status();
    sender.join();
    EXPECT_EQ(ExitCodeOf(status), 128 + signal_number);
    EXPECT_TRUE(terminal.Echoes());
  }
}

}  // namespace
}  // namespace holkas
