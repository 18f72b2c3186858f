#include "proto/wire/wipe.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

constexpr size_t kKeyBytes = 32;

TEST(WipedAtEnd, NothingOfTheKeyIsLeftWhereItWas) {
  std::string key(kKeyBytes, 'k');
  const absl::string_view place(key.data(), kKeyBytes);
  {
    const WipedAtEnd wiped(key);
    EXPECT_EQ(place, std::string(kKeyBytes, 'k'));
  }
  EXPECT_EQ(key, "");
  EXPECT_EQ(place, std::string(kKeyBytes, '\0'));
}

TEST(WipedAtEnd, WhatWasMovedAwayIsKept) {
  std::string key(kKeyBytes, 'k');
  std::string moved;
  {
    const WipedAtEnd wiped(key);
    moved = std::move(key);
  }
  EXPECT_EQ(moved, std::string(kKeyBytes, 'k'));
}

}  // namespace
}  // namespace holkas
