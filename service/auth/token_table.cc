#include "service/auth/token_table.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "holkas/config/v1/access_files.pb.h"
#include "proto/wire/status_macros.h"
#include "service/config/yaml_message.h"

namespace holkas {
namespace {

constexpr uint32_t kVersion = 1;
// Each is looked at for each request.
constexpr int kMaxTokens = 10000;
constexpr size_t kMaxNameBytes = 128;

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || absl::StrContains("-._@/", c);
         });
}

bool IsHash(absl::string_view text) {
  return text.size() == size_t{2} * SHA256_DIGEST_LENGTH &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

}  // namespace

absl::StatusOr<TokenTable> TokenTable::Parse(absl::string_view text, absl::string_view name) {
  config::v1::TokenFile file;
  ASSIGN_OR_RETURN(const YamlLines lines, ParseYaml(text, name, file));
  const auto error = [&lines, name](const std::string& key, absl::string_view why) {
    return YamlError(name, lines, key, why);
  };
  if (file.version() != kVersion) {
    return error("version", absl::StrCat("must be ", kVersion));
  }
  if (file.tokens_size() > kMaxTokens) {
    return error("tokens", absl::StrCat("are more than ", kMaxTokens));
  }
  TokenTable table;
  std::set<Hash> seen;
  for (int i = 0; i < file.tokens_size(); ++i) {
    const config::v1::Token& token = file.tokens(i);
    const std::string key = absl::StrCat("tokens[", i, "]");
    Entry entry;
    entry.name = token.name();
    if (!IsName(entry.name)) {
      return error(key,
                   absl::StrCat("name must be 1 to ", kMaxNameBytes, " letters, digits and -._@/"));
    }
    if (!IsHash(token.sha256())) {
      return error(key, "sha256 must be 64 hexadecimal digits");
    }
    const std::string bytes = absl::HexStringToBytes(token.sha256());
    memcpy(entry.sha256.data(), bytes.data(), entry.sha256.size());
    if (!seen.insert(entry.sha256).second) {
      return error(key, "the same token stands twice");
    }
    if (!token.expires().empty() &&
        !absl::ParseTime(absl::RFC3339_full, token.expires(), &entry.expires, nullptr)) {
      return error(key, "expires must be a time such as 2030-01-31T00:00:00Z");
    }
    table.entries_.push_back(std::move(entry));
  }
  return table;
}

std::optional<std::string> TokenTable::Find(absl::string_view token, absl::Time now) const {
  Hash hash;
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), hash.data());
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.sha256.data(), hash.data(), hash.size()) == 0) {
      found = &entry;
    }
  }
  if (found == nullptr || now >= found->expires) {
    return std::nullopt;
  }
  return found->name;
}

}  // namespace holkas
