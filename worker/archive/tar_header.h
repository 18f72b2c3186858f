#ifndef HOLKAS_WORKER_ARCHIVE_TAR_HEADER_H_
#define HOLKAS_WORKER_ARCHIVE_TAR_HEADER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Headers of tar archives (POSIX.1-2017, pax; GNU tar's manual, "Basic Tar Format"), as tar_table
// reads them and tar_writer writes them. Nothing here reads or writes a file.

inline constexpr int64_t kTarBlockBytes = 512;

// The type of a member, as in its header.
inline constexpr char kTarFile = '0';
inline constexpr char kTarHardLink = '1';
inline constexpr char kTarSymlink = '2';
inline constexpr char kTarCharDevice = '3';
inline constexpr char kTarBlockDevice = '4';
inline constexpr char kTarDirectory = '5';
inline constexpr char kTarFifo = '6';
// What is said of the next member: its long name, the target of its link, records.
inline constexpr char kTarLongName = 'L';
inline constexpr char kTarLongLink = 'K';
inline constexpr char kTarRecords = 'x';
// Records about all members that follow.
inline constexpr char kTarGlobalRecords = 'g';
// A file with holes, in GNU's old form.
inline constexpr char kTarSparse = 'S';

struct TarHeader {
  // Old forms of a regular file and of a directory are kTarFile and kTarDirectory.
  char type = kTarFile;
  std::string name;
  // The target of a link.
  std::string link;
  // Of the content that follows, without the padding.
  int64_t size_bytes = 0;
  // kTarSparse: another block with holes follows the header.
  bool sparse_continues = false;
};

// What a member is beside its name and content.
struct TarAttributes {
  uint32_t mode = 0;  // permissions alone
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t mtime_seconds = 0;
  // Of a device: at most 21 bits each.
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;
};

// Whether the block is one of those at an archive's end.
bool IsZeroBlock(absl::string_view block);

// Parses the header in `block`, of 512 bytes. Names end at a NUL byte.
// Errors: INVALID_ARGUMENT for a wrong checksum, a number that is none, a negative size.
absl::StatusOr<TarHeader> ParseTarHeader(absl::string_view block);

// Parses the content of a member with records, `length key=value\n` each. A later record of a key
// replaces the earlier one.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::map<std::string, std::string>> ParseTarRecords(absl::string_view content);

// The header of `header` in the form ustar, with permissions `mode`, without owner and time: 512
// bytes, and before them a member with records where the name or the link has more than 100 bytes.
// A size of 8 GiB or more is written in base 256, as GNU does.
std::string FormatTarHeader(const TarHeader& header, int mode);

// The same with all attributes. What a header of the form ustar has no room for, extended
// attributes among it, is in the member with records, as GNU tar writes it.
std::string FormatTarHeader(const TarHeader& header, const TarAttributes& attributes);

// How many bytes bring `size_bytes` to a multiple of a block.
int64_t TarPadding(int64_t size_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TAR_HEADER_H_
