#include "service/policy/allow_list.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "holkas/config/v1/access_files.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/config/yaml_message.h"

namespace holkas {
namespace {

constexpr uint32_t kVersion = 1;
constexpr int kMaxCallers = 10000;
constexpr char kAny[] = "*";

// `uid:1000`, `cert:NAME`, `token:NAME`, `anonymous`.
bool IsIdentity(absl::string_view text) {
  uint32_t uid = 0;
  if (absl::ConsumePrefix(&text, "uid:")) {
    return absl::SimpleAtoi(text, &uid) && text == absl::StrCat(uid);
  }
  return text == kAnonymous || (absl::ConsumePrefix(&text, "cert:") && !text.empty()) ||
         (absl::ConsumePrefix(&text, "token:") && !text.empty());
}

bool IsOperation(const std::string& name) {
  const auto* service = v1::InspectRequest::descriptor()->file()->FindServiceByName("ImageService");
  return name == kAny || (service != nullptr && service->FindMethodByName(name) != nullptr);
}

absl::Status Denied(const Identity& caller, absl::string_view what, const std::string& rule) {
  return MakeError(absl::StatusCode::kPermissionDenied, "CALLER_DENIED",
                   absl::StrCat("caller ", caller.name, " may not ", what,
                                ": the server's access.allow_file does not have it"),
                   {{"identity", caller.name}, {"rule", rule}});
}

}  // namespace

absl::StatusOr<AllowList::RepositoryPattern> AllowList::ParseRepository(absl::string_view text) {
  const auto malformed = [] {
    return absl::InvalidArgumentError(
        "must be host[:port]/path, or host[:port]/path/* for all beneath it");
  };
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) {
    return malformed();
  }
  const std::optional<RegistryPattern> registry = RegistryPattern::Parse(text.substr(0, slash));
  absl::string_view path = text.substr(slash + 1);
  const bool and_beneath = absl::ConsumeSuffix(&path, "/*");
  // What a reference can have as a path, so that a pattern that never matches is no silent one.
  const absl::StatusOr<ImageReference> example =
      ImageReference::Parse(absl::StrCat("docker://registry.test/", path));
  if (!registry.has_value() || !example.ok() || example->registry() == nullptr ||
      example->registry()->path != path) {
    return malformed();
  }
  return RepositoryPattern{*registry, std::string(path), and_beneath};
}

absl::StatusOr<AllowList> AllowList::Parse(absl::string_view text, absl::string_view name) {
  config::v1::AllowFile file;
  ASSIGN_OR_RETURN(const YamlLines lines, ParseYaml(text, name, file));
  const auto error = [&lines, name](const std::string& key, absl::string_view why) {
    return YamlError(name, lines, key, why);
  };
  if (file.version() != kVersion) {
    return error("version", absl::StrCat("must be ", kVersion));
  }
  if (file.callers_size() > kMaxCallers) {
    return error("callers", absl::StrCat("are more than ", kMaxCallers));
  }
  AllowList list;
  for (int i = 0; i < file.callers_size(); ++i) {
    const config::v1::AllowedCaller& caller = file.callers(i);
    const std::string key = absl::StrCat("callers[", i, "]");
    if (!IsIdentity(caller.identity())) {
      return error(key, "identity must be uid:NUMBER, cert:NAME, token:NAME or anonymous");
    }
    Entry entry;
    for (int j = 0; j < caller.operations_size(); ++j) {
      const std::string& operation = caller.operations(j);
      if (!IsOperation(operation)) {
        return error(absl::StrCat(key, ".operations[", j, "]"),
                     absl::StrCat("there is no operation \"", operation, "\""));
      }
      entry.any_operation |= operation == kAny;
      entry.operations.insert(operation);
    }
    for (int j = 0; j < caller.registries_size(); ++j) {
      std::optional<RegistryPattern> pattern = RegistryPattern::Parse(caller.registries(j));
      if (!pattern.has_value()) {
        return error(absl::StrCat(key, ".registries[", j, "]"),
                     "must be host, host:port or *.domain, with * for any host or port");
      }
      entry.registries.push_back(*std::move(pattern));
    }
    for (int j = 0; j < caller.repositories_size(); ++j) {
      absl::StatusOr<RepositoryPattern> pattern = ParseRepository(caller.repositories(j));
      if (!pattern.ok()) {
        return error(absl::StrCat(key, ".repositories[", j, "]"), pattern.status().message());
      }
      entry.repositories.push_back(*std::move(pattern));
    }
    if (!list.entries_.emplace(caller.identity(), std::move(entry)).second) {
      return error(key, absl::StrCat(caller.identity(), " stands twice"));
    }
  }
  return list;
}

const AllowList::Entry* AllowList::Find(const Identity& caller) const {
  const auto entry = entries_.find(caller.name);
  return entry == entries_.end() ? nullptr : &entry->second;
}

absl::Status AllowList::CheckOperation(const Identity& caller, const std::string& rpc) const {
  const Entry* entry = Find(caller);
  if (entry == nullptr ? caller.is_trusted
                       : entry->any_operation || entry->operations.contains(rpc)) {
    return absl::OkStatus();
  }
  return Denied(caller, absl::StrCat("call ", rpc), absl::StrCat("operations: ", rpc));
}

bool AllowList::Matches(const RepositoryPattern& pattern, const RegistryReference& image) {
  return pattern.registry.Matches(image.host, image.port) &&
         (pattern.and_beneath ? absl::StartsWith(image.path, absl::StrCat(pattern.path, "/"))
                              : image.path == pattern.path);
}

absl::Status AllowList::CheckImage(const Identity& caller, const ImageReference& image) const {
  const RegistryReference* registry = image.registry();
  if (registry == nullptr) {
    return absl::OkStatus();
  }
  const Entry* entry = Find(caller);
  if (entry == nullptr && caller.is_trusted) {
    return absl::OkStatus();
  }
  if (entry != nullptr && (std::any_of(entry->registries.begin(), entry->registries.end(),
                                       [registry](const RegistryPattern& pattern) {
                                         return pattern.Matches(registry->host, registry->port);
                                       }) ||
                           std::any_of(entry->repositories.begin(), entry->repositories.end(),
                                       [registry](const RepositoryPattern& pattern) {
                                         return Matches(pattern, *registry);
                                       }))) {
    return absl::OkStatus();
  }
  const std::string repository = registry->Repository();
  return Denied(caller, absl::StrCat("use repository ", repository),
                absl::StrCat("repositories: ", repository));
}

absl::Status AllowList::CheckRegistry(const Identity& caller, const ImageReference& image) const {
  const RegistryReference* registry = image.registry();
  if (registry == nullptr) {
    return absl::OkStatus();
  }
  const Entry* entry = Find(caller);
  const bool is_allowed =
      entry == nullptr
          ? caller.is_trusted
          : CheckImage(caller, image).ok() ||
                std::any_of(entry->repositories.begin(), entry->repositories.end(),
                            [registry](const RepositoryPattern& pattern) {
                              return pattern.registry.Matches(registry->host, registry->port);
                            });
  if (is_allowed) {
    return absl::OkStatus();
  }
  return Denied(caller, absl::StrCat("use registry ", registry->HostPort()),
                absl::StrCat("registries: ", registry->HostPort()));
}

}  // namespace holkas
