#ifndef HOLKAS_WORKER_IMAGE_MEDIA_TYPES_H_
#define HOLKAS_WORKER_IMAGE_MEDIA_TYPES_H_

#include "absl/strings/string_view.h"

// The media types of manifests, configurations and layers (OCI image-spec, media-types.md; Docker
// image manifest version 2, schema 1 and 2).

namespace holkas {

inline constexpr absl::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr absl::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr absl::string_view kOciConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr absl::string_view kOciLayerType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr absl::string_view kOciLayerGzipType =
    "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr absl::string_view kOciLayerZstdType =
    "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr absl::string_view kOciNondistributableLayerType =
    "application/vnd.oci.image.layer.nondistributable.v1.tar";
inline constexpr absl::string_view kOciNondistributableLayerGzipType =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
inline constexpr absl::string_view kOciNondistributableLayerZstdType =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

inline constexpr absl::string_view kDockerManifestType =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr absl::string_view kDockerListType =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr absl::string_view kDockerConfigType =
    "application/vnd.docker.container.image.v1+json";
inline constexpr absl::string_view kDockerLayerType =
    "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr absl::string_view kDockerLayerGzipType =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr absl::string_view kDockerForeignLayerType =
    "application/vnd.docker.image.rootfs.foreign.diff.tar";
inline constexpr absl::string_view kDockerForeignLayerGzipType =
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
inline constexpr absl::string_view kDockerSchema1Type =
    "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr absl::string_view kDockerSchema1SignedType =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_MEDIA_TYPES_H_
