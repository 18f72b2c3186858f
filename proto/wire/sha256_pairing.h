#ifndef HOLKAS_PROTO_WIRE_SHA256_PAIRING_H_
#define HOLKAS_PROTO_WIRE_SHA256_PAIRING_H_

#include <openssl/sha.h>

#include <cstdint>
#include <functional>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace holkas {

// A message being hashed by SHA-256, and what is there of it to take next. Its owner may touch it
// while it is not posted.
struct Sha256Share {
  SHA256_CTX context = {};
  absl::string_view data;
  // Gives what follows `data`, nothing at the end. On any thread that hashes for this one.
  std::function<absl::string_view()> next_data;

  // Sha256Pairing's own.
  enum class State : uint8_t { kTaken, kPosted, kDone } state = State::kDone;
  absl::CondVar changed = {};
};

// Brings together messages that are hashed at the same time, so that one thread takes two of them
// through Sha256Two while the other thread does something else, or nothing. All of them belong to
// one job: what one waits for, another may wait for too. Thread-safe.
class Sha256Pairing {
 public:
  // Offers the share to whoever hashes. Post and Await alternate.
  void Post(Sha256Share& share);
  // Blocks until all of the share's data is taken. Hashes it where nobody else does, after having
  // waited for another share for at most `patience`.
  void Await(Sha256Share& share, absl::Duration patience = absl::ZeroDuration());

 private:
  // Waits as long as another thread has the share, or will soon.
  void AwaitOthers(Sha256Share& share) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is no other share to take along.
  bool IsOnlyOne(const Sha256Share& share) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return share.state == Sha256Share::State::kPosted && posted_.size() == 1;
  }
  void Hash(Sha256Share& mine) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A share that waits for somebody to take it; nullptr where there is none.
  Sha256Share* TakePosted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  // Oldest first.
  std::list<Sha256Share*> posted_ ABSL_GUARDED_BY(mutex_);
  // Threads that hash without a partner, and will soon look for one.
  int alone_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_SHA256_PAIRING_H_
