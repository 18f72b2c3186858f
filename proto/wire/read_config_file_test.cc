#include "proto/wire/read_config_file.h"

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

TEST(ReadConfigFile, FileIsReadWhole) {
  const std::string path = testing::TempDir() + "/conf";
  std::ofstream(path) << std::string(100'000, 'x');
  EXPECT_THAT(ReadConfigFile(path), IsOkAndHolds(std::string(100'000, 'x')));
}

TEST(ReadConfigFile, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(ReadConfigFile("/nowhere/conf"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("open /nowhere/conf")));
  EXPECT_THAT(ReadConfigFile("/proc").status().message(), HasSubstr("read /proc"));
}

TEST(ReadConfigFile, LargerThanPeopleWriteIsRefused) {
  const std::string path = testing::TempDir() + "/large";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  const absl::Status status = ReadConfigFile(path).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("larger than")));
  EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
}

}  // namespace
}  // namespace holkas
