#ifndef HOLKAS_PROTO_REGISTRIES_REGISTRY_TABLE_H_
#define HOLKAS_PROTO_REGISTRIES_REGISTRY_TABLE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// What containers-registries.conf(5) says about registries, and how it is applied to a name. Knows
// no files and no TOML: parse_registries_conf reads those. Names here are `host[:port][/path]` with
// the host in lower case, as RegistryReference::Repository() gives them.

// One `[[registry.mirror]]`.
struct RegistryMirror {
  // For which references it is asked.
  enum class Pull { kAll, kDigestOnly, kTagOnly };

  std::string location;
  bool insecure = false;
  Pull pull = Pull::kAll;
};

// One `[[registry]]`.
struct RegistryEntry {
  // A host, a namespace, a repository, or `*.domain` for all hosts beneath a domain.
  std::string prefix;
  // What takes the prefix's place; empty, with `*.domain` alone: nothing does.
  std::string location;
  bool insecure = false;
  bool blocked = false;
  bool mirror_by_digest_only = false;
  std::vector<RegistryMirror> mirrors;
  // The file that says so, for messages.
  std::string file;
};

// A place to read an image from.
struct RegistryEndpoint {
  // What the user's reference becomes there; tag and digest stay.
  RegistryReference reference;
  // Certificates are not checked, and plain HTTP may be spoken.
  bool insecure = false;
};

class RegistryTable {
 public:
  // Adds `entry`; one of the same prefix is replaced.
  void Set(RegistryEntry entry);

  // `credential-helpers`; what was set before is replaced.
  void SetCredentialHelpers(std::vector<std::string> helpers) {
    credential_helpers_ = std::move(helpers);
  }
  // In which order to look for credentials; empty: in the files alone.
  const std::vector<std::string>& credential_helpers() const { return credential_helpers_; }

  // Where to read `image`, in order, at least one place: the mirrors that apply to it, then its
  // location, or itself where no entry matches. A place that is blocked is left out.
  // Errors: PERMISSION_DENIED (REGISTRY_BLOCKED) where none is left; INVALID_ARGUMENT
  // (INVALID_REFERENCE) where a location gives no valid reference.
  absl::StatusOr<std::vector<RegistryEndpoint>> EndpointsOf(const RegistryReference& image) const;

  // For whatever is not the reading of an image (writing, deletion, tags, login): there are neither
  // mirrors nor other locations then.
  // Errors: PERMISSION_DENIED (REGISTRY_BLOCKED).
  absl::Status CheckAllowed(absl::string_view name) const;
  bool IsInsecure(absl::string_view name) const;

  // Whether an entry or a mirror is located at the registry `host[:port]`.
  bool IsLocation(absl::string_view registry) const;

 private:
  // The entry with the longest prefix of `name`; null where none matches.
  const RegistryEntry* Find(absl::string_view name) const;

  std::map<std::string, RegistryEntry> entries_;  // by prefix
  std::vector<std::string> credential_helpers_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_REGISTRIES_REGISTRY_TABLE_H_
