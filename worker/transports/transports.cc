#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "worker/transports/any_archive/any_archive.h"
#include "worker/transports/containers_storage/containers_storage.h"
#include "worker/transports/dir/dir.h"
#include "worker/transports/dir_archive/dir_archive.h"
#include "worker/transports/docker_archive/docker_archive.h"
#include "worker/transports/docker_daemon/docker_daemon.h"
#include "worker/transports/oci/oci.h"
#include "worker/transports/oci_archive/oci_archive.h"
#include "worker/transports/registry/registry_delete.h"
#include "worker/transports/registry/registry_destination.h"
#include "worker/transports/registry/registry_source.h"
#include "worker/transports/registry/tag_list.h"
#include "worker/transports/sif/sif.h"
#include "worker/transports/tarball/tarball.h"
#include "worker/transports/transport.h"

namespace holkas {
namespace {

constexpr Transport kTransports[] = {
    {
        .name = "docker",
        .location_case = broker::ImageLocation::kRegistry,
        .open_source = OpenRegistrySource,
        .open_destination = OpenRegistryDestination,
        .delete_image = DeleteRegistryImage,
        .list_tags = ListRegistryTags,
    },
    {
        .name = "oci",
        .location_case = broker::ImageLocation::kOci,
        .open_source = OpenOciSource,
        .open_destination = OpenOciDestination,
        .delete_image = DeleteOciImage,
    },
    {
        .name = "dir",
        .location_case = broker::ImageLocation::kDir,
        .open_source = OpenDirSource,
        .open_destination = OpenDirDestination,
    },
    {
        .name = "docker-archive",
        .location_case = broker::ImageLocation::kDockerArchive,
        .open_source = OpenDockerArchiveSource,
        .open_destination = OpenDockerArchiveDestination,
        .list_tags = ListDockerArchiveTags,
    },
    {
        .name = "oci-archive",
        .location_case = broker::ImageLocation::kOciArchive,
        .open_source = OpenOciArchiveSource,
        .open_destination = OpenOciArchiveDestination,
    },
    {
        .name = "containers-storage",
        .location_case = broker::ImageLocation::kContainersStorage,
        .open_source = OpenContainersStorageSource,
        .open_destination = OpenContainersStorageDestination,
        .delete_image = DeleteContainersStorageImage,
    },
    {
        .name = "tarball",
        .location_case = broker::ImageLocation::kTarball,
        .open_source = OpenTarballSource,
    },
    {
        .name = "sif",
        .location_case = broker::ImageLocation::kSif,
        .open_source = OpenSifSource,
    },
    {
        .name = "docker-daemon",
        .location_case = broker::ImageLocation::kDockerDaemon,
        .open_source = OpenDockerDaemonSource,
        .open_destination = OpenDockerDaemonDestination,
    },
    // Those that no reference names.
    {
        .name = "dir-archive",
        .location_case = broker::ImageLocation::kDirArchive,
        .open_source = OpenDirArchiveSource,
        .open_destination = OpenDirArchiveDestination,
    },
    {
        .name = "archive",
        .location_case = broker::ImageLocation::kAnyArchive,
        .open_source = OpenAnyArchiveSource,
    },
};

}  // namespace

absl::StatusOr<const Transport*> FindTransport(const broker::ImageLocation& location) {
  for (const Transport& transport : kTransports) {
    if (transport.location_case == location.transport_case()) {
      return &transport;
    }
  }
  return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
                   absl::StrCat("transport ", static_cast<int>(location.transport_case()),
                                ": this version does not serve it"));
}

}  // namespace holkas
