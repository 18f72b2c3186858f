#include <memory>
#include <utility>

#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/jobs/job.h"
#include "worker/transports/registry/fetch_token.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {
namespace {

absl::StatusOr<std::unique_ptr<RegistryClient>> ClientOf(const broker::JobSpec& job,
                                                         Broker& broker) {
  return RegistryClient::New({.broker = broker,
                              .place = broker::PLACE_SOURCE,
                              .image = job.source().registry(),
                              .user_agent = job.user_agent()});
}

}  // namespace

absl::StatusOr<broker::TokenResponse> RunFetchToken(const broker::JobSpec& job, Broker& broker) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RegistryClient> client, ClientOf(job, broker));
  return FetchToken(*client, job.token());
}

absl::Status RunCheckCredentials(const broker::JobSpec& job, Broker& broker) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RegistryClient> client, ClientOf(job, broker));
  ASSIGN_OR_RETURN(const std::unique_ptr<RegistryAnswer> answer, client->Send({}));
  if (answer->head().status != 200) {
    return answer->Error(RegistryObject::kBase);
  }
  answer->Discard();
  return absl::OkStatus();
}

}  // namespace holkas
