#include "proto/wire/image_reference.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/docker_name.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/storage_reference.h"

namespace holkas {
namespace {

// So many layers an image has at most.
constexpr size_t kMaxTarballs = 1000;

// The length of the separator at the start of `text`: one of `-._:@+`, or `--`; 0 for none.
size_t OciSeparatorLength(absl::string_view text) {
  if (absl::StartsWith(text, "--")) {
    return 2;
  }
  return absl::StrContains("-._:@+/", text[0]) ? 1 : 0;
}

// OCI image-spec, annotations.md: the grammar of org.opencontainers.image.ref.name.
bool IsOciReferenceName(absl::string_view name) {
  size_t i = 0;
  while (true) {
    size_t start = i;
    while (i < name.size() && absl::ascii_isalnum(name[i])) {
      ++i;
    }
    if (i == start) {
      return false;
    }
    if (i == name.size()) {
      return true;
    }
    size_t separator = OciSeparatorLength(name.substr(i));
    if (separator == 0) {
      return false;
    }
    i += separator;
  }
}

absl::Status CheckPath(absl::string_view path, absl::string_view text) {
  if (path.empty()) {
    return InvalidReference(
        absl::StrCat("Invalid image name \"", ShownReference(text), "\", the path is empty"));
  }
  if (path.find('\0') != absl::string_view::npos) {
    return InvalidReference(
        absl::StrCat("Invalid image name \"", ShownReference(text), "\", the path has a NUL byte"));
  }
  return absl::OkStatus();
}

absl::StatusOr<OciReference> ParseOci(absl::string_view details, absl::string_view text) {
  OciReference reference;
  size_t colon = details.find(':');
  reference.path = std::string(details.substr(0, colon));
  RETURN_IF_ERROR(CheckPath(reference.path, text));
  if (colon == absl::string_view::npos) {
    return reference;
  }
  absl::string_view image = details.substr(colon + 1);
  absl::string_view number = image;
  if (absl::ConsumePrefix(&number, "@")) {
    uint32_t index = 0;
    if (!std::all_of(number.begin(), number.end(), absl::ascii_isdigit) ||
        !absl::SimpleAtoi(number, &index)) {
      return InvalidReference(
          absl::StrCat("Invalid source index @", ShownReference(number), ": not an index"));
    }
    reference.index = index;
    return reference;
  }
  if (!image.empty() && !IsOciReferenceName(image)) {
    return InvalidReference(absl::StrCat("Invalid image ", ShownReference(image)));
  }
  reference.reference = std::string(image);
  return reference;
}

// A position in an archive: what follows the '@'.
absl::StatusOr<uint32_t> ParseArchiveIndex(absl::string_view digits) {
  absl::string_view number = digits;
  const bool negative = absl::ConsumePrefix(&number, "-");
  if (!negative) {
    absl::ConsumePrefix(&number, "+");
  }
  const auto invalid = [&](absl::string_view why) {
    return InvalidReference(absl::StrCat("Invalid source index @", ShownReference(digits),
                                         ": strconv.Atoi: parsing \"", ShownReference(digits),
                                         "\": ", why));
  };
  if (number.empty() || !std::all_of(number.begin(), number.end(), absl::ascii_isdigit)) {
    return invalid("invalid syntax");
  }
  uint32_t index = 0;
  if (!absl::SimpleAtoi(number, &index)) {
    return invalid("value out of range");
  }
  if (negative && index != 0) {
    return InvalidReference(
        absl::StrCat("Invalid source index @-", index, ": must not be negative"));
  }
  return index;
}

// The name of an image in an archive; `latest` where it has neither tag nor digest.
absl::StatusOr<RegistryReference> ParseArchiveName(absl::string_view text) {
  RegistryReference name;
  RETURN_IF_ERROR(WithContext(ParseName(text, name), "docker-archive parsing reference"));
  if (name.digest.has_value()) {
    return InvalidReference(
        name.tag.empty()
            ? absl::StrCat("reference does not include a tag: ", name.Name())
            : absl::StrCat("docker-archive doesn't support digest references: ", name.Name()));
  }
  if (name.tag.empty()) {
    name.tag = "latest";
  }
  return name;
}

absl::StatusOr<DockerArchiveReference> ParseDockerArchive(absl::string_view details,
                                                          absl::string_view text) {
  if (details.empty()) {
    return InvalidReference("docker-archive reference  isn't of the form <path>[:<reference>]");
  }
  DockerArchiveReference reference;
  const size_t colon = details.find(':');
  reference.path = std::string(details.substr(0, colon));
  RETURN_IF_ERROR(CheckPath(reference.path, text));
  if (colon == absl::string_view::npos) {
    return reference;
  }
  absl::string_view image = details.substr(colon + 1);
  if (absl::ConsumePrefix(&image, "@")) {
    ASSIGN_OR_RETURN(reference.index, ParseArchiveIndex(image));
  } else {
    ASSIGN_OR_RETURN(reference.name, ParseArchiveName(image));
  }
  return reference;
}

absl::StatusOr<OciArchiveReference> ParseOciArchive(absl::string_view details,
                                                    absl::string_view text) {
  OciArchiveReference reference;
  const size_t colon = details.find(':');
  reference.path = std::string(details.substr(0, colon));
  RETURN_IF_ERROR(CheckPath(reference.path, text));
  if (colon != absl::string_view::npos) {
    reference.reference = std::string(details.substr(colon + 1));
    if (!reference.reference.empty() && !IsOciReferenceName(reference.reference)) {
      return InvalidReference(absl::StrCat("Invalid image ", ShownReference(reference.reference)));
    }
  }
  return reference;
}

// Whether Go's digest package takes it for one: of these alone it knows the length.
bool IsAnyDigest(absl::string_view text) {
  constexpr std::pair<absl::string_view, size_t> kAlgorithms[] = {
      {"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
  return std::any_of(std::begin(kAlgorithms), std::end(kAlgorithms), [&](const auto& algorithm) {
    absl::string_view hex = text;
    return absl::ConsumePrefix(&hex, algorithm.first) && hex.size() == algorithm.second &&
           IsLowerHex(hex);
  });
}

// The repository without the parts that Docker fills in.
std::string FamiliarRepository(const RegistryReference& name) {
  if (name.HostPort() != kDockerHub) {
    return name.Repository();
  }
  absl::string_view path = name.path;
  if (absl::ConsumePrefix(&path, "library/") && !absl::StrContains(path, '/')) {
    return std::string(path);
  }
  return name.path;
}

absl::StatusOr<DockerDaemonReference> ParseDockerDaemon(absl::string_view details) {
  constexpr absl::string_view kReserved = "sha256";
  DockerDaemonReference reference;
  if (IsAnyDigest(details)) {
    if (!absl::StartsWith(details, "sha256:")) {
      return InvalidReference(absl::StrCat("Invalid docker-daemon: reference ", details,
                                           ": only digest algorithm sha256 accepted"));
    }
    ASSIGN_OR_RETURN(reference.id, Digest::Parse(details));
    return reference;
  }
  RegistryReference& name = reference.name.emplace();
  RETURN_IF_ERROR(ParseName(details, name));
  if (FamiliarRepository(name) == kReserved) {
    return InvalidReference(absl::StrCat("Invalid docker-daemon: reference ",
                                         ShownReference(details), ": The ", kReserved,
                                         " repository name is reserved for (non-shortened) digest "
                                         "references"));
  }
  if (name.tag.empty() && !name.digest.has_value()) {
    return InvalidReference(absl::StrCat("docker-daemon: reference ", FamiliarRepository(name),
                                         " has neither a tag nor a digest"));
  }
  if (!name.tag.empty() && name.digest.has_value()) {
    return InvalidReference(
        "docker-daemon: references with both a tag and digest are currently not supported");
  }
  return reference;
}

absl::StatusOr<TarballReference> ParseTarball(absl::string_view details, absl::string_view text) {
  TarballReference reference;
  reference.paths = absl::StrSplit(details, ':');
  if (reference.paths.size() > kMaxTarballs) {
    return InvalidReference(absl::StrCat("more than ", kMaxTarballs, " files"));
  }
  for (const std::string& path : reference.paths) {
    if (path.empty()) {
      return InvalidReference("error opening \"\": open : no such file or directory");
    }
    RETURN_IF_ERROR(CheckPath(path, text));
  }
  return reference;
}

}  // namespace

std::string DockerDaemonReference::Familiar() const {
  if (id.has_value()) {
    return id->ToString();
  }
  const std::string full = name->Name();
  const std::string familiar =
      absl::StrCat(FamiliarRepository(*name), full.substr(name->Repository().size()));
  // Docker Hub may have paths that look like another host, or like a digest.
  const absl::StatusOr<DockerDaemonReference> read = ParseDockerDaemon(familiar);
  const bool is_same = read.ok() && read->name.has_value() && read->name->Name() == full;
  return is_same ? familiar : full;
}

absl::StatusOr<ImageReference> ImageReference::Parse(absl::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return InvalidReference(
        absl::StrCat("Invalid image name, longer than ", kMaxReferenceBytes, " bytes"));
  }
  size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return InvalidReference(absl::StrCat("Invalid image name \"", ShownReference(text),
                                         "\", expected colon-separated transport:reference"));
  }
  absl::string_view transport = text.substr(0, colon);
  absl::string_view details = text.substr(colon + 1);
  if (transport == "docker") {
    ASSIGN_OR_RETURN(RegistryReference reference, ParseRegistry(details));
    return ImageReference(std::move(reference));
  }
  if (transport == "oci") {
    ASSIGN_OR_RETURN(OciReference reference, ParseOci(details, text));
    return ImageReference(std::move(reference));
  }
  if (transport == "dir") {
    RETURN_IF_ERROR(CheckPath(details, text));
    return ImageReference(DirReference{std::string(details)});
  }
  if (transport == "docker-archive") {
    ASSIGN_OR_RETURN(DockerArchiveReference reference, ParseDockerArchive(details, text));
    return ImageReference(std::move(reference));
  }
  if (transport == "oci-archive") {
    ASSIGN_OR_RETURN(OciArchiveReference reference, ParseOciArchive(details, text));
    return ImageReference(std::move(reference));
  }
  if (transport == "docker-daemon") {
    ASSIGN_OR_RETURN(DockerDaemonReference reference, ParseDockerDaemon(details));
    return ImageReference(std::move(reference));
  }
  if (transport == "containers-storage") {
    ASSIGN_OR_RETURN(StorageReference reference, ParseStorage(details));
    return ImageReference(std::move(reference));
  }
  if (transport == "tarball") {
    ASSIGN_OR_RETURN(TarballReference reference, ParseTarball(details, text));
    return ImageReference(std::move(reference));
  }
  if (transport == "sif") {
    if (details.empty()) {
      return InvalidReference("loading SIF file: open : no such file or directory");
    }
    RETURN_IF_ERROR(CheckPath(details, text));
    return ImageReference(SifReference{std::string(details)});
  }
  if (transport == "ostree") {  // of which Skopeo has the name alone
    return InvalidReference("The transport \"ostree:\" is not supported in this build");
  }
  return InvalidReference(absl::StrCat("Invalid image name \"", ShownReference(text),
                                       "\", unknown transport \"", ShownReference(transport),
                                       "\""));
}

absl::string_view ImageReference::transport() const {
  // In the order of Location.
  constexpr absl::string_view kNames[] = {"docker",
                                          "oci",
                                          "dir",
                                          "containers-storage",
                                          "docker-archive",
                                          "oci-archive",
                                          "docker-daemon",
                                          "tarball",
                                          "sif",
                                          "archive"};
  static_assert(std::size(kNames) == std::variant_size_v<Location>);
  return kNames[location_.index()];
}

std::string ImageReference::ToString() const {
  if (const RegistryReference* reference = registry()) {
    std::string name = absl::StrCat("docker://", reference->Repository());
    if (reference->unknown_digest) {
      return absl::StrCat(name, kUnknownDigestSuffix);
    }
    return reference->digest.has_value() ? absl::StrCat(name, "@", reference->digest->ToString())
                                         : absl::StrCat(name, ":", reference->tag);
  }
  if (const OciReference* reference = oci()) {
    std::string name = absl::StrCat("oci:", reference->path);
    if (reference->index.has_value()) {
      return absl::StrCat(name, ":@", *reference->index);
    }
    return reference->reference.empty() ? name : absl::StrCat(name, ":", reference->reference);
  }
  if (const DockerArchiveReference* reference = docker_archive()) {
    std::string name = absl::StrCat("docker-archive:", reference->path);
    if (reference->index.has_value()) {
      return absl::StrCat(name, ":@", *reference->index);
    }
    return reference->name.has_value() ? absl::StrCat(name, ":", reference->name->Name()) : name;
  }
  if (const OciArchiveReference* reference = oci_archive()) {
    std::string name = absl::StrCat("oci-archive:", reference->path);
    return reference->reference.empty() ? name : absl::StrCat(name, ":", reference->reference);
  }
  if (const DockerDaemonReference* reference = docker_daemon()) {
    return absl::StrCat("docker-daemon:", reference->Familiar());
  }
  if (const StorageReference* reference = storage()) {
    return absl::StrCat("containers-storage:", StoreText(*reference), reference->ImageText());
  }
  if (const TarballReference* reference = tarball()) {
    return absl::StrCat("tarball:", absl::StrJoin(reference->paths, ":"));
  }
  if (const SifReference* reference = sif()) {
    return absl::StrCat("sif:", reference->path);
  }
  if (const StreamedArchiveReference* reference = streamed()) {
    return absl::StrCat(reference->kind, ":-", reference->image.empty() ? "" : ":",
                        reference->image);
  }
  return absl::StrCat("dir:", dir()->path);
}

}  // namespace holkas
