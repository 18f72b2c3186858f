#include "worker/crypt/cleanse.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

constexpr size_t kKeyBytes = 32;

TEST(CleansedAtEnd, NothingOfTheKeyIsLeftWhereItWas) {
  std::string key(kKeyBytes, 'k');
  const absl::string_view place(key.data(), kKeyBytes);
  {
    const CleansedAtEnd cleansed(key);
    EXPECT_EQ(place, std::string(kKeyBytes, 'k'));
  }
  EXPECT_EQ(key, "");
  EXPECT_EQ(place, std::string(kKeyBytes, '\0'));
}

TEST(CleansedAtEnd, WhatWasMovedAwayIsKept) {
  std::string key(kKeyBytes, 'k');
  std::string moved;
  {
    const CleansedAtEnd cleansed(key);
    moved = std::move(key);
  }
  EXPECT_EQ(moved, std::string(kKeyBytes, 'k'));
}

}  // namespace
}  // namespace holkas
