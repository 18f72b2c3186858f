// What a registry's headers are read with: nothing that comes out of them breaks a header or a URL.

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/http/challenge.h"
#include "worker/http/content_range.h"
#include "worker/http/retry.h"
#include "worker/http/url.h"
#include "worker/transports/registry/registry_authorization.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "Bearer realm=\"https://auth.test/token?a=b\",service=\"r.test\",scope=\"repository:a:pull\"",
    "Basic realm=\"r\", Bearer realm=\"https://a.test/\"",
    "Bearer realm=https://a.test/t,error=insufficient_scope",
    "bytes 100-199/1000",
    "bytes 0-0/*",
    "120",
    "Fri, 31 Dec 2027 23:59:59 GMT",
    "https://user:pw@host.test:8443/a/../b?c=d#e",
    "/v2/app/blobs/uploads/uuid?_state=x",
    "//other.test/x",
    nullptr,
};

const char* const kFuzzWords[] = {
    "Bearer ",
    "Basic ",
    "realm=",
    "\"",
    "\\\"",
    ",",
    "https://",
    "http://",
    "//",
    "[::1]",
    "%00",
    "\r\n",
    "bytes ",
    "-",
    "/",
    "*",
    "99999999999999999999",
    ":",
    "@",
    "..",
    nullptr,
};

namespace {

void CheckUrl(const Url& url) {
  for (const char c : url.ToString()) {
    HOLKAS_FUZZ_CHECK(absl::ascii_isgraph(c));
  }
  HOLKAS_FUZZ_CHECK(!url.origin().host.empty() && url.origin().port != 0);
  HOLKAS_FUZZ_CHECK(url.target().front() == '/');
  // It is read back as the same, so that what is checked is what is connected to.
  const auto again = Url::Parse(url.ToString());
  HOLKAS_FUZZ_CHECK(again.ok() && again->origin() == url.origin());
}

void CheckChallenges(absl::string_view text) {
  const std::vector<Challenge> challenges = ParseChallenges(text);
  HOLKAS_FUZZ_CHECK(challenges.size() <= kMaxChallenges);
  for (const Challenge& challenge : challenges) {
    HOLKAS_FUZZ_CHECK(challenge.parameters.size() <= kMaxChallengeParameters);
    const auto question = QuestionOf(challenge);
    if (question.ok() && question->scheme() == broker::AUTH_SCHEME_BEARER) {
      HOLKAS_FUZZ_CHECK(!question->realm_host().empty());
      HOLKAS_FUZZ_CHECK(question->realm_target().front() == '/');
    }
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  holkas::CheckChallenges(text);
  if (const auto range = holkas::ParseContentRange(text); range.has_value()) {
    HOLKAS_FUZZ_CHECK(range->first >= 0 && range->last >= range->first);
    HOLKAS_FUZZ_CHECK(range->total < 0 || range->total > range->last);
  }
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  if (const auto delay = holkas::ParseRetryAfter(text, now); delay.has_value()) {
    HOLKAS_FUZZ_CHECK(*delay >= holkas::kMinRetryAfter && *delay <= holkas::kMaxRetryAfter);
  }
  if (const auto url = holkas::Url::Parse(text); url.ok()) {
    holkas::CheckUrl(*url);
  }
  const holkas::Url base({true, "registry.test", 5000}, "/v2/app/blobs/uploads/");
  if (const auto url = base.Resolve(text); url.ok()) {
    holkas::CheckUrl(*url);
  }
  return 0;
}
