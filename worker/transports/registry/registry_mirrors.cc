#include "worker/transports/registry/registry_mirrors.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How the image, or the repository, is called there.
std::string NameAt(const RegistryClient& client) {
  const broker::RegistryImage& image = client.image();
  if (!image.digest().empty()) {
    return absl::StrCat(client.repository_name(), "@", image.digest());
  }
  return absl::StrCat(client.repository_name(), image.tag().empty() ? "" : ":", image.tag());
}

}  // namespace

absl::StatusOr<RegistryClients> NewRegistryClients(const TransportContext& context,
                                                   const broker::RegistryImage& registry) {
  RegistryClients clients;
  const auto add = [&](const broker::RegistryImage& image, uint32_t endpoint) -> absl::Status {
    absl::StatusOr<std::unique_ptr<RegistryClient>> client =
        RegistryClient::New({.broker = context.broker,
                             .place = broker::PLACE_SOURCE,
                             .image = image,
                             .user_agent = context.job.user_agent(),
                             .endpoint = endpoint});
    RETURN_IF_ERROR(client.status());
    clients.push_back(*std::move(client));
    return absl::OkStatus();
  };
  for (int i = 0; i < registry.mirrors_size(); ++i) {
    RETURN_IF_ERROR(add(registry.mirrors(i), static_cast<uint32_t>(i) + 1));
  }
  RETURN_IF_ERROR(add(registry, 0));
  return clients;
}

absl::StatusOr<size_t> FirstThatWorks(const RegistryClients& clients,
                                      const std::function<absl::Status(RegistryClient&)>& read) {
  std::vector<std::string> failures;
  for (size_t i = 0;; ++i) {
    const absl::Status status = read(*clients[i]);
    if (status.ok()) {
      return i;
    }
    const bool last = i + 1 == clients.size();
    if (last && failures.empty()) {
      return status;
    }
    const std::string failure = absl::StrCat(NameAt(*clients[i]), ": ", status.message());
    if (last) {
      return MakeError(
          status.code(), ErrorReason(status),
          absl::StrCat("(Mirrors also failed: ", absl::StrJoin(failures, "\n"), "): ", failure),
          ErrorMetadata(status));
    }
    failures.push_back(absl::StrCat("[", failure, "]"));
  }
}

}  // namespace holkas
