#include "worker/crypt/pgp_password.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// In hexadecimal digits. `packet` is what a key has of its password.
absl::StatusOr<std::string> KeyOf(absl::string_view packet, size_t size) {
  PgpReader reader(packet);
  const absl::StatusOr<PgpPasswordHash> how = ReadPgpPasswordHash(reader);
  if (!how.ok()) {
    return how.status();
  }
  const absl::StatusOr<std::string> key = HashPgpPassword(*how, "secret", size);
  return key.ok() ? absl::BytesToHexString(*key) : key;
}

// As sha256sum hashes them.
TEST(PgpPassword, BecomesAKey) {
  EXPECT_THAT(KeyOf(absl::string_view("\x00\x08", 2), 16),
              IsOkAndHolds("2bb80d537b1da3e38bd30361aa855686"));
  EXPECT_THAT(KeyOf("\x01\x08saltsalt", 32),
              IsOkAndHolds("27b0d9f5088892201b4d5341d34eeca7dfd3b19a6a4f35c536dda0cbed45e701"));
}

// Of 65536 bytes, twice: SHA-1 is shorter than the key.
TEST(PgpPassword, IsHashedAgainWhereTheKeyIsLonger) {
  EXPECT_THAT(KeyOf("\x03\x02saltsalt\x60", 32),
              IsOkAndHolds("09be0415e44478f22d27185674af3708d19eadb80c89bd0fb762e52d3f05ab02"));
}

TEST(PgpPassword, CountIsBounded) {
  PgpReader reader("\x03\x02saltsalt\xff");
  ASSERT_OK_AND_ASSIGN(const PgpPasswordHash how, ReadPgpPasswordHash(reader));
  EXPECT_EQ(how.count, 65'011'712);
}

TEST(PgpPassword, OtherWaysAreRefused) {
  EXPECT_THAT(KeyOf("\x65\x02GNU\x01saltsalt", 32), StatusIs(kInvalid));
  EXPECT_THAT(KeyOf("\x03\x01saltsalt\x60", 32), StatusIs(kInvalid));
  EXPECT_THAT(KeyOf("\x03\x02saltsalt", 32), StatusIs(kInvalid));
  EXPECT_THAT(KeyOf("", 32), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
