#ifndef HOLKAS_WORKER_ARCHIVE_ARCHIVE_H_
#define HOLKAS_WORKER_ARCHIVE_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "worker/archive/archive_members.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_table.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/expansion_budget.h"
#include "worker/broker/broker.h"

namespace holkas {

// A tar archive to read, whole or compressed by gzip, bzip2, xz or zstd: that one is decompressed
// once, into a file of CreateSpool. Thread-safe.
class Archive : public ArchiveMembers {
 public:
  // The archive that is the job's source.
  // Errors: NOT_FOUND, PERMISSION_DENIED (PATH_DENIED); those of TarTable::Read; of a compressed
  // one those of DecompressingSource and of CreateSpool.
  static absl::StatusOr<std::unique_ptr<Archive>> OpenSource(Broker& broker);

  // The archive in `file`, wherever it came from. Errors: the same.
  static absl::StatusOr<std::unique_ptr<Archive>> Open(Broker& broker, UniqueFd file);

  absl::StatusOr<std::string> Read(absl::string_view name, int64_t max_bytes) const override;
  absl::StatusOr<TarMember> Find(absl::string_view name) const override {
    return table_.Find(name);
  }
  // Errors: also RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where all that was examined becomes too much
  // for what the archive came as.
  absl::StatusOr<Content> Examine(const TarMember& member) const override;
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenMember(const TarMember& member) override {
    return std::make_unique<RangeSource>(file_, member.offset, member.size_bytes);
  }
  std::optional<int64_t> came_as_bytes() const override { return came_as_bytes_; }

 private:
  static absl::StatusOr<std::unique_ptr<Archive>> OpenPlain(RandomFile file, int64_t came_as_bytes);
  Archive(RandomFile file, TarTable table, int64_t came_as_bytes)
      : file_(std::move(file)), table_(std::move(table)), came_as_bytes_(came_as_bytes) {
    expansion_->SetSize(came_as_bytes);
  }

  const RandomFile file_;
  const TarTable table_;
  const int64_t came_as_bytes_;
  const std::shared_ptr<ExpansionBudget> expansion_ = std::make_shared<ExpansionBudget>();
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_ARCHIVE_H_
