#ifndef HOLKAS_CLIENTS_CLI_PROGRESS_BARS_H_
#define HOLKAS_CLIENTS_CLI_PROGRESS_BARS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "clients/cli/copy_lines.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// What a terminal shows of a copy, as text alone: lines that are final and scroll away, and under
// them one row with a bar for each blob in flight. Knows no terminal and no clock: the same events
// give the same text.

// `12.3MiB`.
std::string FormatSize(int64_t bytes);

// `Copying blob 0123456789ab [====>-----] 1.2MiB / 3.4MiB`, at most `width` columns: a narrow
// terminal loses the bar first, then the sizes, then the end of the line.
std::string BarRow(absl::string_view label, int64_t done_bytes, int64_t size_bytes, size_t width);

class ProgressBars {
 public:
  explicit ProgressBars(const CopyLineOptions& options) : lines_(options) {}

  // Takes the next event and returns the lines that it makes final.
  std::vector<std::string> Apply(const holkas::v1::CopyResponse& event);

  // The rows for the blobs in flight, oldest first; the last of more than `max_rows` says how many
  // are not shown.
  std::vector<std::string> Rows(size_t width, size_t max_rows) const;

 private:
  struct Blob {
    std::string digest;
    std::string label;
    int64_t done_bytes = 0;
    int64_t size_bytes = 0;
  };

  Blob* Find(const std::string& digest);

  CopyLines lines_;
  std::vector<Blob> in_flight_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_PROGRESS_BARS_H_
