#include "worker/storage/record_table.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr mode_t kFileMode = 0600;

}  // namespace

absl::StatusOr<JsonArray> ReadRecords(const Directory& directory, absl::string_view path) {
  absl::StatusOr<std::string> text = directory.ReadFile(path, kMaxRecordBytes);
  if (absl::IsNotFound(text.status()) || (text.ok() && text->empty())) {
    return JsonArray();
  }
  RETURN_IF_ERROR(text.status());
  absl::StatusOr<JsonValue> json = ParseStrictJson(*text);
  if (absl::IsInvalidArgument(json.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("read ", path, ": ", json.status().message()));
  }
  RETURN_IF_ERROR(WithContext(json.status(), absl::StrCat("read ", path)));
  if (json->is_null()) {
    return JsonArray();
  }
  JsonArray* records = json->array();
  if (records == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("read ", path, ": not a list"));
  }
  return std::move(*records);
}

absl::StatusOr<RecordTable> RecordTable::Open(const Directory& graph_root,
                                              absl::string_view directory, absl::string_view name,
                                              LockFile::Mode mode) {
  ASSIGN_OR_RETURN(Directory opened, graph_root.OpenDirectory(directory));
  ASSIGN_OR_RETURN(LockFile lock, LockFile::Acquire(opened, absl::StrCat(name, ".lock"), mode));
  ASSIGN_OR_RETURN(JsonArray records, ReadRecords(opened, absl::StrCat(name, ".json")));
  return RecordTable(std::move(opened), std::string(name), std::move(lock), std::move(records));
}

absl::Status RecordTable::Save() const {
  RETURN_IF_ERROR(lock_.Touch());
  return directory_.WriteFile(absl::StrCat(name_, ".json"), JsonValue(records_).Write(), kFileMode);
}

}  // namespace holkas
