#include "clients/cli/align_columns.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/utf8.h"

namespace holkas {
namespace {

constexpr size_t kMinWidth = 12;
constexpr size_t kPadding = 2;

using Line = std::vector<absl::string_view>;

// The last cell of a line is ended by no tab, and is in no column.
bool HasColumn(const Line& line, size_t column) { return line.size() > column + 1; }

// How wide the column is that the cell is in.
size_t ColumnWidth(const std::vector<Line>& lines, size_t row, size_t column) {
  size_t first = row;
  while (first > 0 && HasColumn(lines[first - 1], column)) {
    --first;
  }
  size_t width = kMinWidth;
  for (size_t i = first; i < lines.size() && HasColumn(lines[i], column); ++i) {
    width = std::max(width, RuneCount(lines[i][column]) + kPadding);
  }
  return width;
}

}  // namespace

std::string AlignColumns(absl::string_view text) {
  std::vector<Line> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    lines.push_back(absl::StrSplit(line, '\t'));
  }
  std::string aligned;
  for (size_t row = 0; row < lines.size(); ++row) {
    absl::StrAppend(&aligned, row == 0 ? "" : "\n");
    for (size_t column = 0; column + 1 < lines[row].size(); ++column) {
      const absl::string_view cell = lines[row][column];
      const size_t width = ColumnWidth(lines, row, column);
      absl::StrAppend(&aligned, cell, std::string(width - RuneCount(cell), ' '));
    }
    absl::StrAppend(&aligned, lines[row].back());
  }
  return aligned;
}

}  // namespace holkas
