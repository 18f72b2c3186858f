#include "clients/cli/go_value.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/go_json.h"
#include "clients/cli/go_text.h"

namespace holkas {
namespace {

constexpr int kSecondsPerHour = 3600;
constexpr int kSecondsPerMinute = 60;

// `+01:00` or `Z` at the end of a time that absl::ParseTime took.
int OffsetOf(absl::string_view rfc3339) {
  if (rfc3339.size() < 6 || rfc3339.back() == 'Z') {
    return 0;
  }
  const absl::string_view zone = rfc3339.substr(rfc3339.size() - 6);
  int hours = 0;
  int minutes = 0;
  if (!absl::SimpleAtoi(zone.substr(1, 2), &hours) ||
      !absl::SimpleAtoi(zone.substr(4, 2), &minutes)) {
    return 0;
  }
  const int offset = hours * kSecondsPerHour + minutes * kSecondsPerMinute;
  return zone[0] == '-' ? -offset : offset;
}

// A string of JSON without the escapes of HTML: no other escape of GoJsonString has these forms,
// since a backslash of the text is written as two.
std::string PlainJsonString(absl::string_view text) {
  const std::string escaped = GoJsonString(text);
  std::string plain;
  for (size_t i = 0; i < escaped.size(); ++i) {
    const absl::string_view rest = absl::string_view(escaped).substr(i, 6);
    if (rest == "\\u003c" || rest == "\\u003e" || rest == "\\u0026") {
      plain.push_back(rest == "\\u003c" ? '<' : rest == "\\u003e" ? '>' : '&');
      i += 5;
      continue;
    }
    plain.push_back(escaped[i]);
    if (escaped[i] == '\\') {
      plain.push_back(escaped[++i]);
    }
  }
  return plain;
}

// Values with a separator between them.
class Joiner {
 public:
  Joiner(std::string begin, absl::string_view separator)
      : text_(std::move(begin)), separator_(separator) {}

  void Add(absl::string_view item) {
    absl::StrAppend(&text_, is_first_ ? "" : separator_, item);
    is_first_ = false;
  }
  std::string End(absl::string_view end) { return absl::StrCat(text_, end); }

 private:
  std::string text_;
  absl::string_view separator_;
  bool is_first_ = true;
};

struct Printer {
  std::string operator()(const GoValue::Nil&) const { return "<nil>"; }
  std::string operator()(const GoValue::NoValue&) const { return "<no value>"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return absl::StrCat(value); }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const GoValue::Digest& digest) const { return digest.text; }
  std::string operator()(const GoTime& time) const { return time.ToString(); }
  std::string operator()(const GoValue::List& list) const {
    Joiner joiner("[", " ");
    for (const GoValue& item : list.items) {
      joiner.Add(item.ToString());
    }
    return joiner.End("]");
  }
  std::string operator()(const GoValue::Map& map) const {
    Joiner joiner("map[", " ");
    for (const auto& [key, value] : map.entries) {
      joiner.Add(absl::StrCat(key, ":", value.ToString()));
    }
    return joiner.End("]");
  }
  std::string operator()(const GoValue::Struct& object) const {
    Joiner joiner("{", " ");
    for (const GoValue::Field& field : object.fields) {
      joiner.Add(field.value.ToString());
    }
    return joiner.End("}");
  }
};

struct JsonPrinter {
  std::string operator()(const GoValue::Nil&) const { return "null"; }
  std::string operator()(const GoValue::NoValue&) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return absl::StrCat(value); }
  std::string operator()(const std::string& text) const { return PlainJsonString(text); }
  std::string operator()(const GoValue::Digest& digest) const {
    return PlainJsonString(digest.text);
  }
  std::string operator()(const GoTime& time) const { return PlainJsonString(time.ToRfc3339()); }
  std::string operator()(const GoValue::List& list) const {
    if (list.is_nil) {
      return "null";
    }
    Joiner joiner("[", ",");
    for (const GoValue& item : list.items) {
      joiner.Add(item.ToJson());
    }
    return joiner.End("]");
  }
  std::string operator()(const GoValue::Map& map) const {
    if (map.is_nil) {
      return "null";
    }
    Joiner joiner("{", ",");
    for (const auto& [key, value] : map.entries) {
      joiner.Add(absl::StrCat(PlainJsonString(key), ":", value.ToJson()));
    }
    return joiner.End("}");
  }
  std::string operator()(const GoValue::Struct& object) const {
    Joiner joiner("{", ",");
    for (const GoValue::Field& field : object.fields) {
      // For Go no struct is empty.
      const bool may_be_empty = field.value.As<GoValue::Struct>() == nullptr;
      if (!field.omit_empty || !may_be_empty || field.value.IsTrue()) {
        joiner.Add(absl::StrCat(PlainJsonString(field.json_name), ":", field.value.ToJson()));
      }
    }
    return joiner.End("}");
  }
};

struct Truth {
  bool operator()(const GoValue::Nil&) const { return false; }
  bool operator()(const GoValue::NoValue&) const { return false; }
  bool operator()(bool value) const { return value; }
  bool operator()(int64_t value) const { return value != 0; }
  bool operator()(const std::string& text) const { return !text.empty(); }
  bool operator()(const GoValue::Digest& digest) const { return !digest.text.empty(); }
  bool operator()(const GoTime&) const { return true; }
  bool operator()(const GoValue::List& list) const { return !list.items.empty(); }
  bool operator()(const GoValue::Map& map) const { return !map.entries.empty(); }
  bool operator()(const GoValue::Struct&) const { return true; }
};

struct TypeNamer {
  absl::string_view operator()(const GoValue::Nil&) const { return "nil"; }
  absl::string_view operator()(const GoValue::NoValue&) const { return "nil"; }
  absl::string_view operator()(bool) const { return "bool"; }
  absl::string_view operator()(int64_t) const { return "int"; }
  absl::string_view operator()(const std::string&) const { return "string"; }
  absl::string_view operator()(const GoValue::Digest&) const { return "digest.Digest"; }
  absl::string_view operator()(const GoTime&) const { return "time.Time"; }
  absl::string_view operator()(const GoValue::List& list) const {
    const bool is_structs = !list.items.empty() && list.items[0].As<GoValue::Struct>() != nullptr;
    return is_structs ? "[]struct" : "[]string";
  }
  absl::string_view operator()(const GoValue::Map&) const { return "map[string]string"; }
  absl::string_view operator()(const GoValue::Struct&) const { return "struct"; }
};

}  // namespace

absl::StatusOr<GoTime> GoTime::Parse(absl::string_view rfc3339) {
  GoTime parsed;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, rfc3339, &parsed.time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("time ", GoQuote(rfc3339), " is not of RFC 3339"));
  }
  parsed.offset_seconds = OffsetOf(rfc3339);
  return parsed;
}

std::string GoTime::ToString() const {
  const absl::TimeZone zone = absl::FixedTimeZone(offset_seconds);
  const std::string offset = absl::FormatTime("%z", time, zone);
  return absl::StrCat(absl::FormatTime("%E4Y-%m-%d %H:%M:%E*S ", time, zone), offset, " ",
                      offset_seconds == 0 ? "UTC" : offset);
}

std::string GoTime::ToRfc3339() const {
  const absl::TimeZone zone = absl::FixedTimeZone(offset_seconds);
  return absl::StrCat(absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*S", time, zone),
                      offset_seconds == 0 ? "Z" : absl::FormatTime("%Ez", time, zone));
}

GoValue GoValue::Strings(const std::vector<std::string>& strings) {
  List list;
  for (const std::string& text : strings) {
    list.items.emplace_back(text);
  }
  return GoValue(std::move(list));
}

const std::string* GoValue::text() const {
  if (const Digest* digest = As<Digest>()) {
    return &digest->text;
  }
  return As<std::string>();
}

bool GoValue::IsTrue() const { return std::visit(Truth(), value_); }
absl::string_view GoValue::TypeName() const { return std::visit(TypeNamer(), value_); }
std::string GoValue::ToString() const { return std::visit(Printer(), value_); }
std::string GoValue::ToJson() const { return std::visit(JsonPrinter(), value_); }

}  // namespace holkas
