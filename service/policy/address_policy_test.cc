#include "service/policy/address_policy.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

TEST(CheckPublicAddress, DeniesEveryAddressThatIsNotPublic) {
  const char* const kDenied[] = {
      "0.0.0.0",
      "0.1.2.3",
      "10.0.0.0",
      "10.0.0.1",
      "10.255.255.255",
      "100.64.0.0",
      "100.100.100.200",
      "100.127.255.255",
      "127.0.0.0",
      "127.0.0.1",
      "127.0.0.2",
      "127.255.255.255",
      "168.63.129.16",
      "169.254.0.0",
      "169.254.169.254",
      "169.254.170.2",
      "169.254.255.255",
      "172.16.0.0",
      "172.17.0.1",
      "172.31.255.255",
      "192.0.0.0",
      "192.0.0.8",
      "192.0.0.255",
      "192.0.2.1",
      "192.88.99.1",
      "192.168.0.0",
      "192.168.1.1",
      "192.168.255.255",
      "198.18.0.0",
      "198.19.255.255",
      "198.51.100.7",
      "203.0.113.9",
      "224.0.0.1",
      "239.255.255.255",
      "240.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "::2",
      "::127.0.0.1",
      "::10.0.0.1",
      "::8.8.8.8",
      "::ffff:127.0.0.1",
      "::ffff:10.0.0.1",
      "::ffff:169.254.169.254",
      "::ffff:0.0.0.0",
      "::ffff:7f00:1",
      "::ffff:0:127.0.0.1",
      "64:ff9b::127.0.0.1",
      "64:ff9b::10.0.0.1",
      "64:ff9b::169.254.169.254",
      "64:ff9b:1::8.8.8.8",
      "64:ff9b:1::1",
      "100::1",
      "2001::1",
      "2001:0:53aa:64c:0:fbff:80ff:fffe",
      "2001:10::1",
      "2001:20::1",
      "2001:2::1",
      "2001:1ff:ffff::1",
      "2001:db8::1",
      "2001:db8:ffff::",
      "2002:7f00:1::",
      "2002:a00:1::",
      "2002:c0a8:101::1",
      "2002:a9fe:a9fe::",
      "3fff::1",
      "3fff:fff::1",
      "5f00::1",
      "fc00::1",
      "fd00:ec2::254",
      "fdff::1",
      "fe80::1",
      "febf::1",
      "fec0::1",
      "ff02::1",
      "ff0e::1",
      "4000::1",
      "1fff::1",
  };
  for (const char* text : kDenied) {
    absl::Status status = CheckPublicAddress(Address(text));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied)) << text;
    EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED") << text;
  }
}

TEST(CheckPublicAddress, AllowsPublicAddressesUpToTheEdgesOfTheDeniedRanges) {
  const char* const kAllowed[] = {
      "1.0.0.0",          "8.8.8.8",
      "9.255.255.255",    "11.0.0.0",
      "100.63.255.255",   "100.128.0.0",
      "126.255.255.255",  "128.0.0.1",
      "168.63.129.15",    "168.63.129.17",
      "169.253.255.255",  "169.255.0.0",
      "172.15.255.255",   "172.32.0.0",
      "191.255.255.255",  "192.0.1.0",
      "192.0.3.0",        "192.88.98.255",
      "192.88.100.0",     "192.167.255.255",
      "192.169.0.0",      "198.17.255.255",
      "198.20.0.0",       "198.51.99.255",
      "198.51.101.0",     "203.0.112.255",
      "203.0.114.0",      "223.255.255.255",
      "::ffff:8.8.8.8",   "64:ff9b::8.8.8.8",
      "2002:808:808::1",  "2000::1",
      "2001:200::1",      "2001:4860:4860::8888",
      "2001:db7:ffff::1", "2001:db9::1",
      "2600::1",          "2a00:1450::1",
      "3ffe:ffff::1",     "3fff:1000::1",
  };
  for (const char* text : kAllowed) {
    EXPECT_OK(CheckPublicAddress(Address(text))) << text;
  }
}

TEST(CheckPublicAddress, NamesTheKindOfAddress) {
  EXPECT_EQ(CheckPublicAddress(Address("169.254.169.254")).message(),
            "connect to 169.254.169.254: a link-local address");
}

TEST(CheckRedirectHost, DeniesInnerNamesUnusualSpellingsAndWhatIsNoName) {
  const std::string kDenied[] = {
      "",
      ".",
      "a..b",
      ".a",
      "a.",
      "-a.example",
      "a-.example",
      "a b",
      "a/b",
      "a%2eb",
      "a@b",
      "[::1]",
      "fe80::1%eth0",
      "::1%lo",
      "1",
      "2130706433",
      "127.1",
      "127.0.1",
      "0177.0.0.1",
      "0x7f000001",
      "0x7f.0.0.1",
      "127.0.0.01",
      "127.0.0.0x1",
      "1.2.3.4.5",
      "256.1.1.1",
      "a.1",
      "a.0x1",
      "\xef\xbc\x91.example",
      "127\xe3\x80\x82"
      "1",
      std::string("a\0b", 3),
      "a\n",
      "localhost",
      "LOCALHOST",
      "x.localhost",
      "metadata",
      "metadata.google.internal",
      "a.internal",
      "printer.local",
      "router.home.arpa",
      "metadata.tencentyun.com",
      "a.b.localhost",
      "Metadata.Google.Internal",
      "instance-data",
      "localhost.localdomain",
      std::string(64, 'a') + ".example",
      std::string(254, 'a'),
  };
  for (const std::string& host : kDenied) {
    absl::Status status = CheckRedirectHost(host);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied)) << host;
    EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED") << host;
  }
}

TEST(CheckRedirectHost, AllowsNamesAndAddressesInTheirUsualSpelling) {
  for (const char* host :
       {"cdn.example", "CDN.Example", "a_b.example", "1a.example", "xn--bcher-kva.example",
        "127.0.0.1", "8.8.8.8", "::1", "2600::1", "9.9.9.example"}) {
    EXPECT_OK(CheckRedirectHost(host)) << host;
  }
}

TEST(CheckNotOwnAddress, DeniesLoopbackWhichEveryHostHas) {
  EXPECT_THAT(CheckNotOwnAddress(Address("127.0.0.1")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(CheckNotOwnAddress(Address("::ffff:127.0.0.1")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(CheckNotOwnAddress(Address("64:ff9b::127.0.0.1")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_OK(CheckNotOwnAddress(Address("8.8.8.8")));
}

TEST(CheckHost, JudgesAddressesAndLeavesNamesToTheLookUp) {
  const std::vector<Network> denied = {*Network::Parse("8.8.0.0/16")};
  for (const char* host :
       {"127.0.0.1", "::1", "::ffff:10.0.0.1", "8.8.8.8", "localhost", "0x7f.1", "a.internal"}) {
    EXPECT_THAT(CheckHost(host, denied), StatusIs(absl::StatusCode::kPermissionDenied)) << host;
  }
  EXPECT_OK(CheckHost("8.9.8.8", denied));
  EXPECT_OK(CheckHost("2600::1", denied));
  EXPECT_OK(CheckHost("cdn.example", denied));
}

TEST(CheckAddress, DeniesWhatTheAdministratorDenies) {
  const std::vector<Network> denied = {*Network::Parse("8.8.0.0/16"),
                                       *Network::Parse("2600:1::/32")};
  for (const char* text : {"8.8.8.8", "::ffff:8.8.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1",
                           "2600:1::5", "127.0.0.1", "10.0.0.1"}) {
    const absl::Status status = CheckAddress(Address(text), denied);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied)) << text;
    EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
  }
  for (const char* text : {"8.9.8.8", "64:ff9b::8.9.1.1", "2600:2::5"}) {
    EXPECT_OK(CheckAddress(Address(text), denied)) << text;
  }
}

}  // namespace
}  // namespace holkas
