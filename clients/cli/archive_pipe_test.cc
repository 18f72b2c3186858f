#include "clients/cli/archive_pipe.h"

#include <thread>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

// All that can be read, in pieces of `piece_bytes`.
absl::StatusOr<std::string> ReadAll(ArchivePipe& pipe, size_t piece_bytes) {
  std::string all;
  std::string buffer(piece_bytes, '\0');
  while (true) {
    const absl::StatusOr<size_t> count = pipe.Read(absl::MakeSpan(buffer), {});
    if (!count.ok()) {
      return count.status();
    }
    if (*count == 0) {
      return all;
    }
    all += buffer.substr(0, *count);
  }
}

TEST(ArchivePipe, BytesArriveInOrderWhateverTheirPieces) {
  ArchivePipe pipe;
  EXPECT_OK(pipe.Write("one "));
  EXPECT_OK(pipe.Write(""));
  EXPECT_OK(pipe.Write("two three"));
  pipe.EndWriting(absl::OkStatus());
  EXPECT_OK(pipe.AwaitBytes());
  EXPECT_EQ(*ReadAll(pipe, 3), "one two three");
}

TEST(ArchivePipe, AQuickWriterWaitsForItsReader) {
  constexpr size_t kPieces = 50;
  ArchivePipe pipe;
  std::thread writer([&pipe] {
    for (size_t i = 0; i < kPieces; ++i) {
      EXPECT_OK(pipe.Write(std::string(1 << 20, static_cast<char>('a' + i % 26))));
    }
    pipe.EndWriting(absl::OkStatus());
  });
  const absl::StatusOr<std::string> all = ReadAll(pipe, 100'000);
  writer.join();
  ASSERT_EQ(all->size(), kPieces << 20);
  EXPECT_EQ((*all)[all->size() - 1], static_cast<char>('a' + (kPieces - 1) % 26));
}

TEST(ArchivePipe, WhatBreaksTheArchiveIsTheReadersError) {
  ArchivePipe pipe;
  EXPECT_OK(pipe.Write("one"));
  pipe.EndWriting(absl::DataLossError("wrong bytes"));
  pipe.EndWriting(absl::OkStatus());
  EXPECT_OK(pipe.AwaitBytes());
  EXPECT_THAT(ReadAll(pipe, 100), StatusIs(StatusCode::kDataLoss, "wrong bytes"));
}

TEST(ArchivePipe, AnArchiveThatNeverBeganIsAnErrorBeforeItIsRead) {
  ArchivePipe pipe;
  std::thread writer([&pipe] { pipe.EndWriting(absl::NotFoundError("no such image")); });
  EXPECT_THAT(pipe.AwaitBytes(), StatusIs(StatusCode::kNotFound));
  writer.join();
}

TEST(ArchivePipe, AWriterWithoutAReaderEnds) {
  ArchivePipe pipe;
  std::thread reader([&pipe] { pipe.EndReading(); });
  absl::Status status;
  while (status.ok()) {
    status = pipe.Write(std::string(1 << 20, 'x'));
  }
  reader.join();
  EXPECT_THAT(status, StatusIs(StatusCode::kCancelled));
}

TEST(ArchivePipe, AReaderCanBeStopped) {
  ArchivePipe pipe;
  std::stop_source over;
  std::thread stopper([&over] { over.request_stop(); });
  std::string buffer(10, '\0');
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(buffer), over.get_token()), 0);
  stopper.join();
  EXPECT_THAT(pipe.Write("more"), StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace holkas
