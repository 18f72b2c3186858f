#include "worker/archive/move_range.h"

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/archive/test_tar.h"

namespace holkas {
namespace {

// Several pieces of it, no two alike.
std::string Content() {
  std::string content(5 << 19, '\0');
  for (size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * i >> 7);
  }
  return content;
}

std::string Read(const UniqueFd& file, int64_t offset, size_t count) {
  std::string bytes(count, '\0');
  EXPECT_EQ(pread(file.get(), bytes.data(), count, offset), static_cast<ssize_t>(count));
  return bytes;
}

TEST(MoveRangeTest, OverlappingRangesMoveUpAndDown) {
  const std::string content = Content();
  const int64_t size = static_cast<int64_t>(content.size());
  for (const auto& [from, to] : {std::pair<int64_t, int64_t>{0, 512}, {512, 0}, {0, 3 << 20}}) {
    const UniqueFd file = FileWith(std::string(static_cast<size_t>(from), 'x') + content);
    ASSERT_OK(MoveRange({file.get(), from}, {file.get(), to}, size));
    EXPECT_TRUE(Read(file, to, content.size()) == content) << from << " to " << to;
  }
}

TEST(MoveRangeTest, AFileThatIsTooShortIsDataLoss) {
  const UniqueFd file = FileWith("short");
  EXPECT_THAT(MoveRange({file.get(), 0}, {file.get(), 100}, 6),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace holkas
