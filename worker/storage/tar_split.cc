#include "worker/storage/tar_split.h"

#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/vector_state.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"
#include "worker/storage/directory.h"

namespace holkas {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// How much is gathered before it becomes a segment, or is deflated.
constexpr size_t kMaxSegmentBytes = 64 << 10;
constexpr size_t kDeflateBytes = 128 << 10;

constexpr int64_t kFileType = 1;
constexpr int64_t kSegmentType = 2;

absl::Status Malformed(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("malformed entry of a tar-split: ", why));
}

absl::StatusOr<std::string> GetBase64(const JsonValue& json, absl::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, GetString(json, key));
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no base64"));
  }
  return bytes;
}

absl::StatusOr<TarSplitEntry> ParseEntry(absl::string_view line) {
  ASSIGN_OR_RETURN(const JsonValue json, ParseStrictJson(line));
  ASSIGN_OR_RETURN(const std::optional<int64_t> type, FindInt64(json, "type"));
  TarSplitEntry entry;
  ASSIGN_OR_RETURN(std::string payload, GetBase64(json, "payload"));
  if (type == kSegmentType) {
    entry.bytes = std::move(payload);
    return entry;
  }
  if (type != kFileType) {
    return absl::InvalidArgumentError("neither a file nor a segment");
  }
  entry.kind = TarSplitEntry::Kind::kFile;
  entry.crc64 = std::move(payload);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, FindInt64(json, "size"));
  entry.size_bytes = size.value_or(0);
  if (entry.size_bytes < 0) {
    return absl::InvalidArgumentError("a negative size");
  }
  ASSIGN_OR_RETURN(entry.name, GetBase64(json, "name_raw"));
  if (entry.name.empty()) {
    ASSIGN_OR_RETURN(entry.name, GetString(json, "name"));
  }
  return entry;
}

// As encoding/json has it: well-formed, without surrogates.
bool IsUtf8(absl::string_view text) { return ParseStrictJson(JsonValue(text).Write()).ok(); }

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

absl::StatusOr<TarSplitEntry> TarSplitEntry::Parse(absl::string_view line) {
  absl::StatusOr<TarSplitEntry> entry = ParseEntry(line);
  return entry.ok() ? std::move(entry) : Malformed(entry.status().message());
}

std::string TarSplitSegmentLine(absl::string_view bytes, int64_t position) {
  return absl::StrCat("{\"type\":2,\"payload\":\"", absl::Base64Escape(bytes),
                      "\",\"position\":", position, "}\n");
}

std::string TarSplitFileLine(absl::string_view name, int64_t size_bytes, absl::string_view crc64,
                             int64_t position) {
  std::string line = "{\"type\":1,";
  if (IsAscii(name) || IsUtf8(name)) {
    absl::StrAppend(&line, "\"name\":", JsonValue(name).Write());
  } else {
    absl::StrAppend(&line, "\"name_raw\":\"", absl::Base64Escape(name), "\"");
  }
  if (size_bytes > 0) {
    absl::StrAppend(&line, ",\"size\":", size_bytes, ",\"payload\":\"", absl::Base64Escape(crc64),
                    "\"");
  } else {
    absl::StrAppend(&line, ",\"payload\":null");
  }
  absl::StrAppend(&line, ",\"position\":", position, "}\n");
  return line;
}

TarSplitReader::TarSplitReader(std::unique_ptr<ByteSource> json)
    : json_(std::move(json)), buffer_(kReadBytes) {}

// Sets line_; false at the end.
absl::StatusOr<bool> TarSplitReader::ReadLine() {
  line_.clear();
  while (true) {
    if (rest_.empty()) {
      ASSIGN_OR_RETURN(const size_t count, json_->Read(absl::MakeSpan(buffer_)));
      if (count == 0) {
        return !line_.empty();
      }
      rest_ = absl::string_view(buffer_.data(), count);
    }
    const size_t end = rest_.find('\n');
    absl::StrAppend(&line_, rest_.substr(0, end));
    if (line_.size() > kMaxLineBytes) {
      return MakeError(
          absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
          absl::StrCat("an entry of a tar-split has more than ", kMaxLineBytes, " bytes"));
    }
    if (end != absl::string_view::npos) {
      rest_.remove_prefix(end + 1);
      return true;
    }
    rest_ = {};
  }
}

absl::StatusOr<std::optional<TarSplitEntry>> TarSplitReader::Next() {
  ASSIGN_OR_RETURN(const bool there, ReadLine());
  if (!there) {
    return std::optional<TarSplitEntry>();
  }
  ASSIGN_OR_RETURN(TarSplitEntry entry, TarSplitEntry::Parse(line_));
  return std::optional<TarSplitEntry>(std::move(entry));
}

struct TarSplitWriter::Deflater {
  isal_zstream stream;
  std::vector<uint8_t> level_buffer = std::vector<uint8_t>(ISAL_DEF_LVL1_DEFAULT);
  std::vector<uint8_t> output = std::vector<uint8_t>(kDeflateBytes);
};

TarSplitWriter::TarSplitWriter(UniqueFd file)
    : file_(std::move(file)), deflater_(std::make_unique<Deflater>()) {
  isal_deflate_init(&deflater_->stream);
  deflater_->stream.level = 1;
  deflater_->stream.level_buf = deflater_->level_buffer.data();
  deflater_->stream.level_buf_size = static_cast<uint32_t>(deflater_->level_buffer.size());
  deflater_->stream.gzip_flag = IGZIP_GZIP;
}

TarSplitWriter::~TarSplitWriter() = default;

absl::Status TarSplitWriter::AddSegment(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kMaxSegmentBytes - segment_.size());
    segment_.append(bytes.data(), count);
    bytes.remove_prefix(count);
    if (segment_.size() == kMaxSegmentBytes) {
      RETURN_IF_ERROR(FlushSegment());
    }
  }
  return absl::OkStatus();
}

absl::Status TarSplitWriter::AddFile(absl::string_view name, int64_t size_bytes,
                                     absl::string_view crc64) {
  RETURN_IF_ERROR(FlushSegment());
  return AddLine(TarSplitFileLine(name, size_bytes, crc64, position_++));
}

absl::Status TarSplitWriter::FlushSegment() {
  if (segment_.empty()) {
    return absl::OkStatus();
  }
  const std::string line = TarSplitSegmentLine(segment_, position_++);
  segment_.clear();
  return AddLine(line);
}

absl::Status TarSplitWriter::AddLine(absl::string_view line) {
  absl::StrAppend(&lines_, line);
  return lines_.size() < kDeflateBytes ? absl::OkStatus() : Deflate(/*at_end=*/false);
}

absl::Status TarSplitWriter::Deflate(bool at_end) {
  isal_zstream& stream = deflater_->stream;
  const ClearVectorsAtEnd clear;
  stream.next_in = reinterpret_cast<uint8_t*>(lines_.data());
  stream.avail_in = static_cast<uint32_t>(lines_.size());
  stream.end_of_stream = at_end ? 1 : 0;
  do {
    stream.next_out = deflater_->output.data();
    stream.avail_out = static_cast<uint32_t>(deflater_->output.size());
    if (isal_deflate(&stream) != COMP_OK) {
      return absl::InternalError("compress a tar-split: failed");
    }
    const size_t count = deflater_->output.size() - stream.avail_out;
    RETURN_IF_ERROR(
        WriteAll(file_.get(),
                 absl::string_view(reinterpret_cast<const char*>(deflater_->output.data()), count),
                 "tar-split"));
  } while (stream.avail_in > 0 || stream.avail_out == 0 ||
           (at_end && stream.internal_state.state != ZSTATE_END));
  lines_.clear();
  return absl::OkStatus();
}

absl::Status TarSplitWriter::Finish() {
  RETURN_IF_ERROR(FlushSegment());
  RETURN_IF_ERROR(Deflate(/*at_end=*/true));
  return fsync(file_.get()) == 0 ? absl::OkStatus() : ErrnoError(errno, "sync a tar-split");
}

}  // namespace holkas
