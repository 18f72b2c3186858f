#include "clients/cli/certificate_flag.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "clients/cli/certificates.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status AddDaemonCertificates(const std::string& directory,
                                   holkas::v1::RegistryAccess& access) {
  ASSIGN_OR_RETURN(
      const DaemonHost host,
      DaemonHost::Parse(access.daemon_host().empty() ? kDefaultDaemonHost
                                                     : absl::string_view(access.daemon_host())));
  if (host.https) {
    ASSIGN_OR_RETURN(*access.mutable_certificates(), ReadDaemonCertificates(directory));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddCertificates(const FlagSet& flags, const std::string& flag,
                             const std::string& image, holkas::v1::RegistryAccess& access) {
  if (!flags.IsSet(flag)) {
    return absl::OkStatus();
  }
  if (absl::StartsWith(image, "docker-daemon:")) {
    return WithContext(AddDaemonCertificates(flags.String(flag), access),
                       "initializing docker engine client");
  }
  if (absl::StartsWith(image, "docker:")) {
    ASSIGN_OR_RETURN(*access.mutable_certificates(), ReadCertificates(flags.String(flag)));
  }
  return absl::OkStatus();
}

}  // namespace holkas
