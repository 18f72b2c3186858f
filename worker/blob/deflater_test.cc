#include "worker/blob/deflater.h"

#include <zlib.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

constexpr size_t kRoomBytes = 1 << 20;

std::string Content(size_t lines) {
  std::string content;
  for (size_t i = 0; i < lines; ++i) {
    absl::StrAppend(&content, "line ", i * i % 1009, "\n");
  }
  return content;
}

// What another library makes of a stream, which has to end where `deflated` does.
std::string Inflate(absl::string_view deflated) {
  z_stream stream = {};
  inflateInit2(&stream, -MAX_WBITS);
  std::string content(kRoomBytes, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(deflated.data()));
  stream.avail_in = static_cast<uInt>(deflated.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u);
  content.resize(stream.total_out);
  inflateEnd(&stream);
  return content;
}

std::vector<std::unique_ptr<Deflater>> All() {
  std::vector<std::unique_ptr<Deflater>> deflaters;
  for (const int level : {0, 1, 6, 12}) {
    deflaters.push_back(NewLibdeflateDeflater(level));
  }
  for (const int level : {1, 2, 3}) {
    deflaters.push_back(std::make_unique<IsalDeflater>(level));
  }
  return deflaters;
}

TEST(Deflater, OneStreamAfterTheOtherIsWhole) {
  std::vector<uint8_t> room(kRoomBytes);
  for (const std::unique_ptr<Deflater>& deflater : All()) {
    for (const std::string& content : {Content(10'000), std::string("x"), std::string()}) {
      const size_t size = deflater->Deflate(content, room.data(), room.size());
      ASSERT_GT(size, 0u);
      EXPECT_EQ(Inflate({reinterpret_cast<const char*>(room.data()), size}), content);
    }
  }
}

TEST(Deflater, WhereThereIsNoRoomThereIsNothing) {
  std::vector<uint8_t> room(100);
  for (const std::unique_ptr<Deflater>& deflater : All()) {
    EXPECT_EQ(deflater->Deflate(Content(10'000), room.data(), room.size()), 0u);
  }
  EXPECT_EQ(IsalDeflater(2).DeflatePart("", Content(10'000), room.data(), room.size()), 0u);
}

TEST(IsalDeflater, PartsFollowOneAnotherAndSeeWhatIsBefore) {
  constexpr absl::string_view kLastBlock("\x03\0", 2);
  std::vector<uint8_t> room(kRoomBytes);
  IsalDeflater deflater(2);
  const std::string content = Content(1000);
  const auto part = [&](absl::string_view before) {
    const size_t size = deflater.DeflatePart(before, content, room.data(), room.size());
    return std::string(reinterpret_cast<const char*>(room.data()), size);
  };
  const std::string first = part("");
  const std::string second = part(content);
  EXPECT_EQ(Inflate(absl::StrCat(first, second, kLastBlock)), absl::StrCat(content, content));
  EXPECT_LT(second.size(), first.size() / 2);
}

}  // namespace
}  // namespace holkas
