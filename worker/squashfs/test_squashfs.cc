#include "worker/squashfs/test_squashfs.h"

#include <algorithm>
#include <cstring>

namespace holkas {
namespace {

constexpr size_t kMetadataBytes = 8192;
constexpr uint32_t kPlainBlock = 1 << 24;
constexpr uint16_t kPlainMetadata = 0x8000;
constexpr uint16_t kExtended = 7;  // beyond the type of the basic form
constexpr uint32_t kNone = 0xffffffff;
constexpr uint64_t kNoTable = ~uint64_t{0};
constexpr uint16_t kDirectory = 1;
constexpr uint16_t kFile = 2;
constexpr uint16_t kSymlink = 3;
constexpr uint16_t kBlockDevice = 4;
constexpr uint16_t kCharDevice = 5;
constexpr uint16_t kFifo = 6;
constexpr uint16_t kSocket = 7;

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The place of a byte of metadata, by how many there are before it.
uint64_t ReferenceAt(size_t offset) {
  const uint64_t block = offset / kMetadataBytes * (kMetadataBytes + sizeof(uint16_t));
  return block << 16 | offset % kMetadataBytes;
}

// Blocks of metadata, and where each begins.
std::vector<uint64_t> PutMetadata(std::string& image, const std::string& bytes) {
  std::vector<uint64_t> starts;
  for (size_t at = 0; at < bytes.size(); at += kMetadataBytes) {
    const std::string block = bytes.substr(at, kMetadataBytes);
    starts.push_back(image.size());
    Put(image, static_cast<uint16_t>(kPlainMetadata | block.size()));
    image += block;
  }
  return starts;
}

}  // namespace

TestSquashfs::TestSquashfs() : inodes_(1) {}

TestSquashfs::Node TestSquashfs::Add(Node directory, const std::string& name, Inode inode) {
  inodes_.push_back(std::move(inode));
  inodes_[directory].entries.push_back({name, inodes_.size() - 1});
  return inodes_.size() - 1;
}

TestSquashfs::Node TestSquashfs::AddDirectory(Node directory, const std::string& name) {
  return Add(directory, name, {});
}

TestSquashfs::Node TestSquashfs::AddFile(Node directory, const std::string& name,
                                         const std::string& content) {
  Inode inode;
  inode.type = kFile;
  inode.mode = 0644;
  inode.content = content;
  inode.size_bytes = content.size();
  return Add(directory, name, std::move(inode));
}

TestSquashfs::Node TestSquashfs::AddSymlink(Node directory, const std::string& name,
                                            const std::string& target) {
  Inode inode;
  inode.type = kSymlink;
  inode.mode = 0777;
  inode.content = target;
  return Add(directory, name, std::move(inode));
}

TestSquashfs::Node TestSquashfs::AddDevice(Node directory, const std::string& name, bool is_block,
                                           uint32_t number) {
  Inode inode;
  inode.type = is_block ? kBlockDevice : kCharDevice;
  inode.device = number;
  return Add(directory, name, std::move(inode));
}

TestSquashfs::Node TestSquashfs::AddPipe(Node directory, const std::string& name, bool is_socket) {
  Inode inode;
  inode.type = is_socket ? kSocket : kFifo;
  return Add(directory, name, std::move(inode));
}

void TestSquashfs::AddName(Node directory, const std::string& name, Node node) {
  inodes_[directory].entries.push_back({name, node});
  ++inodes_[node].links;
}

void TestSquashfs::SetAttributes(Node node, uint32_t mode, uint32_t uid, uint32_t gid,
                                 uint32_t mtime_seconds) {
  inodes_[node].mode = mode;
  inodes_[node].uid = uid;
  inodes_[node].gid = gid;
  inodes_[node].mtime_seconds = mtime_seconds;
}

void TestSquashfs::SetXattr(Node node, const std::string& name, const std::string& value) {
  inodes_[node].xattrs[name] = value;
}

void TestSquashfs::SetSize(Node node, uint64_t size_bytes) {
  inodes_[node].size_bytes = size_bytes;
}

uint16_t TestSquashfs::IdIndex(uint32_t id) {
  const auto found = std::find(ids_.begin(), ids_.end(), id);
  const size_t index = static_cast<size_t>(found - ids_.begin());
  if (found == ids_.end()) {
    ids_.push_back(id);
  }
  return static_cast<uint16_t>(index);
}

void TestSquashfs::WriteData(std::string& image) {
  data_starts_.clear();
  for (const Inode& inode : inodes_) {
    data_starts_.push_back(image.size());
    image += inode.type == kFile ? inode.content : "";
  }
}

void TestSquashfs::WriteNode(Node node, std::string& inodes, std::string& directories) {
  Inode& inode = inodes_[node];
  std::sort(inode.entries.begin(), inode.entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  // A node that comes again has its place already; one in itself gets what it has so far.
  inode.reference = 1;
  for (const Entry& entry : inode.entries) {
    if (inodes_[entry.node].reference == 0) {
      WriteNode(entry.node, inodes, directories);
    }
  }
  const size_t list_at = directories.size();
  inode.reference = ReferenceAt(inodes.size());
  for (const Entry& entry : inode.entries) {
    const Inode& child = inodes_[entry.node];
    Put(directories, uint32_t{0});
    Put(directories, static_cast<uint32_t>(child.reference >> 16));
    Put(directories, static_cast<uint32_t>(entry.node + 1));
    Put(directories, static_cast<uint16_t>(child.reference & 0xffff));
    Put(directories, int16_t{0});
    Put(directories, child.type);
    Put(directories, static_cast<uint16_t>(entry.name.size() - 1));
    directories += entry.name;
  }
  const bool is_extended = inode.type == kDirectory || inode.type == kFile || !inode.xattrs.empty();
  const uint32_t xattrs = inode.xattrs.empty() ? kNone : static_cast<uint32_t>(node);
  Put(inodes, static_cast<uint16_t>(inode.type + (is_extended ? kExtended : 0)));
  Put(inodes, static_cast<uint16_t>(inode.mode));
  Put(inodes, IdIndex(inode.uid));
  Put(inodes, IdIndex(inode.gid));
  Put(inodes, inode.mtime_seconds);
  Put(inodes, static_cast<uint32_t>(node + 1));
  switch (inode.type) {
    case kDirectory: {
      const uint64_t list = ReferenceAt(list_at);
      Put(inodes, inode.links);
      Put(inodes, static_cast<uint32_t>(directories.size() - list_at + 3));
      Put(inodes, static_cast<uint32_t>(list >> 16));
      Put(inodes, uint32_t{1});
      Put(inodes, uint16_t{0});
      Put(inodes, static_cast<uint16_t>(list & 0xffff));
      Put(inodes, xattrs);
      return;
    }
    case kFile:
      Put(inodes, uint64_t{data_starts_[node]});
      Put(inodes, inode.size_bytes);
      Put(inodes, uint64_t{0});
      Put(inodes, inode.links);
      Put(inodes, kNone);
      Put(inodes, uint32_t{0});
      Put(inodes, xattrs);
      for (size_t at = 0; at < inode.content.size(); at += kBlockBytes) {
        const size_t size = std::min(kBlockBytes, inode.content.size() - at);
        Put(inodes, static_cast<uint32_t>(kPlainBlock | size));
      }
      return;
    case kSymlink:
      Put(inodes, inode.links);
      Put(inodes, static_cast<uint32_t>(inode.content.size()));
      inodes += inode.content;
      break;
    case kBlockDevice:
    case kCharDevice:
      Put(inodes, inode.links);
      Put(inodes, inode.device);
      break;
    default:
      Put(inodes, inode.links);
      break;
  }
  if (is_extended) {
    Put(inodes, xattrs);
  }
}

std::string TestSquashfs::Build() {
  ids_.clear();
  for (Inode& inode : inodes_) {
    inode.reference = 0;
  }
  std::string image(kSuperblockBytes, '\0');
  WriteData(image);
  std::string inodes;
  std::string directories;
  WriteNode(0, inodes, directories);
  inodes_at_ = image.size();
  PutMetadata(image, inodes);
  directories_at_ = image.size();
  PutMetadata(image, directories);
  std::string ids;
  for (const uint32_t id : ids_) {
    Put(ids, id);
  }
  const std::vector<uint64_t> id_blocks = PutMetadata(image, ids);
  const uint64_t ids_at = image.size();
  Put(image, id_blocks[0]);
  // A set for each node, by its number.
  std::string values;
  std::string sets;
  bool has_xattrs = false;
  for (const Inode& inode : inodes_) {
    Put(sets, ReferenceAt(values.size()));
    Put(sets, static_cast<uint32_t>(inode.xattrs.size()));
    Put(sets, uint32_t{0});
    for (const auto& [name, value] : inode.xattrs) {
      has_xattrs = true;
      Put(values, uint16_t{0});
      Put(values, static_cast<uint16_t>(name.size()));
      values += name;
      Put(values, static_cast<uint32_t>(value.size()));
      values += value;
    }
  }
  uint64_t xattrs_at = kNoTable;
  if (has_xattrs) {
    const uint64_t values_at = image.size();
    PutMetadata(image, values);
    const std::vector<uint64_t> set_blocks = PutMetadata(image, sets);
    xattrs_at = image.size();
    Put(image, values_at);
    Put(image, static_cast<uint32_t>(inodes_.size()));
    Put(image, uint32_t{0});
    for (const uint64_t block : set_blocks) {
      Put(image, block);
    }
  }
  std::string superblock;
  Put(superblock, uint32_t{0x73717368});
  Put(superblock, static_cast<uint32_t>(inodes_.size()));
  Put(superblock, uint32_t{0});
  Put(superblock, static_cast<uint32_t>(kBlockBytes));
  Put(superblock, uint32_t{0});   // fragments
  Put(superblock, uint16_t{1});   // gzip
  Put(superblock, uint16_t{12});  // the block's logarithm
  Put(superblock, uint16_t{0x10});
  Put(superblock, static_cast<uint16_t>(ids_.size()));
  Put(superblock, uint16_t{4});
  Put(superblock, uint16_t{0});
  Put(superblock, inodes_[0].reference);
  Put(superblock, uint64_t{image.size()});
  Put(superblock, ids_at);
  Put(superblock, xattrs_at);
  Put(superblock, uint64_t{inodes_at_});
  Put(superblock, uint64_t{directories_at_});
  Put(superblock, kNoTable);
  Put(superblock, kNoTable);
  return image.replace(0, superblock.size(), superblock);
}

}  // namespace holkas
