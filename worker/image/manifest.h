#ifndef HOLKAS_WORKER_IMAGE_MANIFEST_H_
#define HOLKAS_WORKER_IMAGE_MANIFEST_H_

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest_limits.h"
#include "worker/image/schema1_manifest.h"

namespace holkas {

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

// A manifest as it came, whatever it says: its exact bytes, its digest (of a signed one that of its
// payload, proto/wire/manifest_digest.h), and what the source said of its type.
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
  // agrees with the type that the source gave, where the two types of schema 1 are one. A signed
  // manifest says the same as the payload that its digest is that of; its signatures are not
  // verified. Errors: FAILED_PRECONDITION (INVALID_MANIFEST); UNIMPLEMENTED
  // (MEDIA_TYPE_UNSUPPORTED) for a type that is not known; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for
  // too many bytes, layers or entries.
  static absl::StatusOr<Manifest> Parse(RawManifest raw);

  const std::string& bytes() const { return raw_.bytes; }
  const Digest& digest() const { return raw_.digest; }
  // Never empty.
  const std::string& media_type() const { return raw_.media_type; }

  // One of three: an index, an image of schema 1, any other image.
  bool is_index() const { return std::holds_alternative<ImageIndex>(body_); }
  bool is_schema1() const { return std::holds_alternative<Schema1Manifest>(body_); }
  // Each only where it is that.
  const ImageIndex& index() const { return std::get<ImageIndex>(body_); }
  const Schema1Manifest& schema1() const { return std::get<Schema1Manifest>(body_); }
  const ImageManifest& image() const { return std::get<ImageManifest>(body_); }

  Descriptor ToDescriptor() const;

 private:
  using Body = std::variant<ImageManifest, ImageIndex, Schema1Manifest>;

  Manifest(RawManifest raw, Body body) : raw_(std::move(raw)), body_(std::move(body)) {}

  RawManifest raw_;
  Body body_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_MANIFEST_H_
