#include "clients/cli/flag_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/go_text.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status Invalid(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status CheckValue(FlagType type, absl::string_view value) {
  switch (type) {
    case FlagType::kBool:
      return ParseGoBool(value).status();
    case FlagType::kInt:
      return ParseGoInt(value).status();
    case FlagType::kUint:
      return ParseGoUint(value).status();
    case FlagType::kDuration:
      return ParseGoDuration(value).status();
    case FlagType::kString:
    case FlagType::kStrings:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::string_view ValueName(const Flag& flag) {
  if (!flag.value_name.empty()) {
    return flag.value_name;
  }
  switch (flag.type) {
    case FlagType::kBool:
      return "";
    case FlagType::kInt:
      return "int";
    case FlagType::kUint:
      return "uint";
    case FlagType::kDuration:
      return "duration";
    case FlagType::kString:
      return "string";
    case FlagType::kStrings:
      return "strings";
  }
  return "";
}

// `      --name VALUE` or `  -n, --name VALUE`.
std::string UsageHead(const Flag& flag) {
  std::string head = flag.shorthand == '\0'
                         ? "      --"
                         : absl::StrCat("  -", std::string(1, flag.shorthand), ", --");
  absl::StrAppend(&head, flag.name);
  absl::string_view value = ValueName(flag);
  if (!value.empty()) {
    absl::StrAppend(&head, " ", value);
  }
  return head;
}

}  // namespace

void FlagSet::Add(const FlagSet& other) {
  for (const Flag& flag : other.flags_) {
    if (FindLong(flag.name) != nullptr) {
      continue;
    }
    flags_.push_back(flag);
    if (auto value = other.values_.find(flag.name); value != other.values_.end()) {
      values_.insert(*value);
    }
  }
}

void FlagSet::Remove(absl::string_view name) {
  flags_.erase(std::remove_if(flags_.begin(), flags_.end(),
                              [&](const Flag& flag) { return flag.name == name; }),
               flags_.end());
  values_.erase(std::string(name));
}

absl::StatusOr<std::vector<std::string>> FlagSet::Parse(const std::vector<std::string>& args,
                                                        bool interspersed) {
  std::vector<std::string> arguments;
  for (size_t at = 0; at < args.size(); ++at) {
    const std::string& arg = args[at];
    if (arg.size() < 2 || arg[0] != '-') {
      if (!interspersed) {
        arguments.insert(arguments.end(), args.begin() + at, args.end());
        return arguments;
      }
      arguments.push_back(arg);
    } else if (arg == "--") {
      arguments.insert(arguments.end(), args.begin() + at + 1, args.end());
      return arguments;
    } else if (arg[1] == '-') {
      RETURN_IF_ERROR(ParseLong(args, at));
    } else {
      RETURN_IF_ERROR(ParseShorts(args, at));
    }
  }
  return arguments;
}

absl::Status FlagSet::ParseLong(const std::vector<std::string>& args, size_t& at) {
  absl::string_view text = absl::string_view(args[at]).substr(2);
  if (absl::StartsWith(text, "-") || absl::StartsWith(text, "=")) {
    return Invalid(absl::StrCat("bad flag syntax: ", args[at]));
  }
  size_t equals = text.find('=');
  absl::string_view name = text.substr(0, equals);
  const Flag* flag = FindLong(name);
  if (flag == nullptr) {
    return Invalid(absl::StrCat("unknown flag: --", name));
  }
  if (equals != absl::string_view::npos) {
    return Set(*flag, text.substr(equals + 1));
  }
  if (flag->type == FlagType::kBool) {
    return Set(*flag, "true");
  }
  if (flag->use != FlagUse::kNotBuilt && at + 1 == args.size()) {
    return Invalid(absl::StrCat("flag needs an argument: --", name));
  }
  return flag->use == FlagUse::kNotBuilt ? Set(*flag, "") : Set(*flag, args[++at]);
}

absl::Status FlagSet::ParseShorts(const std::vector<std::string>& args, size_t& at) {
  const std::string& arg = args[at];
  for (size_t i = 1; i < arg.size(); ++i) {
    absl::string_view rest = absl::string_view(arg).substr(i + 1);
    const Flag* flag = FindShort(arg[i]);
    std::string shown(1, arg[i]);
    if (flag == nullptr) {
      return Invalid(absl::StrCat("unknown shorthand flag: '", shown, "' in -", arg.substr(i)));
    }
    if (flag->use == FlagUse::kNotBuilt) {
      return Set(*flag, "");
    }
    if (rest.size() > 1 && rest[0] == '=') {
      return Set(*flag, rest.substr(1));
    }
    if (flag->type == FlagType::kBool) {
      RETURN_IF_ERROR(Set(*flag, "true"));
      continue;
    }
    if (!rest.empty()) {
      return Set(*flag, rest);
    }
    if (at + 1 == args.size()) {
      return Invalid(absl::StrCat("flag needs an argument: '", shown, "' in -", arg.substr(i)));
    }
    return Set(*flag, args[++at]);
  }
  return absl::OkStatus();
}

absl::Status FlagSet::Set(const Flag& flag, absl::string_view value) {
  if (flag.use == FlagUse::kNotBuilt) {
    return absl::UnimplementedError(
        absl::StrCat("--", flag.name, " is not supported by this version of holkas"));
  }
  absl::Status checked = CheckValue(flag.type, value);
  if (!checked.ok()) {
    std::string shown = absl::StrCat("--", flag.name);
    if (flag.shorthand != '\0') {
      shown = absl::StrCat("-", std::string(1, flag.shorthand), ", ", shown);
    }
    return Invalid(absl::StrCat("invalid argument ", GoQuote(value), " for \"", shown,
                                "\" flag: ", checked.message()));
  }
  const std::string& name = flag.alias_of.empty() ? flag.name : flag.alias_of;
  values_[name] = flag.type == FlagType::kStrings && IsSet(name)
                      ? absl::StrCat(values_[name], ",", value)
                      : std::string(value);
  return absl::OkStatus();
}

const Flag* FlagSet::FindLong(absl::string_view name) const {
  auto found = std::find_if(flags_.begin(), flags_.end(),
                            [&](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

const Flag* FlagSet::FindShort(char shorthand) const {
  auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
    return flag.shorthand != '\0' && flag.shorthand == shorthand;
  });
  return found == flags_.end() ? nullptr : &*found;
}

bool FlagSet::IsSet(absl::string_view name) const { return values_.count(std::string(name)) > 0; }

std::string FlagSet::String(absl::string_view name) const {
  auto value = values_.find(std::string(name));
  return value == values_.end() ? std::string() : value->second;
}

std::vector<std::string> FlagSet::Strings(absl::string_view name) const {
  return absl::StrSplit(String(name), ',', absl::SkipEmpty());
}

bool FlagSet::Bool(absl::string_view name) const {
  return ParseGoBool(String(name)).value_or(false);
}

int64_t FlagSet::Int(absl::string_view name) const { return ParseGoInt(String(name)).value_or(0); }

uint64_t FlagSet::Uint(absl::string_view name) const {
  return ParseGoUint(String(name)).value_or(0);
}

absl::Duration FlagSet::Duration(absl::string_view name) const {
  return ParseGoDuration(String(name)).value_or(absl::ZeroDuration());
}

std::string FlagSet::Usages() const {
  std::vector<std::pair<std::string, const Flag*>> rows;
  size_t width = 0;
  for (const Flag& flag : flags_) {
    if (flag.use == FlagUse::kShown) {
      rows.emplace_back(UsageHead(flag), &flag);
      width = std::max(width, rows.back().first.size());
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second->name < b.second->name; });
  std::string text;
  for (auto& [head, flag] : rows) {
    head.resize(width, ' ');
    absl::StrAppend(&text, head, "   ", flag->usage, "\n");
  }
  return text;
}

}  // namespace holkas
