#include <memory>
#include <string>
#include <utility>

#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/descriptor.h"
#include "worker/jobs/job.h"
#include "worker/transports/registry/registry_blob.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

absl::Status RunMountBlob(const broker::JobSpec& job, Broker& broker) {
  const broker::MountRequest& request = job.mount();
  ASSIGN_OR_RETURN(Digest digest, Digest::Parse(request.digest()));
  const Descriptor blob = {"", std::move(digest), request.size_bytes(), {}, {}};
  ASSIGN_OR_RETURN(const std::unique_ptr<RegistryClient> client,
                   RegistryClient::New({.broker = broker,
                                        .place = broker::PLACE_DESTINATION,
                                        .image = job.destination().registry(),
                                        .user_agent = job.user_agent()}));
  for (const std::string& repository : request.repositories()) {
    ASSIGN_OR_RETURN(const bool mounted, MountRegistryBlob(*client, blob, repository));
    if (!mounted) {
      continue;
    }
    ASSIGN_OR_RETURN(const bool present, HasRegistryBlob(*client, blob));
    if (present) {
      return absl::OkStatus();
    }
  }
  return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                   "no repository has the blob to give");
}

}  // namespace holkas
