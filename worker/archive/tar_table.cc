#include "worker/archive/tar_table.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_reader.h"

namespace holkas {
namespace {

constexpr size_t kMaxTableBytes = 32 << 20;
// What an entry takes beside its names.
constexpr size_t kEntryBytes = 256;

class FileInput : public TarInput {
 public:
  FileInput(const RandomFile& file, int64_t size_bytes) : file_(file), size_bytes_(size_bytes) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    ASSIGN_OR_RETURN(const size_t count, file_.ReadAt(offset_, buffer));
    offset_ += static_cast<int64_t>(count);
    return count;
  }
  absl::StatusOr<int64_t> Skip(int64_t count) override {
    const int64_t skipped = std::clamp<int64_t>(size_bytes_ - offset_, 0, count);
    offset_ += skipped;
    return skipped;
  }

 private:
  const RandomFile& file_;
  const int64_t size_bytes_;
  int64_t offset_ = 0;
};

}  // namespace

std::string CleanMemberName(absl::string_view name) {
  const bool absolute = absl::StartsWith(name, "/");
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
    if (part == ".") {
      continue;
    }
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.push_back(part);
    }
  }
  const std::string joined = absl::StrJoin(parts, "/");
  return absolute ? absl::StrCat("/", joined) : joined.empty() ? "." : joined;
}

absl::Status TarTable::Add(const TarHeader& header, int64_t offset) {
  Entry entry;
  entry.type = header.type;
  entry.content = {offset, header.size_bytes};
  std::string name = CleanMemberName(header.name);
  if (header.type == kTarSymlink) {
    const size_t slash = name.rfind('/');
    const absl::string_view directory =
        slash == std::string::npos ? "" : absl::string_view(name).substr(0, slash + 1);
    entry.target = CleanMemberName(absl::StrCat(directory, header.link));
  } else if (header.type == kTarHardLink) {
    entry.target = CleanMemberName(header.link);
  }
  table_bytes_ += name.size() + entry.target.size() + kEntryBytes;
  if (table_bytes_ > kMaxTableBytes) {
    return ArchiveLimitExceeded("bytes of names", kMaxTableBytes);
  }
  const auto [known, is_new] = members_.emplace(std::move(name), std::move(entry));
  if (!is_new && !(known->second.type == kTarDirectory && header.type == kTarDirectory)) {
    known->second.twice = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<TarTable> TarTable::Read(const RandomFile& file) {
  ASSIGN_OR_RETURN(const int64_t size_bytes, file.SizeBytes());
  FileInput input(file, size_bytes);
  TarReader reader(input);
  TarTable table;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<TarHeader> header, reader.Next());
    if (!header.has_value()) {
      return table;
    }
    RETURN_IF_ERROR(table.Add(*header, reader.offset()));
  }
}

absl::StatusOr<TarMember> TarTable::Find(absl::string_view name) const {
  const std::string clean = CleanMemberName(name);
  const absl::Status missing = absl::NotFoundError(
      absl::StrCat("archive member ", ShownMemberName(clean), ": file does not exist"));
  auto found = members_.find(clean);
  if (found == members_.end()) {
    return missing;
  }
  if (found->second.twice) {
    return MalformedArchive(
        absl::StrCat("member ", ShownMemberName(found->first), " is there twice"));
  }
  if (found->second.type == kTarSymlink || found->second.type == kTarHardLink) {
    found = members_.find(found->second.target);
    if (found == members_.end()) {
      return missing;
    }
    if (found->second.twice) {
      return MalformedArchive(
          absl::StrCat("member ", ShownMemberName(found->first), " is there twice"));
    }
  }
  if (found->second.type == kTarSparse) {
    return MalformedArchive(absl::StrCat("member ", ShownMemberName(found->first), " has holes"));
  }
  if (found->second.type != kTarFile) {
    return MalformedArchive(
        absl::StrCat("member ", ShownMemberName(found->first), " is not a regular file"));
  }
  return found->second.content;
}

absl::StatusOr<std::string> ReadMember(const RandomFile& file, const TarTable& table,
                                       absl::string_view name, int64_t max_bytes) {
  ASSIGN_OR_RETURN(const TarMember member, table.Find(name));
  if (member.size_bytes > max_bytes) {
    return ArchiveLimitExceeded(absl::StrCat("bytes of ", ShownMemberName(name)), max_bytes);
  }
  std::string content(static_cast<size_t>(member.size_bytes), '\0');
  ASSIGN_OR_RETURN(const size_t count, file.ReadAt(member.offset, absl::MakeSpan(content)));
  if (count < content.size()) {
    return MalformedArchive("unexpected EOF");
  }
  return content;
}

}  // namespace holkas
