#include "clients/cli/copy_flags.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/auth_file_flag.h"
#include "clients/cli/certificate_flag.h"
#include "clients/cli/encryption_flags.h"
#include "clients/cli/go_text.h"
#include "clients/cli/image_name.h"
#include "clients/cli/registry_flags.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::CompressionFormat;
using holkas::v1::CopyRequest;
using holkas::v1::LayerForm;
using holkas::v1::ManifestFormat;
using holkas::v1::RegistryAccess;
using holkas::v1::TlsVerification;

// What Skopeo has and this version has not.
constexpr const char* kNotBuilt[] = {
    "sign-by",
    "sign-by-sigstore",
    "sign-by-sigstore-private-key",
    "sign-by-sq-fingerprint",
    "sign-identity",
    "sign-passphrase-file",
};

absl::Status UnknownMultiArch(const std::string& choice) {
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown multi-arch option ", GoQuote(choice),
      ". Choose one of the supported options: 'system', 'all', 'index-only', or a list of "
      "platforms, for example 'linux/amd64,linux/arm64'"));
}

// `OS/ARCHITECTURE[/VARIANT]` with commas between them.
absl::Status AddPlatforms(const std::string& list, CopyRequest& request) {
  for (absl::string_view text : absl::StrSplit(list, ',')) {
    const std::vector<std::string> parts = absl::StrSplit(text, '/');
    const bool has_empty = std::find(parts.begin(), parts.end(), "") != parts.end();
    if (parts.size() < 2 || parts.size() > 3 || has_empty) {
      return absl::InvalidArgumentError(
          absl::StrCat("invalid platform ", GoQuote(text), " in multi-arch option ", GoQuote(list),
                       ", expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT"));
    }
    holkas::v1::Platform platform;
    platform.set_os(parts[0]);
    platform.set_architecture(parts[1]);
    platform.set_variant(parts.size() > 2 ? parts[2] : "");
    for (const holkas::v1::Platform& other : request.platforms()) {
      if (other.SerializeAsString() == platform.SerializeAsString()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "platform ", GoQuote(text), " is twice in multi-arch option ", GoQuote(list)));
      }
    }
    *request.add_platforms() = std::move(platform);
  }
  return absl::OkStatus();
}

absl::Status SetMultiArch(const FlagSet& flags, CopyRequest& request) {
  std::string choice = flags.String("multi-arch");
  if (flags.IsSet("multi-arch") && flags.Bool("all")) {
    return absl::InvalidArgumentError("Cannot use --all and --multi-arch flags together");
  }
  if (flags.Bool("all") || choice == "all") {
    request.set_multi_arch(holkas::v1::MULTI_ARCH_ALL);
  } else if (!flags.IsSet("multi-arch") || choice == "system") {
    request.set_multi_arch(holkas::v1::MULTI_ARCH_SYSTEM);
  } else if (choice == "index-only") {
    request.set_multi_arch(holkas::v1::MULTI_ARCH_INDEX_ONLY);
  } else if (absl::StrContains(choice, '/') || absl::StrContains(choice, ',')) {
    request.set_multi_arch(holkas::v1::MULTI_ARCH_PLATFORMS);
    return AddPlatforms(choice, request);
  } else {
    return UnknownMultiArch(choice);
  }
  return absl::OkStatus();
}

absl::StatusOr<ManifestFormat> FormatOf(const FlagSet& flags) {
  const std::string format = flags.String("format");
  if (!flags.IsSet("format")) {
    return holkas::v1::MANIFEST_FORMAT_UNSPECIFIED;
  }
  if (format == "oci") {
    return holkas::v1::MANIFEST_FORMAT_OCI;
  }
  if (format == "v2s1") {
    return holkas::v1::MANIFEST_FORMAT_DOCKER_V2S1;
  }
  if (format == "v2s2") {
    return holkas::v1::MANIFEST_FORMAT_DOCKER_V2S2;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown format ", GoQuote(format),
                   ". Choose one of the supported formats: 'oci', 'v2s1', or 'v2s2'"));
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
  ResolveSharedBlobs(context.working_directory, *request.mutable_source_registry());
  ResolveSharedBlobs(context.working_directory, *request.mutable_destination_registry());
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

absl::StatusOr<CompressionFormat> CompressionFormatOf(const FlagSet& flags) {
  const std::string format = flags.String("dest-compress-format");
  if (!flags.IsSet("dest-compress-format")) {
    return holkas::v1::COMPRESSION_FORMAT_UNSPECIFIED;
  }
  if (format == "gzip") {
    return holkas::v1::COMPRESSION_FORMAT_GZIP;
  }
  if (format == "zstd") {
    return holkas::v1::COMPRESSION_FORMAT_ZSTD;
  }
  if (format == "zstd:chunked") {
    return holkas::v1::COMPRESSION_FORMAT_ZSTD_CHUNKED;
  }
  if (format == "bzip2" || format == "xz") {
    return absl::UnimplementedError(absl::StrCat("compression with ", format, " is not built"));
  }
  return absl::InvalidArgumentError(absl::StrCat("cannot find compressor for ", GoQuote(format)));
}

// Warns, as Skopeo does, where a flag is another transport's.
absl::StatusOr<LayerForm> LayerFormOf(const FlagSet& flags, const std::string& destination,
                                      Console& console) {
  const bool is_oci =
      absl::StartsWith(destination, "oci:") || absl::StartsWith(destination, "oci-archive:");
  if (is_oci && flags.Bool("dest-oci-accept-uncompressed-layers")) {
    return holkas::v1::LAYER_FORM_AS_IS;
  }
  if (!absl::StartsWith(destination, "dir:")) {
    for (const char* name : {"dest-compress", "dest-decompress"}) {
      if (flags.Bool(name)) {
        console.Log(
            LogLevel::kWarning,
            absl::StrCat("--", name, " can only be used if the destination transport is 'dir'"));
      }
    }
    return holkas::v1::LAYER_FORM_UNSPECIFIED;
  }
  if (flags.Bool("dest-compress") && flags.Bool("dest-decompress")) {
    return absl::InvalidArgumentError(
        absl::StrCat("initializing destination ", destination,
                     ": Cannot compress and decompress at the same time"));
  }
  return flags.Bool("dest-compress")     ? holkas::v1::LAYER_FORM_COMPRESSED
         : flags.Bool("dest-decompress") ? holkas::v1::LAYER_FORM_UNCOMPRESSED
                                         : holkas::v1::LAYER_FORM_UNSPECIFIED;
}

absl::Status SetCompression(const FlagSet& flags, Console& console, CopyRequest& request) {
  ASSIGN_OR_RETURN(const CompressionFormat format, CompressionFormatOf(flags));
  ASSIGN_OR_RETURN(const LayerForm form, LayerFormOf(flags, request.destination(), console));
  request.set_layer_form(form);
  request.set_compression_format(format);
  if (flags.IsSet("dest-compress-level")) {
    constexpr int64_t kLowest = std::numeric_limits<int32_t>::min();
    constexpr int64_t kHighest = std::numeric_limits<int32_t>::max();
    request.set_compression_level(
        static_cast<int32_t>(std::clamp(flags.Int("dest-compress-level"), kLowest, kHighest)));
  }
  request.set_force_compression_format(flags.Bool("dest-force-compress-format"));
  if (request.force_compression_format() && format == holkas::v1::COMPRESSION_FORMAT_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "cannot use ForceCompressionFormat with undefined default compression format");
  }
  request.set_precompute_digests(flags.Bool("dest-precompute-digests"));
  return absl::OkStatus();
}

}  // namespace

std::vector<Flag> CopyFlags() {
  std::vector<Flag> flags = {
      {"all", 'a', FlagType::kBool, "", "copy the index and all images that it lists"},
      {"multi-arch", '\0', FlagType::kString, "",
       "which images of an index to copy: system, all, index-only, or a list of platforms, "
       "OS/ARCHITECTURE[/VARIANT],... (default system)"},
      {"preserve-digests", '\0', FlagType::kBool, "", "fail rather than change a digest"},
      {"remove-signatures", '\0', FlagType::kBool, "", "do not copy signatures"},
      {"image-parallel-copies", '\0', FlagType::kUint, "",
       "how many blobs move at once, at most 16 (default 6)"},
      {"additional-tag", '\0', FlagType::kStrings, "NAME:TAG",
       "one more name for the image, in a docker-archive; may be given several times"},
      {"quiet", 'q', FlagType::kBool, "", "print nothing but errors"},
      {"digestfile", '\0', FlagType::kString, "PATH",
       "write the digest of the copied manifest to PATH"},
      {"progress", '\0', FlagType::kString, "MODE",
       "how to show progress: auto, plain, json or none (default auto: bars on a terminal)"},
      {"dest-compress", '\0', FlagType::kBool, "", "compress uncompressed layers; dir: only"},
      {"dest-decompress", '\0', FlagType::kBool, "", "decompress compressed layers; dir: only"},
      {"dest-compress-format", '\0', FlagType::kString, "FORMAT",
       "compress layers with FORMAT, gzip or zstd, also those that have another one"},
      {"dest-compress-level", '\0', FlagType::kInt, "LEVEL",
       "how hard to compress: gzip to 9, zstd to 12 (default: what is fast)"},
      {"dest-force-compress-format", '\0', FlagType::kBool, "",
       "do not use a layer that the destination has in another format"},
      {"dest-oci-accept-uncompressed-layers", '\0', FlagType::kBool, "",
       "leave uncompressed layers as they are; oci: and oci-archive: only"},
      {"dest-precompute-digests", '\0', FlagType::kBool, "",
       "compress a layer before it is sent, and do not send one that the registry has"},
      {"screds", '\0', FlagType::kString, "", "", FlagUse::kHidden, "src-creds"},
      {"dcreds", '\0', FlagType::kString, "", "", FlagUse::kHidden, "dest-creds"},
      {"authfile", '\0', FlagType::kString, "PATH",
       "look up the credentials for both registries in PATH alone"},
      {"tls-verify", '\0', FlagType::kBool, "", "", FlagUse::kHidden},
      {"format", 'f', FlagType::kString, "TYPE",
       "write manifests of the type: oci, v2s1 or v2s2 (default: the source's, where it can be)"},
  };
  for (const char* name : kNotBuilt) {
    flags.push_back({name, '\0', FlagType::kString, "", "", FlagUse::kNotBuilt});
  }
  for (std::vector<Flag> more :
       {RegistryFlags("src-"), RegistryFlags("dest-"), EncryptionFlags(), RetryFlags()}) {
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
  RETURN_IF_ERROR(SetEncryption(flags, order.request));
  RETURN_IF_ERROR(SetMultiArch(flags, order.request));
  ASSIGN_OR_RETURN(ManifestFormat format, FormatOf(flags));
  RETURN_IF_ERROR(SetCompression(flags, context.console, order.request));
  ASSIGN_OR_RETURN(order.progress,
                   ParseProgressMode(flags.String("progress"), context.console.OutputIsTerminal()));
  if (flags.Bool("quiet")) {
    order.progress = ProgressMode::kNone;
  }
  order.digest_file = flags.String("digestfile");
  order.request.set_format(format);
  *order.request.mutable_platform() = PlatformOf(flags);
  order.request.set_preserve_digests(flags.Bool("preserve-digests"));
  order.request.set_remove_signatures(flags.Bool("remove-signatures"));
  order.request.set_max_parallel_blobs(
      static_cast<int32_t>(std::min(flags.Uint("image-parallel-copies"), kMaxParallelBlobs)));
  const std::vector<std::string> tags = flags.Strings("additional-tag");
  order.request.mutable_additional_tags()->Assign(tags.begin(), tags.end());
  *order.request.mutable_retry() = RetryPolicyOf(flags);
  order.request.set_omit_progress(order.progress == ProgressMode::kPlain ||
                                  order.progress == ProgressMode::kNone);
  return order;
}

}  // namespace holkas
