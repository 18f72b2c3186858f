#include "proto/credentials/look_up.h"

#include <utility>

#include "absl/status/status.h"
#include "proto/credentials/credential_helper.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::StatusOr<AuthFile::Entry> EntryOf(const CredentialSource& source, const CredentialKey& key) {
  if (const auto* helper = std::get_if<GeneralHelper>(&source)) {
    return HelperEntry{helper->name, key.Registry()};
  }
  const auto& location = std::get<AuthFileLocation>(source);
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(location.path, location.format));
  return file.Find(key);
}

absl::StatusOr<Credentials> Ask(const HelperEntry& entry, absl::string_view path) {
  absl::StatusOr<CredentialHelper> helper = CredentialHelper::Find(entry.name, path);
  absl::StatusOr<Credentials> credentials =
      helper.ok() ? helper->Get(entry.server) : helper.status();
  if (credentials.ok() || entry.required) {
    return credentials;
  }
  return NoCredentials();
}

}  // namespace

FoundCredentials ToFound(AuthFile::Entry entry, const CredentialKey& key,
                         std::vector<CredentialSource> later) {
  if (auto* helper = std::get_if<HelperEntry>(&entry)) {
    return HelperQuestion{std::move(*helper), key, std::move(later)};
  }
  if (auto* basic = std::get_if<UserPassword>(&entry)) {
    return std::move(*basic);
  }
  if (auto* token = std::get_if<IdentityToken>(&entry)) {
    return std::move(*token);
  }
  return NoCredentials();
}

absl::StatusOr<FoundCredentials> FindCredentials(const CredentialKey& key,
                                                 std::vector<CredentialSource> sources) {
  for (auto source = sources.begin(); source != sources.end(); ++source) {
    ASSIGN_OR_RETURN(AuthFile::Entry entry, EntryOf(*source, key));
    if (!std::holds_alternative<NoCredentials>(entry)) {
      return ToFound(std::move(entry), key, {source + 1, sources.end()});
    }
  }
  return NoCredentials();
}

absl::StatusOr<Credentials> AskHelpers(FoundCredentials found, absl::string_view path) {
  while (auto* question = std::get_if<HelperQuestion>(&found)) {
    ASSIGN_OR_RETURN(Credentials credentials, Ask(question->helper, path));
    if (!std::holds_alternative<NoCredentials>(credentials)) {
      return credentials;
    }
    ASSIGN_OR_RETURN(found, FindCredentials(question->key, std::move(question->later)));
  }
  if (auto* basic = std::get_if<UserPassword>(&found)) {
    return std::move(*basic);
  }
  if (auto* token = std::get_if<IdentityToken>(&found)) {
    return std::move(*token);
  }
  return NoCredentials();
}

}  // namespace holkas
