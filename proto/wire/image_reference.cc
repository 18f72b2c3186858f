#include "proto/wire/image_reference.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// A reference is never longer: a path is at most PATH_MAX bytes, a name far less.
constexpr size_t kMaxReferenceBytes = 8192;
// How much of a refused reference an error shows.
constexpr size_t kMaxShownBytes = 512;
// Docker's limit of host and path together.
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxTagBytes = 128;
constexpr size_t kImageIdBytes = 64;
// Of the beginning of an image's ID, as containers/storage takes it.
constexpr size_t kMinImageIdBytes = 3;
// So many layers an image has at most.
constexpr size_t kMaxTarballs = 1000;

constexpr absl::string_view kUnknownDigestSuffix = "@@unknown-digest@@";
constexpr absl::string_view kDockerHub = "docker.io";
constexpr absl::string_view kDockerHubOldName = "index.docker.io";
constexpr absl::string_view kDockerHubApi = "registry-1.docker.io";

absl::Status Invalid(absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", message);
}

absl::Status InvalidFormat() { return Invalid("invalid reference format"); }

std::string Shown(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, kMaxShownBytes));
}

bool IsLowerAlnum(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

// One label of a host: letters and digits, with '-' inside.
bool IsHostLabel(absl::string_view label) {
  return !label.empty() && absl::ascii_isalnum(label.front()) &&
         absl::ascii_isalnum(label.back()) && std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-';
         });
}

bool IsHostName(absl::string_view host) {
  for (absl::string_view label : absl::StrSplit(host, '.')) {
    if (!IsHostLabel(label)) {
      return false;
    }
  }
  return true;
}

// Without a zone and without a dotted part, as Docker.
bool IsIpv6Address(absl::string_view text) {
  in6_addr address;
  return text.find_first_of(".%") == absl::string_view::npos &&
         inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

// One component of a path: runs of lower-case letters and digits, and between two of them one '.',
// one or two '_', or any number of '-'.
bool IsPathComponent(absl::string_view component) {
  if (component.empty() || !IsLowerAlnum(component.front()) || !IsLowerAlnum(component.back())) {
    return false;
  }
  for (size_t i = 0; i < component.size();) {
    if (IsLowerAlnum(component[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (!IsLowerAlnum(component[end])) {
      ++end;
    }
    absl::string_view separator = component.substr(i, end - i);
    bool dashes = separator.find_first_not_of('-') == absl::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") {
      return false;
    }
    i = end;
  }
  return true;
}

bool IsPath(absl::string_view path) {
  for (absl::string_view component : absl::StrSplit(path, '/')) {
    if (!IsPathComponent(component)) {
      return false;
    }
  }
  return true;
}

bool IsTag(absl::string_view tag) {
  auto is_word = [](char c) { return absl::ascii_isalnum(c) || c == '_'; };
  return !tag.empty() && tag.size() <= kMaxTagBytes && is_word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(),
                     [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

// A 64-digit name would be read as an image's ID by Docker.
bool IsImageId(absl::string_view name) { return name.size() == kImageIdBytes && IsLowerHex(name); }

// Sets host and port from `host[:port]` or `[address][:port]`.
absl::Status ParseHost(absl::string_view text, RegistryReference& reference) {
  absl::string_view host = text;
  absl::string_view port;
  bool has_port = false;
  if (absl::ConsumePrefix(&host, "[")) {
    size_t end = host.find(']');
    if (end == absl::string_view::npos || !IsIpv6Address(host.substr(0, end))) {
      return InvalidFormat();
    }
    port = host.substr(end + 1);
    host = host.substr(0, end);
    if (!port.empty() && !absl::ConsumePrefix(&port, ":")) {
      return InvalidFormat();
    }
    has_port = end + 2 < text.size();
  } else {
    size_t colon = host.find(':');
    has_port = colon != absl::string_view::npos;
    if (has_port) {
      port = host.substr(colon + 1);
      host = host.substr(0, colon);
    }
    if (!IsHostName(host)) {
      return InvalidFormat();
    }
  }
  if (has_port) {
    uint32_t number = 0;
    if (port.empty() || !std::all_of(port.begin(), port.end(), absl::ascii_isdigit)) {
      return InvalidFormat();
    }
    if (!absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
      return Invalid(absl::StrCat("invalid reference format: port ", port.substr(0, 20),
                                  " is not between 1 and 65535"));
    }
    reference.port = static_cast<uint16_t>(number);
  }
  reference.host = std::string(host);
  return absl::OkStatus();
}

// Splits what the user wrote into host, in lower case, and the rest, as Docker does: the part
// before the first '/' is a host only where it looks like one. Docker tells `Docker.io` from
// `docker.io`, which are one host.
std::pair<std::string, std::string> SplitHost(absl::string_view text) {
  size_t slash = text.find('/');
  std::string host(kDockerHub);
  absl::string_view rest = text;
  if (slash != absl::string_view::npos) {
    absl::string_view first = text.substr(0, slash);
    if (first.find_first_of(".:") != absl::string_view::npos || first == "localhost") {
      host = absl::AsciiStrToLower(first);
      if (host == kDockerHubOldName) {
        host = std::string(kDockerHub);
      }
      rest = text.substr(slash + 1);
    }
  }
  if (host == kDockerHub && !absl::StrContains(rest, '/')) {
    return {host, absl::StrCat("library/", rest)};
  }
  return {host, std::string(rest)};
}

// `path[:tag][@digest]`; exactly what of tag and digest is there is set.
absl::Status ParsePathTagDigest(absl::string_view text, RegistryReference& reference) {
  absl::string_view name = text;
  size_t at = text.find('@');
  if (at != absl::string_view::npos) {
    name = text.substr(0, at);
    absl::StatusOr<Digest> digest = Digest::Parse(text.substr(at + 1));
    if (!digest.ok()) {
      return Invalid(absl::StrCat("invalid reference format: ", digest.status().message()));
    }
    reference.digest = *std::move(digest);
  }
  size_t colon = name.find(':');
  if (colon != absl::string_view::npos) {
    absl::string_view tag = name.substr(colon + 1);
    if (!IsTag(tag)) {
      return InvalidFormat();
    }
    reference.tag = std::string(tag);
    reference.tag_given = true;
    name = name.substr(0, colon);
  }
  if (std::any_of(name.begin(), name.end(), absl::ascii_isupper)) {
    return Invalid("invalid reference format: repository name must be lowercase");
  }
  if (!IsPath(name)) {
    return InvalidFormat();
  }
  reference.path = std::string(name);
  return absl::OkStatus();
}

// `[host[:port]/]path[:tag][@digest]`, normalised but for a default tag.
absl::Status ParseName(absl::string_view text, RegistryReference& reference) {
  if (IsImageId(text)) {
    return Invalid(absl::StrCat("invalid repository name (", text,
                                "), cannot specify 64-byte hexadecimal strings"));
  }
  auto [host, rest] = SplitHost(text);
  RETURN_IF_ERROR(ParseHost(host, reference));
  RETURN_IF_ERROR(ParsePathTagDigest(rest, reference));
  if (reference.Repository().size() > kMaxNameBytes) {
    return Invalid(
        absl::StrCat("repository name must not be more than ", kMaxNameBytes, " characters"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RegistryReference> ParseRegistry(absl::string_view details) {
  if (!absl::ConsumePrefix(&details, "//")) {
    return Invalid(
        absl::StrCat("docker: image reference ", Shown(details), " does not start with //"));
  }
  RegistryReference reference;
  absl::string_view text = details;
  reference.unknown_digest = absl::ConsumeSuffix(&text, kUnknownDigestSuffix);
  RETURN_IF_ERROR(ParseName(text, reference));
  if (reference.unknown_digest) {
    if (!reference.tag.empty() || reference.digest.has_value()) {
      return Invalid(absl::StrCat("docker: image reference \"", Shown(details),
                                  "\" has unknown digest set but it contains either a tag or "
                                  "digest"));
    }
  } else if (!reference.tag.empty() && reference.digest.has_value()) {
    return Invalid("Docker references with both a tag and digest are currently not supported");
  } else if (reference.tag.empty() && !reference.digest.has_value()) {
    reference.tag = "latest";
  }
  return reference;
}

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
    return Invalid(absl::StrCat("Invalid image name \"", Shown(text), "\", the path is empty"));
  }
  if (path.find('\0') != absl::string_view::npos) {
    return Invalid(
        absl::StrCat("Invalid image name \"", Shown(text), "\", the path has a NUL byte"));
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
      return Invalid(absl::StrCat("Invalid source index @", Shown(number), ": not an index"));
    }
    reference.index = index;
    return reference;
  }
  if (!image.empty() && !IsOciReferenceName(image)) {
    return Invalid(absl::StrCat("Invalid image ", Shown(image)));
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
    return Invalid(absl::StrCat("Invalid source index @", Shown(digits),
                                ": strconv.Atoi: parsing \"", Shown(digits), "\": ", why));
  };
  if (number.empty() || !std::all_of(number.begin(), number.end(), absl::ascii_isdigit)) {
    return invalid("invalid syntax");
  }
  uint32_t index = 0;
  if (!absl::SimpleAtoi(number, &index)) {
    return invalid("value out of range");
  }
  if (negative && index != 0) {
    return Invalid(absl::StrCat("Invalid source index @-", index, ": must not be negative"));
  }
  return index;
}

// The name of an image in an archive; `latest` where it has neither tag nor digest.
absl::StatusOr<RegistryReference> ParseArchiveName(absl::string_view text) {
  RegistryReference name;
  RETURN_IF_ERROR(WithContext(ParseName(text, name), "docker-archive parsing reference"));
  if (name.digest.has_value()) {
    return Invalid(
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
    return Invalid("docker-archive reference  isn't of the form <path>[:<reference>]");
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
      return Invalid(absl::StrCat("Invalid image ", Shown(reference.reference)));
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
      return Invalid(absl::StrCat("Invalid docker-daemon: reference ", details,
                                  ": only digest algorithm sha256 accepted"));
    }
    ASSIGN_OR_RETURN(reference.id, Digest::Parse(details));
    return reference;
  }
  RegistryReference& name = reference.name.emplace();
  RETURN_IF_ERROR(ParseName(details, name));
  if (FamiliarRepository(name) == kReserved) {
    return Invalid(absl::StrCat("Invalid docker-daemon: reference ", Shown(details), ": The ",
                                kReserved,
                                " repository name is reserved for (non-shortened) digest "
                                "references"));
  }
  if (name.tag.empty() && !name.digest.has_value()) {
    return Invalid(absl::StrCat("docker-daemon: reference ", FamiliarRepository(name),
                                " has neither a tag nor a digest"));
  }
  if (!name.tag.empty() && name.digest.has_value()) {
    return Invalid(
        "docker-daemon: references with both a tag and digest are currently not supported");
  }
  return reference;
}

absl::Status InvalidStorage(absl::string_view what) {
  return Invalid(absl::StrCat(what, what.empty() ? "" : ": ", "invalid reference"));
}

absl::Status CheckStorageRoot(absl::string_view path) {
  if (!path.empty() && path[0] != '/') {
    return Invalid("path name is not absolute");
  }
  return path.find('\0') == absl::string_view::npos
             ? absl::OkStatus()
             : Invalid(absl::StrCat("path name \"", Shown(path), "\" has a NUL byte"));
}

// What is between the brackets.
absl::Status ParseStore(absl::string_view store, StorageReference& reference) {
  if (size_t at = store.find('@'); at != absl::string_view::npos) {
    reference.driver = std::string(store.substr(0, at));
    store.remove_prefix(at + 1);
    if (reference.driver.empty()) {
      return InvalidStorage("");
    }
  }
  if (store.empty()) {
    return InvalidStorage("");
  }
  if (size_t colon = store.find(':'); colon != absl::string_view::npos) {
    reference.options = absl::StrSplit(store.substr(colon + 1), ',');
    store = store.substr(0, colon);
  }
  const size_t plus = store.find('+');
  reference.graph_root = std::string(store.substr(0, plus));
  if (plus != absl::string_view::npos) {
    reference.run_root = std::string(store.substr(plus + 1));
  }
  RETURN_IF_ERROR(CheckStorageRoot(reference.graph_root));
  RETURN_IF_ERROR(CheckStorageRoot(reference.run_root));
  if (reference.graph_root.empty() && reference.run_root.empty()) {
    return Invalid("no storage runroot or graphroot specified: missing necessary StoreOptions");
  }
  return absl::OkStatus();
}

// What is behind the last '@' of `text` and no digest is the image's ID: sets it, and takes it from
// `text`.
absl::Status TakeImageId(absl::string_view& text, StorageReference& reference) {
  const size_t at = text.rfind('@');
  if (at == absl::string_view::npos) {
    return absl::OkStatus();
  }
  const absl::string_view last = text.substr(at + 1);
  if (last.empty()) {
    return InvalidStorage(absl::StrCat("empty trailing digest or ID in \"", Shown(text), "\""));
  }
  if (Digest::Parse(last).ok()) {
    return absl::OkStatus();
  }
  if (last.size() < kMinImageIdBytes || last.size() > kImageIdBytes || !IsLowerHex(last)) {
    return InvalidStorage(
        absl::StrCat("\"", Shown(last), "\" does not look like an image ID or digest"));
  }
  reference.image_id = std::string(last);
  text = text.substr(0, at);
  return absl::OkStatus();
}

absl::StatusOr<StorageReference> ParseStorage(absl::string_view details) {
  StorageReference reference;
  absl::string_view text = details;
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos) {
      return InvalidStorage("");
    }
    RETURN_IF_ERROR(ParseStore(text.substr(0, end), reference));
    text.remove_prefix(end + 1);
  }
  if (text.empty()) {
    return InvalidStorage("\"\" is an empty reference");
  }
  RETURN_IF_ERROR(TakeImageId(text, reference));
  if (text.empty()) {
    return reference;
  }
  reference.name.emplace();
  if (absl::Status name = ParseName(text, *reference.name); !name.ok()) {
    return Invalid(absl::StrCat("parsing named reference \"", Shown(text), "\": ", name.message()));
  }
  if (reference.name->tag.empty() && !reference.name->digest.has_value()) {
    reference.name->tag = "latest";
  }
  return reference;
}

// What the brackets say, with them; empty where there are none.
std::string StoreText(const StorageReference& reference) {
  if (reference.graph_root.empty() && reference.run_root.empty()) {
    return "";
  }
  return absl::StrCat("[", reference.driver, reference.driver.empty() ? "" : "@",
                      reference.graph_root, reference.run_root.empty() ? "" : "+",
                      reference.run_root, reference.options.empty() ? "" : ":",
                      absl::StrJoin(reference.options, ","), "]");
}

absl::StatusOr<TarballReference> ParseTarball(absl::string_view details, absl::string_view text) {
  TarballReference reference;
  reference.paths = absl::StrSplit(details, ':');
  if (reference.paths.size() > kMaxTarballs) {
    return Invalid(absl::StrCat("more than ", kMaxTarballs, " files"));
  }
  for (const std::string& path : reference.paths) {
    if (path.empty()) {
      return Invalid("error opening \"\": open : no such file or directory");
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

absl::StatusOr<RegistryReference> ParseImageName(absl::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return Invalid(
        absl::StrCat("invalid reference format: longer than ", kMaxReferenceBytes, " bytes"));
  }
  RegistryReference name;
  RETURN_IF_ERROR(ParseName(text, name));
  return name;
}

absl::StatusOr<RegistryReference> ParseAdditionalTag(absl::string_view text) {
  absl::StatusOr<RegistryReference> name = ParseImageName(text);
  RETURN_IF_ERROR(
      WithContext(name.status(), absl::StrCat("error parsing additional-tag '", Shown(text), "'")));
  if (name->tag.empty()) {
    return Invalid(absl::StrCat("additional-tag '", Shown(text), "' must be a tagged reference"));
  }
  // As Skopeo, which takes no notice of it.
  name->digest.reset();
  return name;
}

std::string RegistryReference::Name() const {
  return absl::StrCat(Repository(), tag.empty() ? "" : ":", tag,
                      digest.has_value() ? absl::StrCat("@", digest->ToString()) : "");
}

std::string RegistryReference::HostPort() const { return JoinHostPort(host, port); }

std::string RegistryReference::Repository() const { return absl::StrCat(HostPort(), "/", path); }

std::string RegistryReference::ApiHost() const {
  return host == kDockerHub ? std::string(kDockerHubApi) : host;
}

std::string StorageReference::NameText() const { return name.has_value() ? name->Name() : ""; }

std::string StorageReference::ImageText() const {
  return absl::StrCat(NameText(), image_id.empty() ? "" : "@", image_id);
}

absl::StatusOr<ImageReference> ImageReference::Parse(absl::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return Invalid(absl::StrCat("Invalid image name, longer than ", kMaxReferenceBytes, " bytes"));
  }
  size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return Invalid(absl::StrCat("Invalid image name \"", Shown(text),
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
      return Invalid("loading SIF file: open : no such file or directory");
    }
    RETURN_IF_ERROR(CheckPath(details, text));
    return ImageReference(SifReference{std::string(details)});
  }
  if (transport == "ostree") {  // of which Skopeo has the name alone
    return Invalid("The transport \"ostree:\" is not supported in this build");
  }
  return Invalid(absl::StrCat("Invalid image name \"", Shown(text), "\", unknown transport \"",
                              Shown(transport), "\""));
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
