#include "tests/fuzz/tar_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "worker/storage/tar_builder.h"

namespace holkas {

std::string TarOf(absl::string_view text) {
  std::string tar;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    std::vector<std::string> fields = absl::StrSplit(
        absl::StrReplaceAll(line, {{"~", absl::string_view("\0", 1)}}), absl::MaxSplits('|', 4));
    fields.resize(5);
    TarBuilder::Header header;
    header.type = fields[0].empty() ? '0' : fields[0][0];
    header.name = fields[1];
    header.link_name = fields[2];
    header.patches = {{124, fields[3].substr(0, 12)}};
    fields[4].resize((fields[4].size() + 511) / 512 * 512, '\0');
    absl::StrAppend(&tar, TarBuilder::Block(header), fields[4]);
  }
  return tar;
}

}  // namespace holkas
