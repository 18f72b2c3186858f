#include "proto/credentials/auth_file_json.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

using nlohmann::json;

// Writing JSON recurses; no file of credentials is deep.
constexpr int kMaxDepth = 32;

// Whether objects and arrays lie deeper in each other; exact for what is JSON. nlohmann's parser
// could tell, but with a callback it takes quadratic time.
bool IsDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && in_string) {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      if (++depth > kMaxDepth) {
        return true;
      }
    } else if (!in_string && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<json> ParseAuthJson(absl::string_view text) {
  if (IsDeep(text)) {
    return absl::InvalidArgumentError(absl::StrCat("it has more than ", kMaxDepth, " levels"));
  }
  // The parser takes a NUL byte for the end of the text.
  json root = text.find('\0') == absl::string_view::npos
                  ? json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false)
                  : json(json::value_t::discarded);
  if (root.is_discarded()) {
    return absl::InvalidArgumentError(text.empty() ? "it is empty" : "it is not JSON");
  }
  if (!root.is_object()) {
    return absl::InvalidArgumentError("it is not a JSON object");
  }
  return root;
}

}  // namespace holkas
