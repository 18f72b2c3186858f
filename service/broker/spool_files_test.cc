#include "service/broker/spool_files.h"

#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_files.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SpoolFiles, AreWrittenAndReadAndHaveNoName) {
  const TestDirectory directory;
  SpoolFiles spool(directory.path(), 2, 1 << 20);
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, spool.Create());
  ASSERT_EQ(pwrite(file.get(), "content", 7, 0), 7);
  char text[8] = {};
  EXPECT_EQ(pread(file.get(), text, 7, 0), 7);
  EXPECT_STREQ(text, "content");
  EXPECT_THAT(directory.Tree(), IsEmpty());
}

TEST(SpoolFiles, NumberIsBounded) {
  const TestDirectory directory;
  SpoolFiles spool(directory.path(), 2, 1 << 20);
  EXPECT_OK(spool.Create().status());
  EXPECT_OK(spool.Create().status());
  const absl::Status status = spool.Create().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 2")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(SpoolFiles, BytesOfAllTogetherAreBounded) {
  const TestDirectory directory;
  SpoolFiles spool(directory.path(), 2, 100'000);
  ASSERT_OK_AND_ASSIGN(const UniqueFd one, spool.Create());
  ASSERT_OK_AND_ASSIGN(const UniqueFd two, spool.Create());
  const std::string half(60'000, 'x');
  ASSERT_EQ(write(one.get(), half.data(), half.size()), static_cast<ssize_t>(half.size()));
  EXPECT_OK(spool.Check());
  ASSERT_EQ(write(two.get(), half.data(), half.size()), static_cast<ssize_t>(half.size()));
  const absl::Status status = spool.Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100000")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(SpoolFiles, MissingDirectoryIsNotFound) {
  const TestDirectory directory;
  SpoolFiles spool(directory / "missing", 2, 1);
  EXPECT_THAT(spool.Create(), StatusIs(absl::StatusCode::kNotFound,
                                       HasSubstr("create a temporary file: no such file")));
}

}  // namespace
}  // namespace holkas
