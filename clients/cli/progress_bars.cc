#include "clients/cli/progress_bars.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace holkas {
namespace {

using holkas::v1::BlobFinished;
using holkas::v1::BlobKind;
using holkas::v1::CopyResponse;

// As many digits as people compare.
constexpr size_t kShortDigest = 12;
constexpr size_t kWidestBar = 40;
constexpr size_t kNarrowestBar = 8;

std::string Label(const std::string& digest, BlobKind kind) {
  std::string hex = digest.substr(digest.find(':') + 1).substr(0, kShortDigest);
  return absl::StrCat(kind == holkas::v1::BLOB_KIND_CONFIG ? "Copying config " : "Copying blob ",
                      hex);
}

absl::string_view Outcome(const BlobFinished& blob) {
  switch (blob.outcome()) {
    case holkas::v1::BLOB_OUTCOME_ALREADY_PRESENT:
      return "skipped: already exists";
    case holkas::v1::BLOB_OUTCOME_MOUNTED:
      return "skipped: mounted from another repository";
    default:
      return "done";
  }
}

// Between 0 and 1, also where the event's numbers make no sense.
double Fraction(int64_t done_bytes, int64_t size_bytes) {
  if (size_bytes <= 0) {
    return 0;
  }
  return std::clamp(static_cast<double>(done_bytes) / static_cast<double>(size_bytes), 0.0, 1.0);
}

std::string Bar(double fraction, size_t cells) {
  size_t filled = static_cast<size_t>(fraction * static_cast<double>(cells));
  std::string bar(filled, '=');
  if (filled < cells) {
    bar += filled > 0 ? '>' : '-';
  }
  bar.resize(cells, '-');
  return bar;
}

}  // namespace

std::string FormatSize(int64_t bytes) {
  constexpr absl::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  if (bytes < 1024) {
    return absl::StrCat(bytes, "B");
  }
  double value = static_cast<double>(bytes) / kStep;
  size_t unit = 0;
  while (value >= kStep && unit + 1 < std::size(kUnits)) {
    value /= kStep;
    ++unit;
  }
  return absl::StrFormat("%.1f%s", value, kUnits[unit]);
}

std::string BarRow(absl::string_view label, int64_t done_bytes, int64_t size_bytes, size_t width) {
  double fraction = Fraction(done_bytes, size_bytes);
  std::string sizes = absl::StrCat(FormatSize(done_bytes), " / ", FormatSize(size_bytes));
  constexpr size_t kFrame = sizeof(" [] ") - 1;
  size_t taken = label.size() + kFrame + sizes.size();
  if (taken + kNarrowestBar <= width) {
    size_t cells = std::min(kWidestBar, width - taken);
    return absl::StrCat(label, " [", Bar(fraction, cells), "] ", sizes);
  }
  std::string row = absl::StrCat(label, " ", sizes);
  if (row.size() > width) {
    row = absl::StrFormat("%s %d%%", label, static_cast<int>(fraction * 100));
  }
  return row.substr(0, width);
}

std::vector<std::string> ProgressBars::Apply(const CopyResponse& event) {
  std::vector<std::string> lines = lines_.Lines(event);
  switch (event.event_case()) {
    case CopyResponse::kBlobStarted: {
      const auto& started = event.blob_started();
      if (Find(started.digest()) == nullptr) {
        in_flight_.push_back(
            {started.digest(), Label(started.digest(), started.kind()), 0, started.size_bytes()});
      }
      return {};
    }
    case CopyResponse::kBlobProgress: {
      const auto& progress = event.blob_progress();
      if (Blob* blob = Find(progress.digest()); blob != nullptr) {
        blob->done_bytes = progress.done_bytes();
        blob->size_bytes = progress.size_bytes();
      }
      return {};
    }
    case CopyResponse::kBlobFinished: {
      const BlobFinished& finished = event.blob_finished();
      if (Blob* blob = Find(finished.digest()); blob != nullptr) {
        in_flight_.erase(in_flight_.begin() + (blob - in_flight_.data()));
      }
      return {absl::StrCat(Label(finished.digest(), finished.kind()), " ", Outcome(finished))};
    }
    case CopyResponse::kRetrying:
      in_flight_.clear();
      return lines;
    default:
      return lines;
  }
}

std::vector<std::string> ProgressBars::Rows(size_t width, size_t max_rows) const {
  std::vector<std::string> rows;
  for (const Blob& blob : in_flight_) {
    if (rows.size() + 1 >= max_rows && in_flight_.size() > max_rows) {
      rows.push_back(
          absl::StrCat("and ", in_flight_.size() - rows.size(), " more").substr(0, width));
      break;
    }
    rows.push_back(BarRow(blob.label, blob.done_bytes, blob.size_bytes, width));
  }
  return rows;
}

ProgressBars::Blob* ProgressBars::Find(const std::string& digest) {
  auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                            [&](const Blob& blob) { return blob.digest == digest; });
  return found == in_flight_.end() ? nullptr : &*found;
}

}  // namespace holkas
