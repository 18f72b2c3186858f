// ChunkedSource: whatever the tar is, the layer is that tar for any reader of zstd, or there is an
// error with a reason. The input is text as TarOf takes it.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tar_text.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compressing_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"
#include "worker/chunked/chunked_source.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "5|etc/||0|\n0|etc/hello||6|hello!\n1|a|etc/hello|0|\n2|b|../c|0|\n",
    "0|a||6|hello!\n0|a||1|x\n",
    "x|pax||62|22 GNU.sparse.major=1\n28 GNU.sparse.realsize=100\n\n0|f||1001|1~10~1~\n",
    "x|pax||26|22 atime=1600000001.25\n0|f||2|ab\n",
    "3|dev||0|\n6|fifo||0|\n7|cont||1|a\ng|global||0|\n",
    nullptr,
};

const char* const kFuzzWords[] = {
    "~",     "|",      "\n",    "777", "0", "77777777777", "x|", "g|", "\xff", "SCHILY.xattr.a=",
    "path=", "mtime=", nullptr,
};

namespace {

absl::StatusOr<std::string> Chunk(const std::string& tar) {
  Compressor compressor(
      NewZstdFormat(std::nullopt), [](const std::function<void()>&) {}, 1);
  std::map<std::string, std::string> annotations;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ChunkedSource> source,
      ChunkedSource::New(std::make_unique<StringSource>(tar, 509), compressor, annotations));
  return ReadToEnd(*source);
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string tar =
      holkas::TarOf(absl::string_view(reinterpret_cast<const char*>(data), size));
  absl::StatusOr<std::string> blob = holkas::Chunk(tar);
  if (!blob.ok()) {
    HOLKAS_FUZZ_CHECK(!holkas::ErrorReason(blob.status()).empty());
    return 0;
  }
  auto source = holkas::DecompressingSource::New(
      std::make_unique<holkas::StringSource>(*std::move(blob)), holkas::Compression::kZstd);
  HOLKAS_FUZZ_CHECK(source.ok());
  const absl::StatusOr<std::string> plain = holkas::ReadToEnd(**source);
  HOLKAS_FUZZ_CHECK(plain.ok() && *plain == tar);
  return 0;
}
