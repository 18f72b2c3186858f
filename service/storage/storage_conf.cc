#include "service/storage/storage_conf.h"

#include <optional>
#include <string_view>

// The library is compiled in: one shared library fewer to load at each start, and no exceptions.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml.h>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/read_config_file.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status Invalid(const std::string& name, unsigned line, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                   absl::StrCat(name, ":", line, ": ", why));
}

// Reads one parsed file.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  absl::StatusOr<StorageConf> Read(const toml::table& root) const;

 private:
  // Empty where it is not set.
  absl::StatusOr<std::string> String(const toml::table& table, std::string_view key) const;
  // An empty table where there is none.
  absl::StatusOr<const toml::table*> Table(const toml::table& table, std::string_view key) const;

  const std::string& name_;
  const toml::table empty_;
};

absl::StatusOr<std::string> Reader::String(const toml::table& table, std::string_view key) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) {
    return std::string();
  }
  std::optional<std::string> value = node->value_exact<std::string>();
  if (!value.has_value()) {
    return Invalid(name_, node->source().begin.line,
                   absl::StrCat(absl::string_view(key.data(), key.size()), " must be a string"));
  }
  return *std::move(value);
}

absl::StatusOr<const toml::table*> Reader::Table(const toml::table& table,
                                                 std::string_view key) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) {
    return &empty_;
  }
  if (!node->is_table()) {
    return Invalid(name_, node->source().begin.line,
                   absl::StrCat(absl::string_view(key.data(), key.size()), " must be a table"));
  }
  return node->as_table();
}

absl::StatusOr<StorageConf> Reader::Read(const toml::table& root) const {
  StorageConf conf;
  ASSIGN_OR_RETURN(const toml::table* storage, Table(root, "storage"));
  ASSIGN_OR_RETURN(conf.driver, String(*storage, "driver"));
  ASSIGN_OR_RETURN(conf.graph_root, String(*storage, "graphroot"));
  ASSIGN_OR_RETURN(conf.run_root, String(*storage, "runroot"));
  ASSIGN_OR_RETURN(conf.rootless_storage_path, String(*storage, "rootless_storage_path"));
  ASSIGN_OR_RETURN(const std::string image_store, String(*storage, "imagestore"));
  if (!image_store.empty()) {
    conf.options.push_back(absl::StrCat("overlay.imagestore=", image_store));
  }
  ASSIGN_OR_RETURN(const toml::table* options, Table(*storage, "options"));
  ASSIGN_OR_RETURN(const toml::table* overlay, Table(*options, "overlay"));
  for (const char* key : {"mount_program", "force_mask"}) {
    // For both drivers once, and what the driver's own table says wins.
    ASSIGN_OR_RETURN(const std::string general, String(*options, key));
    ASSIGN_OR_RETURN(const std::string own, String(*overlay, key));
    if (const std::string& value = own.empty() ? general : own; !value.empty()) {
      conf.options.push_back(absl::StrCat("overlay.", key, "=", value));
    }
  }
  return conf;
}

}  // namespace

absl::StatusOr<StorageConf> ParseStorageConf(absl::string_view text, const std::string& name) {
  const toml::parse_result parsed = toml::parse(std::string_view(text.data(), text.size()));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Invalid(name, error.source().begin.line,
                   absl::string_view(error.description().data(), error.description().size()));
  }
  return Reader(name).Read(parsed.table());
}

absl::StatusOr<StorageConf> LoadStorageConf(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return ParseStorageConf(text, path);
}

}  // namespace holkas
