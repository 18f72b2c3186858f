#include "service/rpc/prepare_stream.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status InvalidImage(const std::string& field, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", why,
                   {{"field", field}});
}

// The reference to `image` in an archive of the transport, whose path is nothing.
absl::StatusOr<ImageReference> ParseIn(absl::string_view transport, const std::string& image,
                                       const std::string& field) {
  absl::StatusOr<ImageReference> reference =
      ImageReference::Parse(absl::StrCat(transport, ":-", image.empty() ? "" : ":", image));
  return reference.ok()
             ? std::move(reference)
             : absl::StatusOr<ImageReference>(InvalidImage(field, reference.status().message()));
}

absl::StatusOr<broker::DockerArchiveImage> DockerImage(const std::string& image,
                                                       const std::string& field) {
  ASSIGN_OR_RETURN(const ImageReference reference, ParseIn("docker-archive", image, field));
  return DockerArchiveImageOf(*reference.docker_archive());
}

absl::StatusOr<broker::OciArchiveImage> OciImage(const std::string& image,
                                                 const std::string& field) {
  // Layouts in directories can be asked for a position.
  ASSIGN_OR_RETURN(const ImageReference reference, ParseIn("oci", image, field));
  broker::OciArchiveImage result;
  result.set_reference(reference.oci()->reference);
  result.set_has_index(reference.oci()->index.has_value());
  result.set_index(reference.oci()->index.value_or(0));
  return result;
}

PreparedStream StreamOf(const std::string& kind, const std::string& image,
                        broker::ImageLocation location) {
  return {ImageReference::Of(StreamedArchiveReference{kind, image}), std::move(location)};
}

absl::StatusOr<PreparedStream> PrepareFormat(v1::ArchiveFormat format, const std::string& image,
                                             const std::string& field) {
  broker::ImageLocation location;
  if (format == v1::ARCHIVE_FORMAT_DOCKER) {
    ASSIGN_OR_RETURN(*location.mutable_docker_archive(), DockerImage(image, field));
    return StreamOf("docker-archive", image, std::move(location));
  }
  if (format == v1::ARCHIVE_FORMAT_OCI) {
    ASSIGN_OR_RETURN(*location.mutable_oci_archive(), OciImage(image, field));
    return StreamOf("oci-archive", image, std::move(location));
  }
  if (!image.empty()) {
    return InvalidImage(
        field, absl::StrCat("field ", field, " is not for archives of a directory: they hold one"));
  }
  location.mutable_dir_archive();
  return StreamOf("dir-archive", image, std::move(location));
}

}  // namespace

broker::DockerArchiveImage DockerArchiveImageOf(const DockerArchiveReference& reference) {
  broker::DockerArchiveImage image;
  image.set_name(reference.name.has_value() ? reference.name->Name() : "");
  image.set_has_index(reference.index.has_value());
  image.set_index(reference.index.value_or(0));
  return image;
}

broker::OciArchiveImage OciArchiveImageOf(const OciArchiveReference& reference) {
  broker::OciArchiveImage image;
  image.set_reference(reference.reference);
  return image;
}

absl::StatusOr<PreparedStream> PrepareImport(v1::ArchiveFormat format, const std::string& image,
                                             const std::string& field) {
  if (format != v1::ARCHIVE_FORMAT_UNSPECIFIED) {
    return PrepareFormat(format, image, field);
  }
  broker::ImageLocation location;
  broker::AnyArchiveImage& any = *location.mutable_any_archive();
  const absl::StatusOr<broker::DockerArchiveImage> docker = DockerImage(image, field);
  if (docker.ok()) {
    *any.mutable_docker() = *docker;
  }
  const absl::StatusOr<broker::OciArchiveImage> oci = OciImage(image, field);
  if (oci.ok()) {
    *any.mutable_oci() = *oci;
  }
  if (!docker.ok() && !oci.ok()) {
    return docker.status();
  }
  return StreamOf("archive", image, std::move(location));
}

absl::StatusOr<PreparedStream> PrepareExport(v1::ArchiveFormat format, const std::string& image,
                                             const std::string& field) {
  ASSIGN_OR_RETURN(
      PreparedStream stream,
      PrepareFormat(format == v1::ARCHIVE_FORMAT_UNSPECIFIED ? v1::ARCHIVE_FORMAT_OCI : format,
                    image, field));
  if (stream.location.oci_archive().has_index() || stream.location.docker_archive().has_index()) {
    return InvalidImage(field, absl::StrCat("field ", field, " must not be a position: ", image));
  }
  return stream;
}

}  // namespace holkas
