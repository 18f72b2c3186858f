#include "proto/credentials/look_up.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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

// All of `errors`, of which there is one at least.
absl::Status Join(const std::vector<absl::Status>& errors) {
  absl::Status joined = errors[0];
  for (size_t i = 1; i < errors.size(); ++i) {
    joined = MakeError(joined.code(), ErrorReason(joined),
                       absl::StrCat(joined.message(), "; ", errors[i].message()));
  }
  return joined;
}

using Source = std::vector<CredentialSource>::iterator;

// The first of them that is no file.
Source BehindFiles(Source source, Source end) {
  return std::find_if(source, end, [](const CredentialSource& one) {
    return std::holds_alternative<GeneralHelper>(one);
  });
}

// FindCredentials after `errors`.
absl::StatusOr<FoundCredentials> Find(const CredentialKey& key,
                                      std::vector<CredentialSource> sources,
                                      std::vector<absl::Status> errors) {
  Source source = sources.begin();
  while (source != sources.end()) {
    absl::StatusOr<AuthFile::Entry> entry = EntryOf(*source, key);
    if (!entry.ok()) {
      errors.push_back(entry.status());
      source = BehindFiles(source, sources.end());
      continue;
    }
    const bool of_file = std::holds_alternative<AuthFileLocation>(*source++);
    if (std::holds_alternative<NoCredentials>(*entry)) {
      continue;
    }
    FoundCredentials found = ToFound(*std::move(entry), key, {source, sources.end()});
    if (auto* question = std::get_if<HelperQuestion>(&found)) {
      question->of_file = of_file;
      question->errors = std::move(errors);
    }
    return found;
  }
  return errors.empty() ? absl::StatusOr<FoundCredentials>(NoCredentials()) : Join(errors);
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
  return Find(key, std::move(sources), {});
}

absl::StatusOr<Credentials> AskHelpers(FoundCredentials found, absl::string_view path) {
  while (auto* question = std::get_if<HelperQuestion>(&found)) {
    absl::StatusOr<Credentials> credentials = Ask(question->helper, path);
    if (credentials.ok() && !std::holds_alternative<NoCredentials>(*credentials)) {
      return credentials;
    }
    std::vector<CredentialSource>& later = question->later;
    if (!credentials.ok()) {
      question->errors.push_back(credentials.status());
      later.erase(later.begin(),
                  question->of_file ? BehindFiles(later.begin(), later.end()) : later.begin());
    }
    ASSIGN_OR_RETURN(found, Find(question->key, std::move(later), std::move(question->errors)));
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
