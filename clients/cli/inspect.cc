#include "clients/cli/inspect.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificate_flag.h"
#include "clients/cli/error_context.h"
#include "clients/cli/go_json.h"
#include "clients/cli/go_text.h"
#include "clients/cli/image_name.h"
#include "clients/cli/inspect_format.h"
#include "clients/cli/inspect_json.h"
#include "clients/cli/registry_flags.h"
#include "clients/cli/spooled_input.h"
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
    "IMAGE is docker://HOST/REPOSITORY[:TAG|@DIGEST], oci:PATH[:NAME], dir:PATH,\n"
    "docker-archive:FILE[:NAME:TAG], oci-archive:FILE[:NAME],\n"
    "containers-storage:[[DRIVER@]ROOT[+RUNROOT]]NAME[:TAG], docker-daemon:NAME:TAG (also\n"
    "NAME@DIGEST, sha256:ID), tarball:PATH[:PATH...], where - is standard input, or sif:FILE. "
    "FILE\n"
    "of an archive may be /dev/stdin or a pipe.\n"
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
      {"format", 'f', FlagType::kString, "TEMPLATE",
       "print what a Go template makes of the fields, or json"},
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
absl::StatusOr<std::string> Output(const FlagSet& flags, const InspectResponse& image) {
  const std::string format = flags.String("format");
  const bool has_template = !format.empty() && !IsJsonFormat(format);
  switch (ViewOf(flags)) {
    case holkas::v1::INSPECT_VIEW_MANIFEST:
      return image.manifest();
    case holkas::v1::INSPECT_VIEW_CONFIG:
      if (flags.Bool("raw")) {
        return image.config();
      }
      return has_template ? FormatConfig(format, image.oci_config())
                          : GoIndent(image.oci_config()) + "\n";
    default:
      return has_template ? FormatImage(format, image) : InspectJson(image) + "\n";
  }
}

absl::StatusOr<InspectRequest> MakeRequest(const FlagSet& flags, const std::string& name,
                                           const CommandContext& context) {
  InspectRequest request;
  ASSIGN_OR_RETURN(*request.mutable_registry(),
                   RegistryAccessOf(flags, "", context.deprecated_tls));
  ResolveSharedBlobs(context.working_directory, *request.mutable_registry());
  // Skopeo's words for whatever keeps it from opening the image.
  std::string opening = absl::StrCat("Error parsing image name ", GoQuote(name));
  absl::StatusOr<std::string> image = ResolveImageName(name, context.working_directory);
  if (!image.ok()) {
    return WithContext(image.status(), opening);
  }
  RETURN_IF_ERROR(
      WithContext(AddCertificates(flags, "cert-dir", name, *request.mutable_registry()), opening));
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
  if (flags.Bool("raw") && !flags.String("format").empty()) {
    return absl::InvalidArgumentError("raw output does not support format option");
  }
  ASSIGN_OR_RETURN(InspectRequest request, MakeRequest(flags, arguments[0], context));
  SpooledInput input;
  RETURN_IF_ERROR(input.Resolve(*request.mutable_image(), context.input_fd, deadline));
  if (!PathsAreServers(flags, context)) {
    RETURN_IF_ERROR(input.ResolveStream(*request.mutable_image(), deadline));
  }
  return WithClientFor(request.image(), flags, context, [&](ImageClient& client) -> absl::Status {
    absl::StatusOr<InspectResponse> image = client.Inspect(request, deadline);
    if (!image.ok()) {
      return WithInspectContext(image.status(), arguments[0]);
    }
    for (const std::string& warning : image->warnings()) {
      context.console.Log(LogLevel::kWarning, warning);
    }
    ASSIGN_OR_RETURN(const std::string output, Output(flags, *image));
    return context.console.Write(output);
  });
}

}  // namespace

Command InspectCommand() {
  return {"inspect", "Show what an image is", kHelp, InspectFlags(), &RunInspect};
}

}  // namespace holkas
