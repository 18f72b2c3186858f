#include "worker/chunked/table_of_contents.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// The year 0 and the year 10,000, which a time of RFC 3339 cannot have any more.
constexpr int64_t kMinSeconds = -62'167'219'200;
constexpr int64_t kEndSeconds = 253'402'300'800;
// Less than the JSON of any chunk has.
constexpr size_t kMinChunkBytes = 120;

absl::string_view TypeOf(TarEntry::Kind kind) {
  switch (kind) {
    case TarEntry::Kind::kFile:
      return "reg";
    case TarEntry::Kind::kDirectory:
      return "dir";
    case TarEntry::Kind::kHardLink:
      return "hardlink";
    case TarEntry::Kind::kSymlink:
      return "symlink";
    case TarEntry::Kind::kCharDevice:
      return "char";
    case TarEntry::Kind::kBlockDevice:
      return "block";
    case TarEntry::Kind::kFifo:
      return "fifo";
  }
  return "";
}

std::string Quoted(absl::string_view text) { return JsonValue(text).Write(); }

// As encoding/json has it.
bool IsUtf8(absl::string_view text) { return ParseStrictJson(Quoted(text)).ok(); }

bool HasForm(const TarTime& time) {
  return time.seconds >= kMinSeconds && time.seconds < kEndSeconds;
}

bool HasForm(const std::optional<TarTime>& time) { return !time.has_value() || HasForm(*time); }

TarTime MtimeOf(const TarEntry& entry) { return {entry.mtime_seconds, entry.mtime_nanoseconds}; }

void AddText(std::string& json, absl::string_view key, absl::string_view text) {
  if (!text.empty()) {
    absl::StrAppend(&json, ",\"", key, "\":", Quoted(text));
  }
}

void AddNumber(std::string& json, absl::string_view key, int64_t number) {
  if (number != 0) {
    absl::StrAppend(&json, ",\"", key, "\":", number);
  }
}

void AddTime(std::string& json, absl::string_view key, const std::optional<TarTime>& time) {
  if (time.has_value()) {
    const absl::Time moment =
        absl::FromUnixSeconds(time->seconds) + absl::Nanoseconds(time->nanoseconds);
    AddText(json, key, absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", moment, absl::UTCTimeZone()));
  }
}

void AddXattrs(std::string& json, const TarEntry& entry) {
  if (entry.xattrs.empty()) {
    return;
  }
  JsonObject xattrs;
  for (const auto& [name, value] : entry.xattrs) {
    xattrs.push_back({name, JsonValue(absl::Base64Escape(value))});
  }
  absl::StrAppend(&json, ",\"xattrs\":", JsonValue(std::move(xattrs)).Write());
}

std::string HeaderJson(const TarEntry& entry) {
  std::string json =
      absl::StrCat("{\"type\":\"", TypeOf(entry.kind), "\",\"name\":", Quoted(entry.name));
  AddText(json, "linkName", entry.link_name);
  AddNumber(json, "mode", entry.header.mode);
  AddNumber(json, "size", entry.header.size_bytes);
  AddNumber(json, "uid", entry.uid);
  AddNumber(json, "gid", entry.gid);
  AddTime(json, "modtime", MtimeOf(entry));
  AddTime(json, "accesstime", entry.header.atime);
  AddTime(json, "changetime", entry.header.ctime);
  AddNumber(json, "devMajor", entry.header.device_major);
  AddNumber(json, "devMinor", entry.header.device_minor);
  AddXattrs(json, entry);
  return json;
}

size_t HashOf(absl::string_view name) {
  return std::hash<std::string_view>()(std::string_view(name.data(), name.size()));
}

absl::Status CheckSize(int64_t size_bytes) {
  return size_bytes <= TableOfContents::kMaxBytes
             ? absl::OkStatus()
             : MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                         absl::StrCat("a layer's table of contents has more than ",
                                      TableOfContents::kMaxBytes, " bytes"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableOfContents>> TableOfContents::New() {
  ASSIGN_OR_RETURN(std::unique_ptr<ZstdText> text, ZstdText::New());
  std::unique_ptr<TableOfContents> table(new TableOfContents(std::move(text)));
  RETURN_IF_ERROR(table->Append("{\"version\":1,\"entries\":["));
  return table;
}

bool TableOfContents::CanHave(const TarEntry& entry) const {
  // '7' was to be a file in one piece; peers do not know it.
  if (entry.is_sparse || entry.header.is_ambiguous || entry.header.type == '7' ||
      !HasForm(MtimeOf(entry)) || !HasForm(entry.header.atime) || !HasForm(entry.header.ctime) ||
      !IsUtf8(entry.name) || !IsUtf8(entry.link_name)) {
    return false;
  }
  for (const auto& [name, value] : entry.xattrs) {
    if (!IsUtf8(name)) {
      return false;
    }
  }
  return !name_hashes_.contains(HashOf(entry.name));
}

absl::Status TableOfContents::AddChunk(const ContentChunk& chunk) {
  WaitingChunk& waiting = chunks_.emplace_back();
  waiting.blob_offset = chunk.blob_offset;
  waiting.size_bytes = chunk.size_bytes;
  waiting.is_zeros = chunk.is_zeros;
  if (chunk.digest.has_value()) {
    const std::string sha256 = absl::HexStringToBytes(chunk.digest->hex());
    std::copy_n(sha256.begin(), waiting.sha256.size(), waiting.sha256.begin());
  }
  return CheckSize(size_bytes() + static_cast<int64_t>(chunks_.size() * kMinChunkBytes));
}

absl::Status TableOfContents::AddEntry(const TarEntry& entry,
                                       const std::optional<BlobRange>& content) {
  name_hashes_.insert(HashOf(entry.name));
  std::string json = absl::StrCat(has_entries_ ? "," : "", HeaderJson(entry));
  has_entries_ = true;
  if (content.has_value()) {
    AddText(json, "digest", content->digest.ToString());
    AddNumber(json, "offset", content->begin);
    AddNumber(json, "endOffset", content->end);
  }
  RETURN_IF_ERROR(Append(json));
  return AddChunks(entry.name);
}

// The entry is that of its first chunk, too.
absl::Status TableOfContents::AddChunks(absl::string_view name) {
  const std::vector<WaitingChunk> chunks = std::exchange(chunks_, {});
  if (chunks.size() <= 1) {
    return Append("}");
  }
  const std::string head = absl::StrCat("{\"type\":\"chunk\",\"name\":", Quoted(name));
  int64_t file_offset = 0;
  for (const WaitingChunk& chunk : chunks) {
    std::string json;
    if (file_offset > 0) {
      absl::StrAppend(&json, ",", head);
      AddNumber(json, "offset", chunk.blob_offset);
    }
    AddNumber(json, "chunkSize", chunk.size_bytes);
    AddNumber(json, "chunkOffset", file_offset);
    AddText(json, "chunkDigest",
            absl::StrCat("sha256:",
                         absl::BytesToHexString({chunk.sha256.data(), chunk.sha256.size()})));
    AddText(json, "chunkType", chunk.is_zeros ? "zeros" : "");
    RETURN_IF_ERROR(Append(absl::StrCat(json, "}")));
    file_offset += chunk.size_bytes;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TableOfContents::Finish(const Digest& tar_split) {
  RETURN_IF_ERROR(Append(absl::StrCat("],\"tarSplitDigest\":", Quoted(tar_split.ToString()), "}")));
  return text_->Finish();
}

absl::Status TableOfContents::Append(absl::string_view json) {
  RETURN_IF_ERROR(CheckSize(size_bytes() + static_cast<int64_t>(json.size())));
  return text_->Append(json);
}

}  // namespace holkas
