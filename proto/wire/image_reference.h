#ifndef HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_
#define HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
  std::string tag;    // `latest` where the user gave neither tag nor digest; never beside a digest
  bool tag_given = false;
  std::optional<Digest> digest;
  bool unknown_digest = false;  // `@@unknown-digest@@`: written by digest, without a tag

  // `host[:port]`, as the user would write it.
  std::string HostPort() const;
  // `host[:port]/path`.
  std::string Repository() const;
  // `host[:port]/path[:tag][@digest]`.
  std::string Name() const;
  // The host to connect to: `registry-1.docker.io` for `docker.io`.
  std::string ApiHost() const;
};

// `oci:path[:reference]` or `oci:path:@index`.
struct OciReference {
  std::string path;
  std::string reference;
  std::optional<uint32_t> index = {};
  // Where its blobs are, which no name says; empty: in the layout.
  std::string blob_directory = {};
};

// `dir:path`.
struct DirReference {
  std::string path;
};

// `docker-daemon:name:tag`, `docker-daemon:name@digest` or `docker-daemon:sha256:ID`: the name, or
// the ID, which is the digest of a configuration.
struct DockerDaemonReference {
  std::optional<RegistryReference> name;
  std::optional<Digest> id;

  // As Docker's users write it, without what they may leave out: `busybox:1`, `sha256:...`.
  std::string Familiar() const;
};

// `containers-storage:[[driver@]root[+run][:options]]name[:tag][@digest][@id]`, or `@id` alone in
// the place of the name.
struct StorageReference {
  // What the brackets say, each empty where it is to be found out. Roots are absolute paths.
  std::string driver;
  std::string graph_root;
  std::string run_root;
  std::vector<std::string> options;

  // Normalised as by Docker, with a tag unless there is a digest; unlike an image in a registry it
  // may have both. Nothing where the image is named by its ID alone.
  std::optional<RegistryReference> name;
  // Of 64 lower-case hexadecimal digits, or the first of them, at least three; empty for none.
  std::string image_id;

  // The name with tag and digest, `docker.io/library/busybox:latest`; empty for none.
  std::string NameText() const;
  // NameText and ID, as behind the brackets.
  std::string ImageText() const;
};

// `docker-archive:path[:name[:tag]]` or `docker-archive:path:@index`.
struct DockerArchiveReference {
  std::string path;
  // The image's name, with a tag and without a digest.
  std::optional<RegistryReference> name;
  std::optional<uint32_t> index;
};

// `oci-archive:path[:reference]`.
struct OciArchiveReference {
  std::string path;
  std::string reference;
};

// `tarball:path[:path...]`: an image whose layers are these files. Only read.
struct TarballReference {
  // At least one; `-` is the standard input of who named it.
  std::vector<std::string> paths;
};

// `sif:path`: an image of Singularity's. Only read.
struct SifReference {
  std::string path;
};

// An archive that a caller streams. No text names it: Parse never gives one.
struct StreamedArchiveReference {
  // `docker-archive`, `oci-archive`, `dir-archive`; `archive` where its bytes are to tell.
  std::string kind;
  // The image in it, as the caller names it; empty for none.
  std::string image;
};

// Parses `[host[:port]/]path[:tag][@digest]`, normalised as Docker does, without a default tag.
absl::StatusOr<RegistryReference> ParseImageName(absl::string_view text);

// Parses `[host[:port]/]path:tag`, one more name for an image in a docker-archive, normalised as
// Docker does. Errors have Skopeo's text about its flag --additional-tag.
absl::StatusOr<RegistryReference> ParseAdditionalTag(absl::string_view text);

class ImageReference {
 public:
  using Location = std::variant<RegistryReference, OciReference, DirReference, StorageReference,
                                DockerArchiveReference, OciArchiveReference, DockerDaemonReference,
                                TarballReference, SifReference, StreamedArchiveReference>;

  static absl::StatusOr<ImageReference> Parse(absl::string_view text);
  // One whose store was found.
  static ImageReference Of(StorageReference reference) {
    return ImageReference(std::move(reference));
  }
  // One whose directory of blobs was named.
  static ImageReference Of(OciReference reference) { return ImageReference(std::move(reference)); }
  // One that comes or goes with its request.
  static ImageReference Of(StreamedArchiveReference reference) {
    return ImageReference(std::move(reference));
  }

  const Location& location() const { return location_; }
  const RegistryReference* registry() const { return std::get_if<RegistryReference>(&location_); }
  const OciReference* oci() const { return std::get_if<OciReference>(&location_); }
  const DirReference* dir() const { return std::get_if<DirReference>(&location_); }
  const StorageReference* storage() const { return std::get_if<StorageReference>(&location_); }
  const DockerArchiveReference* docker_archive() const {
    return std::get_if<DockerArchiveReference>(&location_);
  }
  const OciArchiveReference* oci_archive() const {
    return std::get_if<OciArchiveReference>(&location_);
  }
  const DockerDaemonReference* docker_daemon() const {
    return std::get_if<DockerDaemonReference>(&location_);
  }
  const TarballReference* tarball() const { return std::get_if<TarballReference>(&location_); }
  const SifReference* sif() const { return std::get_if<SifReference>(&location_); }
  const StreamedArchiveReference* streamed() const {
    return std::get_if<StreamedArchiveReference>(&location_);
  }

  // `docker`, `oci`...
  absl::string_view transport() const;
  // The canonical text; Parse of it gives an equal reference, but for what is streamed.
  std::string ToString() const;

 private:
  explicit ImageReference(Location location) : location_(std::move(location)) {}
  Location location_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_IMAGE_REFERENCE_H_
