#include "worker/archive/tar_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Far more than the files of an image: an archive has a few for each of its layers.
constexpr int kMaxHeaders = 100'000;
constexpr size_t kMaxNameBytes = 4 << 10;
// A long name or the records of a member.
constexpr int64_t kMaxExtensionBytes = 1 << 20;
// How much of a name an error shows.
constexpr size_t kMaxShownBytes = 256;

using Records = std::map<std::string, std::string>;

// Members of these types have no content, whatever size their headers tell.
bool IsHeaderOnly(char type) { return type >= '1' && type <= '6'; }

bool IsSparse(const Records& records) {
  const auto found = records.lower_bound("GNU.sparse.");
  return found != records.end() && absl::StartsWith(found->first, "GNU.sparse.");
}

const std::string* Find(const Records& records, const std::string& key) {
  const auto found = records.find(key);
  return found == records.end() || found->second.empty() ? nullptr : &found->second;
}

absl::Status CheckGlobal(const Records& records) {
  for (const char* key : {"path", "linkpath", "size"}) {
    if (records.count(key) > 0) {
      return MalformedArchive(absl::StrCat("a global record of \"", key, "\""));
    }
  }
  return IsSparse(records) ? MalformedArchive("a global record of holes") : absl::OkStatus();
}

}  // namespace

absl::Status InvalidArchive(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE", why);
}

absl::Status MalformedArchive(absl::string_view why) {
  return InvalidArchive(absl::StrCat("read archive: ", why));
}

absl::Status ArchiveLimitExceeded(absl::string_view what, int64_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("read archive: ", what, ": more than ", limit));
}

std::string ShownMemberName(absl::string_view name) {
  return absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxShownBytes)), "\"");
}

absl::StatusOr<std::optional<std::string>> TarReader::NextBlock() {
  std::string block(kTarBlockBytes, '\0');
  ASSIGN_OR_RETURN(const size_t count, input_.Read(absl::MakeSpan(block)));
  if (count == 0) {
    return std::optional<std::string>();
  }
  if (count < block.size()) {
    return MalformedArchive("unexpected EOF");
  }
  if (++headers_ > kMaxHeaders) {
    return ArchiveLimitExceeded("headers", kMaxHeaders);
  }
  offset_ += kTarBlockBytes;
  return std::optional<std::string>(std::move(block));
}

absl::StatusOr<std::optional<TarHeader>> TarReader::NextHeader() {
  ASSIGN_OR_RETURN(std::optional<std::string> block, NextBlock());
  if (block.has_value() && IsZeroBlock(*block)) {
    ASSIGN_OR_RETURN(block, NextBlock());
    if (block.has_value() && !IsZeroBlock(*block)) {
      return MalformedArchive("a header behind the end");
    }
    return std::optional<TarHeader>();
  }
  if (!block.has_value()) {
    return std::optional<TarHeader>();
  }
  absl::StatusOr<TarHeader> header = ParseTarHeader(*block);
  if (!header.ok()) {
    return MalformedArchive(absl::StrCat("invalid tar header at ", offset_ - kTarBlockBytes, ": ",
                                         header.status().message()));
  }
  if (header->sparse_continues) {
    RETURN_IF_ERROR(SkipSparseBlocks());
  }
  return std::optional<TarHeader>(*std::move(header));
}

absl::Status TarReader::SkipSparseBlocks() {
  constexpr size_t kContinues = 504;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> block, NextBlock());
    if (!block.has_value()) {
      return MalformedArchive("unexpected EOF");
    }
    if ((*block)[kContinues] == 0) {
      return absl::OkStatus();
    }
  }
}

absl::Status TarReader::SkipContent() {
  ASSIGN_OR_RETURN(const int64_t skipped, input_.Skip(left_bytes_));
  if (skipped < left_bytes_) {
    return MalformedArchive(absl::StrCat("unexpected EOF: member ", ShownMemberName(name_), " of ",
                                         content_bytes_, " bytes is longer than the archive"));
  }
  const int64_t padding = TarPadding(content_bytes_);
  // The last padding may be missing.
  RETURN_IF_ERROR(input_.Skip(padding).status());
  offset_ += left_bytes_ + padding;
  left_bytes_ = content_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status TarReader::TakeExtension(const TarHeader& header) {
  if (header.size_bytes > kMaxExtensionBytes) {
    return ArchiveLimitExceeded("bytes of a long name or of records", kMaxExtensionBytes);
  }
  std::string content(static_cast<size_t>(header.size_bytes), '\0');
  ASSIGN_OR_RETURN(const size_t count, input_.Read(absl::MakeSpan(content)));
  if (count < content.size()) {
    return MalformedArchive("unexpected EOF");
  }
  offset_ += header.size_bytes;
  left_bytes_ = 0;
  if (header.type == kTarLongName || header.type == kTarLongLink) {
    (header.type == kTarLongName ? long_name_ : long_link_) = content.substr(0, content.find('\0'));
    return absl::OkStatus();
  }
  absl::StatusOr<Records> records = ParseTarRecords(content);
  if (!records.ok()) {
    return MalformedArchive(records.status().message());
  }
  if (header.type == kTarGlobalRecords) {
    return CheckGlobal(*records);
  }
  records_ = *std::move(records);
  return absl::OkStatus();
}

absl::Status TarReader::ApplyExtensions(TarHeader& header) {
  const Records records = std::exchange(records_, {});
  if (const std::string* path = Find(records, "path")) {
    header.name = *path;
  }
  if (const std::string* link = Find(records, "linkpath")) {
    header.link = *link;
  }
  if (!long_name_.empty()) {
    header.name = std::exchange(long_name_, {});
  }
  if (!long_link_.empty()) {
    header.link = std::exchange(long_link_, {});
  }
  if (header.name.size() > kMaxNameBytes || header.link.size() > kMaxNameBytes) {
    return ArchiveLimitExceeded("bytes of a name", kMaxNameBytes);
  }
  if (const std::string* size = Find(records, "size")) {
    int64_t size_bytes = -1;
    if (!absl::SimpleAtoi(*size, &size_bytes) || size_bytes < 0) {
      return MalformedArchive("a record with a size that is none");
    }
    // A size that fits into the header is there, too; else there is none.
    if (header.size_bytes != 0 && header.size_bytes != size_bytes) {
      return MalformedArchive(absl::StrCat("member ", ShownMemberName(header.name),
                                           " has two sizes, ", header.size_bytes, " and ",
                                           size_bytes));
    }
    header.size_bytes = size_bytes;
  }
  if (IsSparse(records)) {
    header.type = kTarSparse;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TarHeader>> TarReader::Next() {
  while (true) {
    RETURN_IF_ERROR(SkipContent());
    ASSIGN_OR_RETURN(std::optional<TarHeader> header, NextHeader());
    if (!header.has_value()) {
      return header;
    }
    const bool is_extension = header->type == kTarLongName || header->type == kTarLongLink ||
                              header->type == kTarRecords || header->type == kTarGlobalRecords;
    if (!is_extension) {
      RETURN_IF_ERROR(ApplyExtensions(*header));
    }
    name_ = header->name;
    content_bytes_ = left_bytes_ = IsHeaderOnly(header->type) ? 0 : header->size_bytes;
    if (!is_extension) {
      return header;
    }
    RETURN_IF_ERROR(TakeExtension(*header));
  }
}

absl::StatusOr<size_t> TarReader::Read(absl::Span<char> buffer) {
  const absl::Span<char> wanted =
      buffer.subspan(0, static_cast<size_t>(std::min<int64_t>(left_bytes_, buffer.size())));
  if (wanted.empty()) {
    return size_t{0};
  }
  ASSIGN_OR_RETURN(const size_t count, input_.Read(wanted));
  if (count < wanted.size()) {
    return MalformedArchive(absl::StrCat("unexpected EOF: member ", ShownMemberName(name_), " of ",
                                         content_bytes_, " bytes is longer than the archive"));
  }
  left_bytes_ -= static_cast<int64_t>(count);
  offset_ += static_cast<int64_t>(count);
  return count;
}

}  // namespace holkas
