// A SIF file's squashfs as a tar archive: whatever a file says, there is an archive or an error,
// and neither memory nor output is without bound. The input is text, a change on each line: `@` and
// a place, in hexadecimal, and behind a colon the bytes that are put there. The file has nothing
// compressed in it, so that each byte means something.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/unique_fd.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/squashfs/squashfs_tar_source.h"
#include "worker/squashfs/test_squashfs.h"
#include "worker/transports/sif/sif_file.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "@0:\n",
    // The superblock, an inode, a directory's list.
    "@302:00\n@310:01\n@316:ff\n@322:ffffffff\n",
    "@360:0900\n@370:ffff\n@380:00000001\n",
    "@3c0:0100\n@400:ff\n@440:2e2e\n@480:2f\n",
    // The header and the table.
    "@58:ff\n@60:80\n@68:ff\n@91:ff\n@99:ff\n",
    nullptr,
};

const char* const kFuzzWords[] = {
    "\n@3",
    "\n@4",
    "\n@5",
    ":ffffffff",
    ":ffffffffffffffff",
    ":00000000",
    ":0000000000000080",
    ":8000",
    ":ff7f",
    ":0100",
    ":0800",
    ":0a00",
    "2e",
    "2f",
    "00",
    "ff",
    nullptr,
};

namespace {

constexpr size_t kRootAt = 128 + 585;

std::string MakeFile() {
  TestSquashfs squashfs;
  const TestSquashfs::Node directory = squashfs.AddDirectory(0, "d");
  const TestSquashfs::Node file = squashfs.AddFile(directory, "f", std::string(5000, 'x'));
  squashfs.AddName(0, "again", file);
  squashfs.AddSymlink(directory, "l", "target");
  squashfs.AddDevice(0, "n", false, 1 << 8 | 3);
  squashfs.SetXattr(file, "name", "value");
  squashfs.SetXattr(directory, "name", "other");
  const std::string root = squashfs.Build();
  std::string sif(kRootAt, '\0');
  const auto put = [&](size_t at, int64_t value, size_t size) { memcpy(&sif[at], &value, size); };
  sif.replace(32, 16,
              std::string("SIF_MAGIC\0"
                          "01\0"
                          "02\0",
                          16));
  put(88, 1, 8);
  put(96, 128, 8);
  put(104, 585, 8);
  put(128, 0x4004, 4);
  put(132, 1, 1);
  put(145, static_cast<int64_t>(kRootAt), 8);
  put(153, static_cast<int64_t>(root.size()), 8);
  put(329, 1, 4);
  put(333, 2, 4);
  return sif + root;
}

// The file with the changes that `text` lists.
std::string Changed(absl::string_view text) {
  static const std::string& original = *new std::string(MakeFile());
  std::string file = original;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t colon = line.find(':');
    uint32_t at = 0;
    if (line.empty() || line[0] != '@' || colon == absl::string_view::npos ||
        !absl::SimpleHexAtoi(line.substr(1, colon - 1), &at) || at >= file.size()) {
      continue;
    }
    absl::string_view digits = line.substr(colon + 1);
    digits = digits.substr(0, digits.find_first_not_of("0123456789abcdef"));
    const std::string bytes = absl::HexStringToBytes(digits.substr(0, digits.size() / 2 * 2));
    const size_t count = std::min(bytes.size(), file.size() - at);
    file.replace(at, count, bytes, 0, count);
  }
  return file;
}

void CheckError(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  HOLKAS_FUZZ_CHECK(reason == "INVALID_ARCHIVE" || reason == "LIMIT_EXCEEDED" ||
                    reason == "OPTION_UNIMPLEMENTED");
}

void ReadWhole(const RandomFile& file, const SifFile::Object& root) {
  const auto source = SquashfsTarSource::Open(file, root.offset, root.size_bytes,
                                              SquashfsTarSource::Addition{"d", "s", "script", 0});
  if (!source.ok()) {
    CheckError(source.status());
    return;
  }
  char buffer[4096];
  // A file that says it is large has no blocks to be so.
  for (size_t read = 0; read < (8 << 20);) {
    const auto count = (*source)->Read(absl::MakeSpan(buffer));
    if (!count.ok()) {
      CheckError(count.status());
      return;
    }
    if (*count == 0) {
      HOLKAS_FUZZ_CHECK(read >= 3 * kTarBlockBytes && read % kTarBlockBytes == 0);
      return;
    }
    read += *count;
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes =
      holkas::Changed(absl::string_view(reinterpret_cast<const char*>(data), size));
  holkas::UniqueFd fd(memfd_create("sif", MFD_CLOEXEC));
  HOLKAS_FUZZ_CHECK(write(fd.get(), bytes.data(), bytes.size()) ==
                    static_cast<ssize_t>(bytes.size()));
  const holkas::RandomFile file(std::move(fd));
  const auto sif = holkas::ReadSifFile(file);
  if (!sif.ok()) {
    holkas::CheckError(sif.status());
    return 0;
  }
  const int64_t size_bytes = static_cast<int64_t>(bytes.size());
  const auto& [offset, root_bytes] = sif->root;
  // As the transport refuses them.
  if (offset >= 0 && root_bytes >= 0 && offset <= size_bytes && root_bytes <= size_bytes - offset) {
    holkas::ReadWhole(file, sif->root);
  }
  return 0;
}
