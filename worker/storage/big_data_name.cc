#include "worker/storage/big_data_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace holkas {

std::string BigDataFileName(absl::string_view key) {
  const bool is_plain = std::all_of(key.begin(), key.end(), [](char c) {
    return c == '.' || absl::ascii_isdigit(c) || absl::ascii_islower(c);
  });
  return is_plain ? std::string(key) : absl::StrCat("=", absl::Base64Escape(key));
}

}  // namespace holkas
