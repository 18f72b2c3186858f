#include "service/policy/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(IpAddress, HasTheUsualSpellingAlone) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "127.1", "2130706433",
        "::1%lo", "[::1]", " 1.2.3.4", "1.2.3.4 ", "a.b.c.d", ":::", "1.2.3.4/8"}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("1.2.3.4\0", 8)).has_value());
  EXPECT_TRUE(IpAddress::Parse("1.2.3.4").has_value());
  EXPECT_TRUE(IpAddress::Parse("2001:DB8::1").has_value());
}

TEST(IpAddress, MappedAddressesAreIpv4) {
  EXPECT_EQ(IpAddress::Parse("::ffff:10.0.0.1"), IpAddress::Parse("10.0.0.1"));
  EXPECT_FALSE(IpAddress::Parse("::ffff:10.0.0.1")->is_v6());
  EXPECT_TRUE(IpAddress::Parse("::10.0.0.1")->is_v6());
}

TEST(IpAddress, IsReadFromSockets) {
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr);
  EXPECT_EQ(IpAddress::Of(reinterpret_cast<sockaddr&>(v4)), IpAddress::Parse("10.1.2.3"));
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr);
  EXPECT_EQ(IpAddress::Of(reinterpret_cast<sockaddr&>(v6)), IpAddress::Parse("10.1.2.3"));
  v6.sin6_family = AF_UNIX;
  EXPECT_EQ(IpAddress::Of(reinterpret_cast<sockaddr&>(v6)), std::nullopt);
}

TEST(IpAddress, IsWrittenInTheUsualSpelling) {
  for (const char* text : {"10.0.0.1", "::1", "2001:db8::5"}) {
    EXPECT_EQ(IpAddress::Parse(text)->ToString(), text);
  }
  EXPECT_EQ(IpAddress::Parse("::ffff:10.0.0.1")->ToString(), "10.0.0.1");
}

TEST(IpAddress, KnowsLoopback) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IpAddress::Parse(text)->IsLoopback()) << text;
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "::", "::2", "7f00::1"}) {
    EXPECT_FALSE(IpAddress::Parse(text)->IsLoopback()) << text;
  }
}

TEST(IpAddress, KnowsWhatIsEmbedded) {
  EXPECT_EQ(IpAddress::Parse("64:ff9b::10.0.0.1")->Embedded(), IpAddress::Parse("10.0.0.1"));
  EXPECT_EQ(IpAddress::Parse("2002:a00:1::5")->Embedded(), IpAddress::Parse("10.0.0.1"));
  EXPECT_EQ(IpAddress::Parse("64:ff9b:1::10.0.0.1")->Embedded(), std::nullopt);
  EXPECT_EQ(IpAddress::Parse("2003:a00:1::5")->Embedded(), std::nullopt);
  EXPECT_EQ(IpAddress::Parse("100.255.155.0")->Embedded(), std::nullopt);
}

TEST(Network, ContainsWhatHasItsPrefix) {
  const struct {
    const char* network;
    const char* address;
    bool contains;
  } kRows[] = {
      {"10.0.0.0/8", "10.0.0.0", true},
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.1.2.3/8", "10.9.9.9", true},
      {"10.0.0.0/8", "::ffff:10.0.0.1", true},
      {"10.0.0.0/8", "a00::", false},
      {"192.168.4.0/22", "192.168.7.255", true},
      {"192.168.4.0/22", "192.168.8.0", false},
      {"1.2.3.4/32", "1.2.3.4", true},
      {"1.2.3.4/32", "1.2.3.5", false},
      {"0.0.0.0/0", "255.1.2.3", true},
      {"0.0.0.0/0", "::1", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fc00::1", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::/0", "2600::1", true},
      {"::1/128", "::1", true},
      {"::1/128", "::2", false},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(Network::Parse(row.network)->Contains(*IpAddress::Parse(row.address)), row.contains)
        << row.network << " " << row.address;
  }
}

TEST(Network, MalformedTextIsNone) {
  for (const char* text : {"", "/", "/8", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129",
                           "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0/8", "10.0.0.0/ 8",
                           "host/8", "10.0.0.0/0x8", "10.0.0.0/255.0.0.0"}) {
    EXPECT_FALSE(Network::Parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace holkas
