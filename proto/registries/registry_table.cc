#include "proto/registries/registry_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How much of `name` the prefix takes; nothing where it does not match. A prefix ends where a part
// of the name does. That a host without a port stands for all of its ports is what others do, too.
std::optional<size_t> MatchLength(absl::string_view name, absl::string_view prefix) {
  size_t length = prefix.size();
  if (absl::ConsumePrefix(&prefix, "*.")) {
    const absl::string_view host = name.substr(0, name.find_first_of(":/"));
    return absl::EndsWith(host, absl::StrCat(".", prefix)) ? std::optional(host.size())
                                                           : std::nullopt;
  }
  if (!absl::StartsWith(name, prefix)) {
    return std::nullopt;
  }
  const bool ends = length == name.size() || name[length] == ':' || name[length] == '/';
  return ends ? std::optional(length) : std::nullopt;
}

absl::Status Blocked(const RegistryEntry& entry) {
  return MakeError(absl::StatusCode::kPermissionDenied, "REGISTRY_BLOCKED",
                   absl::StrCat("registry ", entry.prefix, " is blocked in ", entry.file),
                   {{"registry", entry.prefix}});
}

bool Applies(const RegistryMirror& mirror, const RegistryEntry& entry, bool has_digest) {
  if (entry.mirror_by_digest_only) {
    return has_digest;
  }
  switch (mirror.pull) {
    case RegistryMirror::Pull::kDigestOnly:
      return has_digest;
    case RegistryMirror::Pull::kTagOnly:
      return !has_digest;
    case RegistryMirror::Pull::kAll:
      break;
  }
  return true;
}

// `image` with `location` in the place of the prefix of `entry`.
absl::StatusOr<RegistryReference> Rewrite(const RegistryReference& image,
                                          const RegistryEntry& entry, const std::string& location) {
  if (location.empty()) {
    return image;
  }
  const std::string name = image.Repository();
  const size_t taken = MatchLength(name, entry.prefix).value_or(name.size());
  const std::string text = absl::StrCat(location, name.substr(taken));
  absl::StatusOr<ImageReference> parsed = ImageReference::Parse(absl::StrCat("docker://", text));
  // A location is complete: `mirror/x` is not the `mirror/x` of docker.io.
  if (!parsed.ok() || !absl::EqualsIgnoreCase(parsed->registry()->Repository(), text)) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
        absl::StrCat(
            "rewriting reference: ", name, " with the location \"", location, "\" in ", entry.file,
            ": ", parsed.ok() ? "repository name must be canonical" : parsed.status().message()));
  }
  RegistryReference reference = *parsed->registry();
  reference.tag = image.tag;
  reference.digest = image.digest;
  reference.unknown_digest = image.unknown_digest;
  return reference;
}

bool IsAt(absl::string_view location, absl::string_view registry) {
  return location.substr(0, location.find('/')) == registry;
}

}  // namespace

void RegistryTable::Set(RegistryEntry entry) {
  std::string prefix = entry.prefix;
  entries_.insert_or_assign(std::move(prefix), std::move(entry));
}

const RegistryEntry* RegistryTable::Find(absl::string_view name) const {
  const RegistryEntry* found = nullptr;
  for (const auto& [prefix, entry] : entries_) {
    if (MatchLength(name, prefix).has_value() &&
        (found == nullptr || prefix.size() > found->prefix.size())) {
      found = &entry;
    }
  }
  return found;
}

absl::StatusOr<std::vector<RegistryEndpoint>> RegistryTable::EndpointsOf(
    const RegistryReference& image) const {
  const RegistryEntry* entry = Find(image.Repository());
  if (entry == nullptr) {
    return std::vector<RegistryEndpoint>{{image, false}};
  }
  std::vector<RegistryEndpoint> endpoints;
  for (const RegistryMirror& mirror : entry->mirrors) {
    if (!Applies(mirror, *entry, image.digest.has_value())) {
      continue;
    }
    ASSIGN_OR_RETURN(RegistryReference reference, Rewrite(image, *entry, mirror.location));
    if (CheckAllowed(reference.Repository()).ok()) {
      endpoints.push_back({std::move(reference), mirror.insecure});
    }
  }
  ASSIGN_OR_RETURN(RegistryReference reference, Rewrite(image, *entry, entry->location));
  const absl::Status allowed =
      entry->blocked ? Blocked(*entry) : CheckAllowed(reference.Repository());
  if (allowed.ok()) {
    endpoints.push_back({std::move(reference), entry->insecure});
  }
  if (endpoints.empty()) {
    return allowed;
  }
  return endpoints;
}

absl::Status RegistryTable::CheckAllowed(absl::string_view name) const {
  const RegistryEntry* entry = Find(name);
  return entry != nullptr && entry->blocked ? Blocked(*entry) : absl::OkStatus();
}

bool RegistryTable::IsInsecure(absl::string_view name) const {
  const RegistryEntry* entry = Find(name);
  return entry != nullptr && entry->insecure;
}

bool RegistryTable::IsLocation(absl::string_view registry) const {
  return std::any_of(entries_.begin(), entries_.end(), [registry](const auto& named) {
    const RegistryEntry& entry = named.second;
    return IsAt(entry.location, registry) || std::any_of(entry.mirrors.begin(), entry.mirrors.end(),
                                                         [registry](const RegistryMirror& mirror) {
                                                           return IsAt(mirror.location, registry);
                                                         });
  });
}

}  // namespace holkas
