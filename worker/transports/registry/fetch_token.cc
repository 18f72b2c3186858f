#include "worker/transports/registry/fetch_token.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kClientId[] = "holkas";
constexpr int64_t kMaxValidSeconds = 86'400;

absl::Status NotAToken(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                   absl::StrCat("the realm's answer is no token: ", why));
}

// As application/x-www-form-urlencoded has it, and queries take it.
std::string Encoded(absl::string_view text) {
  std::string result;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::string_view("-._~").find(c) != absl::string_view::npos) {
      result.push_back(c);
    } else {
      absl::StrAppend(&result, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return result;
}

void AddField(std::string& form, absl::string_view name, absl::string_view value) {
  absl::StrAppend(&form, form.empty() ? "" : "&", name, "=", Encoded(value));
}

RegistryRequest GetRequest(const Origin& realm, const broker::TokenRequest& request) {
  std::string query;
  if (!request.account().empty()) {
    AddField(query, "account", request.account());
  }
  if (!request.service().empty()) {
    AddField(query, "service", request.service());
  }
  for (const std::string& scope : request.scopes()) {
    AddField(query, "scope", scope);
  }
  std::string target = request.target();
  if (!query.empty()) {
    const bool has_query = target.find('?') != std::string::npos;
    absl::StrAppend(&target, has_query ? "&" : "?", query);
  }
  return {.url = Url(realm, std::move(target))};
}

// `form` outlives the request.
RegistryRequest RefreshRequest(const Origin& realm, const broker::TokenRequest& request,
                               std::string& form) {
  AddField(form, "grant_type", "refresh_token");
  AddField(form, "client_id", kClientId);
  AddField(form, "service", request.service());
  for (const std::string& scope : request.scopes()) {
    AddField(form, "scope", scope);
  }
  AddField(form, "refresh_token", request.identity_token());
  return {.method = "POST",
          .url = Url(realm, request.target()),
          .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
          .body = form};
}

// The first of the fields that holds a token.
absl::StatusOr<std::string> TokenOf(const nlohmann::json& root) {
  for (const char* name : {"token", "access_token"}) {
    const auto field = root.find(name);
    if (field == root.end() || !field->is_string() ||
        field->get_ref<const std::string&>().empty()) {
      continue;
    }
    const auto& token = field->get_ref<const std::string&>();
    if (token.size() > kMaxTokenBytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("the realm's token has more than ", kMaxTokenBytes, " bytes"));
    }
    if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
      return NotAToken("it has characters that no header has");
    }
    return token;
  }
  return NotAToken("it has no token");
}

// From `now` on; 0 where the answer does not say.
int64_t ValidSeconds(const nlohmann::json& root, absl::Time now) {
  const auto expires = root.find("expires_in");
  if (expires == root.end() || !expires->is_number()) {
    return 0;
  }
  const double seconds = expires->get<double>();
  if (!std::isfinite(seconds) || seconds <= 0) {
    return 0;
  }
  const auto bounded =
      static_cast<int64_t>(std::min(seconds, static_cast<double>(kMaxValidSeconds)));
  const auto issued = root.find("issued_at");
  absl::Time since;
  if (issued == root.end() || !issued->is_string() ||
      !absl::ParseTime(absl::RFC3339_full, issued->get_ref<const std::string&>(), &since,
                       nullptr)) {
    return bounded;
  }
  // A realm whose clock is ahead issues no token that lives longer.
  const absl::Duration left = std::min(since, now) + absl::Seconds(bounded) - now;
  return std::max<int64_t>(absl::ToInt64Seconds(left), 0);
}

}  // namespace

absl::StatusOr<broker::TokenResponse> ParseTokenAnswer(absl::string_view body, absl::Time now) {
  const nlohmann::json root = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
  if (!root.is_object()) {
    return NotAToken("it is not a JSON object");
  }
  broker::TokenResponse response;
  ASSIGN_OR_RETURN(*response.mutable_token(), TokenOf(root));
  response.set_valid_seconds(ValidSeconds(root, now));
  return response;
}

namespace {

absl::StatusOr<broker::TokenResponse> RequestToken(RegistryClient& client,
                                                   const broker::TokenRequest& request) {
  // A realm says by its URL which of the two it speaks.
  const broker::RegistryImage& image = client.image();
  const Origin realm = {!image.plain_http_allowed(), image.host(),
                        static_cast<uint16_t>(image.port())};
  std::string form;
  const RegistryRequest http = request.identity_token().empty()
                                   ? GetRequest(realm, request)
                                   : RefreshRequest(realm, request, form);
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, client.Send(http));
  if (answer->head().status != 200) {
    return answer->Error(RegistryObject::kToken);
  }
  ASSIGN_OR_RETURN(const std::string body, answer->exchange().ReadAll(kMaxTokenAnswerBytes));
  return ParseTokenAnswer(body, absl::Now());
}

}  // namespace

absl::StatusOr<broker::TokenResponse> FetchToken(RegistryClient& client,
                                                 const broker::TokenRequest& request) {
  absl::StatusOr<broker::TokenResponse> response = RequestToken(client, request);
  return response.ok() ? std::move(response)
                       : WithContext(response.status(), "unable to retrieve auth token");
}

}  // namespace holkas
