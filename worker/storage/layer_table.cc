#include "worker/storage/layer_table.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_value.h"
#include "worker/storage/json_member.h"
#include "worker/storage/layer_unpacker.h"

namespace holkas {
namespace {

// The kernel's mount options have room for so many names in `l`.
constexpr size_t kMaxLowerLayers = 500;
constexpr int64_t kMaxLowerBytes = 64 << 10;
constexpr size_t kLinkLetters = 26;
// Of the files of a base layer; the root of an image.
constexpr mode_t kOverlayRootMode = 0555;
constexpr mode_t kVfsRootMode = 0755;

std::string TarSplitName(absl::string_view id) { return absl::StrCat(id, ".tar-split.gz"); }

constexpr absl::string_view kLinkAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// The short name of a layer, by which others have it in their mounts.
// Errors: FAILED_PRECONDITION for a name that no program gives.
absl::StatusOr<std::string> ReadLinkName(const Directory& overlay, absl::string_view id) {
  ASSIGN_OR_RETURN(std::string link, overlay.ReadFile(absl::StrCat(id, "/link"), kMaxLowerBytes));
  if (link.empty() ||
      absl::string_view(link).find_first_not_of(kLinkAlphabet) != absl::string_view::npos) {
    return absl::FailedPreconditionError(absl::StrCat("layer ", id, " has a malformed link"));
  }
  return link;
}

absl::StatusOr<std::string> NewLinkName() {
  uint8_t random[kLinkLetters] = {};
  if (getrandom(random, sizeof random, 0) != sizeof random) {
    return ErrnoError(errno, "get random bytes");
  }
  std::string name;
  for (const uint8_t byte : random) {
    name.push_back(kLinkAlphabet[byte % kLinkAlphabet.size()]);
  }
  return name;
}

JsonValue ToJson(const std::set<uint32_t>& ids) {
  JsonArray array;
  for (const uint32_t id : ids) {
    array.emplace_back(int64_t{id});
  }
  return JsonValue(std::move(array));
}

std::string Now() {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::Now(), absl::UTCTimeZone());
}

// What is left out where it is the default is what Go leaves out.
JsonValue ToJson(const LayerTable::NewLayer& layer, bool is_incomplete) {
  const StagedLayer& staged = *layer.staged;
  JsonObject json;
  json.push_back({"id", JsonValue(layer.id)});
  if (!layer.parent.empty()) {
    json.push_back({"parent", JsonValue(layer.parent)});
  }
  json.push_back({"created", JsonValue(Now())});
  if (is_incomplete) {
    json.push_back({"flags", JsonValue(JsonObject{{"incomplete", JsonValue(true)}})});
    return JsonValue(std::move(json));
  }
  json.push_back({"compressed-diff-digest", JsonValue(staged.blob_digest.ToString())});
  if (staged.blob_size_bytes > 0) {
    json.push_back({"compressed-size", JsonValue(staged.blob_size_bytes)});
  }
  json.push_back({"diff-digest", JsonValue(staged.content.diff_digest.ToString())});
  if (staged.content.size_bytes > 0) {
    json.push_back({"diff-size", JsonValue(staged.content.size_bytes)});
  }
  if (staged.compression != Compression::kNone) {
    json.push_back({"compression", JsonValue(CompressionNumber(staged.compression))});
  }
  // Who needs them and finds none counts them in the files.
  if (staged.content.uids.size() <= LayerUnpacker::kMaxIds &&
      staged.content.gids.size() <= LayerUnpacker::kMaxIds) {
    json.push_back({"uidset", ToJson(staged.content.uids)});
    json.push_back({"gidset", ToJson(staged.content.gids)});
  }
  return JsonValue(std::move(json));
}

void EraseIds(JsonArray& records, const std::vector<std::string>& ids) {
  std::erase_if(records, [&](const JsonValue& record) {
    return std::any_of(ids.begin(), ids.end(),
                       [&](const std::string& id) { return HasId(record, id); });
  });
}

// What mounts put below a layer with this parent: the parent, and what is below that.
absl::StatusOr<std::string> LowerOf(const Directory& overlay, const std::string& parent) {
  ASSIGN_OR_RETURN(const std::string link, ReadLinkName(overlay, parent));
  absl::StatusOr<std::string> below =
      overlay.ReadFile(absl::StrCat(parent, "/lower"), kMaxLowerBytes);
  if (!below.ok() && !absl::IsNotFound(below.status())) {
    return below.status();
  }
  std::string lower = absl::StrCat("l/", link);
  if (below.ok()) {
    absl::StrAppend(&lower, ":", *below);
  }
  if (std::count(lower.begin(), lower.end(), ':') >= static_cast<int64_t>(kMaxLowerLayers)) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("more than ", kMaxLowerLayers, " layers on one another"));
  }
  return lower;
}

// The root of an image is what its base layer's is.
absl::Status SetRoot(const Directory& layer, absl::string_view name,
                     const std::optional<Directory>& parent, mode_t base_mode) {
  ASSIGN_OR_RETURN(const Directory root, layer.OpenDirectory(name));
  struct stat info = {};
  info.st_mode = base_mode;
  if (parent.has_value()) {
    if (fstat(parent->fd(), &info) != 0 || fchown(root.fd(), info.st_uid, info.st_gid) != 0) {
      return ErrnoError(errno, "set the owner of a layer's root");
    }
  }
  return fchmod(root.fd(), info.st_mode & 07777) == 0
             ? absl::OkStatus()
             : ErrnoError(errno, "set the mode of a layer's root");
}

}  // namespace

std::string LayerId(const std::string& parent, const Digest& diff_digest) {
  if (parent.empty()) {
    return std::string(diff_digest.hex());
  }
  return std::string(Digest::Sha256Of(absl::StrCat(parent, "+", diff_digest.hex())).hex());
}

absl::StatusOr<LayerTable> LayerTable::Open(const Store& store) {
  ASSIGN_OR_RETURN(RecordTable records, store.OpenTable("layers", LockFile::Mode::kWrite));
  LayerTable table(store, std::move(records));
  RETURN_IF_ERROR(table.Parse());
  RETURN_IF_ERROR(table.RemoveIncomplete());
  return table;
}

absl::Status LayerTable::Parse() {
  ASSIGN_OR_RETURN(layers_, ParseLayerRecords(table_.records()));
  return absl::OkStatus();
}

bool LayerTable::Contains(const std::string& id) const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [&](const LayerRecord& layer) { return layer.id == id; });
}

absl::Status LayerTable::RemoveIncomplete() {
  std::vector<std::string> ids;
  for (const LayerRecord& layer : layers_) {
    if (layer.is_incomplete) {
      RETURN_IF_ERROR(RemoveFiles(layer.id, /*trash=*/nullptr));
      ids.push_back(layer.id);
    }
  }
  if (ids.empty()) {
    return absl::OkStatus();
  }
  EraseIds(table_.records(), ids);
  RETURN_IF_ERROR(table_.Save());
  return Parse();
}

absl::Status LayerTable::Install(const std::vector<NewLayer>& layers, const std::string& staging) {
  if (layers.empty()) {
    return absl::OkStatus();
  }
  const size_t before = table_.records().size();
  for (const NewLayer& layer : layers) {
    table_.records().push_back(ToJson(layer, /*is_incomplete=*/true));
  }
  RETURN_IF_ERROR(table_.Save());
  for (const NewLayer& layer : layers) {
    RETURN_IF_ERROR(WithContext(InstallFiles(layer, staging), absl::StrCat("layer ", layer.id)));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    table_.records()[before + i] = ToJson(layers[i], /*is_incomplete=*/false);
  }
  RETURN_IF_ERROR(table_.Save());
  return Parse();
}

absl::Status LayerTable::InstallFiles(const NewLayer& layer, const std::string& staging) {
  // What is there without a record belongs to nobody.
  RETURN_IF_ERROR(RemoveFiles(layer.id, /*trash=*/nullptr));
  // Both ends of a move are opened from here: a Podman that starts meanwhile mounts the driver's
  // directory onto itself, and nothing can be moved from one mount to the other.
  ASSIGN_OR_RETURN(const Directory driver,
                   store_->graph_root().OpenDirectory(store_->driver_name()));
  ASSIGN_OR_RETURN(const Directory staged,
                   driver.OpenDirectory(absl::StrCat(staging, "/", layer.staged->directory)));
  std::optional<Directory> parent;
  if (!layer.parent.empty()) {
    ASSIGN_OR_RETURN(parent,
                     store_->graph_root().OpenDirectory(store_->LayerFilesPath(layer.parent)));
  }
  if (store_->driver() == StorageDriver::kOverlay) {
    RETURN_IF_ERROR(driver.MakeDirectory(layer.id, 0700));
    ASSIGN_OR_RETURN(const Directory made, driver.OpenDirectory(layer.id));
    RETURN_IF_ERROR(MakeOverlay(driver, made, layer));
    RETURN_IF_ERROR(staged.Move(kStagedFiles, made, "diff"));
    RETURN_IF_ERROR(SetRoot(made, "diff", parent, kOverlayRootMode));
  } else {
    ASSIGN_OR_RETURN(const Directory vfs, driver.OpenDirectory("dir"));
    RETURN_IF_ERROR(staged.Move(kStagedFiles, vfs, layer.id));
    RETURN_IF_ERROR(SetRoot(vfs, layer.id, parent, kVfsRootMode));
  }
  return staged.MoveFile(kStagedTarSplit, table_.directory(), TarSplitName(layer.id), 0600);
}

absl::Status LayerTable::MakeOverlay(const Directory& overlay, const Directory& made,
                                     const NewLayer& layer) const {
  ASSIGN_OR_RETURN(const Directory links, overlay.OpenDirectory("l"));
  ASSIGN_OR_RETURN(const std::string link, NewLinkName());
  const std::string target = absl::StrCat("../", layer.id, "/diff");
  if (symlinkat(target.c_str(), links.fd(), link.c_str()) != 0) {
    return ErrnoError(errno, "make the short name of a layer");
  }
  RETURN_IF_ERROR(made.WriteFile("link", link, 0644));
  RETURN_IF_ERROR(made.MakeDirectory("work", 0700));
  RETURN_IF_ERROR(made.MakeDirectory("merged", 0700));
  if (layer.parent.empty()) {
    return made.MakeDirectory("empty", 0700);
  }
  ASSIGN_OR_RETURN(const std::string lower, LowerOf(overlay, layer.parent));
  return made.WriteFile("lower", lower, 0644);
}

absl::Status LayerTable::RemoveFiles(const std::string& id, const Directory* trash) const {
  RETURN_IF_ERROR(table_.directory().Remove(TarSplitName(id)));
  RETURN_IF_ERROR(table_.directory().Remove(id));
  const bool is_overlay = store_->driver() == StorageDriver::kOverlay;
  absl::StatusOr<Directory> parent =
      store_->graph_root().OpenDirectory(is_overlay ? "overlay" : "vfs/dir");
  if (absl::IsNotFound(parent.status())) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(parent.status());
  if (is_overlay) {
    const absl::StatusOr<std::string> link = ReadLinkName(*parent, id);
    const absl::StatusOr<Directory> links = parent->OpenDirectory("l");
    if (link.ok() && links.ok()) {
      RETURN_IF_ERROR(links->Remove(*link));
    }
  }
  if (trash != nullptr) {
    const absl::Status moved = parent->Move(id, *trash, id);
    if (moved.ok() || absl::IsNotFound(moved)) {
      return absl::OkStatus();
    }
  }
  return parent->Remove(id);
}

absl::Status LayerTable::Remove(const std::vector<std::string>& ids, const Directory& trash) {
  if (ids.empty()) {
    return absl::OkStatus();
  }
  for (JsonValue& record : table_.records()) {
    if (std::any_of(ids.begin(), ids.end(),
                    [&](const std::string& id) { return HasId(record, id); })) {
      SetMember(record, "flags", JsonValue(JsonObject{{"incomplete", JsonValue(true)}}));
    }
  }
  RETURN_IF_ERROR(table_.Save());
  for (const std::string& id : ids) {
    RETURN_IF_ERROR(RemoveFiles(id, &trash));
  }
  EraseIds(table_.records(), ids);
  RETURN_IF_ERROR(table_.Save());
  return Parse();
}

}  // namespace holkas
