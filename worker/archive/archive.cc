#include "worker/archive/archive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_writer.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/count_bytes.h"
#include "worker/blob/decompressing_source.h"

namespace holkas {
namespace {

absl::StatusOr<Compression> CompressionAt(const RandomFile& file, const TarMember& range) {
  char first[kMagicBytes];
  const size_t wanted = static_cast<size_t>(std::min<int64_t>(kMagicBytes, range.size_bytes));
  ASSIGN_OR_RETURN(const size_t count, file.ReadAt(range.offset, absl::MakeSpan(first, wanted)));
  return CompressionOf(absl::string_view(first, count));
}

// All bytes of `source` in a file of their own.
absl::StatusOr<UniqueFd> Spool(Broker& broker, ByteSource& source) {
  ASSIGN_OR_RETURN(UniqueFd spool, broker.CreateSpool());
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  for (int64_t offset = 0;;) {
    ASSIGN_OR_RETURN(const size_t count,
                     source.Read(absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
    if (count == 0) {
      return spool;
    }
    RETURN_IF_ERROR(WriteAllAt(spool.get(), offset, absl::string_view(buffer.get(), count)));
    offset += static_cast<int64_t>(count);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Archive>> Archive::OpenSource(Broker& broker) {
  ASSIGN_OR_RETURN(UniqueFd file,
                   broker.OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, std::nullopt));
  return Open(broker, std::move(file));
}

absl::StatusOr<std::unique_ptr<Archive>> Archive::Open(Broker& broker, UniqueFd fd) {
  RandomFile file(std::move(fd));
  ASSIGN_OR_RETURN(const int64_t size_bytes, file.SizeBytes());
  ASSIGN_OR_RETURN(const Compression compression, CompressionAt(file, {0, size_bytes}));
  if (compression != Compression::kNone) {
    ASSIGN_OR_RETURN(
        const std::unique_ptr<ByteSource> plain,
        DecompressingSource::New(std::make_unique<RangeSource>(file, 0, size_bytes), compression));
    absl::StatusOr<UniqueFd> spool = Spool(broker, *plain);
    RETURN_IF_ERROR(WithContext(spool.status(), "decompress archive"));
    return OpenPlain(RandomFile(*std::move(spool)), size_bytes);
  }
  return OpenPlain(std::move(file), size_bytes);
}

absl::StatusOr<std::unique_ptr<Archive>> Archive::OpenPlain(RandomFile file,
                                                            int64_t came_as_bytes) {
  ASSIGN_OR_RETURN(TarTable table, TarTable::Read(file));
  return std::unique_ptr<Archive>(new Archive(std::move(file), std::move(table), came_as_bytes));
}

absl::StatusOr<std::string> Archive::Read(absl::string_view name, int64_t max_bytes) const {
  return ReadMember(file_, table_, name, max_bytes);
}

absl::StatusOr<ArchiveMembers::Content> Archive::Examine(const TarMember& member) const {
  ASSIGN_OR_RETURN(const Compression compression, CompressionAt(file_, member));
  Content content{compression, member.size_bytes};
  if (compression == Compression::kNone) {
    return content;
  }
  // Only all of it tells its size.
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> plain,
                   DecompressingSource::New(
                       std::make_unique<RangeSource>(file_, member.offset, member.size_bytes),
                       compression, expansion_));
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  ASSIGN_OR_RETURN(content.size_bytes,
                   CountBytes(*plain, absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
  return content;
}

}  // namespace holkas
