#include "proto/wire/docker_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How much of a refused reference an error shows.
constexpr size_t kMaxShownBytes = 512;
// Docker's limit of host and path together.
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxTagBytes = 128;

constexpr absl::string_view kDockerHubOldName = "index.docker.io";
constexpr absl::string_view kDockerHubApi = "registry-1.docker.io";

absl::Status InvalidFormat() { return InvalidReference("invalid reference format"); }

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
      return InvalidReference(absl::StrCat("invalid reference format: port ", port.substr(0, 20),
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
      return InvalidReference(
          absl::StrCat("invalid reference format: ", digest.status().message()));
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
    return InvalidReference("invalid reference format: repository name must be lowercase");
  }
  if (!IsPath(name)) {
    return InvalidFormat();
  }
  reference.path = std::string(name);
  return absl::OkStatus();
}

}  // namespace

absl::Status InvalidReference(absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", message);
}

std::string ShownReference(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, kMaxShownBytes));
}

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

absl::Status ParseName(absl::string_view text, RegistryReference& reference) {
  if (IsImageId(text)) {
    return InvalidReference(absl::StrCat("invalid repository name (", text,
                                         "), cannot specify 64-byte hexadecimal strings"));
  }
  auto [host, rest] = SplitHost(text);
  RETURN_IF_ERROR(ParseHost(host, reference));
  RETURN_IF_ERROR(ParsePathTagDigest(rest, reference));
  if (reference.Repository().size() > kMaxNameBytes) {
    return InvalidReference(
        absl::StrCat("repository name must not be more than ", kMaxNameBytes, " characters"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RegistryReference> ParseRegistry(absl::string_view details) {
  if (!absl::ConsumePrefix(&details, "//")) {
    return InvalidReference(absl::StrCat("docker: image reference ", ShownReference(details),
                                         " does not start with //"));
  }
  RegistryReference reference;
  absl::string_view text = details;
  reference.unknown_digest = absl::ConsumeSuffix(&text, kUnknownDigestSuffix);
  RETURN_IF_ERROR(ParseName(text, reference));
  if (reference.unknown_digest) {
    if (!reference.tag.empty() || reference.digest.has_value()) {
      return InvalidReference(
          absl::StrCat("docker: image reference \"", ShownReference(details),
                       "\" has unknown digest set but it contains either a tag or "
                       "digest"));
    }
  } else if (!reference.tag.empty() && reference.digest.has_value()) {
    return InvalidReference(
        "Docker references with both a tag and digest are currently not supported");
  } else if (reference.tag.empty() && !reference.digest.has_value()) {
    reference.tag = "latest";
  }
  return reference;
}

absl::StatusOr<RegistryReference> ParseImageName(absl::string_view text) {
  if (text.size() > kMaxReferenceBytes) {
    return InvalidReference(
        absl::StrCat("invalid reference format: longer than ", kMaxReferenceBytes, " bytes"));
  }
  RegistryReference name;
  RETURN_IF_ERROR(ParseName(text, name));
  return name;
}

absl::StatusOr<RegistryReference> ParseAdditionalTag(absl::string_view text) {
  absl::StatusOr<RegistryReference> name = ParseImageName(text);
  RETURN_IF_ERROR(WithContext(
      name.status(), absl::StrCat("error parsing additional-tag '", ShownReference(text), "'")));
  if (name->tag.empty()) {
    return InvalidReference(
        absl::StrCat("additional-tag '", ShownReference(text), "' must be a tagged reference"));
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

}  // namespace holkas
