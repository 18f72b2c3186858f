#include "service/credentials/token_cache.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How often a waiting job looks whether it is still wanted.
constexpr absl::Duration kTick = absl::Milliseconds(20);

// Whether a failed fetch says something about the realm, and not about the job that fetched: one
// that was cancelled, or whose time was up, leaves the fetching to the next one.
bool IsRealms(const absl::Status& failure) {
  return absl::IsUnavailable(failure) || absl::IsUnauthenticated(failure) ||
         absl::IsPermissionDenied(failure);
}

}  // namespace

absl::StatusOr<std::string> TokenCache::Get(const std::string& key,
                                            const Cancellation& cancellation, const Fetch& fetch) {
  const auto fetching = std::make_shared<Fetching>();
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(AwaitOther(key, cancellation));
    const auto found = tokens_.find(key);
    if (found != tokens_.end() && found->second.expires > absl::Now()) {
      return found->second.text;
    }
    fetching_[key] = fetching;
  }
  absl::StatusOr<Token> token = fetch();
  absl::MutexLock lock(&mutex_);
  fetching_.erase(key);
  fetching->ended = true;
  fetching->result = token.status();
  RETURN_IF_ERROR(token.status());
  Keep(key, *token);
  return std::move(token->text);
}

absl::Status TokenCache::AwaitOther(const std::string& key, const Cancellation& cancellation) {
  for (auto other = fetching_.find(key); other != fetching_.end(); other = fetching_.find(key)) {
    const std::shared_ptr<Fetching> fetching = other->second;
    while (!mutex_.AwaitWithTimeout(absl::Condition(&fetching->ended), kTick)) {
      if (cancellation.cancelled()) {
        return absl::CancelledError("nobody wants the token any more");
      }
    }
    if (IsRealms(fetching->result)) {
      return fetching->result;
    }
  }
  return absl::OkStatus();
}

void TokenCache::Keep(const std::string& key, const Token& token) {
  const absl::Time now = absl::Now();
  if (token.expires <= now) {
    return;
  }
  if (tokens_.size() >= kMaxTokens) {
    // Without the expired ones, else the one that expires next: its fetching again comes first
    // anyway.
    for (auto it = tokens_.begin(); it != tokens_.end();) {
      it = it->second.expires <= now ? tokens_.erase(it) : std::next(it);
    }
  }
  if (tokens_.size() >= kMaxTokens) {
    tokens_.erase(std::min_element(
        tokens_.begin(), tokens_.end(),
        [](const auto& a, const auto& b) { return a.second.expires < b.second.expires; }));
  }
  tokens_[key] = token;
}

void TokenCache::Forget(const std::string& key, const std::string& token) {
  absl::MutexLock lock(&mutex_);
  const auto found = tokens_.find(key);
  if (found != tokens_.end() && found->second.text == token) {
    tokens_.erase(found);
  }
}

size_t TokenCache::size() const {
  absl::MutexLock lock(&mutex_);
  return tokens_.size();
}

}  // namespace holkas
