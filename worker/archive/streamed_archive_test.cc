#include "worker/archive/streamed_archive.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/test_tar.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/string_source.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// Sends archives, and counts how often.
class Sender {
 public:
  // The last of `archives` is sent for ever.
  explicit Sender(std::vector<std::string> archives) : archives_(std::move(archives)) {}

  StreamedArchive::Stream stream() {
    return {[this]() -> absl::StatusOr<std::unique_ptr<ByteSource>> {
              const size_t i = std::min<size_t>(sent_++, archives_.size() - 1);
              return std::make_unique<StringSource>(archives_[i]);
            },
            nullptr};
  }
  int sent() const { return sent_; }

 private:
  const std::vector<std::string> archives_;
  int sent_ = 0;
};

const std::string& Archive() {
  static const auto* const archive = new std::string(absl::StrCat(
      TarFileBytes("b/layer.tar", std::string(3000, 'b')),
      TarFileBytes("config.json", R"({"a":1})"), TarFileBytes("a/layer.tar", std::string(700, 'a')),
      TarFileBytes("manifest.json", "[]"), TarEnd()));
  return *archive;
}

absl::StatusOr<std::string> ReadMember(StreamedArchive& archive, absl::string_view name) {
  ASSIGN_OR_RETURN(const TarMember member, archive.Find(name));
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source, archive.OpenMember(member));
  std::string content;
  std::string buffer(100, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source->Read(absl::MakeSpan(buffer)));
    if (count == 0) {
      return content;
    }
    content.append(buffer, 0, count);
  }
}

TEST(StreamedArchive, DocumentsAreKept) {
  Sender sender({Archive()});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  EXPECT_EQ(archive->Read("manifest.json", 100).value(), "[]");
  EXPECT_EQ(archive->Read("config.json", 100).value(), R"({"a":1})");
  EXPECT_EQ(sender.sent(), 1);
  EXPECT_THAT(archive->Read("config.json", 6), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(archive->Read("a/layer.tar", 1000),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a JSON document")));
  EXPECT_THAT(archive->Read("none", 100), StatusIs(absl::StatusCode::kNotFound));
}

TEST(StreamedArchive, MembersInTheirOrderAreReadInOneMoreSending) {
  Sender sender({Archive()});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  EXPECT_EQ(ReadMember(*archive, "b/layer.tar").value(), std::string(3000, 'b'));
  EXPECT_EQ(ReadMember(*archive, "a/layer.tar").value(), std::string(700, 'a'));
  EXPECT_EQ(sender.sent(), 2);
}

TEST(StreamedArchive, AnyOtherOrderTakesMoreSendings) {
  Sender sender({Archive()});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  EXPECT_EQ(ReadMember(*archive, "a/layer.tar").value(), std::string(700, 'a'));
  EXPECT_EQ(ReadMember(*archive, "b/layer.tar").value(), std::string(3000, 'b'));
  EXPECT_EQ(ReadMember(*archive, "b/layer.tar").value(), std::string(3000, 'b'));
  EXPECT_EQ(sender.sent(), 4);
}

TEST(StreamedArchive, MembersThatAreReadAtOnceHaveSendingsOfTheirOwn) {
  Sender sender({Archive()});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  ASSERT_OK_AND_ASSIGN(const auto abandoned, archive->OpenMember(*archive->Find("b/layer.tar")));
  char byte = 0;
  ASSERT_OK(abandoned->Read(absl::MakeSpan(&byte, 1)).status());
  EXPECT_EQ(ReadMember(*archive, "a/layer.tar").value(), std::string(700, 'a'));
  ASSERT_OK(abandoned->Read(absl::MakeSpan(&byte, 1)).status());
  EXPECT_EQ(byte, 'b');
}

TEST(StreamedArchive, CompressedMembersTellTheirSize) {
  const std::string gzip = CompressWhole(Compression::kGzip, std::string(5000, 'x'));
  Sender sender({absl::StrCat(TarFileBytes("l", gzip),
                              TarFileBytes("bad", gzip.substr(0, gzip.size() - 9)), TarEnd())});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  ASSERT_OK_AND_ASSIGN(const auto content, archive->Examine(*archive->Find("l")));
  EXPECT_EQ(content.compression, Compression::kGzip);
  EXPECT_EQ(content.size_bytes, 5000);
  EXPECT_EQ(ReadMember(*archive, "l").value(), gzip);
  // What nobody asks for does not matter.
  EXPECT_EQ(ErrorReason(archive->Examine(*archive->Find("bad")).status()), "INVALID_COMPRESSION");
}

TEST(StreamedArchive, ArchiveThatChangedIsFoundOut) {
  Sender gone({Archive(), absl::StrCat(TarFileBytes("other", "x"), TarEnd())});
  ASSERT_OK_AND_ASSIGN(auto archive, StreamedArchive::Open(gone.stream()));
  const absl::Status status = ReadMember(*archive, "b/layer.tar").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("the image changed while it was read")));
  EXPECT_EQ(ErrorReason(status), "DAEMON_UNAVAILABLE");
  Sender larger({Archive(), absl::StrCat(TarFileBytes("b/layer.tar", "x"), TarEnd())});
  ASSERT_OK_AND_ASSIGN(archive, StreamedArchive::Open(larger.stream()));
  EXPECT_THAT(ReadMember(*archive, "b/layer.tar"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(StreamedArchive, TruncatedArchiveIsInvalid) {
  for (const size_t size : {size_t{100}, size_t{700}, Archive().size() - 1600}) {
    Sender sender({Archive().substr(0, size)});
    EXPECT_EQ(ErrorReason(StreamedArchive::Open(sender.stream()).status()), "INVALID_ARCHIVE")
        << size;
  }
  // In the second sending, too.
  Sender sender({Archive(), Archive().substr(0, 1000)});
  ASSERT_OK_AND_ASSIGN(const auto archive, StreamedArchive::Open(sender.stream()));
  EXPECT_EQ(ErrorReason(ReadMember(*archive, "b/layer.tar").status()), "INVALID_ARCHIVE");
}

TEST(StreamedArchive, SendersLastWordsAreExplained) {
  Sender sender({absl::StrCat(TarFileBytes("b", "x"), R"({"error":"why"})")});
  StreamedArchive::Stream stream = sender.stream();
  stream.explain = [](absl::string_view last_bytes) { return absl::AbortedError(last_bytes); };
  EXPECT_THAT(StreamedArchive::Open(stream),
              StatusIs(absl::StatusCode::kAborted, R"({"error":"why"})"));
}

TEST(StreamedArchive, DocumentsHaveALimit) {
  std::string tar;
  for (int i = 0; i < 5; ++i) {
    tar += TarFileBytes(absl::StrCat(i), "{" + std::string((4 << 20) - 1, ' '));
  }
  Sender sender({tar + TarEnd()});
  EXPECT_THAT(StreamedArchive::Open(sender.stream()),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("bytes of JSON documents: more than 16777216")));
}

}  // namespace
}  // namespace holkas
