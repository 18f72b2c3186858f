#include "worker/confine/landlock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "proto/wire/error.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

// The kernel's numbers, here because the headers of a distribution are older than its kernels
// (linux/landlock.h). The struct's size tells the kernel which fields there are; an older kernel
// accepts a longer one whose unknown fields are 0.
struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
struct [[gnu::packed]] PathBeneath {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr unsigned kCreateRulesetVersion = 1u << 0;
constexpr int kRulePathBeneath = 1;
constexpr int kLastKnownAbi = 10;

// How many rights there are from each ABI on, counted from the lowest bit.
struct RightsByAbi {
  int abi;
  int files;
  int network;
  int scopes;
};
constexpr RightsByAbi kRights[] = {
    {1, 13, 0, 0},   // execute to make_sym
    {2, 14, 0, 0},   // refer
    {3, 15, 0, 0},   // truncate
    {4, 15, 2, 0},   // bind and connect TCP
    {5, 16, 2, 0},   // ioctl on devices
    {6, 16, 2, 2},   // abstract unix sockets, signals
    {9, 17, 2, 2},   // resolve unix sockets by path
    {10, 17, 4, 2},  // bind and send UDP
};

constexpr uint64_t LowBits(int count) { return (uint64_t{1} << count) - 1; }

UniqueFd CreateRuleset(const LandlockRights& rights) {
  const RulesetAttributes attributes = {rights.files, rights.network, rights.scopes};
  return UniqueFd(
      static_cast<int>(syscall(__NR_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
}

}  // namespace

LandlockRights LandlockRightsOfAbi(int abi) {
  LandlockRights rights;
  for (const RightsByAbi& row : kRights) {
    if (row.abi <= abi) {
      rights.files = LowBits(row.files);
      rights.network = LowBits(row.network);
      rights.scopes = LowBits(row.scopes);
    }
  }
  rights.abi = std::clamp(abi, 0, kLastKnownAbi);
  return rights;
}

LandlockRights ProbeLandlock() {
  const auto version = static_cast<int>(
      syscall(__NR_landlock_create_ruleset, nullptr, size_t{0}, kCreateRulesetVersion));
  for (int abi = std::min(version, kLastKnownAbi); abi >= 1; --abi) {
    const LandlockRights rights = LandlockRightsOfAbi(abi);
    if (CreateRuleset(rights).valid()) {
      return rights;
    }
  }
  return {};
}

absl::Status RestrictByLandlock(const LandlockRights& rights,
                                absl::Span<const LandlockException> exceptions) {
  const UniqueFd ruleset = CreateRuleset(rights);
  if (!ruleset.valid()) {
    return ErrnoError(errno, "landlock_create_ruleset");
  }
  for (const LandlockException& exception : exceptions) {
    const PathBeneath rule = {exception.files & rights.files, exception.directory};
    if (syscall(__NR_landlock_add_rule, ruleset.get(), kRulePathBeneath, &rule, 0) != 0) {
      return ErrnoError(errno, "landlock_add_rule");
    }
  }
  if (syscall(__NR_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return ErrnoError(errno, "landlock_restrict_self");
  }
  return absl::OkStatus();
}

}  // namespace holkas
