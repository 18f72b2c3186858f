#include "proto/wire/sha256_two.h"

#include <cstdlib>

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include <array>

namespace holkas {
namespace {

#define HOLKAS_SHA __attribute__((target("sha,sse4.1")))
#define HOLKAS_SHA_INLINE __attribute__((target("sha,sse4.1"), always_inline)) inline

constexpr int kWordsAtOnce = 4;
constexpr int kSteps = 64 / kWordsAtOnce;

// FIPS 180-4, section 4.2.2.
alignas(16) constexpr std::array<uint32_t, 64> kConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// One message in registers, laid out as the SHA instructions take it: the state's words a, b, e, f
// and c, d, g, h, and the last sixteen words of the message schedule.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  __m128i schedule[4];
};

HOLKAS_SHA_INLINE __m128i* Words(uint32_t* state) { return reinterpret_cast<__m128i*>(state); }

HOLKAS_SHA_INLINE void LoadState(Lane& lane, uint32_t* state) {
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(Words(state)), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(Words(state) + 1), 0x1B);
  lane.abef = _mm_alignr_epi8(cdab, efgh, 8);
  lane.cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
}

HOLKAS_SHA_INLINE void StoreState(const Lane& lane, uint32_t* state) {
  const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
  _mm_storeu_si128(Words(state), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(Words(state) + 1, _mm_alignr_epi8(dchg, feba, 8));
}

HOLKAS_SHA_INLINE void LoadBlock(Lane& lane, const unsigned char* data) {
  const __m128i to_big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (int i = 0; i < 4; ++i) {
    const auto* words = reinterpret_cast<const __m128i*>(data) + i;
    lane.schedule[i] = _mm_shuffle_epi8(_mm_loadu_si128(words), to_big_endian);
  }
}

// The four words of the schedule that step `step` takes, from the sixteen before them.
HOLKAS_SHA_INLINE void ExtendSchedule(Lane& lane, int step) {
  __m128i* const w = lane.schedule;
  const __m128i sigma0 = _mm_sha256msg1_epu32(w[step % 4], w[(step + 1) % 4]);
  const __m128i seven_before = _mm_alignr_epi8(w[(step + 3) % 4], w[(step + 2) % 4], 4);
  w[step % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(sigma0, seven_before), w[(step + 3) % 4]);
}

HOLKAS_SHA_INLINE void FourRounds(Lane& lane, int step) {
  const auto* constants = reinterpret_cast<const __m128i*>(kConstants.data()) + step;
  const __m128i words = _mm_add_epi32(lane.schedule[step % 4], _mm_load_si128(constants));
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, words);
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32(words, 0x0E));
}

}  // namespace

bool HasSha256Two() {
  static const bool has = [] {
    constexpr unsigned kShaBit = 1U << 29;  // of EBX, leaf 7
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __builtin_cpu_supports("sse4.1") != 0 &&
           __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 1 && (ebx & kShaBit) != 0;
  }();
  return has;
}

HOLKAS_SHA void Sha256Two(const Sha256Lane& first, const Sha256Lane& second, size_t blocks) {
  Lane one;
  Lane two;
  LoadState(one, first.state);
  LoadState(two, second.state);
  for (size_t block = 0; block < blocks; ++block) {
    const Lane one_before = one;
    const Lane two_before = two;
    LoadBlock(one, first.data + block * kSha256BlockBytes);
    LoadBlock(two, second.data + block * kSha256BlockBytes);
#pragma GCC unroll 16
    for (int step = 0; step < kSteps; ++step) {
      if (step >= 4) {
        ExtendSchedule(one, step);
        ExtendSchedule(two, step);
      }
      FourRounds(one, step);
      FourRounds(two, step);
    }
    one.abef = _mm_add_epi32(one.abef, one_before.abef);
    one.cdgh = _mm_add_epi32(one.cdgh, one_before.cdgh);
    two.abef = _mm_add_epi32(two.abef, two_before.abef);
    two.cdgh = _mm_add_epi32(two.cdgh, two_before.cdgh);
  }
  StoreState(one, first.state);
  StoreState(two, second.state);
}

}  // namespace holkas

#else

namespace holkas {

bool HasSha256Two() { return false; }

void Sha256Two(const Sha256Lane&, const Sha256Lane&, size_t) { std::abort(); }

}  // namespace holkas

#endif
