#include "clients/cli/copy_progress.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/go_text.h"
#include "clients/cli/progress_bars.h"
#include "google/protobuf/util/json_util.h"

namespace holkas {
namespace {

using holkas::v1::CopyResponse;

class NoProgress : public CopyProgress {
 public:
  void Show(const CopyResponse&) override {}
};

// Skopeo's lines.
class PlainProgress : public CopyProgress {
 public:
  PlainProgress(const CopyLineOptions& options, Console& console)
      : lines_(options), console_(console) {}

  void Show(const CopyResponse& event) override {
    for (const std::string& line : lines_.Lines(event)) {
      console_.Write(absl::StrCat(line, "\n")).IgnoreError();
    }
  }

 private:
  CopyLines lines_;
  Console& console_;
};

// One object for each event, on a line of its own, in protobuf's JSON mapping.
class JsonProgress : public CopyProgress {
 public:
  explicit JsonProgress(Console& console) : console_(console) {}

  void Show(const CopyResponse& event) override {
    std::string json;
    if (google::protobuf::util::MessageToJsonString(event, &json).ok()) {
      console_.Write(absl::StrCat(json, "\n")).IgnoreError();
    }
  }

 private:
  Console& console_;
};

// Final lines scroll away above; the rows of the blobs in flight are drawn anew below them.
class BarProgress : public CopyProgress {
 public:
  BarProgress(const CopyLineOptions& options, Console& console)
      : bars_(options), console_(console) {}

  void Show(const CopyResponse& event) override {
    std::vector<std::string> lines = bars_.Apply(event);
    absl::Time now = absl::Now();
    bool only_progress = event.event_case() == CopyResponse::kBlobProgress;
    if (only_progress && now - drawn_at_ < kRedrawInterval) {
      return;
    }
    drawn_at_ = now;
    Draw(lines);
  }

 private:
  // More often than people see costs the terminal.
  static constexpr absl::Duration kRedrawInterval = absl::Milliseconds(60);

  void Draw(const std::vector<std::string>& lines) {
    std::string text;
    if (rows_drawn_ > 0) {
      // Up to the first row, and erase from there.
      absl::StrAppend(&text, "\x1b[", rows_drawn_, "A\x1b[J");
    }
    for (const std::string& line : lines) {
      absl::StrAppend(&text, line, "\n");
    }
    // The last column and the last row stay free, so that no terminal wraps or scrolls.
    Console::Size size = console_.TerminalSize();
    size_t rows = size.rows > 2 ? size.rows - 2 : 1;
    std::vector<std::string> shown = bars_.Rows(size.columns - 1, rows);
    for (const std::string& row : shown) {
      absl::StrAppend(&text, row, "\n");
    }
    rows_drawn_ = shown.size();
    console_.Write(text).IgnoreError();
  }

  ProgressBars bars_;
  Console& console_;
  size_t rows_drawn_ = 0;
  absl::Time drawn_at_ = absl::InfinitePast();
};

}  // namespace

absl::StatusOr<ProgressMode> ParseProgressMode(absl::string_view name, bool terminal) {
  if (name.empty() || name == "auto") {
    return terminal ? ProgressMode::kBars : ProgressMode::kPlain;
  }
  if (name == "plain") {
    return ProgressMode::kPlain;
  }
  if (name == "json") {
    return ProgressMode::kJson;
  }
  if (name == "none") {
    return ProgressMode::kNone;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown progress mode ", GoQuote(name),
                   ". Choose one of the supported modes: 'auto', 'plain', 'json', or 'none'"));
}

std::unique_ptr<CopyProgress> MakeCopyProgress(ProgressMode mode, const CopyLineOptions& options,
                                               Console& console) {
  switch (mode) {
    case ProgressMode::kBars:
      return std::make_unique<BarProgress>(options, console);
    case ProgressMode::kPlain:
      return std::make_unique<PlainProgress>(options, console);
    case ProgressMode::kJson:
      return std::make_unique<JsonProgress>(console);
    case ProgressMode::kNone:
      break;
  }
  return std::make_unique<NoProgress>();
}

}  // namespace holkas
