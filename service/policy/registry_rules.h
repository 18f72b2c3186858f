#ifndef HOLKAS_SERVICE_POLICY_REGISTRY_RULES_H_
#define HOLKAS_SERVICE_POLICY_REGISTRY_RULES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// Registries as an administrator names them: `host`, `*.domain` (every host beneath it) or `*`, and
// behind it `:port`, `:*` for any port, or nothing for the default ports.
class RegistryPattern {
 public:
  static std::optional<RegistryPattern> Parse(absl::string_view text);

  // `host` in lower case, without brackets; `port` 0: the default ports.
  bool Matches(absl::string_view host, uint32_t port) const;

 private:
  RegistryPattern() = default;

  std::string host_;  // of a wildcard `.domain`, or empty for `*`
  bool is_wildcard_ = false;
  std::optional<uint32_t> port_ = 0;  // nothing: any
};

// Which registries a caller may name, and where those may be.
struct RegistryRules {
  // Every registry, at whatever address: the caller could go there without this server, too.
  bool any = false;
  // Those that may be named; empty: all.
  std::vector<RegistryPattern> allowed;
  // `host[:port]` of those whose certificates are not checked: the administrator knows them, and
  // they may be named, too.
  absl::flat_hash_set<std::string> insecure;
  // Whether registries.conf leads to the registry `host[:port]`. May be null.
  std::function<bool(const std::string& host_port)> is_location;
};

// Whether a request may name `registry`.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED).
absl::Status CheckNamed(const RegistryReference& registry, const RegistryRules& rules);

// Whether the administrator vouches for a registry, so that its address need not be public.
bool IsVouchedFor(const RegistryReference& registry, const RegistryRules& rules);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_REGISTRY_RULES_H_
