#include "proto/credentials/auth_file_json.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

using nlohmann::json;

// Writing JSON recurses; no file of credentials is deep.
constexpr int kMaxDepth = 32;

}  // namespace

absl::StatusOr<json> ParseAuthJson(absl::string_view text) {
  bool too_deep = false;
  auto watch_depth = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  // The parser takes a NUL byte for the end of the text.
  json root = text.find('\0') == absl::string_view::npos
                  ? json::parse(text.begin(), text.end(), watch_depth, /*allow_exceptions=*/false)
                  : json(json::value_t::discarded);
  if (too_deep) {
    return absl::InvalidArgumentError(absl::StrCat("it has more than ", kMaxDepth, " levels"));
  }
  if (root.is_discarded()) {
    return absl::InvalidArgumentError(text.empty() ? "it is empty" : "it is not JSON");
  }
  if (!root.is_object()) {
    return absl::InvalidArgumentError("it is not a JSON object");
  }
  return root;
}

}  // namespace holkas
