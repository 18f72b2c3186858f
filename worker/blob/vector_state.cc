#include "worker/blob/vector_state.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace holkas {
namespace {

__attribute__((target("avx"))) void ClearUpperHalves() { _mm256_zeroupper(); }

}  // namespace

ClearVectorsAtEnd::~ClearVectorsAtEnd() {
  static const bool has_avx = __builtin_cpu_supports("avx") != 0;
  if (has_avx) {
    ClearUpperHalves();
  }
}

}  // namespace holkas

#else

namespace holkas {

ClearVectorsAtEnd::~ClearVectorsAtEnd() = default;

}  // namespace holkas

#endif
