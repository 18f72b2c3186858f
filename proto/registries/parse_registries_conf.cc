#include "proto/registries/parse_registries_conf.h"

#include <algorithm>
#include <string_view>
#include <utility>

// The library is compiled in: one shared library fewer to load at each start, and no exceptions.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// What a file of the second form can have at its top.
constexpr absl::string_view kSecondFormKeys[] = {
    "additional-layer-store-auth-helper", "aliases",         "credential-helpers", "registry",
    "unqualified-search-registries",      "short-name-mode",
};

// The first form. Nothing here searches registries.
struct FirstForm {
  std::vector<std::string> block;
  std::vector<std::string> insecure;
  std::vector<std::string> search;

  bool empty() const { return block.empty() && insecure.empty() && search.empty(); }
};

// `key` of `table`: spelled so, else in another case; null where there is none.
const toml::node* Find(const toml::table& table, absl::string_view key) {
  if (const toml::node* exact = table.get(std::string_view(key.data(), key.size()))) {
    return exact;
  }
  for (const auto& [name, node] : table) {
    if (absl::EqualsIgnoreCase(absl::string_view(name.str().data(), name.str().size()), key)) {
      return &node;
    }
  }
  return nullptr;
}

bool IsEmpty(const toml::node& node) {
  return (node.is_array() && node.as_array()->empty()) ||
         (node.is_table() && node.as_table()->empty());
}

bool HasSecondForm(const toml::table& root) {
  return std::any_of(std::begin(kSecondFormKeys), std::end(kSecondFormKeys),
                     [&](absl::string_view key) {
                       const toml::node* node = Find(root, key);
                       return node != nullptr && !IsEmpty(*node);
                     });
}

// The host of a name has no case.
std::string WithLowerHost(std::string name) {
  const size_t end = std::min(name.find('/'), name.size());
  std::transform(name.begin(), name.begin() + static_cast<ptrdiff_t>(end), name.begin(),
                 absl::ascii_tolower);
  return name;
}

// Reads one parsed file.
class Reader {
 public:
  Reader(const std::string& name, RegistriesConfForm form) : name_(name), form_(form) {}

  absl::StatusOr<ParsedRegistriesConf> Read(const toml::table& root) const;

 private:
  absl::Status Error(const toml::node& node, absl::string_view why) const {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     absl::StrCat(name_, ":", node.source().begin.line, ": ", why));
  }

  // The value of `key`, or of its type's default where it is not set.
  template <typename T>
  absl::StatusOr<T> Value(const toml::table& table, absl::string_view key) const {
    const toml::node* node = Find(table, key);
    if (node == nullptr) {
      return T();
    }
    std::optional<T> value = node->value_exact<T>();
    if (!value.has_value()) {
      return Error(*node, absl::StrCat(key, " must be ",
                                       std::is_same_v<T, bool> ? "true or false" : "a string"));
    }
    return *std::move(value);
  }

  // A name without the slashes at its end.
  absl::StatusOr<std::string> Location(const toml::table& table, absl::string_view key) const;
  absl::StatusOr<RegistryMirror> ReadMirror(const toml::table& table,
                                            const RegistryEntry& entry) const;
  absl::StatusOr<RegistryEntry> ReadEntry(const toml::table& table) const;
  absl::StatusOr<std::vector<RegistryEntry>> ReadEntries(const toml::table& root) const;
  absl::StatusOr<std::vector<std::string>> Strings(const toml::node& node,
                                                   absl::string_view key) const;
  absl::StatusOr<std::vector<RegistryEntry>> ReadSecondForm(const toml::node& node) const;
  absl::StatusOr<FirstForm> ReadLists(const toml::node& node) const;
  std::vector<RegistryEntry> EntriesOf(const FirstForm& lists) const;
  absl::StatusOr<std::vector<std::string>> List(const toml::table& registries,
                                                absl::string_view key) const;
  absl::Status CheckContradictions(const toml::node& node,
                                   const std::vector<RegistryEntry>& entries) const;

  const std::string& name_;
  const RegistriesConfForm form_;
};

absl::StatusOr<std::string> Reader::Location(const toml::table& table,
                                             absl::string_view key) const {
  ASSIGN_OR_RETURN(std::string text, Value<std::string>(table, key));
  if (absl::StartsWith(text, "http://") || absl::StartsWith(text, "https://")) {
    return Error(*Find(table, key),
                 absl::StrCat("invalid location '", text, "': URI schemes are not supported"));
  }
  text.erase(text.find_last_not_of('/') + 1);
  return WithLowerHost(std::move(text));
}

absl::StatusOr<RegistryMirror> Reader::ReadMirror(const toml::table& table,
                                                  const RegistryEntry& entry) const {
  RegistryMirror mirror;
  ASSIGN_OR_RETURN(mirror.location, Location(table, "location"));
  ASSIGN_OR_RETURN(mirror.insecure, Value<bool>(table, "insecure"));
  ASSIGN_OR_RETURN(const std::string pull, Value<std::string>(table, "pull-from-mirror"));
  if (mirror.location.empty()) {
    return Error(table, "invalid condition: mirror location is unset");
  }
  if (entry.mirror_by_digest_only && !pull.empty()) {
    return Error(table,
                 absl::StrCat("cannot set mirror usage mirror-by-digest-only for the registry "
                              "(\"",
                              entry.prefix, "\") and pull-from-mirror for per-mirror (\"",
                              mirror.location, "\") at the same time"));
  }
  if (pull == "digest-only") {
    mirror.pull = RegistryMirror::Pull::kDigestOnly;
  } else if (pull == "tag-only") {
    mirror.pull = RegistryMirror::Pull::kTagOnly;
  } else if (!pull.empty() && pull != "all") {
    return Error(table, absl::StrCat("unsupported pull-from-mirror value \"", pull,
                                     "\" for mirror \"", mirror.location, "\""));
  }
  return mirror;
}

absl::StatusOr<RegistryEntry> Reader::ReadEntry(const toml::table& table) const {
  RegistryEntry entry;
  entry.file = name_;
  ASSIGN_OR_RETURN(entry.location, Location(table, "location"));
  ASSIGN_OR_RETURN(entry.prefix, Location(table, "prefix"));
  ASSIGN_OR_RETURN(entry.insecure, Value<bool>(table, "insecure"));
  ASSIGN_OR_RETURN(entry.blocked, Value<bool>(table, "blocked"));
  ASSIGN_OR_RETURN(entry.mirror_by_digest_only, Value<bool>(table, "mirror-by-digest-only"));
  if (entry.prefix.empty() && entry.location.empty()) {
    return Error(table, "invalid condition: both location and prefix are unset");
  }
  if (entry.prefix.empty()) {
    entry.prefix = entry.location;
  }
  const bool is_wildcard = absl::StartsWith(entry.prefix, "*.");
  if (entry.location.empty() && !is_wildcard) {
    return Error(table,
                 "invalid condition: location is unset and prefix is not in the format: "
                 "*.example.com");
  }
  if (is_wildcard && entry.prefix.find_first_of("/@:") != std::string::npos) {
    return Error(table, absl::StrCat("Wildcarded prefix should be in the format: *.example.com. "
                                     "Current prefix \"",
                                     entry.prefix, "\" is incorrectly formatted"));
  }
  ASSIGN_OR_RETURN(const std::string pull, Value<std::string>(table, "pull-from-mirror"));
  if (!pull.empty()) {
    return Error(table,
                 absl::StrCat("pull-from-mirror must not be set for a non-mirror registry \"",
                              entry.prefix, "\""));
  }
  const toml::node* mirrors = Find(table, "mirror");
  if (mirrors == nullptr) {
    return entry;
  }
  if (!mirrors->is_array()) {
    return Error(*mirrors, "mirror must be an array of tables");
  }
  for (const toml::node& node : *mirrors->as_array()) {
    if (!node.is_table()) {
      return Error(node, "mirror must be an array of tables");
    }
    ASSIGN_OR_RETURN(RegistryMirror mirror, ReadMirror(*node.as_table(), entry));
    entry.mirrors.push_back(std::move(mirror));
  }
  return entry;
}

// Entries may share a location, but not disagree about it.
absl::Status Reader::CheckContradictions(const toml::node& node,
                                         const std::vector<RegistryEntry>& entries) const {
  const auto key = [](const RegistryEntry& entry) {
    return entry.location.empty() ? entry.prefix : entry.location;
  };
  for (const RegistryEntry& entry : entries) {
    const auto other = std::find_if(entries.begin(), entries.end(), [&](const RegistryEntry& one) {
      return key(one) == key(entry);
    });
    const bool insecure = other->insecure != entry.insecure;
    if (insecure || other->blocked != entry.blocked) {
      return Error(node, absl::StrCat("registry '", entry.location,
                                      "' is defined multiple times with conflicting '",
                                      insecure ? "insecure" : "blocked", "' setting"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RegistryEntry>> Reader::ReadSecondForm(const toml::node& node) const {
  if (!node.is_array()) {
    return Error(node, "registry must be an array of tables");
  }
  std::vector<RegistryEntry> entries;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_table()) {
      return Error(element, "registry must be an array of tables");
    }
    ASSIGN_OR_RETURN(RegistryEntry entry, ReadEntry(*element.as_table()));
    entries.push_back(std::move(entry));
    RETURN_IF_ERROR(CheckContradictions(element, entries));
  }
  return entries;
}

absl::StatusOr<std::vector<std::string>> Reader::Strings(const toml::node& node,
                                                         absl::string_view key) const {
  const absl::Status error = Error(node, absl::StrCat(key, " must be an array of strings"));
  if (!node.is_array()) {
    return error;
  }
  std::vector<std::string> strings;
  for (const toml::node& element : *node.as_array()) {
    std::optional<std::string> text = element.value_exact<std::string>();
    if (!text.has_value()) {
      return error;
    }
    strings.push_back(*std::move(text));
  }
  return strings;
}

absl::StatusOr<std::vector<std::string>> Reader::List(const toml::table& registries,
                                                      absl::string_view key) const {
  std::vector<std::string> list;
  const toml::node* table = Find(registries, key);
  if (table == nullptr) {
    return list;
  }
  if (!table->is_table()) {
    return Error(*table, absl::StrCat("registries.", key, " must be a table"));
  }
  const toml::node* names = Find(*table->as_table(), "registries");
  if (names == nullptr) {
    return list;
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> strings, Strings(*names, "registries"));
  for (const std::string& text : strings) {
    toml::table location;
    location.insert("location", text);
    ASSIGN_OR_RETURN(std::string name, Location(location, "location"));
    if (name.empty()) {
      return Error(*names, "invalid location: cannot be empty");
    }
    list.push_back(std::move(name));
  }
  return list;
}

absl::StatusOr<FirstForm> Reader::ReadLists(const toml::node& node) const {
  if (!node.is_table()) {
    return Error(node, "registries must be a table");
  }
  FirstForm lists;
  ASSIGN_OR_RETURN(lists.block, List(*node.as_table(), "block"));
  ASSIGN_OR_RETURN(lists.insecure, List(*node.as_table(), "insecure"));
  ASSIGN_OR_RETURN(lists.search, List(*node.as_table(), "search"));
  return lists;
}

std::vector<RegistryEntry> Reader::EntriesOf(const FirstForm& lists) const {
  std::vector<RegistryEntry> entries;
  const auto entry_of = [&](const std::string& name) -> RegistryEntry& {
    for (RegistryEntry& entry : entries) {
      if (entry.prefix == name) {
        return entry;
      }
    }
    RegistryEntry& added = entries.emplace_back();
    added.prefix = added.location = name;
    added.file = name_;
    return added;
  };
  for (const std::string& name : lists.block) {
    entry_of(name).blocked = true;
  }
  for (const std::string& name : lists.insecure) {
    entry_of(name).insecure = true;
  }
  return entries;
}

absl::StatusOr<std::vector<RegistryEntry>> Reader::ReadEntries(const toml::table& root) const {
  if (const toml::node* first_form = Find(root, "registries")) {
    ASSIGN_OR_RETURN(const FirstForm lists, ReadLists(*first_form));
    if (!lists.empty() && form_ == RegistriesConfForm::kSecondAlone) {
      return Error(*first_form, "registry must be in v2 format but is in v1");
    }
    if (!lists.empty() && HasSecondForm(root)) {
      return Error(*first_form, "mixing sysregistry v1/v2 is not supported");
    }
    if (!lists.empty()) {
      return EntriesOf(lists);
    }
  }
  const toml::node* second_form = Find(root, "registry");
  return second_form == nullptr ? std::vector<RegistryEntry>() : ReadSecondForm(*second_form);
}

absl::StatusOr<ParsedRegistriesConf> Reader::Read(const toml::table& root) const {
  ParsedRegistriesConf conf;
  ASSIGN_OR_RETURN(conf.entries, ReadEntries(root));
  if (const toml::node* helpers = Find(root, "credential-helpers")) {
    ASSIGN_OR_RETURN(conf.credential_helpers, Strings(*helpers, "credential-helpers"));
  }
  return conf;
}

// The first of two entries with one prefix.
void RemoveRepeated(std::vector<RegistryEntry>& entries) {
  for (auto entry = entries.begin(); entry != entries.end();) {
    const bool repeated = std::any_of(entries.begin(), entry, [&](const RegistryEntry& earlier) {
      return earlier.prefix == entry->prefix;
    });
    entry = repeated ? entries.erase(entry) : entry + 1;
  }
}

}  // namespace

absl::StatusOr<ParsedRegistriesConf> ParseRegistriesConf(absl::string_view text,
                                                         const std::string& name,
                                                         RegistriesConfForm form) {
  const toml::parse_result parsed = toml::parse(std::string_view(text.data(), text.size()));
  if (!parsed) {
    const std::string_view why = parsed.error().description();
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     absl::StrCat(name, ":", parsed.error().source().begin.line, ": ",
                                  absl::string_view(why.data(), why.size())));
  }
  ASSIGN_OR_RETURN(ParsedRegistriesConf conf, Reader(name, form).Read(parsed.table()));
  RemoveRepeated(conf.entries);
  return conf;
}

}  // namespace holkas
