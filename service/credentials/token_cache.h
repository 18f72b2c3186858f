#ifndef HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_
#define HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "service/broker/cancellation.h"

namespace holkas {

// Bearer tokens that registries' realms issued, for all jobs of the server: by what they were asked
// for and what they were paid with. Of jobs that want the same one, one fetches it and the others
// wait; where the realm fails it, it fails for all of them. Thread-safe.
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
  // Errors: those of `fetch`, of this call or of the one that it waited for; CANCELLED.
  absl::StatusOr<std::string> Get(const std::string& key, const Cancellation& cancellation,
                                  const Fetch& fetch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Does not give `token` any more.
  void Forget(const std::string& key, const std::string& token) ABSL_LOCKS_EXCLUDED(mutex_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // One call of a `fetch`, kept by those that wait for it. Guarded by the cache's mutex.
  struct Fetching {
    bool ended = false;
    absl::Status result;
  };

  // Waits for the call that fetches the token now, if there is one.
  // Errors: CANCELLED; what the realm failed it with.
  absl::Status AwaitOther(const std::string& key, const Cancellation& cancellation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(const std::string& key, const Token& token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, Token> tokens_ ABSL_GUARDED_BY(mutex_);
  // By the token's key.
  std::map<std::string, std::shared_ptr<Fetching>> fetching_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_TOKEN_CACHE_H_
