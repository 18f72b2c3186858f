#include "worker/transports/registry/registry_authorization.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/http/url.h"
#include "worker/transports/registry/registry_error.h"

namespace holkas {
namespace {

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                   absl::StrCat("the registry's challenge: ", what));
}

absl::Status TooLong(absl::string_view what, size_t max_bytes) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
      absl::StrCat("the registry's challenge: ", what, " of more than ", max_bytes, " bytes"));
}

std::string ParameterOf(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? std::string() : found->second;
}

// No longer than the service takes, and with nothing that could break out of a query or a log.
absl::StatusOr<std::string> TextOf(const Challenge& challenge, const std::string& name) {
  std::string text = ParameterOf(challenge, name);
  if (text.size() > kMaxChallengeTextBytes) {
    return TooLong(absl::StrCat("a ", name), kMaxChallengeTextBytes);
  }
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isprint)) {
    return Malformed(absl::StrCat("its ", name, " is not printable"));
  }
  return text;
}

// What the answer to the question depends on: the service asks for the job's own scopes unless one
// of them was not enough.
std::string KeyOf(broker::Authorize question) {
  if (!question.insufficient()) {
    question.clear_scope();
  }
  return question.SerializeAsString();
}

}  // namespace

std::vector<Challenge> ChallengesOf(const HttpResponse& response) {
  std::vector<Challenge> all;
  for (const absl::string_view header : response.Headers("WWW-Authenticate")) {
    for (Challenge& challenge : ParseChallenges(header)) {
      if (all.size() < kMaxChallenges) {
        all.push_back(std::move(challenge));
      }
    }
  }
  return all;
}

const Challenge* ChooseChallenge(const std::vector<Challenge>& challenges) {
  for (const absl::string_view scheme : {"bearer", "basic"}) {
    for (const Challenge& challenge : challenges) {
      if (challenge.scheme == scheme) {
        return &challenge;
      }
    }
  }
  return nullptr;
}

absl::StatusOr<broker::Authorize> QuestionOf(const Challenge& challenge) {
  broker::Authorize question;
  if (challenge.scheme == "basic") {
    question.set_scheme(broker::AUTH_SCHEME_BASIC);
    return question;
  }
  question.set_scheme(broker::AUTH_SCHEME_BEARER);
  const absl::StatusOr<Url> realm = Url::Parse(ParameterOf(challenge, "realm"));
  if (!realm.ok()) {
    return RegistryUrlError(realm.status(), "the registry's challenge: its realm");
  }
  if (realm->target().size() > kMaxRealmTargetBytes) {
    return TooLong("a realm with a path and query", kMaxRealmTargetBytes);
  }
  question.set_realm_https(realm->origin().https);
  question.set_realm_host(realm->origin().host);
  question.set_realm_port(realm->origin().port);
  question.set_realm_target(realm->target());
  ASSIGN_OR_RETURN(*question.mutable_service(), TextOf(challenge, "service"));
  ASSIGN_OR_RETURN(*question.mutable_scope(), TextOf(challenge, "scope"));
  question.set_insufficient(ParameterOf(challenge, "error") == "insufficient_scope");
  return question;
}

std::string RegistryAuthorization::Current() const {
  absl::MutexLock lock(&mutex_);
  return value_;
}

absl::StatusOr<std::string> RegistryAuthorization::Ask(const Challenge& challenge, bool refused) {
  ASSIGN_OR_RETURN(broker::Authorize question, QuestionOf(challenge));
  question.set_place(place_);
  question.set_endpoint(endpoint_);
  question.set_refused(refused);
  question.set_insufficient(refused && question.insufficient());
  const std::string key = KeyOf(question);
  if (failed_question_ == key) {
    return failure_;
  }
  absl::StatusOr<std::string> answer = broker_.Authorize(question);
  if (!answer.ok()) {
    failed_question_ = key;
    failure_ = answer.status();
  }
  return answer;
}

absl::StatusOr<bool> RegistryAuthorization::Learn(const HttpResponse& refusal,
                                                  const std::string& sent) {
  if (given_) {
    return false;
  }
  absl::MutexLock learning(&learn_mutex_);
  if (Current() != sent) {
    return true;  // another thread learned it meanwhile
  }
  const std::vector<Challenge> challenges = ChallengesOf(refusal);
  const Challenge* const challenge = ChooseChallenge(challenges);
  const bool refused = !sent.empty();
  // A password that was refused stays refused; a token may have expired.
  if (challenge == nullptr || (refused && challenge->scheme == "basic")) {
    return false;
  }
  ASSIGN_OR_RETURN(std::string answer, Ask(*challenge, refused));
  if (answer.empty() || answer == sent) {
    return false;
  }
  absl::MutexLock lock(&mutex_);
  value_ = std::move(answer);
  return true;
}

}  // namespace holkas
