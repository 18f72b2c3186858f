#include "worker/image/strict_json.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// How much of a refused key an error shows.
constexpr size_t kMaxShownBytes = 64;

// Builds the value from nlohmann's events and enforces what its parser leaves open. Returning false
// from an event stops the parser.
class Builder {
 public:
  bool null() { return Add(JsonValue()) != nullptr; }
  bool boolean(bool value) { return Add(JsonValue(value)) != nullptr; }
  bool number_integer(int64_t value) { return Add(JsonValue(value)) != nullptr; }
  bool number_unsigned(uint64_t value) {
    return Add(JsonValue(JsonNumber{std::to_string(value)})) != nullptr;
  }
  bool number_float(double, const std::string& text) {
    return Add(JsonValue(JsonNumber{text})) != nullptr;
  }
  bool string(std::string& value) { return Add(JsonValue(std::move(value))) != nullptr; }
  bool binary(std::vector<uint8_t>&) { return Refuse("binary value"); }

  bool start_object(size_t) { return Open(JsonValue(JsonObject())); }
  bool key(std::string& name) {
    key_ = std::move(name);
    return true;
  }
  bool end_object() {
    const JsonObject& object = *open_.back()->object();
    std::vector<absl::string_view> keys;
    keys.reserve(object.size());
    for (const JsonMember& member : object) {
      keys.push_back(member.key);
    }
    std::sort(keys.begin(), keys.end());
    auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      return Refuse(absl::StrCat("duplicate key \"",
                                 absl::CHexEscape(twice->substr(0, kMaxShownBytes)), "\""));
    }
    open_.pop_back();
    return true;
  }

  bool start_array(size_t) { return Open(JsonValue(JsonArray())); }
  bool end_array() {
    open_.pop_back();
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    return Refuse(absl::StrCat("syntax error at byte ", position));
  }

  absl::Status status() const { return status_; }
  JsonValue Take() { return std::move(root_); }

 private:
  bool Refuse(absl::string_view why) {
    status_ = absl::InvalidArgumentError(absl::StrCat("invalid JSON: ", why));
    return false;
  }

  bool Exceed(absl::string_view limit) {
    status_ = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                        absl::StrCat("JSON: more than ", limit));
    return false;
  }

  // Where the value is kept. A container's place does not move while it is open: only the innermost
  // one grows.
  JsonValue* Add(JsonValue value) {
    if (++count_ > kMaxJsonValues) {
      Exceed(absl::StrCat(kMaxJsonValues, " values"));
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (JsonArray* array = open_.back()->array()) {
      array->push_back(std::move(value));
      return &array->back();
    }
    JsonObject* object = open_.back()->object();
    object->push_back(JsonMember{std::move(key_), std::move(value)});
    return &object->back().value;
  }

  bool Open(JsonValue container) {
    if (open_.size() >= static_cast<size_t>(kMaxJsonDepth)) {
      return Exceed(absl::StrCat(kMaxJsonDepth, " levels"));
    }
    JsonValue* place = Add(std::move(container));
    if (place == nullptr) {
      return false;
    }
    open_.push_back(place);
    return true;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::string key_;
  size_t count_ = 0;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<JsonValue> ParseStrictJson(absl::string_view text) {
  // nlohmann's parser skips a byte order mark, and takes a NUL byte for the end of the text.
  if (absl::StartsWith(text, "\xef\xbb\xbf")) {
    return absl::InvalidArgumentError("invalid JSON: byte order mark");
  }
  if (text.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("invalid JSON: NUL byte");
  }
  Builder builder;
  bool done = false;
  try {
    done = nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &builder);
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("invalid JSON: ", e.what()));
  }
  if (!done) {
    return builder.status();
  }
  return builder.Take();
}

}  // namespace holkas
