#include "proto/wire/sha256_pairing.h"

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "proto/wire/sha256_two.h"

namespace holkas {
namespace {

// What a thread alone hashes before it looks for another share: about 10 microseconds.
constexpr size_t kLookBytes = 16 << 10;

using State = Sha256Share::State;

void HashOne(Sha256Share& share, size_t bytes) {
  const size_t count = std::min(bytes, share.data.size());
  SHA256_Update(&share.context, share.data.data(), count);
  share.data.remove_prefix(count);
}

// Takes what keeps the share from standing at the begin of a whole block.
void Align(Sha256Share& share) {
  if (share.context.num != 0) {
    HashOne(share, kSha256BlockBytes - share.context.num);
  } else if (share.data.size() < kSha256BlockBytes) {
    HashOne(share, share.data.size());
  }
}

Sha256Lane LaneOf(Sha256Share& share) {
  return {share.context.h, reinterpret_cast<const unsigned char*>(share.data.data())};
}

// What SHA256_Update does besides: the message's length in bits is in two halves.
void Count(Sha256Share& share, size_t bytes) {
  SHA256_CTX& context = share.context;
  const uint64_t bits = (uint64_t{context.Nh} << 32 | context.Nl) + uint64_t{bytes} * 8;
  context.Nl = static_cast<SHA_LONG>(bits);
  context.Nh = static_cast<SHA_LONG>(bits >> 32);
  share.data.remove_prefix(bytes);
}

void HashTwo(Sha256Share& first, Sha256Share& second) {
  Align(first);
  Align(second);
  const size_t blocks = std::min(first.data.size(), second.data.size()) / kSha256BlockBytes;
  Sha256Two(LaneOf(first), LaneOf(second), blocks);
  Count(first, blocks * kSha256BlockBytes);
  Count(second, blocks * kSha256BlockBytes);
}

// Whether there is more to take.
bool Replenish(Sha256Share& share) {
  if (share.data.empty() && share.next_data) {
    share.data = share.next_data();
  }
  return !share.data.empty();
}

}  // namespace

void Sha256Pairing::Post(Sha256Share& share) {
  absl::MutexLock lock(&mutex_);
  share.state = State::kPosted;
  posted_.push_back(&share);
}

void Sha256Pairing::Await(Sha256Share& share, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  AwaitOthers(share);
  if (HasSha256Two() && IsOnlyOne(share) && patience > absl::ZeroDuration()) {
    share.changed.WaitWithTimeout(&mutex_, patience);
    AwaitOthers(share);
  }
  if (HasSha256Two() && IsOnlyOne(share)) {
    // Where there are more threads than processors, one that could bring a share may run now.
    mutex_.Unlock();
    sched_yield();
    mutex_.Lock();
    AwaitOthers(share);
  }
  if (share.state == State::kPosted) {
    posted_.remove(&share);
    Hash(share);
    share.state = State::kDone;
  }
}

void Sha256Pairing::AwaitOthers(Sha256Share& share) {
  while (share.state == State::kTaken || (share.state == State::kPosted && alone_ > 0)) {
    share.changed.Wait(&mutex_);
  }
}

void Sha256Pairing::Hash(Sha256Share& mine) {
  const bool pairs = HasSha256Two();
  Sha256Share* partner = nullptr;
  alone_ += pairs ? 1 : 0;
  for (bool more = true; more;) {
    if (pairs && partner == nullptr) {
      partner = TakePosted();
    }
    mutex_.Unlock();
    bool partner_has_more = true;
    if (partner == nullptr) {
      HashOne(mine, kLookBytes);
    } else {
      HashTwo(mine, *partner);
      partner_has_more = Replenish(*partner);
    }
    more = Replenish(mine);
    mutex_.Lock();
    if (!partner_has_more) {
      partner->state = State::kDone;
      std::exchange(partner, nullptr)->changed.Signal();
      ++alone_;
    }
  }
  if (partner != nullptr) {
    partner->state = State::kPosted;
    posted_.push_front(partner);
    partner->changed.Signal();
  } else if (pairs) {
    Leave();
  }
}

Sha256Share* Sha256Pairing::TakePosted() {
  if (posted_.empty()) {
    return nullptr;
  }
  Sha256Share* const share = posted_.front();
  posted_.pop_front();
  share->state = State::kTaken;
  Leave();
  return share;
}

// Who waits for a thread that is alone waits in vain when the last is gone.
void Sha256Pairing::Leave() {
  if (--alone_ == 0) {
    for (Sha256Share* const share : posted_) {
      share->changed.Signal();
    }
  }
}

}  // namespace holkas
