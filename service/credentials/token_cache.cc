#include "service/credentials/token_cache.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How often a waiting job looks whether it is still wanted.
constexpr absl::Duration kTick = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<std::string> TokenCache::Get(const std::string& key,
                                            const Cancellation& cancellation, const Fetch& fetch) {
  {
    absl::MutexLock lock(&mutex_);
    for (auto is_free =
             [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return fetching_.count(key) == 0; };
         !mutex_.AwaitWithTimeout(absl::Condition(&is_free), kTick);) {
      if (cancellation.cancelled()) {
        return absl::CancelledError("nobody wants the token any more");
      }
    }
    const auto found = tokens_.find(key);
    if (found != tokens_.end() && found->second.expires > absl::Now()) {
      return found->second.text;
    }
    fetching_.insert(key);
  }
  // A job that fails or is cancelled leaves the fetching to the next one that waits.
  absl::StatusOr<Token> token = fetch();
  absl::MutexLock lock(&mutex_);
  fetching_.erase(key);
  RETURN_IF_ERROR(token.status());
  Keep(key, *token);
  return std::move(token->text);
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
