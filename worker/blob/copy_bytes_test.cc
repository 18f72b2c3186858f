#include "worker/blob/copy_bytes.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;

class StringSink : public ByteSink {
 public:
  absl::Status Append(absl::string_view data) override {
    bytes.append(data.data(), data.size());
    return bytes.size() > max_bytes ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  }
  absl::Status Finish(const Digest&, int64_t) override {
    finished = true;
    return absl::OkStatus();
  }
  std::string bytes;
  size_t max_bytes = std::string::npos;
  bool finished = false;
};

absl::Span<char> Buffer() {
  static std::string buffer(kCopyBufferBytes, '\0');
  return absl::MakeSpan(buffer);
}

absl::Status GoOn(int64_t) { return absl::OkStatus(); }

TEST(CopyBytes, MovesEverythingInOrder) {
  std::string content;
  for (int i = 0; i < 300'000; ++i) {
    content += static_cast<char>(i * 31 % 251);
  }
  StringSource source(content, 100'001);
  StringSink sink;
  EXPECT_THAT(CopyBytes(source, sink, Buffer(), GoOn), IsOkAndHolds(300'000));
  EXPECT_EQ(sink.bytes, content);
  EXPECT_FALSE(sink.finished);
}

TEST(CopyBytes, TellsTheTotalAfterEachBuffer) {
  StringSource source("0123456789", 4);
  StringSink sink;
  std::vector<int64_t> totals;
  EXPECT_THAT(CopyBytes(source, sink, Buffer(),
                        [&](int64_t done_bytes) {
                          totals.push_back(done_bytes);
                          return absl::OkStatus();
                        }),
              IsOkAndHolds(10));
  EXPECT_THAT(totals, ElementsAre(4, 8, 10));
}

TEST(CopyBytes, EmptySourceMovesNothing) {
  StringSource source("");
  StringSink sink;
  EXPECT_THAT(CopyBytes(source, sink, Buffer(), GoOn), IsOkAndHolds(0));
}

TEST(CopyBytes, StopsWhenProgressSaysSo) {
  StringSource source("0123456789", 4);
  StringSink sink;
  EXPECT_THAT(
      CopyBytes(source, sink, Buffer(), [](int64_t) { return absl::CancelledError("stop"); }),
      StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(sink.bytes, "0123");
}

TEST(CopyBytes, StopsWhenTheSinkIsFull) {
  StringSource source("0123456789", 4);
  StringSink sink;
  sink.max_bytes = 5;
  EXPECT_THAT(CopyBytes(source, sink, Buffer(), GoOn),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(sink.bytes, "01234567");
}

TEST(CopyBytes, StopsWhenTheSourceFails) {
  class Failing : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char>) override {
      return absl::UnavailableError("reset");
    }
  };
  Failing source;
  StringSink sink;
  EXPECT_THAT(CopyBytes(source, sink, Buffer(), GoOn), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace holkas
