#include "worker/blob/vector_state.h"

#include <gtest/gtest.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace holkas {
namespace {

#if defined(__x86_64__)

// Which parts of the vector registers are in use, as the processor tells (XGETBV with ECX 1): bit 2
// is that of the upper halves.
constexpr unsigned long long kUpperHalves = 1ULL << 2;

bool CanTell() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kXgetbvEcx1 = 1U << 2;
  return __builtin_cpu_supports("avx") != 0 &&
         __get_cpuid_count(0xD, 1, &eax, &ebx, &ecx, &edx) == 1 && (eax & kXgetbvEcx1) != 0;
}

__attribute__((target("xsave"))) bool UpperHalvesInUse() {
  return (_xgetbv(1) & kUpperHalves) != 0;
}

void UseUpperHalves() {
  asm volatile("vpcmpeqd %%xmm1, %%xmm1, %%xmm1\n\tvinsertf128 $1, %%xmm1, %%ymm1, %%ymm1" ::
                   : "xmm1");
}

TEST(ClearVectorsAtEnd, NothingIsLeftInTheUpperHalves) {
  if (!CanTell()) {
    GTEST_SKIP() << "this processor does not tell";
  }
  UseUpperHalves();
  ASSERT_TRUE(UpperHalvesInUse());
  {
    const ClearVectorsAtEnd clear;
    EXPECT_TRUE(UpperHalvesInUse());
  }
  EXPECT_FALSE(UpperHalvesInUse());
}

#endif

}  // namespace
}  // namespace holkas
