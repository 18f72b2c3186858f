#include "worker/squashfs/squashfs_tar_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr absl::string_view kRootPath = "./";
// Beside a name's own bytes.
constexpr size_t kEntryBytes = sizeof(SquashfsEntry);
// Two blocks of zeros, and GNU tar fills its records of 20 blocks; ours end at the second.
constexpr size_t kEndBytes = 2 * kTarBlockBytes;

char TypeOf(SquashfsNode::Kind kind) {
  switch (kind) {
    case SquashfsNode::Kind::kDirectory:
      return kTarDirectory;
    case SquashfsNode::Kind::kSymlink:
      return kTarSymlink;
    case SquashfsNode::Kind::kCharDevice:
      return kTarCharDevice;
    case SquashfsNode::Kind::kBlockDevice:
      return kTarBlockDevice;
    case SquashfsNode::Kind::kFifo:
      return kTarFifo;
    default:
      return kTarFile;
  }
}

TarAttributes AttributesOf(const SquashfsNode& node) {
  TarAttributes attributes;
  attributes.mode = node.mode;
  attributes.uid = node.uid;
  attributes.gid = node.gid;
  attributes.mtime_seconds = node.mtime_seconds;
  attributes.device_major = node.device_major;
  attributes.device_minor = node.device_minor;
  return attributes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SquashfsTarSource>> SquashfsTarSource::Open(
    const RandomFile& file, int64_t offset, int64_t size_bytes, std::optional<Addition> addition) {
  ASSIGN_OR_RETURN(std::unique_ptr<SquashfsReader> reader,
                   SquashfsReader::Open(file, offset, size_bytes));
  return std::unique_ptr<SquashfsTarSource>(
      new SquashfsTarSource(std::move(reader), std::move(addition)));
}

SquashfsTarSource::SquashfsTarSource(std::unique_ptr<SquashfsReader> reader,
                                     std::optional<Addition> addition)
    : reader_(std::move(reader)), content_(*reader_), addition_(std::move(addition)) {}

absl::StatusOr<size_t> SquashfsTarSource::Read(absl::Span<char> buffer) {
  if (rest_.empty()) {
    ASSIGN_OR_RETURN(rest_, NextPiece());
  }
  const size_t count = rest_.copy(buffer.data(), buffer.size());
  rest_.remove_prefix(count);
  return count;
}

absl::StatusOr<absl::string_view> SquashfsTarSource::ReadPiece(absl::Span<char> /*buffer*/) {
  if (rest_.empty()) {
    return NextPiece();
  }
  return std::exchange(rest_, absl::string_view());
}

absl::StatusOr<absl::string_view> SquashfsTarSource::NextPiece() {
  while (true) {
    absl::string_view piece;
    if (!pending_.empty()) {
      piece_ = std::exchange(pending_, std::string());
      piece = piece_;
    } else if (has_content_) {
      ASSIGN_OR_RETURN(piece, content_.Next());
      if (piece.empty()) {
        has_content_ = false;
        pending_.assign(static_cast<size_t>(padding_bytes_), '\0');
        continue;
      }
    } else {
      ASSIGN_OR_RETURN(const bool has_more, Advance());
      if (!has_more) {
        return absl::string_view();
      }
      continue;
    }
    out_bytes_ += static_cast<int64_t>(piece.size());
    if (out_bytes_ > reader_->max_bytes()) {
      return SquashfsLimitExceeded("bytes of all its files", reader_->max_bytes());
    }
    return piece;
  }
}

absl::StatusOr<bool> SquashfsTarSource::Advance() {
  if (!is_begun_) {
    is_begun_ = true;
    ASSIGN_OR_RETURN(const SquashfsNode root, reader_->ReadRoot());
    if (root.kind != SquashfsNode::Kind::kDirectory) {
      return InvalidSquashfs("a root that is no directory");
    }
    RETURN_IF_ERROR(AddNode(std::string(kRootPath), root));
    return true;
  }
  while (!levels_.empty() && levels_.back().next == levels_.back().entries.size()) {
    pending_bytes_ -= levels_.back().bytes;
    levels_.pop_back();
  }
  if (levels_.empty()) {
    pending_.assign(is_ended_ ? 0 : kEndBytes, '\0');
    return !std::exchange(is_ended_, true);
  }
  Level& level = levels_.back();
  const SquashfsEntry& entry = level.entries[level.next++];
  const std::string path = absl::StrCat(level.path, entry.name);
  ASSIGN_OR_RETURN(const SquashfsNode node, reader_->ReadNode(entry.reference));
  if (addition_.has_value() && levels_.size() == 1 && entry.name == addition_->directory &&
      node.kind != SquashfsNode::Kind::kDirectory) {
    return InvalidSquashfs(
        absl::StrCat("/", entry.name, ", where a file is to be put, is no directory"));
  }
  const bool is_directory = node.kind == SquashfsNode::Kind::kDirectory;
  RETURN_IF_ERROR(AddNode(is_directory ? absl::StrCat(path, "/") : path, node));
  return true;
}

absl::Status SquashfsTarSource::AddNode(const std::string& path, const SquashfsNode& node) {
  if (++nodes_ > kMaxNodes) {
    return SquashfsLimitExceeded("files", kMaxNodes);
  }
  if (path.size() > kMaxPathBytes) {
    return SquashfsLimitExceeded("bytes of a path", kMaxPathBytes);
  }
  if (node.kind == SquashfsNode::Kind::kSocket) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> earlier, FindEarlierName(path, node));
  if (earlier.has_value()) {
    pending_ = FormatTarHeader({kTarHardLink, path, *earlier, 0, false}, AttributesOf(node));
    return absl::OkStatus();
  }
  TarAttributes attributes = AttributesOf(node);
  ASSIGN_OR_RETURN(attributes.xattrs, reader_->ReadXattrs(node));
  const bool is_file = node.kind == SquashfsNode::Kind::kFile;
  pending_ = FormatTarHeader(
      {TypeOf(node.kind), path, node.link, is_file ? node.size_bytes : 0, false}, attributes);
  if (is_file) {
    has_content_ = true;
    padding_bytes_ = TarPadding(node.size_bytes);
    content_.Begin(node);
  }
  return node.kind == SquashfsNode::Kind::kDirectory ? EnterDirectory(path, node)
                                                     : absl::OkStatus();
}

absl::Status SquashfsTarSource::EnterDirectory(const std::string& path, const SquashfsNode& node) {
  if (!directories_.insert(node.inode_number).second) {
    return InvalidSquashfs(
        absl::StrCat("a directory that is there twice, or in itself: inode ", node.inode_number));
  }
  Level level;
  level.path = path;
  ASSIGN_OR_RETURN(level.entries, reader_->ReadDirectory(node));
  level.bytes = static_cast<size_t>(node.size_bytes) + level.entries.size() * kEntryBytes;
  pending_bytes_ += level.bytes;
  if (pending_bytes_ > kMaxPendingBytes) {
    return SquashfsLimitExceeded("bytes of directories in one another", kMaxPendingBytes);
  }
  AddAddition(level);
  levels_.push_back(std::move(level));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> SquashfsTarSource::FindEarlierName(
    const std::string& path, const SquashfsNode& node) {
  if (node.link_count < 2 || node.kind == SquashfsNode::Kind::kDirectory) {
    return std::optional<std::string>();
  }
  const auto [entry, is_first] = names_.try_emplace(node.inode_number, path);
  if (!is_first) {
    return std::optional<std::string>(entry->second);
  }
  name_bytes_ += path.size() + kEntryBytes;
  if (name_bytes_ > kMaxLinkNameBytes) {
    return SquashfsLimitExceeded("bytes of names of files with several", kMaxLinkNameBytes);
  }
  return std::optional<std::string>();
}

void SquashfsTarSource::AddAddition(const Level& level) {
  if (!addition_.has_value()) {
    return;
  }
  const auto has = [&](const std::string& name) {
    return std::any_of(level.entries.begin(), level.entries.end(),
                       [&](const SquashfsEntry& entry) { return entry.name == name; });
  };
  const std::string directory = absl::StrCat(kRootPath, addition_->directory, "/");
  const bool is_root = level.path == kRootPath;
  if (is_root ? has(addition_->directory) : level.path != directory || has(addition_->name)) {
    return;
  }
  TarAttributes attributes;
  attributes.mode = 0755;
  attributes.mtime_seconds = addition_->mtime_seconds;
  if (is_root) {
    pending_ += FormatTarHeader({kTarDirectory, directory, "", 0, false}, attributes);
  }
  const int64_t size_bytes = static_cast<int64_t>(addition_->content.size());
  absl::StrAppend(
      &pending_,
      FormatTarHeader({kTarFile, absl::StrCat(directory, addition_->name), "", size_bytes, false},
                      attributes),
      addition_->content, std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
}

}  // namespace holkas
