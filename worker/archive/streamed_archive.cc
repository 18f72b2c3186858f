#include "worker/archive/streamed_archive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_reader.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/count_bytes.h"
#include "worker/blob/decompressing_source.h"

namespace holkas {
namespace {

// Nobody's image is larger; nobody may send for ever.
constexpr int64_t kMaxArchiveBytes = int64_t{1} << 40;
// A configuration is the largest document that counts (worker/image).
constexpr int64_t kMaxDocumentBytes = 4 << 20;
constexpr int64_t kMaxKeptBytes = 16 << 20;

absl::Status Changed(const std::string& name) {
  return MakeError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE",
                   absl::StrCat("read archive: member ", ShownMemberName(name),
                                " was there before: the image changed while it was read"));
}

bool IsDocument(absl::string_view first_bytes) {
  return !first_bytes.empty() && (first_bytes.front() == '{' || first_bytes.front() == '[');
}

// The content of the member that `reader` is at, behind what was read of it already.
class ContentSource : public ByteSource {
 public:
  ContentSource(TarReader& reader, std::string first_bytes)
      : reader_(reader), first_bytes_(std::move(first_bytes)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    if (first_bytes_.empty()) {
      return reader_.Read(buffer);
    }
    const size_t count = first_bytes_.copy(buffer.data(), buffer.size());
    first_bytes_.erase(0, count);
    return count;
  }

 private:
  TarReader& reader_;
  std::string first_bytes_;
};

}  // namespace

// The bytes of one sending.
class StreamedArchive::Input : public TarInput {
 public:
  explicit Input(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    size_t filled = 0;
    while (filled < buffer.size()) {
      ASSIGN_OR_RETURN(const size_t count, ReadSome(buffer.subspan(filled)));
      if (count == 0) {
        break;
      }
      filled += count;
    }
    if (filled > 0 && buffer.size() == kTarBlockBytes) {
      last_block_.assign(buffer.data(), filled);
    }
    return filled;
  }

  absl::StatusOr<int64_t> Skip(int64_t wanted) override {
    int64_t skipped = 0;
    while (skipped < wanted) {
      const auto most = std::min<int64_t>(wanted - skipped, kCopyBufferBytes);
      ASSIGN_OR_RETURN(const size_t count,
                       ReadSome(absl::MakeSpan(buffer_.get(), static_cast<size_t>(most))));
      if (count == 0) {
        break;
      }
      skipped += static_cast<int64_t>(count);
    }
    return skipped;
  }

  // The last that was read as a header, as far as it came.
  const std::string& last_block() const { return last_block_; }

 private:
  absl::StatusOr<size_t> ReadSome(absl::Span<char> buffer) {
    if (read_bytes_ > kMaxArchiveBytes) {
      return ArchiveLimitExceeded("bytes of an archive", kMaxArchiveBytes);
    }
    ASSIGN_OR_RETURN(const size_t count, bytes_->Read(buffer));
    read_bytes_ += static_cast<int64_t>(count);
    return count;
  }

  const std::unique_ptr<ByteSource> bytes_;
  const std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  int64_t read_bytes_ = 0;
  std::string last_block_;
};

// One sending, from front to back.
class StreamedArchive::Pass {
 public:
  static absl::StatusOr<std::unique_ptr<Pass>> Begin(const Stream& stream) {
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, stream.open());
    return std::make_unique<Pass>(stream, std::move(bytes));
  }
  Pass(const Stream& stream, std::unique_ptr<ByteSource> bytes)
      : stream_(stream), input_(std::move(bytes)), reader_(input_) {}

  absl::StatusOr<std::optional<TarHeader>> Next() {
    absl::StatusOr<std::optional<TarHeader>> header = reader_.Next();
    if (!header.ok() && ErrorReason(header.status()) == "INVALID_ARCHIVE" && stream_.explain) {
      RETURN_IF_ERROR(stream_.explain(input_.last_block()));
    }
    return header;
  }
  TarReader& reader() { return reader_; }

  // Up to where the archive was looked through: the offset that a member had in the first pass.
  int64_t position() const { return position_; }
  void set_position(int64_t offset) { position_ = offset; }

 private:
  const Stream& stream_;
  Input input_;
  TarReader reader_;
  int64_t position_ = -1;
};

class StreamedArchive::MemberSource : public ByteSource {
 public:
  MemberSource(StreamedArchive& archive, std::unique_ptr<Pass> pass)
      : archive_(archive), pass_(std::move(pass)) {}
  ~MemberSource() override {
    if (!failed_) {
      archive_.GiveBack(std::move(pass_));
    }
  }

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    absl::StatusOr<size_t> count = pass_->reader().Read(buffer);
    failed_ = !count.ok();
    return count;
  }

 private:
  StreamedArchive& archive_;
  std::unique_ptr<Pass> pass_;
  bool failed_ = false;
};

StreamedArchive::StreamedArchive(Stream stream) : stream_(std::move(stream)) {}

StreamedArchive::~StreamedArchive() = default;

absl::StatusOr<std::unique_ptr<StreamedArchive>> StreamedArchive::Open(Stream stream) {
  std::unique_ptr<StreamedArchive> archive(new StreamedArchive(std::move(stream)));
  RETURN_IF_ERROR(archive->ReadAll());
  return archive;
}

absl::Status StreamedArchive::ReadAll() {
  ASSIGN_OR_RETURN(const std::unique_ptr<Pass> pass, Pass::Begin(stream_));
  while (true) {
    ASSIGN_OR_RETURN(std::optional<TarHeader> header, pass->Next());
    if (!header.has_value()) {
      return absl::OkStatus();
    }
    const int64_t offset = pass->reader().offset();
    RETURN_IF_ERROR(table_.Add(*header, offset));
    if (header->type == kTarFile) {
      Seen seen;
      seen.name = CleanMemberName(header->name);
      seen.size_bytes = header->size_bytes;
      RETURN_IF_ERROR(Look(*pass, seen));
      seen_.emplace(offset, std::move(seen));
    }
  }
}

absl::Status StreamedArchive::Look(Pass& pass, Seen& seen) {
  std::string first(static_cast<size_t>(std::min<int64_t>(kMagicBytes, seen.size_bytes)), '\0');
  RETURN_IF_ERROR(pass.reader().Read(absl::MakeSpan(first)).status());
  const Compression compression = CompressionOf(first);
  if (compression == Compression::kNone) {
    seen.content = Content{compression, seen.size_bytes};
    if (!IsDocument(first) || seen.size_bytes > kMaxDocumentBytes) {
      return absl::OkStatus();
    }
    kept_bytes_ += seen.size_bytes;
    if (kept_bytes_ > kMaxKeptBytes) {
      return ArchiveLimitExceeded("bytes of JSON documents", kMaxKeptBytes);
    }
    const size_t begun = first.size();
    seen.bytes = std::move(first);
    seen.bytes.resize(static_cast<size_t>(seen.size_bytes));
    seen.is_kept = true;
    return pass.reader().Read(absl::MakeSpan(seen.bytes).subspan(begun)).status();
  }
  // Only all of it tells its size. What is malformed matters where it turns out to be a layer.
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ByteSource> plain,
      DecompressingSource::New(std::make_unique<ContentSource>(pass.reader(), std::move(first)),
                               compression, expansion_));
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  const absl::StatusOr<int64_t> size =
      CountBytes(*plain, absl::MakeSpan(buffer.get(), kCopyBufferBytes));
  if (size.ok()) {
    seen.content = Content{compression, *size};
    return absl::OkStatus();
  }
  seen.content = size.status();
  return ErrorReason(size.status()) == "INVALID_COMPRESSION" ? absl::OkStatus() : size.status();
}

absl::StatusOr<std::string> StreamedArchive::Read(absl::string_view name, int64_t max_bytes) const {
  ASSIGN_OR_RETURN(const TarMember member, table_.Find(name));
  if (member.size_bytes > max_bytes) {
    return ArchiveLimitExceeded(absl::StrCat("bytes of ", ShownMemberName(name)), max_bytes);
  }
  const auto found = seen_.find(member.offset);
  if (found == seen_.end() || !found->second.is_kept) {
    return MalformedArchive(
        absl::StrCat("member ", ShownMemberName(name), " is not a JSON document"));
  }
  return found->second.bytes;
}

absl::StatusOr<ArchiveMembers::Content> StreamedArchive::Examine(const TarMember& member) const {
  const auto found = seen_.find(member.offset);
  if (found == seen_.end()) {
    return absl::InternalError("a member that was not found");
  }
  return found->second.content;
}

absl::StatusOr<std::unique_ptr<StreamedArchive::Pass>> StreamedArchive::PassBefore(int64_t offset) {
  {
    absl::MutexLock lock(&mutex_);
    if (idle_ != nullptr && idle_->position() < offset) {
      return std::move(idle_);
    }
    idle_.reset();
  }
  return Pass::Begin(stream_);
}

void StreamedArchive::GiveBack(std::unique_ptr<Pass> pass) {
  absl::MutexLock lock(&mutex_);
  idle_ = std::move(pass);
}

absl::StatusOr<std::unique_ptr<ByteSource>> StreamedArchive::OpenMember(const TarMember& member) {
  const auto found = seen_.find(member.offset);
  if (found == seen_.end()) {
    return absl::InternalError("a member that was not found");
  }
  const Seen& wanted = found->second;
  ASSIGN_OR_RETURN(std::unique_ptr<Pass> pass, PassBefore(member.offset));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<TarHeader> header, pass->Next());
    if (!header.has_value()) {
      return Changed(wanted.name);
    }
    if (header->type == kTarFile && CleanMemberName(header->name) == wanted.name) {
      if (header->size_bytes != wanted.size_bytes) {
        return Changed(wanted.name);
      }
      pass->set_position(member.offset);
      return std::make_unique<MemberSource>(*this, std::move(pass));
    }
  }
}

}  // namespace holkas
