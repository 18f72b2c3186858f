#include "worker/storage/image_table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/storage/big_data_name.h"
#include "worker/storage/json_member.h"

namespace holkas {
namespace {

constexpr mode_t kDataMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

bool IsString(const JsonValue& value, absl::string_view text) {
  return value.string() != nullptr && *value.string() == text;
}

// The member of the kind, made where it is not there or of another kind.
JsonArray& ArrayOf(JsonValue& record, absl::string_view key) {
  JsonValue* member = record.Find(key);
  if (member == nullptr || member->array() == nullptr) {
    SetMember(record, key, JsonValue(JsonArray()));
    member = record.Find(key);
  }
  return *member->array();
}

JsonValue& ObjectOf(JsonValue& record, absl::string_view key) {
  JsonValue* member = record.Find(key);
  if (member == nullptr || member->object() == nullptr) {
    SetMember(record, key, JsonValue(JsonObject()));
    member = record.Find(key);
  }
  return *member;
}

bool HasString(const JsonArray& array, absl::string_view text) {
  return std::any_of(array.begin(), array.end(),
                     [&](const JsonValue& value) { return IsString(value, text); });
}

void AddString(JsonArray& array, const std::string& text) {
  if (!HasString(array, text)) {
    array.emplace_back(text);
  }
}

// What is left out where it is empty is what Go leaves out.
void RemoveString(JsonValue& record, absl::string_view key, const std::string& text) {
  JsonValue* member = record.Find(key);
  if (member == nullptr || member->array() == nullptr) {
    return;
  }
  std::erase_if(*member->array(), [&](const JsonValue& value) { return IsString(value, text); });
  if (member->array()->empty()) {
    std::erase_if(*record.object(), [&](const JsonMember& other) { return other.key == key; });
  }
}

void SortMembers(JsonValue& object) {
  std::sort(object.object()->begin(), object.object()->end(),
            [](const JsonMember& a, const JsonMember& b) { return a.key < b.key; });
}

JsonValue NewRecord(const ImageTable::NewImage& image) {
  // In the order in which peers write them; without values that are set later.
  JsonObject json;
  json.push_back({"id", JsonValue(image.id)});
  json.push_back({"digest", JsonValue(image.manifest_digest.ToString())});
  if (!image.name.empty()) {
    json.push_back({"names", JsonValue(JsonArray())});
    json.push_back({"names-history", JsonValue(JsonArray())});
  }
  if (!image.layer.empty()) {
    json.push_back({"layer", JsonValue(image.layer)});
  }
  json.push_back({"metadata", JsonValue("")});
  json.push_back({"big-data-names", JsonValue(JsonArray())});
  json.push_back({"big-data-sizes", JsonValue(JsonObject())});
  json.push_back({"big-data-digests", JsonValue(JsonObject())});
  json.push_back({"created", JsonValue(image.created)});
  return JsonValue(std::move(json));
}

// What Skopeo and Podman know of an image's signatures: none.
std::string Metadata(const Digest& manifest_digest) {
  return JsonValue(
             JsonObject{{"signatures-sizes", JsonValue(JsonObject{{manifest_digest.ToString(),
                                                                   JsonValue(JsonArray())}})}})
      .Write();
}

void Update(JsonValue& record, const ImageTable::NewImage& image) {
  SetMember(record, "digest", JsonValue(image.manifest_digest.ToString()));
  SetMember(record, "metadata", JsonValue(Metadata(image.manifest_digest)));
  if (!image.name.empty()) {
    // The newest is the first.
    if (JsonArray& names = ArrayOf(record, "names"); !HasString(names, image.name)) {
      names.insert(names.begin(), JsonValue(image.name));
    }
    AddString(ArrayOf(record, "names-history"), image.name);
  }
  for (const ImageTable::Data& data : image.data) {
    AddString(ArrayOf(record, "big-data-names"), data.key);
    SetMember(ObjectOf(record, "big-data-sizes"), data.key,
              JsonValue(static_cast<int64_t>(data.bytes.size())));
    SetMember(ObjectOf(record, "big-data-digests"), data.key,
              JsonValue(Digest::Sha256Of(data.bytes).ToString()));
  }
  SortMembers(ObjectOf(record, "big-data-sizes"));
  SortMembers(ObjectOf(record, "big-data-digests"));
}

}  // namespace

absl::StatusOr<ImageTable> ImageTable::Open(const Store& store) {
  ASSIGN_OR_RETURN(RecordTable records, store.OpenTable("images", LockFile::Mode::kWrite));
  ImageTable table(std::move(records));
  RETURN_IF_ERROR(table.Parse());
  return table;
}

absl::Status ImageTable::Parse() {
  ASSIGN_OR_RETURN(images_, ParseImageRecords(table_.records()));
  return absl::OkStatus();
}

absl::Status ImageTable::Save() {
  RETURN_IF_ERROR(table_.Save());
  return Parse();
}

absl::Status ImageTable::WriteData(const NewImage& image) const {
  ASSIGN_OR_RETURN(const Directory directory,
                   table_.directory().MakeOrOpenDirectory(image.id, kDirectoryMode));
  for (const Data& data : image.data) {
    RETURN_IF_ERROR(directory.WriteFile(BigDataFileName(data.key), data.bytes, kDataMode));
  }
  return absl::OkStatus();
}

absl::Status ImageTable::Put(const NewImage& image) {
  JsonArray& records = table_.records();
  auto found = std::find_if(records.begin(), records.end(),
                            [&](const JsonValue& record) { return HasId(record, image.id); });
  if (found != records.end()) {
    const auto& same = images_[static_cast<size_t>(found - records.begin())];
    if (same.layer != image.layer) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
          absl::StrCat("image with ID ", image.id, " exists, but uses a different top layer"));
    }
  }
  // The list names nothing that is not there.
  RETURN_IF_ERROR(WriteData(image));
  if (found == records.end()) {
    records.push_back(NewRecord(image));
    found = records.end() - 1;
  }
  for (JsonValue& record : records) {
    if (!image.name.empty() && !HasId(record, image.id)) {
      RemoveString(record, "names", image.name);
    }
  }
  Update(*found, image);
  return Save();
}

absl::Status ImageTable::RemoveName(const std::string& id, const std::string& name) {
  for (JsonValue& record : table_.records()) {
    if (HasId(record, id)) {
      RemoveString(record, "names", name);
    }
  }
  return Save();
}

absl::Status ImageTable::Remove(const std::string& id) {
  std::erase_if(table_.records(), [&](const JsonValue& record) { return HasId(record, id); });
  RETURN_IF_ERROR(Save());
  return table_.directory().Remove(id);
}

}  // namespace holkas
