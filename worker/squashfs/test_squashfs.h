#ifndef HOLKAS_WORKER_SQUASHFS_TEST_SQUASHFS_H_
#define HOLKAS_WORKER_SQUASHFS_TEST_SQUASHFS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace holkas {

// For tests: makes a file system of the form squashfs, without compression, so that everything in
// it lies open to be broken. mksquashfs makes the others (tests/e2e/test_sif.py).
class TestSquashfs {
 public:
  // A node, named by its number; the root is 0.
  using Node = size_t;

  static constexpr size_t kBlockBytes = 4096;
  static constexpr size_t kSuperblockBytes = 96;

  TestSquashfs();

  Node AddDirectory(Node directory, const std::string& name);
  Node AddFile(Node directory, const std::string& name, const std::string& content);
  Node AddSymlink(Node directory, const std::string& name, const std::string& target);
  // 3 for a character device, 4 for a block device; as the format packs major and minor.
  Node AddDevice(Node directory, const std::string& name, bool is_block, uint32_t number);
  Node AddPipe(Node directory, const std::string& name, bool is_socket);
  // One more name of what is there.
  void AddName(Node directory, const std::string& name, Node node);
  void SetAttributes(Node node, uint32_t mode, uint32_t uid, uint32_t gid, uint32_t mtime_seconds);
  // Without its prefix, which is `user.`.
  void SetXattr(Node node, const std::string& name, const std::string& value);
  // What a file says its size is, whatever blocks it has.
  void SetSize(Node node, uint64_t size_bytes);

  std::string Build();

  // Where the parts of what was built begin.
  size_t inodes_at() const { return inodes_at_; }
  size_t directories_at() const { return directories_at_; }

 private:
  struct Entry {
    std::string name;
    Node node;
  };
  struct Inode {
    uint16_t type = 1;  // of the basic form
    uint32_t mode = 0755;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t mtime_seconds = 0;
    uint32_t links = 1;
    std::string content;
    uint64_t size_bytes = 0;
    uint32_t device = 0;
    std::vector<Entry> entries;
    std::map<std::string, std::string> xattrs;
    uint64_t reference = 0;
  };

  Node Add(Node directory, const std::string& name, Inode inode);
  void WriteData(std::string& image);
  // Writes the nodes beneath a directory and it.
  void WriteNode(Node node, std::string& inodes, std::string& directories);
  uint16_t IdIndex(uint32_t id);

  std::vector<Inode> inodes_;
  std::vector<uint32_t> ids_;
  std::vector<uint64_t> data_starts_;
  size_t inodes_at_ = 0;
  size_t directories_at_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_SQUASHFS_TEST_SQUASHFS_H_
