#include "clients/cli/copy_progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using holkas::v1::CopyResponse;

// A terminal of 50 columns and 5 rows.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    EXPECT_EQ(grantpt(master_.get()), 0);
    EXPECT_EQ(unlockpt(master_.get()), 0);
    slave_.reset(open(ptsname(master_.get()), O_RDWR | O_NOCTTY));
    winsize size = {.ws_row = 5, .ws_col = 50, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(ioctl(master_.get(), TIOCSWINSZ, &size), 0);
    termios raw;
    EXPECT_EQ(tcgetattr(slave_.get(), &raw), 0);
    cfmakeraw(&raw);
    EXPECT_EQ(tcsetattr(slave_.get(), TCSANOW, &raw), 0);
  }

  int fd() const { return slave_.get(); }

  // What was written since the last call.
  std::string Read() {
    char buffer[4096];
    ssize_t size = read(master_.get(), buffer, sizeof(buffer));
    return std::string(buffer, size < 0 ? 0 : static_cast<size_t>(size));
  }

 private:
  UniqueFd master_;
  UniqueFd slave_;
};

CopyResponse Started(const std::string& digest) {
  CopyResponse event;
  event.mutable_blob_started()->set_digest(digest);
  event.mutable_blob_started()->set_size_bytes(2048);
  return event;
}

TEST(ParseProgressMode, AutoDependsOnTheTerminal) {
  EXPECT_THAT(ParseProgressMode("", true), IsOkAndHolds(ProgressMode::kBars));
  EXPECT_THAT(ParseProgressMode("auto", false), IsOkAndHolds(ProgressMode::kPlain));
  EXPECT_THAT(ParseProgressMode("plain", true), IsOkAndHolds(ProgressMode::kPlain));
  EXPECT_THAT(ParseProgressMode("json", true), IsOkAndHolds(ProgressMode::kJson));
  EXPECT_THAT(ParseProgressMode("none", true), IsOkAndHolds(ProgressMode::kNone));
  EXPECT_THAT(ParseProgressMode("bars", true),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "unknown progress mode \"bars\". Choose one of the supported modes: 'auto', "
                       "'plain', 'json', or 'none'"));
}

TEST(CopyProgress, BarsAreDrawnOverTheLastOnes) {
  Terminal terminal;
  Console console(terminal.fd(), terminal.fd());
  auto progress = MakeCopyProgress(ProgressMode::kBars, {}, console);
  progress->Show(Started("sha256:aa"));
  EXPECT_EQ(terminal.Read(), "Copying blob aa [-------------------] 0B / 2.0KiB\n");
  progress->Show(Started("sha256:bb"));
  EXPECT_EQ(terminal.Read(),
            "\x1b[1A\x1b[JCopying blob aa [-------------------] 0B / 2.0KiB\n"
            "Copying blob bb [-------------------] 0B / 2.0KiB\n");
  CopyResponse finished;
  finished.mutable_blob_finished()->set_digest("sha256:aa");
  progress->Show(finished);
  EXPECT_EQ(terminal.Read(),
            "\x1b[2A\x1b[JCopying blob aa done\n"
            "Copying blob bb [-------------------] 0B / 2.0KiB\n");
}

TEST(CopyProgress, BarsStayInTheTerminal) {
  Terminal terminal;
  Console console(terminal.fd(), terminal.fd());
  auto progress = MakeCopyProgress(ProgressMode::kBars, {}, console);
  for (const char* digest : {"sha256:aa", "sha256:bb", "sha256:cc", "sha256:dd"}) {
    terminal.Read();
    progress->Show(Started(digest));
  }
  std::string text = terminal.Read();
  EXPECT_EQ(text.substr(0, 7), "\x1b[3A\x1b[J");
  EXPECT_EQ(text.substr(text.size() - 11), "and 2 more\n");
}

}  // namespace
}  // namespace holkas
