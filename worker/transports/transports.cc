#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "worker/transports/dir/dir.h"
#include "worker/transports/oci/oci.h"
#include "worker/transports/registry/registry_delete.h"
#include "worker/transports/registry/registry_destination.h"
#include "worker/transports/registry/registry_source.h"
#include "worker/transports/registry/tag_list.h"
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
    },
    {
        .name = "dir",
        .location_case = broker::ImageLocation::kDir,
        .open_source = OpenDirSource,
        .open_destination = OpenDirDestination,
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
