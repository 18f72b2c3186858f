#include "clients/cli/inspect.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificates.h"
#include "clients/cli/error_context.h"
#include "clients/cli/go_json.h"
#include "clients/cli/go_text.h"
#include "clients/cli/image_name.h"
#include "clients/cli/inspect_json.h"
#include "clients/cli/registry_flags.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::InspectRequest;
using holkas::v1::InspectResponse;

constexpr char kHelp[] =
    "Shows what an image is: digest, platform, labels, layers and the repository's tags as JSON,\n"
    "or its manifest or configuration.\n"
    "\n"
    "IMAGE is docker://HOST/REPOSITORY[:TAG|@DIGEST], oci:PATH[:NAME] or dir:PATH.\n"
    "\n"
    "Usage:\n"
    "holkas inspect [command options] IMAGE\n"
    "\n"
    "Examples:\n"
    "holkas inspect docker://registry.example.com/app:1\n"
    "holkas inspect --raw oci:/srv/layout:app\n";

std::vector<Flag> InspectFlags() {
  std::vector<Flag> flags = {
      {"raw", '\0', FlagType::kBool, "", "print the manifest's exact bytes"},
      {"config", '\0', FlagType::kBool, "", "print the configuration; with --raw its exact bytes"},
      {"no-tags", 'n', FlagType::kBool, "", "leave the repository's tags unread"},
      {"format", 'f', FlagType::kString, "", "", FlagUse::kNotBuilt},
      {"manifest-digest", '\0', FlagType::kString, "", "", FlagUse::kNotBuilt},
  };
  for (std::vector<Flag> more : {RegistryFlags(""), RetryFlags()}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

holkas::v1::InspectView ViewOf(const FlagSet& flags) {
  if (flags.Bool("config")) {
    return holkas::v1::INSPECT_VIEW_CONFIG;
  }
  return flags.Bool("raw") ? holkas::v1::INSPECT_VIEW_MANIFEST : holkas::v1::INSPECT_VIEW_SUMMARY;
}

// What goes to standard output, byte for byte.
std::string Output(const FlagSet& flags, const InspectResponse& image) {
  switch (ViewOf(flags)) {
    case holkas::v1::INSPECT_VIEW_MANIFEST:
      return image.manifest();
    case holkas::v1::INSPECT_VIEW_CONFIG:
      return flags.Bool("raw") ? image.config() : GoIndent(image.oci_config()) + "\n";
    default:
      return InspectJson(image) + "\n";
  }
}

absl::StatusOr<InspectRequest> MakeRequest(const FlagSet& flags, const std::string& name,
                                           const CommandContext& context) {
  InspectRequest request;
  ASSIGN_OR_RETURN(*request.mutable_registry(),
                   RegistryAccessOf(flags, "", context.deprecated_tls));
  // Skopeo's words for whatever keeps it from opening the image.
  std::string opening = absl::StrCat("Error parsing image name ", GoQuote(name));
  absl::StatusOr<std::string> image = ResolveImageName(name, context.working_directory);
  if (!image.ok()) {
    return WithContext(image.status(), opening);
  }
  if (flags.IsSet("cert-dir") && absl::StartsWith(name, "docker:")) {
    absl::StatusOr<holkas::v1::TlsCertificates> certificates =
        ReadCertificates(flags.String("cert-dir"));
    if (!certificates.ok()) {
      return WithContext(certificates.status(), opening);
    }
    *request.mutable_registry()->mutable_certificates() = *certificates;
  }
  absl::Status resolved = ResolveAuthFile(flags, context, *image, *request.mutable_registry());
  if (!resolved.ok()) {
    return WithContext(resolved, opening);
  }
  request.set_image(*image);
  *request.mutable_platform() = PlatformOf(flags);
  request.set_view(ViewOf(flags));
  request.set_skip_tags(flags.Bool("no-tags"));
  *request.mutable_retry() = RetryPolicyOf(flags);
  return request;
}

absl::Status RunInspect(const FlagSet& flags, const std::vector<std::string>& arguments,
                        CommandContext& context) {
  absl::Time deadline = DeadlineOf(flags);
  if (arguments.size() != 1) {
    return absl::InvalidArgumentError("Exactly one argument expected");
  }
  ASSIGN_OR_RETURN(InspectRequest request, MakeRequest(flags, arguments[0], context));
  return WithClient(flags, context, [&](ImageClient& client) -> absl::Status {
    absl::StatusOr<InspectResponse> image = client.Inspect(request, deadline);
    if (!image.ok()) {
      return WithInspectContext(image.status(), arguments[0]);
    }
    for (const std::string& warning : image->warnings()) {
      context.console.Log(LogLevel::kWarning, warning);
    }
    return context.console.Write(Output(flags, *image));
  });
}

}  // namespace

Command InspectCommand() {
  return {"inspect", "Show what an image is", kHelp, InspectFlags(), &RunInspect};
}

}  // namespace holkas
