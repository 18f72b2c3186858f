#include "proto/wire/storage_reference.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/docker_name.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Of the beginning of an image's ID, as containers/storage takes it.
constexpr size_t kMinImageIdBytes = 3;

absl::Status InvalidStorage(absl::string_view what) {
  return InvalidReference(absl::StrCat(what, what.empty() ? "" : ": ", "invalid reference"));
}

absl::Status CheckStorageRoot(absl::string_view path) {
  if (!path.empty() && path[0] != '/') {
    return InvalidReference("path name is not absolute");
  }
  return path.find('\0') == absl::string_view::npos
             ? absl::OkStatus()
             : InvalidReference(
                   absl::StrCat("path name \"", ShownReference(path), "\" has a NUL byte"));
}

// What is between the brackets.
absl::Status ParseStore(absl::string_view store, StorageReference& reference) {
  if (size_t at = store.find('@'); at != absl::string_view::npos) {
    reference.driver = std::string(store.substr(0, at));
    store.remove_prefix(at + 1);
    if (reference.driver.empty()) {
      return InvalidStorage("");
    }
  }
  if (store.empty()) {
    return InvalidStorage("");
  }
  if (size_t colon = store.find(':'); colon != absl::string_view::npos) {
    reference.options = absl::StrSplit(store.substr(colon + 1), ',');
    store = store.substr(0, colon);
  }
  const size_t plus = store.find('+');
  reference.graph_root = std::string(store.substr(0, plus));
  if (plus != absl::string_view::npos) {
    reference.run_root = std::string(store.substr(plus + 1));
  }
  RETURN_IF_ERROR(CheckStorageRoot(reference.graph_root));
  RETURN_IF_ERROR(CheckStorageRoot(reference.run_root));
  if (reference.graph_root.empty() && reference.run_root.empty()) {
    return InvalidReference(
        "no storage runroot or graphroot specified: missing necessary StoreOptions");
  }
  return absl::OkStatus();
}

// What is behind the last '@' of `text` and no digest is the image's ID: sets it, and takes it from
// `text`.
absl::Status TakeImageId(absl::string_view& text, StorageReference& reference) {
  const size_t at = text.rfind('@');
  if (at == absl::string_view::npos) {
    return absl::OkStatus();
  }
  const absl::string_view last = text.substr(at + 1);
  if (last.empty()) {
    return InvalidStorage(
        absl::StrCat("empty trailing digest or ID in \"", ShownReference(text), "\""));
  }
  if (Digest::Parse(last).ok()) {
    return absl::OkStatus();
  }
  if (last.size() < kMinImageIdBytes || last.size() > kImageIdBytes || !IsLowerHex(last)) {
    return InvalidStorage(
        absl::StrCat("\"", ShownReference(last), "\" does not look like an image ID or digest"));
  }
  reference.image_id = std::string(last);
  text = text.substr(0, at);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StorageReference> ParseStorage(absl::string_view details) {
  StorageReference reference;
  absl::string_view text = details;
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos) {
      return InvalidStorage("");
    }
    RETURN_IF_ERROR(ParseStore(text.substr(0, end), reference));
    text.remove_prefix(end + 1);
  }
  if (text.empty()) {
    return InvalidStorage("\"\" is an empty reference");
  }
  RETURN_IF_ERROR(TakeImageId(text, reference));
  if (text.empty()) {
    return reference;
  }
  reference.name.emplace();
  if (absl::Status name = ParseName(text, *reference.name); !name.ok()) {
    return InvalidReference(
        absl::StrCat("parsing named reference \"", ShownReference(text), "\": ", name.message()));
  }
  if (reference.name->tag.empty() && !reference.name->digest.has_value()) {
    reference.name->tag = "latest";
  }
  return reference;
}

std::string StoreText(const StorageReference& reference) {
  if (reference.graph_root.empty() && reference.run_root.empty()) {
    return "";
  }
  return absl::StrCat("[", reference.driver, reference.driver.empty() ? "" : "@",
                      reference.graph_root, reference.run_root.empty() ? "" : "+",
                      reference.run_root, reference.options.empty() ? "" : ":",
                      absl::StrJoin(reference.options, ","), "]");
}

std::string StorageReference::NameText() const { return name.has_value() ? name->Name() : ""; }

std::string StorageReference::ImageText() const {
  return absl::StrCat(NameText(), image_id.empty() ? "" : "@", image_id);
}

}  // namespace holkas
