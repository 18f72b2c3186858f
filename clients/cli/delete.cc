#include "clients/cli/delete.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificate_flag.h"
#include "clients/cli/error_context.h"
#include "clients/cli/image_name.h"
#include "clients/cli/registry_flags.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::DeleteRequest;

constexpr char kHelp[] =
    "Deletes an image from a registry, and with it every tag that stands for it,\n"
    "or from a store, or from a layout, and with it the blobs that no other image\n"
    "of the layout needs.\n"
    "\n"
    "IMAGE is docker://HOST/REPOSITORY[:TAG|@DIGEST],\n"
    "containers-storage:[[DRIVER@]ROOT[+RUNROOT]]NAME[:TAG] or\n"
    "oci:PATH[:REFERENCE|:@INDEX].\n"
    "\n"
    "Usage:\n"
    "holkas delete [command options] IMAGE\n"
    "\n"
    "Examples:\n"
    "holkas delete docker://registry.example.com/app:1\n"
    "holkas delete --only-tag docker://registry.example.com/app:old\n";

std::vector<Flag> DeleteFlags() {
  std::vector<Flag> flags = {
      {"only-tag", '\0', FlagType::kBool, "",
       "delete the tag, and keep the image with its digest and its other tags"},
  };
  for (std::vector<Flag> more : {RegistryFlags(""), RetryFlags()}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

absl::StatusOr<DeleteRequest> MakeRequest(const FlagSet& flags, const std::string& name,
                                          const CommandContext& context) {
  DeleteRequest request;
  absl::StatusOr<std::string> image = ResolveImageName(name, context.working_directory);
  if (!image.ok()) {
    return WithContext(image.status(), absl::StrCat("Invalid source name ", name));
  }
  request.set_image(*image);
  ASSIGN_OR_RETURN(*request.mutable_registry(),
                   RegistryAccessOf(flags, "", context.deprecated_tls));
  ResolveSharedBlobs(context.working_directory, *request.mutable_registry());
  RETURN_IF_ERROR(AddCertificates(flags, "cert-dir", name, *request.mutable_registry()));
  RETURN_IF_ERROR(ResolveAuthFile(flags, context, *image, *request.mutable_registry()));
  request.set_only_tag(flags.Bool("only-tag"));
  *request.mutable_retry() = RetryPolicyOf(flags);
  return request;
}

absl::Status RunDelete(const FlagSet& flags, const std::vector<std::string>& arguments,
                       CommandContext& context) {
  absl::Time deadline = DeadlineOf(flags);
  if (arguments.size() != 1) {
    return absl::InvalidArgumentError("Usage: delete imageReference");
  }
  ASSIGN_OR_RETURN(DeleteRequest request, MakeRequest(flags, arguments[0], context));
  return WithClientFor(request.image(), flags, context, [&](ImageClient& client) {
    return WithDeleteContext(client.Delete(request, deadline).status(), arguments[0]);
  });
}

}  // namespace

Command DeleteCommand() {
  return {"delete", "Delete an image from a registry, a store or a layout", kHelp, DeleteFlags(),
          &RunDelete};
}

}  // namespace holkas
