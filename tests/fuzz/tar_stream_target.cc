// TarStream: whatever the headers say, every byte comes out once, in order, and content stays in
// its file. The input is text as TarOf takes it.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tar_text.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    "5|etc/||0|\n0|etc/hello||6|hello!\n1|a|etc/hello|0|\n2|b|../c|0|\n",
    "L|././@LongLink||5|name~\n0|short||3|abc\n",
    "K|././@LongLink||5|link~\n2|short|t|0|\n",
    "x|pax||33|11 path=ab\n16 mtime=12.3456\n0|f||0|\n",
    "x|pax||13|11 path=ab\n\n0|f||0|\n",
    "x|pax||62|22 GNU.sparse.major=1\n28 GNU.sparse.realsize=100\n\n0|f||1001|1~10~1~\n",
    "x|pax||57|22 GNU.sparse.size=10\n25 GNU.sparse.map=0,1,5,1\n0|f||2|ab\n",
    "S|sparse||2|ab\n",
    "3|dev||0|\n6|fifo||0|\n7|cont||1|a\ng|global||0|\n",
    nullptr,
};

const char* const kFuzzWords[] = {
    "~",     "|",
    "\n",    "777",
    "0",     "77777777777",
    "x|",    "L|",
    "S|",    "GNU.sparse.map=",
    "../",   "SCHILY.xattr.user.a=",
    "size=", "path=",
    "uid=",  "99999999999999999999",
    nullptr,
};

namespace {

class Checker : public TarHandler {
 public:
  absl::Status OnRaw(absl::string_view bytes) override {
    absl::StrAppend(&all, bytes);
    return absl::OkStatus();
  }
  absl::Status OnEntry(const TarEntry& entry) override {
    HOLKAS_FUZZ_CHECK(!open_);
    HOLKAS_FUZZ_CHECK(entry.size_bytes >= 0 && entry.mode <= 07777);
    HOLKAS_FUZZ_CHECK(entry.mtime_nanoseconds >= 0 && entry.mtime_nanoseconds < 1'000'000'000);
    HOLKAS_FUZZ_CHECK(entry.name.find('\0') == std::string::npos);
    HOLKAS_FUZZ_CHECK(entry.kind == TarEntry::Kind::kFile || entry.size_bytes == 0);
    entry_ = entry;
    open_ = true;
    end_ = 0;
    ++entries;
    return absl::OkStatus();
  }
  absl::Status OnContent(int64_t offset, absl::string_view bytes) override {
    HOLKAS_FUZZ_CHECK(open_ && offset >= end_);
    end_ = offset + static_cast<int64_t>(bytes.size());
    HOLKAS_FUZZ_CHECK(end_ <= entry_.size_bytes);
    if (!entry_.is_sparse) {
      absl::StrAppend(&all, bytes);
    }
    return absl::OkStatus();
  }
  absl::Status OnEntryEnd() override {
    HOLKAS_FUZZ_CHECK(open_);
    HOLKAS_FUZZ_CHECK(entry_.is_sparse || end_ == entry_.size_bytes);
    open_ = false;
    return absl::OkStatus();
  }

  std::string all;
  int entries = 0;

 private:
  TarEntry entry_;
  bool open_ = false;
  int64_t end_ = 0;
};

std::pair<absl::StatusCode, int> Read(const std::string& tar, size_t piece_bytes) {
  Checker checker;
  TarStream stream(checker);
  absl::Status status;
  for (size_t at = 0; at < tar.size() && status.ok(); at += piece_bytes) {
    status = stream.Append(absl::string_view(tar).substr(at, piece_bytes));
  }
  if (status.ok()) {
    status = stream.Finish();
  }
  if (status.ok()) {
    HOLKAS_FUZZ_CHECK(checker.all == tar);
  } else {
    HOLKAS_FUZZ_CHECK(!ErrorReason(status).empty());
  }
  return {status.code(), checker.entries};
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string tar =
      holkas::TarOf(absl::string_view(reinterpret_cast<const char*>(data), size));
  HOLKAS_FUZZ_CHECK(holkas::Read(tar, 509) == holkas::Read(tar, tar.size() + 1));
  return 0;
}
