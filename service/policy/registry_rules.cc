#include "service/policy/registry_rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "service/policy/network.h"

namespace holkas {
namespace {

bool AnyMatches(const std::vector<RegistryPattern>& patterns, const RegistryReference& registry) {
  return std::any_of(patterns.begin(), patterns.end(), [&registry](const RegistryPattern& pattern) {
    return pattern.Matches(registry.host, registry.port);
  });
}

bool IsHostName(absl::string_view host) {
  for (absl::string_view label : absl::StrSplit(host, '.')) {
    if (label.empty() || !std::all_of(label.begin(), label.end(),
                                      [](char c) { return absl::ascii_isalnum(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<RegistryPattern> RegistryPattern::Parse(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  absl::string_view host = lower;
  absl::string_view port;
  const bool is_v6 = absl::ConsumePrefix(&host, "[");
  const size_t end = host.find(is_v6 ? ']' : ':');
  if (end != absl::string_view::npos) {
    port = host.substr(end + (is_v6 ? 1 : 0));
    host = host.substr(0, end);
  }
  RegistryPattern pattern;
  uint32_t number = 0;
  if (port == ":*") {
    pattern.port_.reset();
  } else if (absl::ConsumePrefix(&port, ":")) {
    if (!std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
        !absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
      return std::nullopt;
    }
    pattern.port_ = number;
  } else if (!port.empty()) {
    return std::nullopt;
  }
  if (is_v6) {
    pattern.host_ = std::string(host);
    const bool valid = end != absl::string_view::npos && IpAddress::Parse(host).has_value();
    return valid ? std::optional(pattern) : std::nullopt;
  }
  pattern.is_wildcard_ = host == "*" || absl::ConsumePrefix(&host, "*.");
  if (host == "*") {
    return pattern;
  }
  pattern.host_ = absl::StrCat(pattern.is_wildcard_ ? "." : "", host);
  return IsHostName(host) ? std::optional(pattern) : std::nullopt;
}

bool RegistryPattern::Matches(absl::string_view host, uint32_t port) const {
  if (port_.has_value() && *port_ != port) {
    return false;
  }
  return is_wildcard_ ? absl::EndsWith(host, host_) : host == host_;
}

absl::Status CheckNamed(const RegistryReference& registry, const RegistryRules& rules) {
  if (rules.any || rules.allowed.empty() || AnyMatches(rules.allowed, registry) ||
      rules.insecure.contains(registry.HostPort())) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                   absl::StrCat("registry ", registry.HostPort(),
                                " is none of the server's registries.egress.allowed_registries"),
                   {{"registry", registry.HostPort()}});
}

bool IsVouchedFor(const RegistryReference& registry, const RegistryRules& rules) {
  return rules.any || AnyMatches(rules.allowed, registry) ||
         rules.insecure.contains(registry.HostPort()) ||
         (rules.is_location && rules.is_location(registry.HostPort()));
}

}  // namespace holkas
