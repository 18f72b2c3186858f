#include "clients/cli/registry_argument.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

std::string WithoutUrl(absl::string_view argument) {
  absl::string_view rest = argument;
  if (!absl::ConsumePrefix(&rest, "https://") && !absl::ConsumePrefix(&rest, "http://")) {
    return std::string(argument);
  }
  rest = rest.substr(0, rest.find_first_of("/?#"));
  // Behind a user, who has no place here.
  return std::string(rest.substr(rest.rfind('@') + 1));
}

}  // namespace

absl::StatusOr<CredentialKey> ParseRegistryArgument(const std::string& argument) {
  const std::string text = WithoutUrl(argument);
  if (absl::StrContains(text, '/')) {
    absl::StatusOr<ImageReference> reference =
        ImageReference::Parse(absl::StrCat("docker://", text));
    if (!reference.ok()) {
      return WithContext(reference.status(), absl::StrCat("parse reference from ", GoQuote(text)));
    }
    // The parser adds a tag where there is none.
    size_t path = text.find('/');
    if (text.find_first_of(":@", path) != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("reference ", GoQuote(text), " contains tag or digest"));
    }
  }
  absl::StatusOr<CredentialKey> key = CredentialKey::Parse(text);
  return key.ok() ? key : WithContext(key.status(), "get credentials");
}

absl::StatusOr<CredentialKey> ParseOneRegistryArgument(const std::vector<std::string>& arguments,
                                                       absl::string_view command,
                                                       absl::string_view purpose) {
  if (arguments.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("please provide a registry to ", purpose));
  }
  if (arguments.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(command, " accepts only one registry to ", purpose));
  }
  return ParseRegistryArgument(arguments[0]);
}

}  // namespace holkas
