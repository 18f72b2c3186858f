#ifndef HOLKAS_WORKER_STORAGE_TAR_BUILDER_H_
#define HOLKAS_WORKER_STORAGE_TAR_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace holkas {

// For tests: makes tars entry by entry, malformed ones too. Entries belong to who runs the test.
class TarBuilder {
 public:
  struct Header {
    std::string name;
    char type = '0';
    int64_t size_bytes = 0;
    uint32_t mode = 0644;
    int64_t mtime_seconds = 1'600'000'000;
    std::string link_name = "";
    std::string prefix = "";
    // Bytes put over the header at an offset, before its checksum is made.
    std::vector<std::pair<size_t, std::string>> patches = {};
  };

  // A block with this header.
  static std::string Block(const Header& header);

  TarBuilder& Add(const Header& header, absl::string_view content = "");
  TarBuilder& File(absl::string_view name, absl::string_view content, uint32_t mode = 0644);
  TarBuilder& Directory(absl::string_view name, uint32_t mode = 0755);
  TarBuilder& Symlink(absl::string_view name, absl::string_view target);
  TarBuilder& HardLink(absl::string_view name, absl::string_view target);
  // An extended header with these records, for the entry that comes next.
  TarBuilder& Pax(const std::vector<std::pair<std::string, std::string>>& records);
  // GNU's: a name, or with type 'K' a link's target.
  TarBuilder& LongName(absl::string_view name, char type = 'L');

  // What there is, and the two blocks of zeros.
  std::string Build() const;
  std::string WithoutEnd() const { return tar_; }

 private:
  std::string tar_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TAR_BUILDER_H_
