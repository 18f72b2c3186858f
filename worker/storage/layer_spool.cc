#include "worker/storage/layer_spool.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"
#include "worker/storage/layer_unpacker.h"
#include "worker/transports/files/file_source.h"

namespace holkas {
namespace {

constexpr size_t kPendingBytes = 128 << 10;

std::string ContentName(size_t number) { return absl::StrCat("content-", number); }

absl::Status Differs(const SpooledTar& spooled) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                   absl::StrCat("layer ", spooled.digest.ToString(),
                                ": what was written down of it is read back as something else"));
}

// Reads what Unspool gives on.
class Reader {
 public:
  Reader(const SpooledTar& spooled, LayerWriter& writer)
      : spooled_(spooled), writer_(writer), buffer_(kCopyBufferBytes) {}

  // Gives on `size_bytes` of the source, and counts them into `crc64`.
  absl::Status Pass(ByteSource& source, int64_t size_bytes, Crc64& crc64);
  absl::Status PassContent(const Directory& stage, size_t number);
  absl::Status MoveContent(const Directory& stage, size_t number);

 private:
  const SpooledTar& spooled_;
  LayerWriter& writer_;
  std::vector<char> buffer_;
};

absl::Status Reader::Pass(ByteSource& source, int64_t size_bytes, Crc64& crc64) {
  while (size_bytes > 0) {
    const auto wanted = std::min(buffer_.size(), static_cast<size_t>(size_bytes));
    ASSIGN_OR_RETURN(const size_t count, source.Read(absl::MakeSpan(buffer_.data(), wanted)));
    if (count == 0) {
      return Differs(spooled_);
    }
    const absl::string_view bytes(buffer_.data(), count);
    crc64.Update(bytes);
    RETURN_IF_ERROR(writer_.Append(bytes));
    size_bytes -= static_cast<int64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status Reader::PassContent(const Directory& stage, size_t number) {
  const SpooledTar::Content& content = spooled_.contents[number];
  ASSIGN_OR_RETURN(UniqueFd file, stage.OpenFile(ContentName(number), O_RDONLY));
  FileSource source(std::move(file));
  Crc64 crc64;
  RETURN_IF_ERROR(Pass(source, content.size_bytes, crc64));
  return crc64 == content.crc64 ? absl::OkStatus() : Differs(spooled_);
}

absl::Status Reader::MoveContent(const Directory& stage, size_t number) {
  const SpooledTar::Content& content = spooled_.contents[number];
  const std::string name = ContentName(number);
  struct stat info = {};
  if (fstatat(stage.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoError(errno, "look at a spooled file");
  }
  if (info.st_size != content.size_bytes) {
    return Differs(spooled_);
  }
  ASSIGN_OR_RETURN(const bool is_moved,
                   writer_.MoveContent(stage, name, content.size_bytes, content.crc64));
  return is_moved ? absl::OkStatus() : PassContent(stage, number);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LayerSpool>> LayerSpool::Create(Directory stage,
                                                               LayerBudget& budget) {
  ASSIGN_OR_RETURN(UniqueFd rest, stage.OpenFile(kSpooledRest, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return std::unique_ptr<LayerSpool>(new LayerSpool(std::move(stage), std::move(rest), budget));
}

absl::Status LayerSpool::Append(absl::string_view tar) {
  digester_.Update(tar);
  size_bytes_ += static_cast<int64_t>(tar.size());
  return tar_.Append(tar);
}

absl::StatusOr<SpooledTar> LayerSpool::Finish() {
  RETURN_IF_ERROR(tar_.Finish());
  RETURN_IF_ERROR(FlushRest());
  return SpooledTar{digester_.Finish(), size_bytes_,     std::move(contents_), crc64_,
                    entries_,           described_bytes_};
}

absl::Status LayerSpool::OnRaw(absl::string_view bytes) {
  described_bytes_ += static_cast<int64_t>(bytes.size());
  RETURN_IF_ERROR(budget_.TakeDescription(static_cast<int64_t>(bytes.size())));
  return AddRest(bytes);
}

absl::Status LayerSpool::AddRest(absl::string_view bytes) {
  rest_bytes_ += static_cast<int64_t>(bytes.size());
  pending_.append(bytes.data(), bytes.size());
  return pending_.size() < kPendingBytes ? absl::OkStatus() : FlushRest();
}

absl::Status LayerSpool::FlushRest() {
  crc64_.Update(pending_);
  RETURN_IF_ERROR(WriteAll(rest_.get(), pending_, kSpooledRest));
  pending_.clear();
  return absl::OkStatus();
}

absl::Status LayerSpool::OnEntry(const TarEntry& entry) {
  entries_ += EntriesOf(entry);
  RETURN_IF_ERROR(budget_.TakeEntries(EntriesOf(entry)));
  is_sparse_ = entry.is_sparse;
  if (is_sparse_ || entry.size_bytes < kLargeBytes) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(
      content_, stage_.OpenFile(ContentName(contents_.size()), O_WRONLY | O_CREAT | O_EXCL, 0600));
  contents_.push_back({rest_bytes_, entry.size_bytes, {}});
  return absl::OkStatus();
}

absl::Status LayerSpool::OnContent(int64_t /*offset*/, absl::string_view bytes) {
  if (is_sparse_) {
    return absl::OkStatus();  // it came by OnRaw
  }
  if (!content_.valid()) {
    return AddRest(bytes);
  }
  contents_.back().crc64.Update(bytes);
  return WriteAll(content_.get(), bytes, "a large file");
}

absl::Status LayerSpool::OnEntryEnd() {
  content_.reset();
  return absl::OkStatus();
}

absl::Status Unspool(const Directory& stage, const SpooledTar& spooled, bool is_last_time,
                     LayerWriter& writer) {
  ASSIGN_OR_RETURN(UniqueFd file, stage.OpenFile(kSpooledRest, O_RDONLY));
  FileSource rest(std::move(file));
  ASSIGN_OR_RETURN(const int64_t rest_bytes, rest.SizeBytes());
  Reader reader(spooled, writer);
  Crc64 crc64;
  int64_t passed_bytes = 0;
  for (size_t i = 0; i < spooled.contents.size(); ++i) {
    const int64_t offset = spooled.contents[i].offset;
    RETURN_IF_ERROR(reader.Pass(rest, offset - passed_bytes, crc64));
    passed_bytes = offset;
    RETURN_IF_ERROR(is_last_time ? reader.MoveContent(stage, i) : reader.PassContent(stage, i));
  }
  RETURN_IF_ERROR(reader.Pass(rest, rest_bytes - passed_bytes, crc64));
  return crc64 == spooled.crc64 ? absl::OkStatus() : Differs(spooled);
}

}  // namespace holkas
