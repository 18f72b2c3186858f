#ifndef HOLKAS_WORKER_STORAGE_TAR_BLOCK_H_
#define HOLKAS_WORKER_STORAGE_TAR_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// A moment, as tars have it.
struct TarTime {
  int64_t seconds = 0;
  int32_t nanoseconds = 0;
};

// What a header says, whatever its entry is: for who describes it and does not unpack it.
struct TarHeaderFields {
  char type = '0';
  int64_t mode = 0;
  int64_t size_bytes = 0;
  int64_t device_major = 0;
  int64_t device_minor = 0;
  std::optional<TarTime> atime;
  std::optional<TarTime> ctime;
  // Readers differ about what it says.
  bool is_ambiguous = false;
};

// The blocks of 512 bytes that tars have before a file's content: ustar's header, GNU's, and GNU's
// old list of a sparse file's parts. A field is so many bytes from an offset on.
struct TarField {
  size_t offset;
  size_t size;
};
inline constexpr TarField kTarName = {0, 100};
inline constexpr TarField kTarMode = {100, 8};
inline constexpr TarField kTarUid = {108, 8};
inline constexpr TarField kTarGid = {116, 8};
inline constexpr TarField kTarSize = {124, 12};
inline constexpr TarField kTarMtime = {136, 12};
inline constexpr TarField kTarType = {156, 1};
inline constexpr TarField kTarLinkName = {157, 100};
inline constexpr TarField kTarMagic = {257, 8};
inline constexpr TarField kTarMajor = {329, 8};
inline constexpr TarField kTarMinor = {337, 8};
inline constexpr TarField kTarPrefix = {345, 155};
inline constexpr absl::string_view kTarPosixMagic = {"ustar\0", 6};
// Of old GNU sparse files.
inline constexpr TarField kTarSparseTable = {386, size_t{4} * 24};
inline constexpr TarField kTarIsExtended = {482, 1};
inline constexpr TarField kTarRealSize = {483, 12};
// Of the blocks that follow them.
inline constexpr TarField kTarMoreTable = {0, size_t{21} * 24};
inline constexpr TarField kTarMoreIsExtended = {504, 1};
inline constexpr size_t kTarPartBytes = 24;
inline constexpr size_t kTarPartNumberBytes = 12;

// FAILED_PRECONDITION (INVALID_LAYER), with the reason.
absl::Status InvalidTar(absl::string_view why);

// All bytes of a field; those up to the first NUL.
absl::string_view TarBytesOf(absl::string_view block, TarField field);
absl::string_view TarTextOf(absl::string_view block, TarField field);

// A number in octal digits, or as GNU writes what does not fit into these; nothing for another
// text.
std::optional<int64_t> ParseTarNumber(absl::string_view text);
// The same of a field. Errors: those of InvalidTar, with `what` it is.
absl::StatusOr<int64_t> TarNumberOf(absl::string_view block, TarField field,
                                    absl::string_view what);

TarHeaderFields ReadTarHeaderFields(absl::string_view block, char type, int64_t mode);

bool IsZeroTarBlock(absl::string_view block);
// Whether a header's checksum is its own: of bytes, or, by some old programs, of signed characters.
bool HasTarChecksum(absl::string_view block);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TAR_BLOCK_H_
