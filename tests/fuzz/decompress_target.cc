// DecompressingSource: what it takes fits its limits, whatever the pieces that it is read in. The
// input is read as hexadecimal digits, since the seeds are text.

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/string_source.h"

namespace holkas {

// "a layer" of each, once and twice.
const char* const kFuzzSeeds[] = {
    "1f8b08000000000002034b54c849ac4c2d02001e4bf89507000000",
    "1f8b08000000000002034b54c849ac4c2d02001e4bf895070000001f8b08000000000002034b54c849ac4c2d"
    "02001e4bf89507000000",
    "425a6839314159265359c6203ba900000091804000220410202000220d3c8300e045a2ee48a70a1218c40775"
    "20",
    "425a6839314159265359c6203ba900000091804000220410202000220d3c8300e045a2ee48a70a1218c40775"
    "20425a6839314159265359c6203ba900000091804000220410202000220d3c8300e045a2ee48a70a1218c407"
    "7520",
    "fd377a585a000004e6d6b446020021010c0000008f98419c01000661206c6179657200003a6cf86314cffbc0"
    "00011f07162eb8731fb6f37d010000000004595a",
    "fd377a585a000004e6d6b446020021010c0000008f98419c01000661206c6179657200003a6cf86314cffbc0"
    "00011f07162eb8731fb6f37d010000000004595a00000000fd377a585a000004e6d6b446020021010c000000"
    "8f98419c01000661206c6179657200003a6cf86314cffbc000011f07162eb8731fb6f37d010000000004595a",
    "28b52ffd045839000061206c61796572c68fe47c",
    "28b52ffd045839000061206c61796572c68fe47c502a4d180300000061626328b52ffd045839000061206c61"
    "796572c68fe47c",
    nullptr,
};

const char* const kFuzzWords[] = {
    "1f8b08",   "425a68",       "fd377a585a00", "28b52ffd", "502a4d18", "00000000",
    "ffffffff", "314159265359", "177245385090", "595a",     "0000ffff", nullptr,
};

namespace {

constexpr ExpansionLimits kLimits = {.free_bytes = 1 << 20, .ratio = 100};

std::string BytesOf(absl::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), absl::ascii_isxdigit);
  digits.resize(digits.size() / 2 * 2);
  return absl::HexStringToBytes(digits);
}

// What comes out of `bytes` before the end or an error, and whether it ended well.
std::pair<std::string, bool> Drain(const std::string& bytes, Compression compression,
                                   size_t in_chunk, size_t out_chunk) {
  auto source = DecompressingSource::New(std::make_unique<StringSource>(bytes, in_chunk),
                                         compression, kLimits);
  HOLKAS_FUZZ_CHECK(source.ok());
  std::string all;
  std::string buffer(out_chunk, '\0');
  while (true) {
    const absl::StatusOr<size_t> count = (*source)->Read(absl::MakeSpan(buffer));
    if (!count.ok()) {
      HOLKAS_FUZZ_CHECK(!ErrorReason(count.status()).empty());
      return {all, false};
    }
    if (*count == 0) {
      return {all, true};
    }
    HOLKAS_FUZZ_CHECK(*count <= buffer.size());
    all.append(buffer, 0, *count);
    HOLKAS_FUZZ_CHECK(static_cast<int64_t>(all.size()) <=
                      std::max<int64_t>(kLimits.free_bytes,
                                        kLimits.ratio * (static_cast<int64_t>(bytes.size()) + 1)));
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using holkas::Compression;
  const std::string bytes =
      holkas::BytesOf(absl::string_view(reinterpret_cast<const char*>(data), size));
  const Compression compression = holkas::CompressionOf(bytes);
  if (compression == Compression::kNone) {
    return 0;
  }
  const auto whole = holkas::Drain(bytes, compression, std::string::npos, 64 << 10);
  const auto pieces = holkas::Drain(bytes, compression, 3, 100);
  HOLKAS_FUZZ_CHECK(whole.second == pieces.second);
  HOLKAS_FUZZ_CHECK(!whole.second || whole.first == pieces.first);
  return 0;
}
