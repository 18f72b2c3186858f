#include "clients/cli/template_functions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/go_printf.h"
#include "clients/cli/utf8.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using Arguments = std::vector<GoValue>;

constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();
// `pad` adds no more blanks on a side.
constexpr int64_t kMaxPad = 10'000;

absl::Status Failed(absl::string_view why) { return absl::InvalidArgumentError(why); }

// What an argument must be.
absl::StatusOr<std::string> TextOf(const GoValue& value) {
  if (value.text() == nullptr) {
    return Failed(absl::StrCat("wrong type for value; expected string; got ", value.TypeName()));
  }
  return *value.text();
}

absl::StatusOr<int64_t> IntOf(const GoValue& value) {
  if (value.As<int64_t>() == nullptr) {
    return Failed(absl::StrCat("expected integer; found ", value.ToString()));
  }
  return *value.As<int64_t>();
}

// An argument that is an index of something with so many elements.
absl::StatusOr<size_t> IndexOf(const GoValue& value, size_t limit) {
  if (value.As<int64_t>() == nullptr) {
    return Failed(absl::StrCat("cannot index slice/array with type ", value.TypeName()));
  }
  const int64_t index = *value.As<int64_t>();
  if (index < 0 || static_cast<uint64_t>(index) >= limit) {
    return Failed(absl::StrCat("index out of range: ", index));
  }
  return static_cast<size_t>(index);
}

absl::StatusOr<GoValue> And(const Arguments& arguments) {
  const auto found = std::find_if(arguments.begin(), arguments.end() - 1,
                                  [](const GoValue& value) { return !value.IsTrue(); });
  return *found;
}

absl::StatusOr<GoValue> Or(const Arguments& arguments) {
  const auto found = std::find_if(arguments.begin(), arguments.end() - 1,
                                  [](const GoValue& value) { return value.IsTrue(); });
  return *found;
}

absl::StatusOr<GoValue> Not(const Arguments& arguments) { return GoValue(!arguments[0].IsTrue()); }

absl::StatusOr<bool> AreEqual(const GoValue& a, const GoValue& b) {
  for (const GoValue* value : {&a, &b}) {
    if (value->As<GoValue::List>() != nullptr || value->As<GoValue::Map>() != nullptr ||
        value->As<GoValue::Struct>() != nullptr || value->As<GoTime>() != nullptr) {
      return Failed(
          absl::StrCat("non-comparable type ", value->ToString(), ": ", value->TypeName()));
    }
  }
  if (a.text() != nullptr && b.text() != nullptr) {
    return *a.text() == *b.text();
  }
  if (a.As<int64_t>() != nullptr && b.As<int64_t>() != nullptr) {
    return *a.As<int64_t>() == *b.As<int64_t>();
  }
  if (a.As<bool>() != nullptr && b.As<bool>() != nullptr) {
    return *a.As<bool>() == *b.As<bool>();
  }
  if (a.TypeName() == "nil" || b.TypeName() == "nil") {
    return a.TypeName() == b.TypeName();
  }
  return Failed("incompatible types for comparison");
}

absl::StatusOr<GoValue> Equal(const Arguments& arguments) {
  if (arguments.size() < 2) {
    return Failed("missing argument for comparison");
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    ASSIGN_OR_RETURN(const bool is_equal, AreEqual(arguments[0], arguments[i]));
    if (is_equal) {
      return GoValue(true);
    }
  }
  return GoValue(false);
}

absl::StatusOr<GoValue> NotEqual(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const bool is_equal, AreEqual(arguments[0], arguments[1]));
  return GoValue(!is_equal);
}

// Negative, zero or positive.
absl::StatusOr<int> Compare(const Arguments& arguments) {
  const GoValue& a = arguments[0];
  const GoValue& b = arguments[1];
  if (a.text() != nullptr && b.text() != nullptr) {
    return a.text()->compare(*b.text());
  }
  if (a.As<int64_t>() != nullptr && b.As<int64_t>() != nullptr) {
    const int64_t left = *a.As<int64_t>();
    const int64_t right = *b.As<int64_t>();
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return Failed(a.TypeName() == b.TypeName() ? "invalid type for comparison"
                                             : "incompatible types for comparison");
}

absl::StatusOr<GoValue> Less(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const int order, Compare(arguments));
  return GoValue(order < 0);
}
absl::StatusOr<GoValue> LessOrEqual(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const int order, Compare(arguments));
  return GoValue(order <= 0);
}
absl::StatusOr<GoValue> Greater(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const int order, Compare(arguments));
  return GoValue(order > 0);
}
absl::StatusOr<GoValue> GreaterOrEqual(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const int order, Compare(arguments));
  return GoValue(order >= 0);
}

absl::StatusOr<GoValue> Length(const Arguments& arguments) {
  size_t size = 0;
  if (const GoValue::List* list = arguments[0].As<GoValue::List>()) {
    size = list->items.size();
  } else if (const GoValue::Map* map = arguments[0].As<GoValue::Map>()) {
    size = map->entries.size();
  } else if (const std::string* text = arguments[0].text()) {
    size = text->size();
  } else {
    return Failed(absl::StrCat("len of type ", arguments[0].TypeName()));
  }
  return GoValue(static_cast<int64_t>(size));
}

const GoValue* FindEntry(const GoValue::Map& map, absl::string_view key) {
  for (const auto& [name, value] : map.entries) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

absl::StatusOr<GoValue> IndexOnce(const GoValue& value, const GoValue& key) {
  if (const GoValue::Map* map = value.As<GoValue::Map>()) {
    ASSIGN_OR_RETURN(const std::string name, TextOf(key));
    const GoValue* found = FindEntry(*map, name);
    return found == nullptr ? GoValue(std::string()) : *found;
  }
  if (const GoValue::List* list = value.As<GoValue::List>()) {
    ASSIGN_OR_RETURN(const size_t index, IndexOf(key, list->items.size()));
    return list->items[index];
  }
  if (const std::string* text = value.text()) {
    ASSIGN_OR_RETURN(const size_t index, IndexOf(key, text->size()));
    return GoValue(static_cast<int64_t>(static_cast<unsigned char>((*text)[index])));
  }
  return Failed(absl::StrCat("can't index item of type ", value.TypeName()));
}

absl::StatusOr<GoValue> Index(const Arguments& arguments) {
  GoValue value = arguments[0];
  for (size_t i = 1; i < arguments.size(); ++i) {
    ASSIGN_OR_RETURN(value, IndexOnce(value, arguments[i]));
  }
  return value;
}

absl::StatusOr<GoValue> Slice(const Arguments& arguments) {
  const GoValue::List* list = arguments[0].As<GoValue::List>();
  const std::string* text = arguments[0].text();
  if (list == nullptr && text == nullptr) {
    return Failed(absl::StrCat("can't slice item of type ", arguments[0].TypeName()));
  }
  const size_t size = list != nullptr ? list->items.size() : text->size();
  size_t begin = 0;
  size_t end = size;
  if (arguments.size() > 1) {
    ASSIGN_OR_RETURN(begin, IndexOf(arguments[1], size + 1));
  }
  if (arguments.size() > 2) {
    ASSIGN_OR_RETURN(end, IndexOf(arguments[2], size + 1));
  }
  if (begin > end) {
    return Failed(absl::StrCat("invalid slice index: ", begin, " > ", end));
  }
  if (text != nullptr) {
    return GoValue(text->substr(begin, end - begin));
  }
  GoValue::List part;
  part.items.assign(list->items.begin() + static_cast<std::ptrdiff_t>(begin),
                    list->items.begin() + static_cast<std::ptrdiff_t>(end));
  return GoValue(std::move(part));
}

absl::StatusOr<GoValue> Print(const Arguments& arguments) { return GoValue(GoSprint(arguments)); }
absl::StatusOr<GoValue> PrintLine(const Arguments& arguments) {
  return GoValue(GoSprintln(arguments));
}
absl::StatusOr<GoValue> PrintFormat(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string format, TextOf(arguments[0]));
  return GoValue(GoSprintf(format, absl::MakeSpan(arguments).subspan(1)));
}

absl::StatusOr<GoValue> Html(const Arguments& arguments) {
  return GoValue(absl::StrReplaceAll(
      GoSprint(arguments),
      {{"<", "&lt;"}, {">", "&gt;"}, {"&", "&amp;"}, {"'", "&#39;"}, {"\"", "&#34;"}}));
}

absl::StatusOr<GoValue> JavaScript(const Arguments& arguments) {
  std::string escaped;
  for (const char c : GoSprint(arguments)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == '\'' || c == '"') {
      absl::StrAppend(&escaped, "\\", std::string(1, c));
    } else if (c == '<' || c == '>' || c == '&' || c == '=' || byte < 0x20) {
      absl::StrAppendFormat(&escaped, "\\u%04X", byte);
    } else {
      escaped.push_back(c);
    }
  }
  return GoValue(escaped);
}

absl::StatusOr<GoValue> UrlQuery(const Arguments& arguments) {
  std::string escaped;
  for (const char c : GoSprint(arguments)) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~') {
      escaped.push_back(c);
    } else if (c == ' ') {
      escaped.push_back('+');
    } else {
      absl::StrAppendFormat(&escaped, "%%%02X", byte);
    }
  }
  return GoValue(escaped);
}

absl::StatusOr<GoValue> Join(const Arguments& arguments) {
  const GoValue::List* list = arguments[0].As<GoValue::List>();
  if (list == nullptr) {
    return Failed(
        absl::StrCat("wrong type for value; expected []string; got ", arguments[0].TypeName()));
  }
  ASSIGN_OR_RETURN(const std::string separator, TextOf(arguments[1]));
  std::vector<std::string> texts;
  for (const GoValue& item : list->items) {
    ASSIGN_OR_RETURN(std::string text, TextOf(item));
    texts.push_back(std::move(text));
  }
  return GoValue(absl::StrJoin(texts, separator));
}

absl::StatusOr<GoValue> Json(const Arguments& arguments) { return GoValue(arguments[0].ToJson()); }

absl::StatusOr<GoValue> Lower(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(arguments[0]));
  return GoValue(absl::AsciiStrToLower(text));
}

absl::StatusOr<GoValue> Upper(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(arguments[0]));
  return GoValue(absl::AsciiStrToUpper(text));
}

absl::StatusOr<GoValue> Title(const Arguments& arguments) {
  ASSIGN_OR_RETURN(std::string text, TextOf(arguments[0]));
  bool in_word = false;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_word = absl::ascii_isalnum(byte) || c == '_' || c == '\'' || byte >= 0x80;
    c = is_word && !in_word ? absl::ascii_toupper(byte) : c;
    in_word = is_word;
  }
  return GoValue(text);
}

absl::StatusOr<GoValue> Pad(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(arguments[0]));
  ASSIGN_OR_RETURN(const int64_t before, IntOf(arguments[1]));
  ASSIGN_OR_RETURN(const int64_t after, IntOf(arguments[2]));
  if (before < 0 || after < 0 || before > kMaxPad || after > kMaxPad) {
    return Failed(absl::StrCat("a count is not between 0 and ", kMaxPad));
  }
  return GoValue(text.empty() ? text
                              : absl::StrCat(std::string(static_cast<size_t>(before), ' '), text,
                                             std::string(static_cast<size_t>(after), ' ')));
}

absl::StatusOr<GoValue> Split(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(arguments[0]));
  ASSIGN_OR_RETURN(const std::string separator, TextOf(arguments[1]));
  std::vector<std::string> parts;
  if (!separator.empty()) {
    parts = absl::StrSplit(text, separator);
    return GoValue::Strings(parts);
  }
  for (absl::string_view rest = text; !rest.empty();) {
    const size_t size = FirstRune(rest).size;
    parts.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return GoValue::Strings(parts);
}

absl::StatusOr<GoValue> Truncate(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(arguments[0]));
  ASSIGN_OR_RETURN(const int64_t size, IntOf(arguments[1]));
  return size < 0 ? Failed(absl::StrCat("slice bounds out of range: ", size))
                  : absl::StatusOr<GoValue>(GoValue(text.substr(0, static_cast<size_t>(size))));
}

struct Function {
  absl::string_view name;
  size_t min_arguments;
  size_t max_arguments;
  absl::StatusOr<GoValue> (*call)(const Arguments& arguments);
};

constexpr Function kFunctions[] = {
    {"and", 1, kAnyNumber, &And},
    {"eq", 1, kAnyNumber, &Equal},
    {"ge", 2, 2, &GreaterOrEqual},
    {"gt", 2, 2, &Greater},
    {"html", 0, kAnyNumber, &Html},
    {"index", 1, kAnyNumber, &Index},
    {"join", 2, 2, &Join},
    {"js", 0, kAnyNumber, &JavaScript},
    {"json", 1, 1, &Json},
    {"le", 2, 2, &LessOrEqual},
    {"len", 1, 1, &Length},
    {"lower", 1, 1, &Lower},
    {"lt", 2, 2, &Less},
    {"ne", 2, 2, &NotEqual},
    {"not", 1, 1, &Not},
    {"or", 1, kAnyNumber, &Or},
    {"pad", 3, 3, &Pad},
    {"print", 0, kAnyNumber, &Print},
    {"printf", 1, kAnyNumber, &PrintFormat},
    {"println", 0, kAnyNumber, &PrintLine},
    {"slice", 1, 3, &Slice},
    {"split", 2, 2, &Split},
    {"title", 1, 1, &Title},
    {"truncate", 2, 2, &Truncate},
    {"upper", 1, 1, &Upper},
    {"urlquery", 0, kAnyNumber, &UrlQuery},
};

const Function* FindFunction(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                   [&](const Function& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

std::optional<GoValue> DigestMethod(const std::string& digest, absl::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(digest, absl::MaxSplits(':', 1));
  if (name == "Algorithm") {
    return GoValue(parts[0]);
  }
  if ((name == "Hex" || name == "Encoded") && parts.size() > 1) {
    return GoValue(parts[1]);
  }
  return name == "String" ? std::optional(GoValue(digest)) : std::nullopt;
}

std::optional<GoValue> TimeMethod(const GoTime& time, absl::string_view name) {
  const absl::TimeZone::CivilInfo info = absl::FixedTimeZone(time.offset_seconds).At(time.time);
  const std::pair<absl::string_view, int64_t> numbers[] = {
      {"Year", info.cs.year()},     {"Day", info.cs.day()},
      {"Hour", info.cs.hour()},     {"Minute", info.cs.minute()},
      {"Second", info.cs.second()}, {"Unix", absl::ToUnixSeconds(time.time)},
  };
  for (const auto& [key, number] : numbers) {
    if (key == name) {
      return GoValue(number);
    }
  }
  if (name == "Month") {
    return GoValue(absl::FormatTime("%B", time.time, absl::FixedTimeZone(time.offset_seconds)));
  }
  if (name == "UTC") {
    return GoValue(GoTime{time.time, 0});
  }
  return name == "String" ? std::optional(GoValue(time.ToString())) : std::nullopt;
}

}  // namespace

bool HasTemplateFunction(absl::string_view name) { return FindFunction(name) != nullptr; }

absl::StatusOr<GoValue> CallTemplateFunction(absl::string_view name, const Arguments& arguments) {
  const Function* function = FindFunction(name);
  if (function == nullptr) {
    return Failed(absl::StrCat("function \"", name, "\" not defined"));
  }
  if (arguments.size() < function->min_arguments || arguments.size() > function->max_arguments) {
    const bool is_fixed = function->min_arguments == function->max_arguments;
    return Failed(absl::StrCat("wrong number of args for ", name, ": want ",
                               is_fixed ? "" : "at least ", function->min_arguments, " got ",
                               arguments.size()));
  }
  absl::StatusOr<GoValue> result = function->call(arguments);
  return result.ok()
             ? result
             : Failed(absl::StrCat("error calling ", name, ": ", result.status().message()));
}

absl::StatusOr<GoValue> EvaluateField(const GoValue& value, absl::string_view name,
                                      const Arguments& arguments) {
  std::optional<GoValue> found;
  if (const GoValue::Struct* object = value.As<GoValue::Struct>()) {
    for (const GoValue::Field& field : object->fields) {
      if (field.name == name) {
        found = field.value;
      }
    }
  } else if (const GoValue::Map* map = value.As<GoValue::Map>()) {
    const GoValue* entry = FindEntry(*map, name);
    found = entry == nullptr ? GoValue(GoValue::NoValue()) : *entry;
  } else if (const GoValue::Digest* digest = value.As<GoValue::Digest>()) {
    found = DigestMethod(digest->text, name);
  } else if (const GoTime* time = value.As<GoTime>()) {
    found = TimeMethod(*time, name);
  } else if (value.TypeName() == "nil") {
    return Failed(absl::StrCat("nil pointer evaluating ", name));
  }
  if (!found.has_value()) {
    return Failed(absl::StrCat("can't evaluate field ", name, " in type ", value.TypeName()));
  }
  if (!arguments.empty()) {
    return Failed(absl::StrCat(name, " has arguments but cannot be invoked as function"));
  }
  return *found;
}

}  // namespace holkas
