#ifndef HOLKAS_TESTS_FUZZ_FUZZ_TARGET_H_
#define HOLKAS_TESTS_FUZZ_FUZZ_TARGET_H_

#include <stddef.h>
#include <stdint.h>

// What every fuzz target gives. LLVMFuzzerTestOneInput is libFuzzer's, so that
// `clang -fsanitize=fuzzer` can drive a target too; the tests drive it with mutations of its seeds.

// Reads the bytes as a stranger's; crashes where a property does not hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace holkas {

// Inputs to begin with, and words that mean something in them; both end with a null.
extern const char* const kFuzzSeeds[];
extern const char* const kFuzzWords[];

}  // namespace holkas

// Unlike assert, is there in every build.
#define HOLKAS_FUZZ_CHECK(condition) \
  do {                               \
    if (!(condition)) {              \
      __builtin_trap();              \
    }                                \
  } while (false)

#endif  // HOLKAS_TESTS_FUZZ_FUZZ_TARGET_H_
