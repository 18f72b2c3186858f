#include "clients/cli/encryption_flags.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using v1::CopyRequest;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string WriteFile(const std::string& name, const std::string& content) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path) << content;
  return path;
}

absl::StatusOr<CopyRequest> Parse(const std::vector<std::string>& arguments) {
  FlagSet flags(EncryptionFlags());
  const auto rest = flags.Parse(arguments, true);
  if (!rest.ok()) {
    return rest.status();
  }
  CopyRequest request;
  const absl::Status status = SetEncryption(flags, request);
  return status.ok() ? absl::StatusOr<CopyRequest>(request) : status;
}

TEST(EncryptionFlags, KeysAreReadWhereTheUserIs) {
  const std::string key = WriteFile("key.pub", "a key");
  const std::string certificate = WriteFile("key.crt", "a certificate");
  ASSERT_OK_AND_ASSIGN(
      const CopyRequest request,
      Parse({"--encryption-key", absl::StrCat("jwe:", key), "--encryption-key",
             absl::StrCat("pkcs7:", certificate), "--encrypt-layer=0", "--encrypt-layer=-1,2"}));
  ASSERT_EQ(request.encryption().recipients_size(), 2);
  EXPECT_EQ(request.encryption().recipients(0).wrapping(), v1::KEY_WRAPPING_JWE);
  EXPECT_EQ(request.encryption().recipients(0).key(), "a key");
  EXPECT_EQ(request.encryption().recipients(1).wrapping(), v1::KEY_WRAPPING_PKCS7);
  EXPECT_EQ(request.encryption().recipients(1).key(), "a certificate");
  EXPECT_THAT(request.encryption().layers(), ElementsAre(0, -1, 2));
}

TEST(EncryptionFlags, WithoutThemTheRequestHasNone) {
  ASSERT_OK_AND_ASSIGN(const CopyRequest request, Parse({}));
  EXPECT_FALSE(request.has_encryption());
  EXPECT_EQ(request.decryption_keys_size(), 0);
}

TEST(EncryptionFlags, MistakesAreToldInSkopeosWords) {
  const std::string key = WriteFile("key.pub", "a key");
  EXPECT_THAT(
      Parse({"--encryption-key", absl::StrCat("jwe:", key), "--decryption-key", key}),
      StatusIs(kInvalid, "--encryption-key and --decryption-key cannot be specified together"));
  EXPECT_THAT(Parse({"--encrypt-layer", "0"}),
              StatusIs(kInvalid, "--encrypt-layer can only be used with --encryption-key"));
  EXPECT_THAT(Parse({"--encrypt-layer", "x", "--encryption-key", absl::StrCat("jwe:", key)}),
              StatusIs(kInvalid,
                       "invalid argument \"x\" for \"--encrypt-layer\" flag: "
                       "strconv.Atoi: parsing \"x\": invalid syntax"));
  EXPECT_THAT(Parse({"--encryption-key", key}),
              StatusIs(kInvalid, "Invalid encryption keys: Invalid recipient format"));
  EXPECT_THAT(Parse({"--encryption-key", absl::StrCat("foo:", key)}),
              StatusIs(kInvalid, "Invalid encryption keys: Provided protocol not recognized"));
  EXPECT_THAT(Parse({"--encryption-key", "jwe:/no/file"}),
              StatusIs(absl::StatusCode::kUnknown,
                       "Invalid encryption keys: Unable to read file: open /no/file: no such file "
                       "or directory"));
  EXPECT_THAT(Parse({"--decryption-key", "/no/file"}),
              StatusIs(absl::StatusCode::kUnknown,
                       "Invalid decryption keys: Unable to read file: open /no/file: no such file "
                       "or directory"));
}

TEST(EncryptionFlags, SchemesThatAreNotBuiltAreNamed) {
  for (const char* scheme : {"pkcs11", "provider"}) {
    EXPECT_THAT(Parse({"--encryption-key", absl::StrCat(scheme, ":x")}),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(scheme)));
  }
  EXPECT_THAT(Parse({"--decryption-key", "provider:x"}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("provider")));
}

TEST(EncryptionFlags, PasswordsInEachForm) {
  const std::string key = WriteFile("key", "a private key");
  const std::string file = WriteFile("password", "from a file\n");
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  ASSERT_EQ(write(pipe_fds[1], "from a pipe", 11), 11);
  close(pipe_fds[1]);
  ASSERT_OK_AND_ASSIGN(
      const CopyRequest request,
      Parse({"--decryption-key", key, "--decryption-key", absl::StrCat(key, ":pass=a=b:c"),
             "--decryption-key", absl::StrCat(key, ":file=", file), "--decryption-key",
             absl::StrCat(key, ":fd=", pipe_fds[0]), "--decryption-key",
             absl::StrCat(key, ":as it is")}));
  close(pipe_fds[0]);
  std::vector<std::string> passwords;
  for (const v1::DecryptionKey& each : request.decryption_keys()) {
    EXPECT_EQ(each.key(), "a private key");
    passwords.push_back(each.password());
  }
  EXPECT_THAT(passwords, ElementsAre("", "a=b:c", "from a file", "from a pipe", "as it is"));
}

TEST(EncryptionFlags, PasswordsThatCannotBeReadAreErrors) {
  const std::string key = WriteFile("key", "a private key");
  EXPECT_THAT(Parse({"--decryption-key", absl::StrCat(key, ":fd=x")}),
              StatusIs(kInvalid, HasSubstr("could not parse file descriptor x")));
  EXPECT_THAT(Parse({"--decryption-key", absl::StrCat(key, ":fd=987")}),
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("bad file descriptor")));
  EXPECT_THAT(Parse({"--decryption-key", absl::StrCat(key, ":file=/no/file")}),
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("open /no/file")));
}

TEST(EncryptionFlags, FilesThatAreTooLargeAreRefused) {
  const std::string key = WriteFile("large", std::string((16 << 10) + 1, 'k'));
  EXPECT_THAT(Parse({"--decryption-key", key}), StatusIs(kInvalid, HasSubstr("more than 16384")));
}

}  // namespace
}  // namespace holkas
