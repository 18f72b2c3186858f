#ifndef HOLKAS_WORKER_ARCHIVE_STREAMED_ARCHIVE_H_
#define HOLKAS_WORKER_ARCHIVE_STREAMED_ARCHIVE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "worker/archive/archive_members.h"
#include "worker/archive/tar_table.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/expansion_budget.h"

namespace holkas {

// A tar archive that somebody sends as often as he is asked for it, and that is never stored. The
// first time, its headers are read, and its small JSON documents are kept; what large members are
// is found out as they pass. Who reads members later, one at a time and in the order of their
// offsets, has the archive sent once more; in any other order, more often.
class StreamedArchive : public ArchiveMembers {
 public:
  struct Stream {
    // Asks for the archive, from its first byte on.
    std::function<absl::StatusOr<std::unique_ptr<ByteSource>>()> open;
    // What a sender means that ends an archive by something else than a header; OK where it means
    // nothing. May be null.
    std::function<absl::Status(absl::string_view last_bytes)> explain;
  };

  // Errors: those of opening the stream, of TarReader and of TarTable::Add; RESOURCE_EXHAUSTED
  // (LIMIT_EXCEEDED) for an archive of more than 1 TiB, or documents of more than 16 MiB in all.
  static absl::StatusOr<std::unique_ptr<StreamedArchive>> Open(Stream stream);
  ~StreamedArchive() override;

  absl::StatusOr<std::string> Read(absl::string_view name, int64_t max_bytes) const override;
  absl::StatusOr<TarMember> Find(absl::string_view name) const override {
    return table_.Find(name);
  }
  absl::StatusOr<Content> Examine(const TarMember& member) const override;
  // Errors: also UNAVAILABLE (DAEMON_UNAVAILABLE) where the archive has changed since the first
  // time.
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenMember(const TarMember& member) override;
  bool is_stream() const override { return true; }

 private:
  class Input;
  class Pass;
  class MemberSource;

  // What the first pass found in a member.
  struct Seen {
    std::string name;
    int64_t size_bytes = 0;
    absl::StatusOr<Content> content = Content();
    // Of a small JSON document, all of it.
    std::string bytes;
    bool is_kept = false;
  };

  explicit StreamedArchive(Stream stream);

  absl::Status ReadAll();
  // Looks at the member whose content is next in `pass`.
  absl::Status Look(Pass& pass, Seen& seen);
  // A pass that has not come to the member yet.
  absl::StatusOr<std::unique_ptr<Pass>> PassBefore(int64_t offset);
  void GiveBack(std::unique_ptr<Pass> pass);

  const Stream stream_;
  TarTable table_;
  // By their offsets.
  std::map<int64_t, Seen> seen_;
  int64_t kept_bytes_ = 0;
  const std::shared_ptr<ExpansionBudget> expansion_ = std::make_shared<ExpansionBudget>();

  absl::Mutex mutex_;
  // The last pass, where nobody reads it.
  std::unique_ptr<Pass> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_STREAMED_ARCHIVE_H_
