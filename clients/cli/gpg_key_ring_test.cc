#include "clients/cli/gpg_key_ring.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kListing[] =
    "tru::1:1795961249:0:3:1:5\n"
    "pub:u:2048:1:DD578453BC04E99A:1795961239:::u:::scSC::::::23::0:\n"
    "fpr:::::::::AAAA:\n"
    "uid:u::::1795961239::11::Ann Reader (at work) <ann@layers.test>::::::::::0:\n"
    "uid:u::::1795961239::12::Ann R. <ann@home.test>::::::::::0:\n"
    "uid:r::::1795961239::13::Ann <ann@old.test>::::::::::0:\n"
    "sub:u:2048:1:28F8866C92DC7A1A:1795961239::::::e::::::23:\n"
    "fpr:::::::::BBBB:\n"
    "pub:e:2048:1:DD578453BC04E99B:1577836800:1580515200::u:::scESCE::::::23::0:\n"
    "fpr:::::::::CCCC:\n"
    "uid:e::::1577836800::14::Ann Reader <ann@layers.test>::::::::::0:\n"
    "pub:-:255:22:DD578453BC04E99C:1795961239:::u:::scSC::::::23::0:\n"
    "fpr:::::::::DDDD:\n"
    "uid:-::::1795961239::15::Ann Reader::::::::::0:\n"
    "uid:-::::1795961239::16::A\\x3aB <joann@layers.test>::::::::::0:\n";

TEST(FindGpgKeys, OwnersHaveTheWholeNameOrAddress) {
  EXPECT_THAT(FindGpgKeys(kListing, "ann@layers.test"), ElementsAre("AAAA"));
  EXPECT_THAT(FindGpgKeys(kListing, "ann@home.test"), ElementsAre("AAAA"));
  EXPECT_THAT(FindGpgKeys(kListing, "Ann Reader"), ElementsAre("AAAA", "DDDD"));
  EXPECT_THAT(FindGpgKeys(kListing, "A:B"), ElementsAre("DDDD"));
  EXPECT_THAT(FindGpgKeys(kListing, "Ann"), IsEmpty());
  EXPECT_THAT(FindGpgKeys(kListing, "layers.test"), IsEmpty());
  EXPECT_THAT(FindGpgKeys(kListing, ""), IsEmpty());
  EXPECT_THAT(FindGpgKeys("no listing", "no listing"), IsEmpty());
}

TEST(FindGpgKeys, RevokedNamesAreNobodys) {
  EXPECT_THAT(FindGpgKeys(kListing, "ann@old.test"), IsEmpty());
}

// Runs a script in the place of GnuPG.
class ExportGpgKeysTest : public ::testing::Test {
 protected:
  ExportGpgKeysTest() : path_(getenv("PATH")) {
    setenv("PATH", absl::StrCat(::testing::TempDir(), ":", path_).c_str(), 1);
  }
  ~ExportGpgKeysTest() override { setenv("PATH", path_.c_str(), 1); }

  void WriteGpg(const std::string& body) {
    const std::string program = absl::StrCat(::testing::TempDir(), "/gpg2");
    std::ofstream(program) << "#!/bin/sh\n" << body << "\n";
    chmod(program.c_str(), 0700);
  }

 private:
  const std::string path_;
};

TEST_F(ExportGpgKeysTest, EachKeyOfTheOwnerIsExported) {
  WriteGpg(absl::StrCat("case \"$*\" in *--list-keys*) cat <<'EOF'\n", kListing,
                        "EOF\n;; *) for last; do :; done; echo \"key $last\" ;; esac"));
  EXPECT_THAT(ExportGpgKeys("Ann Reader"), IsOkAndHolds(ElementsAre("key AAAA\n", "key DDDD\n")));
  EXPECT_THAT(
      ExportGpgKeys("Bob"),
      StatusIs(absl::StatusCode::kNotFound, "PGP: No key found for the following recipients: Bob"));
}

TEST_F(ExportGpgKeysTest, FailureIsAnError) {
  WriteGpg("exit 2");
  EXPECT_THAT(ExportGpgKeys("Ann"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("GnuPG")));
}

TEST_F(ExportGpgKeysTest, WithoutGnupgThereIsNoKey) {
  setenv("PATH", "/nowhere", 1);
  EXPECT_THAT(ExportGpgKeys("Ann"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("installed")));
}

}  // namespace
}  // namespace holkas
