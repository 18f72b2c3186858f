// Drives a fuzz target with its seeds and mutations of them: the same ones in every run.
// HOLKAS_SOAK=1 makes them many, HOLKAS_FUZZ_SEED makes them others.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/fuzz_target.h"

namespace holkas {
namespace {

constexpr int kQuickRounds = 200'000;
constexpr int kSoakRounds = 5'000'000;
constexpr size_t kMaxInputBytes = 8 << 10;

// The input of the round, for the message of a crash.
std::string current_input;

void ShowInput() {
  fprintf(stderr, "the input, in hexadecimal: ");
  for (const char c : current_input) {
    fprintf(stderr, "%02x", static_cast<unsigned char>(c));
  }
  fprintf(stderr, "\n");
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {
    for (const char* const* seed_text = kFuzzSeeds; *seed_text != nullptr; ++seed_text) {
      corpus_.emplace_back(*seed_text);
    }
    for (const char* const* word = kFuzzWords; *word != nullptr; ++word) {
      words_.emplace_back(*word);
    }
  }

  const std::vector<std::string>& corpus() const { return corpus_; }

  std::string Next() {
    std::string input = corpus_[Below(corpus_.size())];
    for (size_t changes = 1 + Below(4); changes > 0; --changes) {
      Change(input);
    }
    input.resize(std::min(input.size(), kMaxInputBytes));
    return input;
  }

 private:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  void Change(std::string& input) {
    const size_t at = Below(input.size() + 1);
    const size_t length = std::min(input.size() - at, 1 + Below(8));
    switch (Below(6)) {
      case 0:
        input.insert(at, 1, static_cast<char>(Below(256)));
        break;
      case 1:
        input.erase(at, length);
        break;
      case 2:
        if (at < input.size()) {
          input[at] = static_cast<char>(input[at] ^ (1 << Below(8)));
        }
        break;
      case 3:
        input.insert(at, words_.empty() ? "0" : words_[Below(words_.size())]);
        break;
      case 4: {
        const std::string piece = input.substr(at, length);
        for (size_t times = Below(64); times > 0; --times) {
          input.insert(at, piece);
        }
        break;
      }
      default: {
        const std::string& other = corpus_[Below(corpus_.size())];
        input = input.substr(0, at) + other.substr(Below(other.size() + 1));
        break;
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> corpus_;
  std::vector<std::string> words_;
};

void RunTarget(const std::string& input) {
  current_input = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

TEST(Fuzz, SeedsAndTheirMutationsKeepTheProperties) {
  const char* const soak = getenv("HOLKAS_SOAK");
  const int rounds = soak != nullptr && soak[0] == '1' ? kSoakRounds : kQuickRounds;
  const char* const seed = getenv("HOLKAS_FUZZ_SEED");
  Mutator mutator(seed == nullptr ? 1 : strtoull(seed, nullptr, 10));
  signal(SIGILL, [](int) {
    ShowInput();
    _exit(1);
  });
  for (const std::string& input : mutator.corpus()) {
    RunTarget(input);
  }
  for (int i = 0; i < rounds; ++i) {
    RunTarget(mutator.Next());
  }
}

}  // namespace
}  // namespace holkas
