#include "clients/cli/list_tags.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificate_flag.h"
#include "clients/cli/error_context.h"
#include "clients/cli/go_json.h"
#include "clients/cli/go_text.h"
#include "clients/cli/image_name.h"
#include "clients/cli/registry_flags.h"
#include "clients/cli/spooled_input.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::ListTagsRequest;
using holkas::v1::ListTagsResponse;

constexpr char kHelp[] =
    "Shows the tags of a repository as JSON, in the order of the registry, or the names of the "
    "images in an archive.\n"
    "\n"
    "REPOSITORY is docker://HOST/REPOSITORY, without a tag and without a digest, or "
    "docker-archive:FILE, where FILE may be /dev/stdin or a pipe.\n"
    "\n"
    "Usage:\n"
    "holkas list-tags [command options] REPOSITORY\n"
    "\n"
    "Examples:\n"
    "holkas list-tags docker://registry.example.com/app\n"
    "holkas list-tags docker-archive:app.tar\n";

// What Skopeo knows as the beginning of a name.
constexpr absl::string_view kTransports[] = {
    "atomic", "containers-storage", "dir",    "docker", "docker-archive", "docker-daemon",
    "oci",    "oci-archive",        "ostree", "sif",    "tarball",
};

std::vector<Flag> ListTagsFlags() {
  std::vector<Flag> flags = RegistryFlags("");
  // Skopeo's list-tags does not know these two, even if other commands do.
  flags.erase(std::remove_if(flags.begin(), flags.end(),
                             [](const Flag& flag) {
                               return flag.name == "daemon-host" || flag.name == "shared-blob-dir";
                             }),
              flags.end());
  const std::vector<Flag> retry = RetryFlags();
  flags.insert(flags.end(), retry.begin(), retry.end());
  return flags;
}

// Skopeo's checks, in its order and with its words.
absl::Status CheckRepository(const std::string& name) {
  const std::string transport = name.substr(0, name.find(':'));
  if (transport.size() == name.size() || std::find(std::begin(kTransports), std::end(kTransports),
                                                   transport) == std::end(kTransports)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid ", GoQuote(name), ": does not specify a transport"));
  }
  if (transport != "docker" && transport != "docker-archive") {
    return absl::InvalidArgumentError(
        absl::StrCat("Unsupported transport '", transport,
                     "' for tag listing. Only supported: docker, docker-archive"));
  }
  if (transport == "docker" && !absl::StartsWith(name, "docker://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("docker: image reference ", name, " does not start with docker://"));
  }
  ASSIGN_OR_RETURN(const ImageReference reference, ImageReference::Parse(name));
  const RegistryReference* repository = reference.registry();
  if (repository != nullptr &&
      (repository->tag_given || repository->digest.has_value() || repository->unknown_digest)) {
    return absl::InvalidArgumentError("No tag or digest allowed in reference");
  }
  return absl::OkStatus();
}

absl::StatusOr<ListTagsRequest> MakeRequest(const FlagSet& flags, const std::string& name,
                                            const CommandContext& context) {
  ListTagsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_registry(),
                   RegistryAccessOf(flags, "", context.deprecated_tls));
  RETURN_IF_ERROR(CheckRepository(name));
  RETURN_IF_ERROR(AddCertificates(flags, "cert-dir", name, *request.mutable_registry()));
  RETURN_IF_ERROR(ResolveAuthFile(flags, context, name, *request.mutable_registry()));
  ASSIGN_OR_RETURN(*request.mutable_repository(),
                   ResolveImageName(name, context.working_directory));
  *request.mutable_retry() = RetryPolicyOf(flags);
  return request;
}

std::string TagsJson(const std::string& repository, const std::vector<std::string>& tags) {
  GoJsonWriter json;
  json.BeginObject();
  if (!repository.empty()) {
    json.Key("Repository");
    json.String(repository);
  }
  json.Key("Tags");
  json.Strings(tags);
  json.EndObject();
  return json.text() + "\n";
}

absl::Status RunListTags(const FlagSet& flags, const std::vector<std::string>& arguments,
                         CommandContext& context) {
  absl::Time deadline = DeadlineOf(flags);
  if (arguments.size() != 1) {
    return ShowUsage();
  }
  ASSIGN_OR_RETURN(ListTagsRequest request, MakeRequest(flags, arguments[0], context));
  SpooledInput input;
  if (!PathsAreServers(flags, context)) {
    RETURN_IF_ERROR(input.ResolveStream(*request.mutable_repository(), deadline));
  }
  return WithClientFor(
      request.repository(), flags, context, [&](ImageClient& client) -> absl::Status {
        std::string repository;
        std::vector<std::string> tags;
        // All of it or nothing: half a document is of no use to who reads it.
        RETURN_IF_ERROR(WithListTagsContext(
            client.ListTags(request, deadline,
                            [&](const ListTagsResponse& part) {
                              repository = part.repository();
                              tags.insert(tags.end(), part.tags().begin(), part.tags().end());
                            }),
            arguments[0]));
        return context.console.Write(TagsJson(repository, tags));
      });
}

}  // namespace

Command ListTagsCommand() {
  return {"list-tags", "List the tags of a repository", kHelp, ListTagsFlags(), &RunListTags};
}

}  // namespace holkas
