#ifndef HOLKAS_CLIENTS_CLI_FLAG_SET_H_
#define HOLKAS_CLIENTS_CLI_FLAG_SET_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

// Flags in the syntax of Go's pflag, which Skopeo's users type: `--name=value`, `--name value`,
// `--bool`, `--bool=false`, `-q`, grouped short flags `-aq`, `-fvalue`, `--` and flags between
// arguments. Its error texts are pflag's too, because scripts match them. It is our own because
// CLI11 has neither: there a bool takes the next argument as its value or none at all, the last of
// a repeated flag does not win, and no error has pflag's text.

// kStrings: pflag's stringSlice, several values between commas or in repeated flags.
enum class FlagType { kBool, kInt, kUint, kString, kStrings, kDuration };

enum class FlagUse {
  kShown,
  // Works and is left out of the help.
  kHidden,
  // A flag of Skopeo's that this version does not have; using it is an error that says so.
  kNotBuilt,
};

struct Flag {
  std::string name;
  char shorthand = '\0';
  FlagType type = FlagType::kBool;
  // What the help shows for the value; empty: the type's name, nothing for kBool.
  std::string value_name;
  // One sentence for the help.
  std::string usage;
  FlagUse use = FlagUse::kShown;
  // The flag whose value this one sets, another name of it; empty: its own.
  std::string alias_of = {};
};

// Flags and their values. Getters take the name of a flag of the set and its type; a flag that was
// not given has the zero value.
class FlagSet {
 public:
  FlagSet() = default;
  explicit FlagSet(std::vector<Flag> flags) : flags_(std::move(flags)) {}

  // Adds the flags of `other` with their values, those of the same name excepted.
  void Add(const FlagSet& other);

  // Takes the flag `name` and its value out of the set.
  void Remove(absl::string_view name);

  // Takes flags off `args` and returns the arguments. Unless `interspersed`, the first argument
  // ends the flags and is returned with all that follows. Errors: INVALID_ARGUMENT with pflag's
  // text; UNIMPLEMENTED for a flag that is not built.
  absl::StatusOr<std::vector<std::string>> Parse(const std::vector<std::string>& args,
                                                 bool interspersed);

  bool IsSet(absl::string_view name) const;
  bool Bool(absl::string_view name) const;
  int64_t Int(absl::string_view name) const;
  uint64_t Uint(absl::string_view name) const;
  std::string String(absl::string_view name) const;
  std::vector<std::string> Strings(absl::string_view name) const;
  absl::Duration Duration(absl::string_view name) const;

  // The shown flags, one line for each, sorted by name and in columns.
  std::string Usages() const;

 private:
  const Flag* FindLong(absl::string_view name) const;
  const Flag* FindShort(char shorthand) const;
  absl::Status Set(const Flag& flag, absl::string_view value);
  // Both take a flag off `args` from index `at`, and leave `at` at the last one that they used.
  absl::Status ParseLong(const std::vector<std::string>& args, size_t& at);
  absl::Status ParseShorts(const std::vector<std::string>& args, size_t& at);

  std::vector<Flag> flags_;
  // The text of each flag that was given; it has been checked against the flag's type.
  std::map<std::string, std::string> values_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_FLAG_SET_H_
