#include "worker/storage/tar_stream.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// A file never has more bytes; sums of a few such sizes do not overflow.
constexpr int64_t kMaxSizeBytes = int64_t{1} << 60;
// A sparse file never has more parts; it bounds what they take.
constexpr size_t kMaxParts = 64 << 10;
// An extended header never has more members.
constexpr size_t kMaxPaxRecords = 4096;
constexpr absl::string_view kXattrKey = "SCHILY.xattr.";

absl::Status LimitExceeded(absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("read tar: ", what));
}

absl::StatusOr<int64_t> CheckSize(int64_t size_bytes) {
  return size_bytes >= 0 && size_bytes <= kMaxSizeBytes
             ? absl::StatusOr<int64_t>(size_bytes)
             : InvalidTar(absl::StrCat("a size of ", size_bytes, " bytes"));
}

absl::StatusOr<uint32_t> CheckId(int64_t id) {
  // The last one means that there is none.
  return id >= 0 && id < std::numeric_limits<uint32_t>::max()
             ? absl::StatusOr<uint32_t>(static_cast<uint32_t>(id))
             : InvalidTar(absl::StrCat("user or group ", id));
}

absl::StatusOr<int64_t> ParsePaxNumber(absl::string_view text) {
  int64_t value = 0;
  return absl::SimpleAtoi(text, &value) ? absl::StatusOr<int64_t>(value)
                                        : InvalidTar("a pax record is no number");
}

// Seconds with a fraction, rounded towards the past.
absl::StatusOr<TarTime> ParsePaxTime(absl::string_view text) {
  const size_t dot = text.find('.');
  ASSIGN_OR_RETURN(int64_t seconds, ParsePaxNumber(text.substr(0, dot)));
  int64_t nanoseconds = 0;
  if (dot != absl::string_view::npos && dot + 1 < text.size()) {
    std::string digits(text.substr(dot + 1, 9));
    digits.resize(9, '0');
    ASSIGN_OR_RETURN(nanoseconds, ParsePaxNumber(digits));
    if (nanoseconds < 0) {
      return InvalidTar("a pax record is no time");
    }
  }
  const bool is_past = absl::StartsWith(text, "-") && nanoseconds > 0;
  if (is_past && seconds > std::numeric_limits<int64_t>::min()) {
    seconds -= 1;
    nanoseconds = 1'000'000'000 - nanoseconds;
  }
  return TarTime{seconds, static_cast<int32_t>(nanoseconds)};
}

void ReadPaxTime(absl::string_view text, std::optional<TarTime>& time, TarHeaderFields& header) {
  const absl::StatusOr<TarTime> parsed = ParsePaxTime(text);
  header.is_ambiguous |= !parsed.ok();
  time = parsed.value_or(TarTime());
}

std::optional<TarEntry::Kind> KindOf(char type) {
  switch (type) {
    case '\0':
    case '0':
    case '7':
    case 'S':
      return TarEntry::Kind::kFile;
    case '1':
      return TarEntry::Kind::kHardLink;
    case '2':
      return TarEntry::Kind::kSymlink;
    case '3':
      return TarEntry::Kind::kCharDevice;
    case '4':
      return TarEntry::Kind::kBlockDevice;
    case '5':
      return TarEntry::Kind::kDirectory;
    case '6':
      return TarEntry::Kind::kFifo;
    default:
      return std::nullopt;
  }
}

// What fills the last block of so many bytes.
int64_t PaddingOf(int64_t size_bytes) { return -size_bytes & 511; }

}  // namespace

absl::Status TarStream::Append(absl::string_view data) {
  while (!data.empty()) {
    switch (state_) {
      case State::kHeader:
        if (GatherBlock(data)) {
          RETURN_IF_ERROR(TakeHeader());
        }
        break;
      case State::kSparseBlock:
        if (GatherBlock(data)) {
          RETURN_IF_ERROR(TakeSparseBlock());
        }
        break;
      case State::kSparseList: {
        const size_t whole = (gathered_.size() / kBlockBytes + 1) * kBlockBytes;
        const size_t count = std::min(data.size(), whole - gathered_.size());
        RETURN_IF_ERROR(handler_.OnRaw(data.substr(0, count)));
        lines_ += static_cast<size_t>(std::count(data.begin(), data.begin() + count, '\n'));
        gathered_.append(data.data(), count);
        data.remove_prefix(count);
        if (gathered_.size() == whole) {
          RETURN_IF_ERROR(TakeSparseList());
        }
        break;
      }
      case State::kExtended: {
        const size_t count = std::min(data.size(), static_cast<size_t>(left_bytes_));
        gathered_.append(data.data(), count);
        RETURN_IF_ERROR(handler_.OnRaw(data.substr(0, count)));
        data.remove_prefix(count);
        left_bytes_ -= static_cast<int64_t>(count);
        if (left_bytes_ == 0) {
          RETURN_IF_ERROR(TakeExtended());
        }
        break;
      }
      case State::kContent: {
        const size_t count = std::min<size_t>(data.size(), static_cast<size_t>(left_bytes_));
        RETURN_IF_ERROR(PassContent(data.substr(0, count)));
        data.remove_prefix(count);
        left_bytes_ -= static_cast<int64_t>(count);
        if (left_bytes_ == 0) {
          RETURN_IF_ERROR(EndEntry());
        }
        break;
      }
      case State::kPadding: {
        const size_t count = std::min<size_t>(data.size(), static_cast<size_t>(padding_bytes_));
        RETURN_IF_ERROR(handler_.OnRaw(data.substr(0, count)));
        data.remove_prefix(count);
        padding_bytes_ -= static_cast<int64_t>(count);
        if (padding_bytes_ == 0) {
          state_ = State::kHeader;
        }
        break;
      }
      case State::kTrailer:
        RETURN_IF_ERROR(handler_.OnRaw(data));
        data = {};
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status TarStream::EndContent(int64_t size_bytes) {
  if (state_ != State::kContent || offset_ != 0 || entry_.is_sparse || left_bytes_ != size_bytes) {
    return InvalidTar("the content of another entry");
  }
  left_bytes_ = 0;
  return EndEntry();
}

absl::Status TarStream::Finish() {
  // There are programs that write no zeros behind the last file, not even those that fill its
  // block.
  const bool is_between =
      (state_ == State::kHeader && gathered_.empty()) || state_ == State::kPadding;
  const bool may_end = state_ == State::kTrailer ||
                       (is_between && long_name_.empty() && long_link_.empty() && pax_.empty());
  return may_end ? absl::OkStatus() : InvalidTar("it ends in the middle of an entry");
}

bool TarStream::GatherBlock(absl::string_view& data) {
  const size_t count = std::min(data.size(), kBlockBytes - gathered_.size());
  gathered_.append(data.data(), count);
  data.remove_prefix(count);
  return gathered_.size() == kBlockBytes;
}

absl::Status TarStream::TakeHeader() {
  const std::string block = std::exchange(gathered_, {});
  RETURN_IF_ERROR(handler_.OnRaw(block));
  if (IsZeroTarBlock(block)) {
    if (++zero_blocks_ == 2) {
      state_ = State::kTrailer;
    }
    return absl::OkStatus();
  }
  if (zero_blocks_ > 0 || !HasTarChecksum(block)) {
    return InvalidTar("no header where one must be");
  }
  const char type = TarBytesOf(block, kTarType)[0];
  ASSIGN_OR_RETURN(int64_t size_bytes, TarNumberOf(block, kTarSize, "a size"));
  ASSIGN_OR_RETURN(size_bytes, CheckSize(size_bytes));
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    return BeginExtended(type, size_bytes);
  }
  return BeginEntry(block, type, size_bytes);
}

absl::Status TarStream::BeginExtended(char type, int64_t size_bytes) {
  if (size_bytes > static_cast<int64_t>(kMaxHeaderBytes)) {
    return LimitExceeded(
        absl::StrCat("an extended header has more than ", kMaxHeaderBytes, " bytes"));
  }
  extended_type_ = type;
  left_bytes_ = size_bytes;
  padding_bytes_ = PaddingOf(size_bytes);
  if (size_bytes == 0) {
    return TakeExtended();
  }
  state_ = State::kExtended;
  return absl::OkStatus();
}

absl::Status TarStream::TakeExtended() {
  const std::string content = std::exchange(gathered_, {});
  state_ = padding_bytes_ > 0 ? State::kPadding : State::kHeader;
  switch (extended_type_) {
    case 'L':
      long_name_ = content.substr(0, content.find('\0'));
      return absl::OkStatus();
    case 'K':
      long_link_ = content.substr(0, content.find('\0'));
      return absl::OkStatus();
    case 'x':
      return TakePax(content);
    default:
      // One for all entries has nothing that is asked for here.
      has_global_header_ = true;
      return absl::OkStatus();
  }
}

absl::Status TarStream::TakePax(absl::string_view records) {
  pax_.clear();
  pax_parts_.clear();
  for (size_t count = 0; !records.empty(); ++count) {
    // `<length of all of it> <key>=<value>\n`
    size_t length = 0;
    const size_t space = records.find(' ');
    if (space == absl::string_view::npos || !absl::SimpleAtoi(records.substr(0, space), &length) ||
        length <= space + 1 || length > records.size() || records[length - 1] != '\n') {
      return InvalidTar("a malformed pax record");
    }
    if (count == kMaxPaxRecords) {
      return LimitExceeded(absl::StrCat("more than ", kMaxPaxRecords, " pax records of an entry"));
    }
    const absl::string_view record = records.substr(space + 1, length - space - 2);
    records.remove_prefix(length);
    const size_t equals = record.find('=');
    if (equals == absl::string_view::npos || equals == 0) {
      return InvalidTar("a malformed pax record");
    }
    RETURN_IF_ERROR(TakePaxRecord(record.substr(0, equals), record.substr(equals + 1)));
  }
  return absl::OkStatus();
}

absl::Status TarStream::TakePaxRecord(absl::string_view key, absl::string_view value) {
  // The one list of which each member is a record of its own.
  if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
    ASSIGN_OR_RETURN(const int64_t number, ParsePaxNumber(value));
    const bool is_offset = key == "GNU.sparse.offset";
    if ((pax_parts_.size() % 2 == 0) != is_offset) {
      return InvalidTar("a malformed list of a sparse file's parts");
    }
    pax_parts_.push_back(number);
    return absl::OkStatus();
  }
  const bool is_xattr = absl::StartsWith(key, kXattrKey);
  if (!is_xattr && value.find('\0') != absl::string_view::npos) {
    return InvalidTar("a pax record with a NUL byte");
  }
  if (value.empty() && !is_xattr) {
    pax_.erase(std::string(key));
  } else {
    pax_[std::string(key)] = std::string(value);
  }
  return absl::OkStatus();
}

absl::Status TarStream::BeginEntry(absl::string_view block, char type, int64_t size_bytes) {
  const std::optional<TarEntry::Kind> kind = KindOf(type);
  if (!kind.has_value()) {
    return InvalidTar(absl::StrCat("an entry of type ", static_cast<int>(type)));
  }
  entry_ = TarEntry();
  entry_.kind = *kind;
  const bool is_posix = absl::StartsWith(TarBytesOf(block, kTarMagic), kTarPosixMagic);
  entry_.name = std::string(TarTextOf(block, kTarName));
  if (const absl::string_view prefix = TarTextOf(block, kTarPrefix); is_posix && !prefix.empty()) {
    entry_.name = absl::StrCat(prefix, "/", entry_.name);
  }
  entry_.link_name = std::string(TarTextOf(block, kTarLinkName));
  ASSIGN_OR_RETURN(const int64_t mode, TarNumberOf(block, kTarMode, "a mode"));
  entry_.mode = static_cast<mode_t>(mode & 07777);
  entry_.header = ReadTarHeaderFields(block, type, mode);
  int64_t uid = ParseTarNumber(TarBytesOf(block, kTarUid)).value_or(-1);
  int64_t gid = ParseTarNumber(TarBytesOf(block, kTarGid)).value_or(-1);
  ASSIGN_OR_RETURN(entry_.mtime_seconds, TarNumberOf(block, kTarMtime, "a time"));
  if (*kind == TarEntry::Kind::kCharDevice || *kind == TarEntry::Kind::kBlockDevice) {
    ASSIGN_OR_RETURN(const int64_t major, TarNumberOf(block, kTarMajor, "a device"));
    ASSIGN_OR_RETURN(const int64_t minor, TarNumberOf(block, kTarMinor, "a device"));
    entry_.device_major = static_cast<uint32_t>(major);
    entry_.device_minor = static_cast<uint32_t>(minor);
  }

  const std::map<std::string, std::string> pax = std::exchange(pax_, {});
  bool has_parts = !pax_parts_.empty();
  bool parts_in_content = false;
  int64_t real_size = -1;
  std::string real_name;
  for (const auto& [key, value] : pax) {
    if (key == "path") {
      entry_.name = value;
    } else if (key == "linkpath") {
      entry_.link_name = value;
    } else if (key == "size") {
      ASSIGN_OR_RETURN(size_bytes, ParsePaxNumber(value));
      ASSIGN_OR_RETURN(size_bytes, CheckSize(size_bytes));
    } else if (key == "uid") {
      ASSIGN_OR_RETURN(uid, ParsePaxNumber(value));
    } else if (key == "gid") {
      ASSIGN_OR_RETURN(gid, ParsePaxNumber(value));
    } else if (key == "mtime") {
      ASSIGN_OR_RETURN(const TarTime mtime, ParsePaxTime(value));
      entry_.mtime_seconds = mtime.seconds;
      entry_.mtime_nanoseconds = mtime.nanoseconds;
    } else if (key == "atime") {
      ReadPaxTime(value, entry_.header.atime, entry_.header);
    } else if (key == "ctime") {
      ReadPaxTime(value, entry_.header.ctime, entry_.header);
    } else if (absl::StartsWith(key, kXattrKey)) {
      entry_.xattrs.emplace(key.substr(kXattrKey.size()), value);
    } else if (key == "GNU.sparse.name") {
      real_name = value;
    } else if (key == "GNU.sparse.size" || key == "GNU.sparse.realsize") {
      ASSIGN_OR_RETURN(real_size, ParsePaxNumber(value));
    } else if (key == "GNU.sparse.major") {
      parts_in_content = value == "1";
    } else if (key == "GNU.sparse.map") {
      has_parts = true;
      for (const absl::string_view number : absl::StrSplit(value, ',')) {
        ASSIGN_OR_RETURN(const int64_t parsed, ParsePaxNumber(number));
        pax_parts_.push_back(parsed);
      }
    }
  }
  if (!long_name_.empty()) {
    entry_.name = std::exchange(long_name_, {});
  }
  if (!long_link_.empty()) {
    entry_.link_name = std::exchange(long_link_, {});
  }
  if (!real_name.empty()) {
    entry_.name = real_name;
  }
  ASSIGN_OR_RETURN(entry_.uid, CheckId(uid));
  ASSIGN_OR_RETURN(entry_.gid, CheckId(gid));
  // What old programs write for a directory.
  if (type == '\0' && absl::EndsWith(entry_.name, "/")) {
    entry_.kind = TarEntry::Kind::kDirectory;
  }
  entry_.header.size_bytes = size_bytes;
  if (entry_.kind != TarEntry::Kind::kFile) {
    size_bytes = 0;
    has_parts = parts_in_content = false;
  }
  left_bytes_ = size_bytes;
  padding_bytes_ = PaddingOf(size_bytes);
  offset_ = 0;
  parts_.clear();
  const std::vector<int64_t> numbers = std::exchange(pax_parts_, {});
  if (type == 'S') {
    return ReadOldSparse(block);
  }
  if (has_parts || parts_in_content) {
    ASSIGN_OR_RETURN(entry_.size_bytes, CheckSize(real_size));
    entry_.is_sparse = true;
    if (parts_in_content) {
      state_ = State::kSparseList;
      lines_ = 0;
      return left_bytes_ > 0 ? absl::OkStatus() : InvalidTar("a sparse file without its parts");
    }
    if (numbers.size() % 2 != 0) {
      return InvalidTar("a malformed list of a sparse file's parts");
    }
    for (size_t i = 0; i < numbers.size(); i += 2) {
      RETURN_IF_ERROR(AddPart(numbers[i], numbers[i + 1]));
    }
    return StartContent();
  }
  entry_.size_bytes = size_bytes;
  return StartContent();
}

absl::Status TarStream::ReadOldSparse(absl::string_view block) {
  entry_.is_sparse = true;
  ASSIGN_OR_RETURN(const int64_t real_size, TarNumberOf(block, kTarRealSize, "a size"));
  ASSIGN_OR_RETURN(entry_.size_bytes, CheckSize(real_size));
  RETURN_IF_ERROR(
      AddOldParts(TarBytesOf(block, kTarSparseTable), kTarSparseTable.size / kTarPartBytes));
  if (TarBytesOf(block, kTarIsExtended)[0] != 0) {
    state_ = State::kSparseBlock;
    return absl::OkStatus();
  }
  return StartContent();
}

absl::Status TarStream::TakeSparseBlock() {
  const std::string block = std::exchange(gathered_, {});
  RETURN_IF_ERROR(handler_.OnRaw(block));
  RETURN_IF_ERROR(
      AddOldParts(TarBytesOf(block, kTarMoreTable), kTarMoreTable.size / kTarPartBytes));
  return TarBytesOf(block, kTarMoreIsExtended)[0] != 0 ? absl::OkStatus() : StartContent();
}

absl::Status TarStream::AddOldParts(absl::string_view table, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const absl::string_view part = table.substr(i * kTarPartBytes, kTarPartBytes);
    if (part[0] == 0) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const int64_t offset,
                     TarNumberOf(part, {0, kTarPartNumberBytes}, "an offset"));
    ASSIGN_OR_RETURN(const int64_t size,
                     TarNumberOf(part, {kTarPartNumberBytes, kTarPartNumberBytes}, "a size"));
    RETURN_IF_ERROR(AddPart(offset, size));
  }
  return absl::OkStatus();
}

// Whole blocks are gathered until all numbers of the list are there.
absl::Status TarStream::TakeSparseList() {
  const absl::string_view list = gathered_;
  if (static_cast<int64_t>(list.size()) > left_bytes_ || list.size() > kMaxHeaderBytes) {
    return InvalidTar("a malformed list of a sparse file's parts");
  }
  if (lines_ == 0) {
    return absl::OkStatus();
  }
  size_t count = 0;
  if (!absl::SimpleAtoi(list.substr(0, list.find('\n')), &count) || count > kMaxParts) {
    return InvalidTar("a malformed list of a sparse file's parts");
  }
  return lines_ < 2 * count + 1 ? absl::OkStatus() : ReadPaxParts();
}

absl::Status TarStream::ReadPaxParts() {
  const std::string list = std::exchange(gathered_, {});
  left_bytes_ -= static_cast<int64_t>(list.size());
  const std::vector<absl::string_view> lines = absl::StrSplit(list, '\n');
  ASSIGN_OR_RETURN(const int64_t count, ParsePaxNumber(lines[0]));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    ASSIGN_OR_RETURN(const int64_t offset, ParsePaxNumber(lines[2 * i + 1]));
    ASSIGN_OR_RETURN(const int64_t size, ParsePaxNumber(lines[2 * i + 2]));
    RETURN_IF_ERROR(AddPart(offset, size));
  }
  return StartContent();
}

absl::Status TarStream::AddPart(int64_t offset, int64_t size_bytes) {
  const int64_t end = parts_.empty() ? 0 : parts_.back().offset + parts_.back().size_bytes;
  if (offset < end || size_bytes < 0 || offset > entry_.size_bytes ||
      size_bytes > entry_.size_bytes - offset) {
    return InvalidTar("a malformed list of a sparse file's parts");
  }
  if (parts_.size() == kMaxParts) {
    return LimitExceeded(absl::StrCat("a sparse file of more than ", kMaxParts, " parts"));
  }
  parts_.push_back({offset, size_bytes});
  return absl::OkStatus();
}

absl::Status TarStream::StartContent() {
  if (entry_.is_sparse) {
    int64_t size_bytes = 0;
    for (const Part& part : parts_) {
      size_bytes += part.size_bytes;
    }
    if (size_bytes != left_bytes_) {
      return InvalidTar("a sparse file's parts are not its content");
    }
    entry_.sparse_parts = std::ssize(parts_);
  }
  RETURN_IF_ERROR(handler_.OnEntry(entry_));
  state_ = State::kContent;
  return left_bytes_ > 0 ? absl::OkStatus() : EndEntry();
}

absl::Status TarStream::PassContent(absl::string_view bytes) {
  if (!entry_.is_sparse) {
    const int64_t offset = offset_;
    offset_ += static_cast<int64_t>(bytes.size());
    return handler_.OnContent(offset, bytes);
  }
  RETURN_IF_ERROR(handler_.OnRaw(bytes));
  // The parts have as many bytes as the content.
  while (!bytes.empty()) {
    Part& part = parts_.front();
    const size_t count = std::min(bytes.size(), static_cast<size_t>(part.size_bytes));
    if (count > 0) {
      RETURN_IF_ERROR(handler_.OnContent(part.offset, bytes.substr(0, count)));
    }
    part.offset += static_cast<int64_t>(count);
    part.size_bytes -= static_cast<int64_t>(count);
    bytes.remove_prefix(count);
    if (part.size_bytes == 0) {
      parts_.pop_front();
    }
  }
  return absl::OkStatus();
}

absl::Status TarStream::EndEntry() {
  state_ = padding_bytes_ > 0 ? State::kPadding : State::kHeader;
  return handler_.OnEntryEnd();
}

}  // namespace holkas
