#include "worker/storage/records.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"

namespace holkas {
namespace {

constexpr size_t kIdDigits = 64;
// In the order of their numbers.
constexpr Compression kCompressions[] = {Compression::kNone, Compression::kBzip2,
                                         Compression::kGzip, Compression::kXz, Compression::kZstd};

absl::Status Malformed(absl::string_view what, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("malformed record of ", what, ": ", why));
}

absl::StatusOr<std::optional<Digest>> FindDigest(const JsonValue& json, absl::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, GetString(json, key));
  if (text.empty()) {
    return std::optional<Digest>();
  }
  ASSIGN_OR_RETURN(Digest digest, Digest::Parse(text));
  return std::optional<Digest>(std::move(digest));
}

absl::StatusOr<std::string> GetId(const JsonValue& json, absl::string_view key, bool may_be_empty) {
  ASSIGN_OR_RETURN(std::string id, GetString(json, key));
  if (!IsStoreId(id) && !(may_be_empty && id.empty())) {
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no identity"));
  }
  return id;
}

absl::StatusOr<LayerRecord> ParseLayer(const JsonValue& json) {
  LayerRecord layer;
  ASSIGN_OR_RETURN(layer.id, GetId(json, "id", /*may_be_empty=*/false));
  ASSIGN_OR_RETURN(layer.parent, GetId(json, "parent", /*may_be_empty=*/true));
  ASSIGN_OR_RETURN(layer.compressed_digest, FindDigest(json, "compressed-diff-digest"));
  ASSIGN_OR_RETURN(layer.diff_digest, FindDigest(json, "diff-digest"));
  ASSIGN_OR_RETURN(const std::optional<int64_t> compressed, FindInt64(json, "compressed-size"));
  ASSIGN_OR_RETURN(const std::optional<int64_t> plain, FindInt64(json, "diff-size"));
  layer.compressed_size_bytes = compressed.value_or(0);
  layer.diff_size_bytes = plain.value_or(0);
  ASSIGN_OR_RETURN(const std::optional<int64_t> number, FindInt64(json, "compression"));
  if (number.has_value() && *number >= 0 && *number < std::ssize(kCompressions)) {
    layer.compression = kCompressions[*number];
  }
  if (const JsonValue* flags = FindField(json, "flags")) {
    ASSIGN_OR_RETURN(layer.is_incomplete, GetBool(*flags, "incomplete"));
  }
  return layer;
}

absl::StatusOr<ImageRecord> ParseImage(const JsonValue& json) {
  ImageRecord image;
  ASSIGN_OR_RETURN(image.id, GetId(json, "id", /*may_be_empty=*/false));
  ASSIGN_OR_RETURN(image.layer, GetId(json, "layer", /*may_be_empty=*/true));
  ASSIGN_OR_RETURN(auto names, FindStrings(json, "names"));
  image.names = std::move(names).value_or(std::vector<std::string>());
  ASSIGN_OR_RETURN(auto mapped, FindStrings(json, "mapped-layers"));
  image.mapped_layers = std::move(mapped).value_or(std::vector<std::string>());
  ASSIGN_OR_RETURN(auto digests, FindStringMap(json, "big-data-digests"));
  image.data_digests = std::move(digests).value_or(std::map<std::string, std::string>());
  ASSIGN_OR_RETURN(const std::string digest, GetString(json, "digest"));
  if (!digest.empty()) {
    image.data_digests.emplace("manifest", digest);
  }
  return image;
}

template <typename Record>
absl::StatusOr<std::vector<Record>> ParseAll(const JsonArray& json) {
  std::vector<Record> records;
  records.reserve(json.size());
  for (const JsonValue& value : json) {
    ASSIGN_OR_RETURN(Record record, Record::Parse(value));
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

bool IsStoreId(absl::string_view text) {
  return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

absl::StatusOr<LayerRecord> LayerRecord::Parse(const JsonValue& json) {
  absl::StatusOr<LayerRecord> layer = ParseLayer(json);
  return layer.ok() ? std::move(layer) : Malformed("a layer", layer.status().message());
}

absl::StatusOr<ImageRecord> ImageRecord::Parse(const JsonValue& json) {
  absl::StatusOr<ImageRecord> image = ParseImage(json);
  return image.ok() ? std::move(image) : Malformed("an image", image.status().message());
}

bool ImageRecord::HasManifest(const Digest& digest) const {
  return std::any_of(data_digests.begin(), data_digests.end(), [&](const auto& data) {
    return absl::StartsWith(data.first, "manifest") && data.second == digest.ToString();
  });
}

int64_t CompressionNumber(Compression compression) {
  return std::find(std::begin(kCompressions), std::end(kCompressions), compression) -
         std::begin(kCompressions);
}

std::string ManifestKey(const Digest& digest) {
  return absl::StrCat("manifest-", digest.ToString());
}

absl::StatusOr<std::vector<LayerRecord>> ParseLayerRecords(const JsonArray& json) {
  return ParseAll<LayerRecord>(json);
}

absl::StatusOr<std::vector<ImageRecord>> ParseImageRecords(const JsonArray& json) {
  return ParseAll<ImageRecord>(json);
}

}  // namespace holkas
