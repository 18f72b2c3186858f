#include "service/telemetry/redaction.h"

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

TEST(Redaction, HidesEachFormAndCaseOfASecret) {
  Redaction redaction;
  redaction.Add("Pass/Word");
  EXPECT_EQ(redaction.Apply("a Pass/Word b pass/word, PASS%2fword."), "a *** b ***, ***.");
  EXPECT_EQ(redaction.Apply("Pass Word"), "Pass Word");
}

TEST(Redaction, HidesWhatAHeaderTells) {
  Redaction basic;
  basic.AddAuthorization("Basic YWxpY2U6aHVudGVyMjI=");  // alice:hunter22
  EXPECT_EQ(basic.Apply("YWxpY2U6aHVudGVyMjI= is alice:hunter22"), "*** is alice:***");
  Redaction bearer;
  bearer.AddAuthorization("Bearer token-1");
  EXPECT_EQ(bearer.Apply("bad token-1token-1"), "bad ******");
  Redaction bare;
  bare.AddAuthorization("token-1");
  EXPECT_EQ(bare.Apply("token-1"), "***");
}

TEST(Redaction, LeavesNoPartOfALongerSecret) {
  Redaction redaction;
  redaction.Add("secret");
  redaction.Add("secret-and-more");
  EXPECT_EQ(redaction.Apply("secret-and-more"), "***");
}

TEST(Redaction, WhatIsTooShortIsNoSecret) {
  Redaction redaction;
  redaction.Add("");
  redaction.Add("a");
  redaction.Add("12345");
  EXPECT_EQ(redaction.Apply("a 12345"), "a 12345");
}

TEST(Redaction, HidesInMessagesAndMetadataOfErrors) {
  Redaction redaction;
  redaction.Add("hunter22");
  const absl::Status status =
      redaction.Apply(MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN", "no hunter22 here",
                                {{"image", "x/hunter22"}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no *** here");
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorMetadata(status).at("image"), "x/***");
  EXPECT_EQ(redaction.Apply(absl::UnknownError("hunter22")), absl::UnknownError("***"));
  EXPECT_TRUE(redaction.Apply(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace holkas
