#ifndef HOLKAS_WORKER_CONFINE_LANDLOCK_H_
#define HOLKAS_WORKER_CONFINE_LANDLOCK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace holkas {

// Every right that a kernel's Landlock can take away. A ruleset that handles them all and has no
// rule grants none of them. Descriptors that are open already are not affected.
struct LandlockRights {
  int abi = 0;  // 0: the kernel has no Landlock, or it is switched off
  uint64_t files = 0;
  uint64_t network = 0;
  uint64_t scopes = 0;
};

// All that is known of ABI `abi` (1 to 10; a later one is taken for 10).
LandlockRights LandlockRightsOfAbi(int abi);

// What this kernel can do: the best ABI that it says it has, or where it refuses that one's rights,
// the best below that it accepts.
LandlockRights ProbeLandlock();

// A directory in which some rights are left, with all that is below it.
struct LandlockException {
  int directory = -1;
  uint64_t files = 0;
};

// Takes all of `rights` from the calling thread and from those that it makes later, for ever, but
// for the exceptions. Needs no_new_privs.
absl::Status RestrictByLandlock(const LandlockRights& rights,
                                absl::Span<const LandlockException> exceptions = {});

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_LANDLOCK_H_
