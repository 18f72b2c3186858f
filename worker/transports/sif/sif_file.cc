#include "worker/transports/sif/sif_file.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kHeaderBytes = 128;
constexpr size_t kDescriptorBytes = 585;

constexpr size_t kMagicAt = 32;
constexpr size_t kVersionAt = 42;
constexpr size_t kArchitectureAt = 45;
constexpr size_t kIdAt = 48;
constexpr size_t kModifiedAt = 72;
constexpr size_t kFreeAt = 80;
constexpr size_t kTotalAt = 88;
constexpr size_t kTableAt = 96;
constexpr size_t kTableBytesAt = 104;
constexpr absl::string_view kMagic("SIF_MAGIC\0", 10);
constexpr absl::string_view kVersion("01\0", 3);

// Of a descriptor.
constexpr size_t kUsedAt = 4;
constexpr size_t kOffsetAt = 17;
constexpr size_t kSizeAt = 25;
constexpr size_t kFileSystemAt = 201;
constexpr size_t kPartitionAt = 205;
constexpr int64_t kDefinitionType = 0x4001;
constexpr int64_t kPartitionType = 0x4004;
constexpr int64_t kPrimarySystem = 2;
constexpr int64_t kEncryptedSquashfs = 5;

// By their numbers, from 1.
constexpr absl::string_view kArchitectures[] = {"386",    "amd64",    "arm",   "arm64",
                                                "ppc64",  "ppc64le",  "mips",  "mipsle",
                                                "mips64", "mips64le", "s390x", "riscv64"};

// A number of `size` bytes, little-endian, signed.
int64_t Number(absl::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) {
    value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  }
  return size == sizeof(int32_t) ? static_cast<int32_t>(value) : static_cast<int64_t>(value);
}
int64_t Int32(absl::string_view bytes, size_t at) { return Number(bytes, at, sizeof(int32_t)); }
int64_t Int64(absl::string_view bytes, size_t at) { return Number(bytes, at, sizeof(int64_t)); }

absl::Status Invalid(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE", why);
}

absl::Status InvalidRoot(absl::string_view why) {
  return Invalid(absl::StrCat(
      "converting rootfs from SquashFS to Tarball: looking up rootfs from SIF file: ", why));
}

// `size` bytes at `offset`, which are `what`.
absl::StatusOr<std::string> ReadAll(const RandomFile& file, int64_t offset, size_t size,
                                    absl::string_view what) {
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t count,
                   file.ReadAt(offset, absl::MakeSpan(bytes.data(), bytes.size())));
  if (count < size) {
    return Invalid(absl::StrCat("loading SIF file: reading ", what, ": ",
                                count == 0 ? "EOF" : "unexpected EOF"));
  }
  return bytes;
}

std::string ArchitectureOf(absl::string_view header) {
  const absl::string_view digits = header.substr(kArchitectureAt, 2);
  for (size_t i = 0; i < std::size(kArchitectures); ++i) {
    const size_t number = i + 1;
    const char expected[] = {static_cast<char>('0' + number / 10),
                             static_cast<char>('0' + number % 10)};
    if (digits == absl::string_view(expected, 2) && header[kArchitectureAt + 2] == '\0') {
      return std::string(kArchitectures[i]);
    }
  }
  return "unknown";
}

std::string UuidText(absl::string_view bytes) {
  std::string text = absl::BytesToHexString(bytes);
  for (const size_t at : {8, 13, 18, 23}) {
    text.insert(at, 1, '-');
  }
  return text;
}

// All descriptors, those that are not in use, too.
absl::StatusOr<std::string> ReadTable(const RandomFile& file, absl::string_view header) {
  const int64_t total = Int64(header, kTotalAt);
  const int64_t offset = Int64(header, kTableAt);
  if (total < 0 || offset < 0) {
    return Invalid("loading SIF file: reading descriptors: a negative number");
  }
  if (total > SifFile::kMaxDescriptors) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
        absl::StrCat("loading SIF file: more than ", SifFile::kMaxDescriptors, " descriptors"));
  }
  const size_t size = static_cast<size_t>(total) * kDescriptorBytes;
  if (Int64(header, kTableBytesAt) < static_cast<int64_t>(size)) {
    return Invalid("loading SIF file: reading descriptors: unexpected EOF");
  }
  return ReadAll(file, offset, size, "descriptors");
}

SifFile::Object ObjectOf(absl::string_view descriptor) {
  return {Int64(descriptor, kOffsetAt), Int64(descriptor, kSizeAt)};
}

}  // namespace

absl::StatusOr<SifFile> ReadSifFile(const RandomFile& file) {
  ASSIGN_OR_RETURN(const std::string header_bytes, ReadAll(file, 0, kHeaderBytes, "global header"));
  const absl::string_view header = header_bytes;
  if (header.substr(kMagicAt, kMagic.size()) != kMagic) {
    return Invalid("loading SIF file: invalid SIF magic");
  }
  if (header.substr(kVersionAt, kVersion.size()) != kVersion) {
    return Invalid("loading SIF file: incompatible SIF version");
  }
  ASSIGN_OR_RETURN(const std::string table, ReadTable(file, header));
  SifFile sif;
  sif.architecture = ArchitectureOf(header);
  sif.id = UuidText(header.substr(kIdAt, 16));
  sif.modified_seconds = Int64(header, kModifiedAt);
  if (Int64(header, kFreeAt) == Int64(header, kTotalAt)) {
    return InvalidRoot("no objects in image");
  }
  int roots = 0;
  int definitions = 0;
  for (absl::string_view rest = table; !rest.empty(); rest.remove_prefix(kDescriptorBytes)) {
    const absl::string_view descriptor = rest.substr(0, kDescriptorBytes);
    const int64_t type = Int32(descriptor, 0);
    if (descriptor[kUsedAt] == 0) {
      continue;
    }
    if (type == kDefinitionType) {
      ++definitions;
      sif.definition = ObjectOf(descriptor);
    } else if (type == kPartitionType && Int32(descriptor, kPartitionAt) == kPrimarySystem) {
      ++roots;
      sif.root = ObjectOf(descriptor);
      sif.is_root_encrypted = Int32(descriptor, kFileSystemAt) == kEncryptedSquashfs;
    }
  }
  if (roots != 1) {
    return InvalidRoot(roots == 0 ? "object not found" : "multiple objects found");
  }
  // Of several Skopeo takes none.
  if (definitions > 1) {
    sif.definition.reset();
  }
  return sif;
}

}  // namespace holkas
