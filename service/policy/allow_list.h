#ifndef HOLKAS_SERVICE_POLICY_ALLOW_LIST_H_
#define HOLKAS_SERVICE_POLICY_ALLOW_LIST_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"
#include "service/policy/identity.h"
#include "service/policy/registry_rules.h"

namespace holkas {

// What each caller may do, as an AllowFile says (proto/holkas/config/v1/access_files.proto). Asked
// before anything is done for a request. Immutable.
//
// Errors of the checks: PERMISSION_DENIED (CALLER_DENIED) with the metadata entries `identity`, and
// `rule`, which is what the caller lacks, as the file would have it: `operations: Copy`.
class AllowList {
 public:
  // One without entries.
  AllowList() = default;
  // `name` is what errors call the text.
  // Errors: INVALID_ARGUMENT (INVALID_CONFIG), `name:line: key: why`.
  static absl::StatusOr<AllowList> Parse(absl::string_view text, absl::string_view name);

  // Whether the caller may call the rpc at all.
  absl::Status CheckOperation(const Identity& caller, const std::string& rpc) const;

  // Whether the caller may name the image. What is in no registry is not this list's business.
  absl::Status CheckImage(const Identity& caller, const ImageReference& image) const;

  // Whether the caller may name some repository of the registry of `image`.
  absl::Status CheckRegistry(const Identity& caller, const ImageReference& image) const;

 private:
  struct RepositoryPattern {
    RegistryPattern registry;
    std::string path;
    bool and_beneath = false;  // what is beneath the path, and not itself
  };
  struct Entry {
    bool any_operation = false;
    absl::flat_hash_set<std::string> operations;
    std::vector<RegistryPattern> registries;
    std::vector<RepositoryPattern> repositories;
  };

  static absl::StatusOr<RepositoryPattern> ParseRepository(absl::string_view text);
  static bool Matches(const RepositoryPattern& pattern, const RegistryReference& image);
  // Null for callers without one.
  const Entry* Find(const Identity& caller) const;

  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_ALLOW_LIST_H_
