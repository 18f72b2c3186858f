#include "worker/squashfs/squashfs_reader.h"

#include <sqfs/dir.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>
#include <sqfs/table.h>
#include <stdlib.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/expansion_budget.h"

namespace holkas {
namespace {

// Structs are read as they lie in the file.
static_assert(std::endian::native == std::endian::little);

// Where a table would be that is not there.
constexpr uint64_t kNoTable = ~uint64_t{0};
// What a directory's size counts for `.` and `..`, which its list does not have.
constexpr int64_t kDotsBytes = 3;
constexpr uint32_t kMaxEntriesOfHeader = 256;
constexpr absl::string_view kInode = "an inode";
constexpr absl::string_view kList = "a directory";
constexpr absl::string_view kAttributes = "extended attributes";

// The limit of every layer, by what the file system has in compressed bytes.
int64_t MaxBytes(int64_t size_bytes) {
  const ExpansionLimits limits = ExpansionLimitsOf(Compression::kGzip);
  if (size_bytes > kMaxDecompressedBytes / limits.ratio) {
    return kMaxDecompressedBytes;
  }
  return std::max(limits.free_bytes, size_bytes * limits.ratio);
}

// A reference is a block of metadata, and in the low bits a place in what comes out of it.
constexpr uint64_t BlockOf(uint64_t reference) { return reference >> 16; }
constexpr size_t OffsetOf(uint64_t reference) { return reference & 0xffff; }

struct KindRow {
  uint16_t type;
  bool is_extended;
  SquashfsNode::Kind kind;
};
constexpr KindRow kKinds[] = {
    {SQFS_INODE_FILE, false, SquashfsNode::Kind::kFile},
    {SQFS_INODE_EXT_FILE, true, SquashfsNode::Kind::kFile},
    {SQFS_INODE_DIR, false, SquashfsNode::Kind::kDirectory},
    {SQFS_INODE_EXT_DIR, true, SquashfsNode::Kind::kDirectory},
    {SQFS_INODE_SLINK, false, SquashfsNode::Kind::kSymlink},
    {SQFS_INODE_EXT_SLINK, true, SquashfsNode::Kind::kSymlink},
    {SQFS_INODE_CDEV, false, SquashfsNode::Kind::kCharDevice},
    {SQFS_INODE_EXT_CDEV, true, SquashfsNode::Kind::kCharDevice},
    {SQFS_INODE_BDEV, false, SquashfsNode::Kind::kBlockDevice},
    {SQFS_INODE_EXT_BDEV, true, SquashfsNode::Kind::kBlockDevice},
    {SQFS_INODE_FIFO, false, SquashfsNode::Kind::kFifo},
    {SQFS_INODE_EXT_FIFO, true, SquashfsNode::Kind::kFifo},
    {SQFS_INODE_SOCKET, false, SquashfsNode::Kind::kSocket},
    {SQFS_INODE_EXT_SOCKET, true, SquashfsNode::Kind::kSocket},
};

// libsquashfs's own have a flexible array at their end, for which StatusOr has no room.
struct DirectoryEntry {
  sqfs_u16 offset;
  sqfs_s16 inode_diff;
  sqfs_u16 type;
  sqfs_u16 size;
};
static_assert(sizeof(DirectoryEntry) == sizeof(sqfs_dir_entry_t));
struct XattrEntry {
  sqfs_u16 type;
  sqfs_u16 size;
};
static_assert(sizeof(XattrEntry) == sizeof(sqfs_xattr_entry_t));

bool IsName(absl::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(absl::string_view("/\0", 2)) == absl::string_view::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SquashfsReader>> SquashfsReader::Open(const RandomFile& file,
                                                                     int64_t offset,
                                                                     int64_t size_bytes) {
  std::unique_ptr<SquashfsReader> reader(new SquashfsReader());
  reader->range_ = std::make_unique<SquashfsRange>(file, offset, size_bytes);
  const int error = sqfs_super_read(&reader->super_, reader->range_->get());
  if (error == SFQS_ERROR_SUPER_MAGIC) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE", kNoSquashfs);
  }
  RETURN_IF_ERROR(reader->Check(error, "its superblock"));
  ASSIGN_OR_RETURN(reader->decoder_,
                   SquashfsDecoder::New(reader->super_.compression_id, reader->super_.block_size,
                                        MaxBytes(size_bytes)));
  RETURN_IF_ERROR(reader->OpenTables());
  RETURN_IF_ERROR(reader->OpenXattrs());
  return reader;
}

absl::Status SquashfsReader::OpenTables() {
  if (super_.fragment_entry_count > kMaxFragments) {
    return SquashfsLimitExceeded("fragments", kMaxFragments);
  }
  ids_.reset(sqfs_id_table_create(0));
  fragments_.reset(sqfs_frag_table_create(0));
  if (ids_ == nullptr || fragments_ == nullptr) {
    return Check(SQFS_ERROR_ALLOC, "its tables");
  }
  RETURN_IF_ERROR(Check(sqfs_id_table_read(ids_.get(), range_->get(), &super_, decoder_->get()),
                        "its table of owners"));
  RETURN_IF_ERROR(
      Check(sqfs_frag_table_read(fragments_.get(), range_->get(), &super_, decoder_->get()),
            "its table of fragments"));
  ASSIGN_OR_RETURN(inodes_, OpenMetadata(super_.inode_table_start, super_.directory_table_start));
  // What follows the directories, in one order or another.
  const uint64_t directories_end =
      std::min({super_.id_table_start, super_.fragment_table_start, super_.export_table_start});
  ASSIGN_OR_RETURN(directories_, OpenMetadata(super_.directory_table_start, directories_end));
  return absl::OkStatus();
}

absl::Status SquashfsReader::OpenXattrs() {
  if (super_.xattr_id_table_start == kNoTable || (super_.flags & SQFS_FLAG_NO_XATTRS) != 0) {
    return absl::OkStatus();
  }
  sqfs_xattr_id_table_t header;
  RETURN_IF_ERROR(range_->ReadAt(super_.xattr_id_table_start,
                                 absl::MakeSpan(reinterpret_cast<char*>(&header), sizeof(header))));
  if (header.xattr_ids > kMaxXattrSets) {
    return SquashfsLimitExceeded("sets of extended attributes", kMaxXattrSets);
  }
  if (header.xattr_ids == 0) {
    return absl::OkStatus();
  }
  void* sets = nullptr;
  const int error =
      sqfs_read_table(range_->get(), decoder_->get(), header.xattr_ids * sizeof(sqfs_xattr_id_t),
                      super_.xattr_id_table_start + sizeof(header), header.xattr_table_start,
                      super_.xattr_id_table_start, &sets);
  const std::unique_ptr<void, void (*)(void*)> owner(sets, sqfs_free);
  RETURN_IF_ERROR(Check(error, kAttributes));
  const sqfs_xattr_id_t* const first = static_cast<const sqfs_xattr_id_t*>(sets);
  xattr_sets_.assign(first, first + header.xattr_ids);
  xattrs_start_ = header.xattr_table_start;
  ASSIGN_OR_RETURN(xattrs_, OpenMetadata(xattrs_start_, super_.xattr_id_table_start));
  return absl::OkStatus();
}

absl::Status SquashfsReader::Check(int error, absl::string_view what) const {
  if (error == 0) {
    return absl::OkStatus();
  }
  if (decoder_ != nullptr && decoder_->is_exhausted()) {
    return SquashfsLimitExceeded("bytes that come out of its blocks", decoder_->max_bytes());
  }
  if (!range_->error().ok()) {
    return range_->error();
  }
  if (error == SQFS_ERROR_ALLOC) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("squashfs: ", what, ": no memory"));
  }
  return InvalidSquashfs(what);
}

absl::StatusOr<SqfsPointer<sqfs_meta_reader_t>> SquashfsReader::OpenMetadata(uint64_t start,
                                                                             uint64_t end) {
  SqfsPointer<sqfs_meta_reader_t> metadata(
      sqfs_meta_reader_create(range_->get(), decoder_->get(), start, end));
  if (metadata == nullptr) {
    return Check(SQFS_ERROR_ALLOC, "its tables");
  }
  return metadata;
}

absl::Status SquashfsReader::Seek(sqfs_meta_reader_t& metadata, const Position& position,
                                  absl::string_view what) {
  return Check(sqfs_meta_reader_seek(&metadata, position.block, position.offset), what);
}

absl::Status SquashfsReader::ReadBytes(sqfs_meta_reader_t& metadata, absl::Span<char> bytes,
                                       absl::string_view what) {
  return Check(sqfs_meta_reader_read(&metadata, bytes.data(), bytes.size()), what);
}

template <typename T>
absl::StatusOr<T> SquashfsReader::ReadStruct(sqfs_meta_reader_t& metadata, absl::string_view what) {
  T value;
  RETURN_IF_ERROR(
      ReadBytes(metadata, absl::MakeSpan(reinterpret_cast<char*>(&value), sizeof(value)), what));
  return value;
}

absl::StatusOr<SquashfsNode> SquashfsReader::ReadNode(uint64_t reference) {
  // A block's place has 48 bits: the sum does not overflow where the table begins within the file.
  RETURN_IF_ERROR(
      Seek(*inodes_, {super_.inode_table_start + BlockOf(reference), OffsetOf(reference)}, kInode));
  ASSIGN_OR_RETURN(const sqfs_inode_t base, ReadStruct<sqfs_inode_t>(*inodes_, kInode));
  const KindRow* const row =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&](const KindRow& candidate) { return candidate.type == base.type; });
  if (row == std::end(kKinds)) {
    return InvalidSquashfs("an inode of no known type");
  }
  SquashfsNode node;
  node.kind = row->kind;
  node.mode = base.mode & 07777;
  node.mtime_seconds = base.mod_time;
  node.inode_number = base.inode_number;
  RETURN_IF_ERROR(Check(sqfs_id_table_index_to_id(ids_.get(), base.uid_idx, &node.uid), kInode));
  RETURN_IF_ERROR(Check(sqfs_id_table_index_to_id(ids_.get(), base.gid_idx, &node.gid), kInode));
  switch (node.kind) {
    case SquashfsNode::Kind::kFile:
      RETURN_IF_ERROR(ReadFile(row->is_extended, node));
      break;
    case SquashfsNode::Kind::kDirectory:
      RETURN_IF_ERROR(ReadDirectoryNode(row->is_extended, node));
      break;
    case SquashfsNode::Kind::kSymlink:
      RETURN_IF_ERROR(ReadSymlink(row->is_extended, node));
      break;
    case SquashfsNode::Kind::kCharDevice:
    case SquashfsNode::Kind::kBlockDevice:
      RETURN_IF_ERROR(ReadDevice(row->is_extended, node));
      break;
    case SquashfsNode::Kind::kFifo:
    case SquashfsNode::Kind::kSocket:
      RETURN_IF_ERROR(ReadPipe(row->is_extended, node));
      break;
  }
  return node;
}

absl::Status SquashfsReader::ReadFile(bool is_extended, SquashfsNode& node) {
  uint64_t size_bytes = 0;
  if (is_extended) {
    ASSIGN_OR_RETURN(const auto file, ReadStruct<sqfs_inode_file_ext_t>(*inodes_, kInode));
    size_bytes = file.file_size;
    node.data_start = file.blocks_start;
    node.fragment = file.fragment_idx;
    node.fragment_offset = file.fragment_offset;
    node.link_count = file.nlink;
    node.xattr_set = file.xattr_idx;
  } else {
    ASSIGN_OR_RETURN(const auto file, ReadStruct<sqfs_inode_file_t>(*inodes_, kInode));
    size_bytes = file.file_size;
    node.data_start = file.blocks_start;
    node.fragment = file.fragment_index;
    node.fragment_offset = file.fragment_offset;
  }
  if (size_bytes > static_cast<uint64_t>(max_bytes())) {
    return SquashfsLimitExceeded("bytes of a file", max_bytes());
  }
  node.size_bytes = static_cast<int64_t>(size_bytes);
  sqfs_u64 block = 0;
  size_t offset = 0;
  sqfs_meta_reader_get_position(inodes_.get(), &block, &offset);
  node.list_block = block;
  node.list_offset = static_cast<uint32_t>(offset);
  return absl::OkStatus();
}

absl::Status SquashfsReader::ReadDirectoryNode(bool is_extended, SquashfsNode& node) {
  int64_t size_bytes = 0;
  uint64_t start_block = 0;
  if (is_extended) {
    ASSIGN_OR_RETURN(const auto directory, ReadStruct<sqfs_inode_dir_ext_t>(*inodes_, kInode));
    size_bytes = directory.size;
    start_block = directory.start_block;
    node.list_offset = directory.offset;
    node.xattr_set = directory.xattr_idx;
  } else {
    ASSIGN_OR_RETURN(const auto directory, ReadStruct<sqfs_inode_dir_t>(*inodes_, kInode));
    size_bytes = directory.size;
    start_block = directory.start_block;
    node.list_offset = directory.offset;
  }
  node.size_bytes = std::max<int64_t>(size_bytes - kDotsBytes, 0);
  node.list_block = super_.directory_table_start + start_block;
  return absl::OkStatus();
}

absl::Status SquashfsReader::ReadSymlink(bool is_extended, SquashfsNode& node) {
  ASSIGN_OR_RETURN(const auto symlink, ReadStruct<sqfs_inode_slink_t>(*inodes_, kInode));
  if (symlink.target_size > kMaxTargetBytes) {
    return SquashfsLimitExceeded("bytes of a symbolic link's target", kMaxTargetBytes);
  }
  node.link_count = symlink.nlink;
  node.link.resize(symlink.target_size);
  RETURN_IF_ERROR(ReadBytes(*inodes_, absl::MakeSpan(node.link.data(), node.link.size()), kInode));
  if (node.link.empty() || node.link.find('\0') != std::string::npos) {
    return InvalidSquashfs("a symbolic link to no name");
  }
  if (is_extended) {
    ASSIGN_OR_RETURN(node.xattr_set, ReadStruct<uint32_t>(*inodes_, kInode));
  }
  return absl::OkStatus();
}

absl::Status SquashfsReader::ReadDevice(bool is_extended, SquashfsNode& node) {
  ASSIGN_OR_RETURN(const auto device, ReadStruct<sqfs_inode_dev_t>(*inodes_, kInode));
  node.link_count = device.nlink;
  // As Linux packs them into 32 bits.
  node.device_major = (device.devno >> 8) & 0xfff;
  node.device_minor = (device.devno & 0xff) | ((device.devno >> 12) & 0xfff00);
  if (is_extended) {
    ASSIGN_OR_RETURN(node.xattr_set, ReadStruct<uint32_t>(*inodes_, kInode));
  }
  return absl::OkStatus();
}

absl::Status SquashfsReader::ReadPipe(bool is_extended, SquashfsNode& node) {
  ASSIGN_OR_RETURN(const auto pipe, ReadStruct<sqfs_inode_ipc_t>(*inodes_, kInode));
  node.link_count = pipe.nlink;
  if (is_extended) {
    ASSIGN_OR_RETURN(node.xattr_set, ReadStruct<uint32_t>(*inodes_, kInode));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SquashfsEntry>> SquashfsReader::ReadDirectory(
    const SquashfsNode& directory) {
  if (directory.size_bytes > kMaxListBytes) {
    return SquashfsLimitExceeded("bytes of a directory", kMaxListBytes);
  }
  std::vector<SquashfsEntry> entries;
  int64_t left_bytes = directory.size_bytes;
  if (left_bytes > 0) {
    RETURN_IF_ERROR(Seek(*directories_, {directory.list_block, directory.list_offset}, kList));
  }
  while (left_bytes > 0) {
    ASSIGN_OR_RETURN(const auto header, ReadStruct<sqfs_dir_header_t>(*directories_, kList));
    left_bytes -= static_cast<int64_t>(sizeof(header));
    // One less than there are.
    if (header.count >= kMaxEntriesOfHeader) {
      return InvalidSquashfs("a directory with too many names behind one header");
    }
    for (uint32_t i = 0; i <= header.count; ++i) {
      ASSIGN_OR_RETURN(const auto entry, ReadStruct<DirectoryEntry>(*directories_, kList));
      // One less than it has.
      std::string name(size_t{entry.size} + 1, '\0');
      left_bytes -= static_cast<int64_t>(sizeof(entry) + name.size());
      if (name.size() > SQFS_MAX_DIR_ENT || left_bytes < 0) {
        return InvalidSquashfs("a directory that is larger than it says");
      }
      RETURN_IF_ERROR(ReadBytes(*directories_, absl::MakeSpan(name.data(), name.size()), kList));
      if (!IsName(name)) {
        return InvalidSquashfs("a name that is none");
      }
      entries.push_back({std::move(name), uint64_t{header.start_block} << 16 | entry.offset});
    }
  }
  const auto is_before = [](const SquashfsEntry& a, const SquashfsEntry& b) {
    return a.name < b.name;
  };
  if (!std::is_sorted(entries.begin(), entries.end(), is_before)) {
    std::sort(entries.begin(), entries.end(), is_before);
  }
  const auto is_same = [](const SquashfsEntry& a, const SquashfsEntry& b) {
    return a.name == b.name;
  };
  if (std::adjacent_find(entries.begin(), entries.end(), is_same) != entries.end()) {
    return InvalidSquashfs("a name that is there twice");
  }
  return entries;
}

absl::StatusOr<std::map<std::string, std::string>> SquashfsReader::ReadXattrs(
    const SquashfsNode& node) {
  std::map<std::string, std::string> xattrs;
  if (node.xattr_set == SquashfsNode::kNone || xattrs_ == nullptr) {
    return xattrs;
  }
  if (node.xattr_set >= xattr_sets_.size()) {
    return InvalidSquashfs(kAttributes);
  }
  const sqfs_xattr_id_t& set = xattr_sets_[node.xattr_set];
  if (set.count > kMaxXattrs) {
    return SquashfsLimitExceeded("extended attributes of a file", kMaxXattrs);
  }
  if (set.count > 0) {
    RETURN_IF_ERROR(
        Seek(*xattrs_, {xattrs_start_ + BlockOf(set.xattr), OffsetOf(set.xattr)}, kAttributes));
  }
  size_t bytes = 0;
  for (uint32_t i = 0; i < set.count; ++i) {
    ASSIGN_OR_RETURN(const auto entry, ReadStruct<XattrEntry>(*xattrs_, kAttributes));
    ASSIGN_OR_RETURN(std::string name, ReadXattrName(entry.type, entry.size));
    bytes += name.size();
    if (bytes > kMaxXattrBytes) {
      return SquashfsLimitExceeded("bytes of a file's extended attributes", kMaxXattrBytes);
    }
    const bool is_elsewhere = (entry.type & SQFS_XATTR_FLAG_OOL) != 0;
    ASSIGN_OR_RETURN(std::string value,
                     ReadXattrValue(is_elsewhere, i + 1 == set.count, kMaxXattrBytes - bytes));
    bytes += value.size();
    if (!xattrs.emplace(std::move(name), std::move(value)).second) {
      return InvalidSquashfs("an extended attribute that is there twice");
    }
  }
  return xattrs;
}

absl::StatusOr<std::string> SquashfsReader::ReadXattrName(uint16_t type, size_t size) {
  const char* const prefix =
      sqfs_get_xattr_prefix(static_cast<SQFS_XATTR_TYPE>(type & SQFS_XATTR_PREFIX_MASK));
  std::string name(size, '\0');
  RETURN_IF_ERROR(ReadBytes(*xattrs_, absl::MakeSpan(name.data(), name.size()), kAttributes));
  if (prefix == nullptr || name.empty() || name.find('\0') != std::string::npos) {
    return InvalidSquashfs("an extended attribute without a name");
  }
  return absl::StrCat(prefix, name);
}

absl::StatusOr<std::string> SquashfsReader::ReadXattrValue(bool is_elsewhere, bool is_last,
                                                           size_t left_bytes) {
  Position next;
  ASSIGN_OR_RETURN(uint32_t size, ReadStruct<uint32_t>(*xattrs_, kAttributes));
  if (is_elsewhere) {
    // In its place is where it is: several files have the same.
    if (size != sizeof(uint64_t)) {
      return InvalidSquashfs(kAttributes);
    }
    ASSIGN_OR_RETURN(const uint64_t reference, ReadStruct<uint64_t>(*xattrs_, kAttributes));
    sqfs_meta_reader_get_position(xattrs_.get(), &next.block, &next.offset);
    RETURN_IF_ERROR(
        Seek(*xattrs_, {xattrs_start_ + BlockOf(reference), OffsetOf(reference)}, kAttributes));
    ASSIGN_OR_RETURN(size, ReadStruct<uint32_t>(*xattrs_, kAttributes));
  }
  if (size > left_bytes) {
    return SquashfsLimitExceeded("bytes of a file's extended attributes", kMaxXattrBytes);
  }
  std::string value(size, '\0');
  RETURN_IF_ERROR(ReadBytes(*xattrs_, absl::MakeSpan(value.data(), value.size()), kAttributes));
  if (is_elsewhere && !is_last) {
    RETURN_IF_ERROR(Seek(*xattrs_, next, kAttributes));
  }
  return value;
}

absl::Status SquashfsReader::ReadBlockSizes(SquashfsNode& node, absl::Span<uint32_t> sizes) {
  RETURN_IF_ERROR(Seek(*inodes_, {node.list_block, node.list_offset}, kInode));
  RETURN_IF_ERROR(ReadBytes(
      *inodes_,
      absl::MakeSpan(reinterpret_cast<char*>(sizes.data()), sizes.size() * sizeof(uint32_t)),
      kInode));
  sqfs_u64 block = 0;
  size_t offset = 0;
  sqfs_meta_reader_get_position(inodes_.get(), &block, &offset);
  node.list_block = block;
  node.list_offset = static_cast<uint32_t>(offset);
  return absl::OkStatus();
}

absl::StatusOr<sqfs_fragment_t> SquashfsReader::FindFragment(uint32_t index) const {
  sqfs_fragment_t fragment;
  RETURN_IF_ERROR(Check(sqfs_frag_table_lookup(fragments_.get(), index, &fragment), "a fragment"));
  return fragment;
}

}  // namespace holkas
