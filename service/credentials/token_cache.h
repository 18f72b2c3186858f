#ifndef HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_
#define HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_

#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "service/broker/cancellation.h"

namespace holkas {

// Bearer tokens that registries' realms issued, for all jobs of the server: by what they were asked
// for and what they were paid with. Of jobs that want the same one, one fetches it and the others
// wait. Thread-safe.
class TokenCache {
 public:
  struct Token {
    std::string text;
    absl::Time expires;
  };
  using Fetch = std::function<absl::StatusOr<Token>()>;

  // No more tokens are kept than this.
  static constexpr size_t kMaxTokens = 4096;

  // The token of `key` that is valid still, or what `fetch` gives. Blocks.
  // Errors: those of `fetch`; CANCELLED.
  absl::StatusOr<std::string> Get(const std::string& key, const Cancellation& cancellation,
                                  const Fetch& fetch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Does not give `token` any more.
  void Forget(const std::string& key, const std::string& token) ABSL_LOCKS_EXCLUDED(mutex_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Keep(const std::string& key, const Token& token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, Token> tokens_ ABSL_GUARDED_BY(mutex_);
  // Keys of tokens that somebody is fetching.
  std::set<std::string> fetching_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_
