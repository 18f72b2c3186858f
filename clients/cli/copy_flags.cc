#include "clients/cli/copy_flags.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificates.h"
#include "clients/cli/go_text.h"
#include "clients/cli/image_name.h"
#include "clients/cli/registry_flags.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::CopyRequest;
using holkas::v1::MultiArch;
using holkas::v1::RegistryAccess;
using holkas::v1::TlsVerification;

// What Skopeo has and this version has not.
constexpr const char* kNotBuilt[] = {
    "additional-tag",
    "decryption-key",
    "dest-compress",
    "dest-compress-format",
    "dest-compress-level",
    "dest-decompress",
    "dest-force-compress-format",
    "dest-oci-accept-uncompressed-layers",
    "dest-precompute-digests",
    "encrypt-layer",
    "encryption-key",
    "sign-by",
    "sign-by-sigstore",
    "sign-by-sigstore-private-key",
    "sign-by-sq-fingerprint",
    "sign-identity",
    "sign-passphrase-file",
};

absl::StatusOr<MultiArch> MultiArchOf(const FlagSet& flags) {
  std::string choice = flags.String("multi-arch");
  if (flags.IsSet("multi-arch") && flags.Bool("all")) {
    return absl::InvalidArgumentError("Cannot use --all and --multi-arch flags together");
  }
  if (flags.Bool("all") || choice == "all") {
    return holkas::v1::MULTI_ARCH_ALL;
  }
  if (!flags.IsSet("multi-arch") || choice == "system") {
    return holkas::v1::MULTI_ARCH_SYSTEM;
  }
  if (choice == "index-only") {
    return holkas::v1::MULTI_ARCH_INDEX_ONLY;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown multi-arch option ", GoQuote(choice),
                   ". Choose one of the supported options: 'system', 'all', or 'index-only'"));
}

TlsVerification DeprecatedTls(const FlagSet& flags, CommandContext& context) {
  if (!flags.IsSet("tls-verify")) {
    return context.deprecated_tls;
  }
  context.console.Log(
      LogLevel::kWarning,
      "'--tls-verify' is deprecated, instead use: --src-tls-verify, --dest-tls-verify");
  return TlsVerificationOf(flags, "tls-verify");
}

absl::Status AddCertificates(const FlagSet& flags, const std::string& flag,
                             const std::string& image, RegistryAccess& access) {
  if (!flags.IsSet(flag) || !absl::StartsWith(image, "docker:")) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(*access.mutable_certificates(), ReadCertificates(flags.String(flag)));
  return absl::OkStatus();
}

absl::Status SetImages(const std::vector<std::string>& arguments, const CommandContext& context,
                       CopyRequest& request) {
  absl::StatusOr<std::string> source = ResolveImageName(arguments[0], context.working_directory);
  if (!source.ok()) {
    return WithContext(source.status(), absl::StrCat("Invalid source name ", arguments[0]));
  }
  absl::StatusOr<std::string> destination =
      ResolveImageName(arguments[1], context.working_directory);
  if (!destination.ok()) {
    return WithContext(destination.status(),
                       absl::StrCat("Invalid destination name ", arguments[1]));
  }
  request.set_source(*source);
  request.set_destination(*destination);
  return absl::OkStatus();
}

absl::Status SetRegistries(const FlagSet& flags, TlsVerification deprecated_tls,
                           const CommandContext& context, CopyRequest& request) {
  ASSIGN_OR_RETURN(*request.mutable_source_registry(),
                   RegistryAccessOf(flags, "src-", deprecated_tls));
  ASSIGN_OR_RETURN(*request.mutable_destination_registry(),
                   RegistryAccessOf(flags, "dest-", deprecated_tls));
  std::string opening_source = absl::StrCat("initializing source ", request.source());
  RegistryAccess& source = *request.mutable_source_registry();
  RETURN_IF_ERROR(WithContext(AddCertificates(flags, "src-cert-dir", request.source(), source),
                              opening_source));
  RETURN_IF_ERROR(
      WithContext(ResolveAuthFile(flags, context, request.source(), source), opening_source));
  std::string opening_destination =
      absl::StrCat("initializing destination ", request.destination());
  RegistryAccess& destination = *request.mutable_destination_registry();
  RETURN_IF_ERROR(
      WithContext(AddCertificates(flags, "dest-cert-dir", request.destination(), destination),
                  opening_destination));
  return WithContext(ResolveAuthFile(flags, context, request.destination(), destination),
                     opening_destination);
}

}  // namespace

std::vector<Flag> CopyFlags() {
  std::vector<Flag> flags = {
      {"all", 'a', FlagType::kBool, "", "copy the index and all images that it lists"},
      {"multi-arch", '\0', FlagType::kString, "",
       "which images of an index to copy: system, all or index-only (default system)"},
      {"preserve-digests", '\0', FlagType::kBool, "", "fail rather than change a digest"},
      {"remove-signatures", '\0', FlagType::kBool, "", "do not copy signatures"},
      {"image-parallel-copies", '\0', FlagType::kUint, "",
       "how many blobs move at once, at most 16 (default 6)"},
      {"quiet", 'q', FlagType::kBool, "", "print nothing but errors"},
      {"digestfile", '\0', FlagType::kString, "PATH",
       "write the digest of the copied manifest to PATH"},
      {"progress", '\0', FlagType::kString, "MODE",
       "how to show progress: auto, plain, json or none (default auto: bars on a terminal)"},
      {"screds", '\0', FlagType::kString, "", "", FlagUse::kHidden, "src-creds"},
      {"dcreds", '\0', FlagType::kString, "", "", FlagUse::kHidden, "dest-creds"},
      {"authfile", '\0', FlagType::kString, "PATH",
       "look up the credentials for both registries in PATH alone"},
      {"tls-verify", '\0', FlagType::kBool, "", "", FlagUse::kHidden},
      {"format", 'f', FlagType::kString, "", "", FlagUse::kNotBuilt},
  };
  for (const char* name : kNotBuilt) {
    flags.push_back({name, '\0', FlagType::kString, "", "", FlagUse::kNotBuilt});
  }
  for (std::vector<Flag> more : {RegistryFlags("src-"), RegistryFlags("dest-"), RetryFlags()}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

absl::StatusOr<CopyOrder> ParseCopyOrder(const FlagSet& flags,
                                         const std::vector<std::string>& arguments,
                                         CommandContext& context) {
  constexpr uint64_t kMaxParallelBlobs = 16;
  if (arguments.size() != 2) {
    return ShowUsage();
  }
  CopyOrder order;
  TlsVerification deprecated_tls = DeprecatedTls(flags, context);
  RETURN_IF_ERROR(SetImages(arguments, context, order.request));
  RETURN_IF_ERROR(SetRegistries(flags, deprecated_tls, context, order.request));
  ASSIGN_OR_RETURN(MultiArch multi_arch, MultiArchOf(flags));
  ASSIGN_OR_RETURN(order.progress,
                   ParseProgressMode(flags.String("progress"), context.console.OutputIsTerminal()));
  if (flags.Bool("quiet")) {
    order.progress = ProgressMode::kNone;
  }
  order.digest_file = flags.String("digestfile");
  order.request.set_multi_arch(multi_arch);
  *order.request.mutable_platform() = PlatformOf(flags);
  order.request.set_preserve_digests(flags.Bool("preserve-digests"));
  order.request.set_remove_signatures(flags.Bool("remove-signatures"));
  order.request.set_max_parallel_blobs(
      static_cast<int32_t>(std::min(flags.Uint("image-parallel-copies"), kMaxParallelBlobs)));
  *order.request.mutable_retry() = RetryPolicyOf(flags);
  order.request.set_omit_progress(order.progress == ProgressMode::kPlain ||
                                  order.progress == ProgressMode::kNone);
  return order;
}

}  // namespace holkas
