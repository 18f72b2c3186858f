#include "clients/cli/check_login.h"

#include "clients/cli/certificates.h"
#include "clients/cli/registry_flags.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"

namespace holkas {

absl::Status CheckLogin(const FlagSet& flags, CommandContext& context, const CredentialKey& key,
                        const UserPassword& login, absl::Time deadline) {
  holkas::v1::CheckCredentialsRequest request;
  request.set_registry(key.ToString());
  holkas::v1::RegistryAccess& access = *request.mutable_access();
  access.mutable_basic()->set_username(login.user);
  access.mutable_basic()->set_password(login.password);
  access.set_tls_verification(flags.IsSet("tls-verify") ? TlsVerificationOf(flags, "tls-verify")
                                                        : context.deprecated_tls);
  if (flags.IsSet("cert-dir")) {
    absl::StatusOr<holkas::v1::TlsCertificates> certificates =
        ReadCertificates(flags.String("cert-dir"));
    if (!certificates.ok()) {
      return WithContext(certificates.status(), "creating new docker client");
    }
    *access.mutable_certificates() = *certificates;
  }
  return WithClient(flags, context, [&](ImageClient& client) {
    return client.CheckCredentials(request, deadline);
  });
}

}  // namespace holkas
