#ifndef HOLKAS_WORKER_IMAGE_MANIFEST_H_
#define HOLKAS_WORKER_IMAGE_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/image/descriptor.h"

namespace holkas {

// A manifest is never larger than this, whatever its source (OCI distribution-spec asks registries
// to take 4 MiB).
inline constexpr int64_t kMaxManifestBytes = 4 << 20;
// A configuration is never larger than this.
inline constexpr int64_t kMaxConfigBytes = 4 << 20;
// An image never has more layers than this.
inline constexpr size_t kMaxLayers = 1000;
// An index never lists more images than this.
inline constexpr size_t kMaxIndexEntries = 10000;

// Docker schema 2 or OCI image manifest.
struct ImageManifest {
  std::optional<std::string> artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
};

// Docker manifest list or OCI index.
struct ImageIndex {
  struct Entry {
    Descriptor descriptor;
    std::optional<ImagePlatform> platform;
  };
  std::vector<Entry> manifests;
};

// A manifest as it came, whatever it says: its exact bytes, their digest, and what the source said
// of their type.
struct RawManifest {
  std::string bytes;
  Digest digest;
  std::string media_type;  // empty where the source does not say
};

// A manifest whose bytes were found to be unambiguously of one type.
class Manifest {
 public:
  // Parses strictly: valid UTF-8 JSON, at most 64 deep, no duplicate key and no key that differs
  // from a known one in case alone; fields of one type only (CVE-2021-41190); the type inside
  // agrees with the type that the source gave. Errors: FAILED_PRECONDITION (INVALID_MANIFEST);
  // UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for schema 1; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for
  // too many bytes, layers or entries.
  static absl::StatusOr<Manifest> Parse(RawManifest raw);

  const std::string& bytes() const { return raw_.bytes; }
  const Digest& digest() const { return raw_.digest; }
  // Never empty.
  const std::string& media_type() const { return raw_.media_type; }

  bool is_index() const { return std::holds_alternative<ImageIndex>(body_); }
  // Only where is_index() says so.
  const ImageIndex& index() const { return std::get<ImageIndex>(body_); }
  const ImageManifest& image() const { return std::get<ImageManifest>(body_); }

  Descriptor ToDescriptor() const;

 private:
  Manifest(RawManifest raw, std::variant<ImageManifest, ImageIndex> body)
      : raw_(std::move(raw)), body_(std::move(body)) {}

  RawManifest raw_;
  std::variant<ImageManifest, ImageIndex> body_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_MANIFEST_H_
