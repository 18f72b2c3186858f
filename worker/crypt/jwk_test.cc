#include "worker/crypt/jwk.h"

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/testing/test_keys.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr char kEc[] =
    R"({"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",)"
    R"("y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"})";

absl::Status Parse(absl::string_view json) { return ParseJwk(*ParseStrictJson(json)).status(); }

TEST(Jwk, EcKeysAreWrittenAsTheyWereRead) {
  ASSERT_OK_AND_ASSIGN(const UniquePkey key, ParseJwk(*ParseStrictJson(kEc)));
  ASSERT_OK_AND_ASSIGN(const JsonValue written, WriteEcJwk(key.get()));
  EXPECT_EQ(written.Write(), kEc);
}

TEST(Jwk, EveryCurveComesBack) {
  for (const char* curve : {"prime256v1", "secp384r1", "secp521r1"}) {
    const UniquePkey key = NewEcKey(curve);
    ASSERT_OK_AND_ASSIGN(const JsonValue jwk, WriteEcJwk(key.get()));
    ASSERT_OK_AND_ASSIGN(const UniquePkey again, ParseJwk(jwk));
    EXPECT_EQ(EVP_PKEY_eq(key.get(), again.get()), 1) << curve;
  }
}

TEST(Jwk, PointsThatAreNotOnTheirCurveAreRefused) {
  EXPECT_THAT(Parse(absl::StrReplaceAll(kEc, {{"gI0G", "gI0H"}})),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Parse(absl::StrReplaceAll(kEc, {{"P-256", "P-384"}})),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Jwk, WhatIsNoKeyIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Parse("[]"), StatusIs(kInvalid));
  EXPECT_THAT(Parse(R"({"kty":"RSA"})"), StatusIs(kInvalid));
  EXPECT_THAT(Parse(R"({"kty":"RSA","n":"","e":"AQAB"})"), StatusIs(kInvalid));
  EXPECT_THAT(Parse(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"), StatusIs(kInvalid));
  EXPECT_THAT(Parse(R"({"kty":"oct","k":"AAAA"})"), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Parse(R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace holkas
