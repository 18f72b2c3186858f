#ifndef HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_
#define HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// The names of images, `transport:details` (containers-transports(5)), parsed once at the edge.
// Errors everywhere: INVALID_ARGUMENT with the reason INVALID_REFERENCE, and Skopeo's text where it
// has one; UNIMPLEMENTED with TRANSPORT_UNIMPLEMENTED for Skopeo's transports that are not here.

// `docker://[host[:port]/]path[:tag|@digest]`, normalised as Docker does.
struct RegistryReference {
  std::string host;   // lower case, without brackets around IPv6
  uint16_t port = 0;  // 0: the scheme's default
  std::string path;   // `library/busybox`
  std::string tag;    // `latest` where the user gave neither tag nor digest
  bool tag_given = false;
  std::optional<Digest> digest;
  bool unknown_digest = false;  // `@@unknown-digest@@`: written by digest, without a tag

  // `host[:port]`, as the user would write it.
  std::string HostPort() const;
  // `host[:port]/path`.
  std::string Repository() const;
  // The host to connect to: `registry-1.docker.io` for `docker.io`.
  std::string ApiHost() const;
};

// `oci:path[:reference]` or `oci:path:@index`.
struct OciReference {
  std::string path;
  std::string reference;
  std::optional<uint32_t> index;
};

// `dir:path`.
struct DirReference {
  std::string path;
};

class ImageReference {
 public:
  using Location = std::variant<RegistryReference, OciReference, DirReference>;

  static absl::StatusOr<ImageReference> Parse(absl::string_view text);

  const Location& location() const { return location_; }
  const RegistryReference* registry() const { return std::get_if<RegistryReference>(&location_); }
  const OciReference* oci() const { return std::get_if<OciReference>(&location_); }
  const DirReference* dir() const { return std::get_if<DirReference>(&location_); }

  // `docker`, `oci` or `dir`.
  absl::string_view transport() const;
  // The canonical text; Parse of it gives an equal reference.
  std::string ToString() const;

 private:
  explicit ImageReference(Location location) : location_(std::move(location)) {}
  Location location_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_
