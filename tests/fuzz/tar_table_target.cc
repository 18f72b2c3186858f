// TarTable: what it finds lies within the archive, and what is ambiguous is not found. The input is
// text, one block on each line: `@type|name|size|link` is a header of these fields with a right
// checksum, `=` begins content, and anything else is a block as it stands.

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/unique_fd.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/tar_table.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "@0|manifest.json|00000000002|\n=[]\n@5|x/|00000000000|\n@0|x/layer.tar|00000000005|\n=layer\n"
    "@2|y/layer.tar|00000000000|../x/layer.tar\n@1|z|00000000000|x/layer.tar\n\n\n",
    "@x|p|00000000017|\n=15 path=abcdefg\n\n@0|a|00000000003|\n=abc\n\n\n",
    "@x|p|00000000011|\n=9 size=3\n\n@0|a|00000000003|\n=abc\n\n\n",
    "@g|g|00000000014|\n=12 comment=x\n\n@0|a|00000000003|\n=abc\n\n\n",
    "@L|././@LongLink|00000000010|\n=abcdefgh\n@0|a|00000000003|\n=abc\n\n\n",
    "@K|././@LongLink|00000000010|\n=abcdefgh\n@2|a|00000000000|x\n\n\n",
    "@S|holes|00000000000|\n@0|a|00000000001|\n=a\n@0|a|00000000001|\n=b\n\n\n",
    nullptr,
};

const char* const kFuzzWords[] = {
    "@0|a|",
    "|77777777777|",
    "|00000000000|",
    "|\x80",
    "\n\n\n",
    "../",
    "/etc/passwd",
    "path=",
    "size=",
    "linkpath=",
    "GNU.sparse.major=1",
    "\n@x|p|",
    "\n@g|g|",
    "\n@L|l|",
    "\n@2|b||a",
    "12 size=",
    "99999999999",
    "-1",
    "\n=",
    nullptr,
};

namespace {

// A block with the fields of `line`, and the checksum that belongs to them.
std::string HeaderOf(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '|');
  std::string block = FormatTarHeader({}, 0644);
  const auto put = [&](size_t index, size_t offset, size_t size) {
    const absl::string_view text = index < fields.size() ? fields[index].substr(0, size) : "";
    block.replace(offset, text.size(), text.data(), text.size());
  };
  put(0, 156, 1);
  put(1, 0, 100);
  put(2, 124, 12);
  put(3, 157, 100);
  block.replace(148, 8, 8, ' ');
  int sum = 0;
  for (const char byte : block) {
    sum += static_cast<unsigned char>(byte);
  }
  block.replace(148, 7, absl::StrCat(absl::StrFormat("%06o", sum), std::string(1, '\0')));
  return block;
}

std::string ArchiveOf(absl::string_view text) {
  std::string archive;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!line.empty() && line[0] == '@') {
      archive += HeaderOf(line.substr(1));
      continue;
    }
    archive.append(line.data() + (line.empty() ? 0 : 1), line.empty() ? 0 : line.size() - 1);
    const int64_t padding = line.empty() ? kTarBlockBytes : TarPadding(archive.size());
    archive.append(static_cast<size_t>(padding), '\0');
  }
  return archive;
}

void CheckError(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  HOLKAS_FUZZ_CHECK(absl::IsNotFound(status) || reason == "INVALID_ARCHIVE" ||
                    reason == "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string archive = holkas::ArchiveOf(text);
  holkas::UniqueFd fd(memfd_create("archive", MFD_CLOEXEC));
  HOLKAS_FUZZ_CHECK(write(fd.get(), archive.data(), archive.size()) ==
                    static_cast<ssize_t>(archive.size()));
  const holkas::RandomFile file(std::move(fd));
  const auto table = holkas::TarTable::Read(file);
  if (!table.ok()) {
    holkas::CheckError(table.status());
    return 0;
  }
  HOLKAS_FUZZ_CHECK(table->size() <= archive.size() / holkas::kTarBlockBytes);
  for (const char* name : {"manifest.json", "x/layer.tar", "y/layer.tar", "z", "a", "abcdefgh",
                           "/etc/passwd", "", ".."}) {
    const auto member = table->Find(name);
    if (!member.ok()) {
      holkas::CheckError(member.status());
      continue;
    }
    HOLKAS_FUZZ_CHECK(member->offset >= holkas::kTarBlockBytes && member->size_bytes >= 0);
    HOLKAS_FUZZ_CHECK(member->offset + member->size_bytes <= static_cast<int64_t>(archive.size()));
    HOLKAS_FUZZ_CHECK(
        holkas::ReadMember(file, *table, name, static_cast<int64_t>(archive.size())).ok());
  }
  return 0;
}
