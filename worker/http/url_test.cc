#include "worker/http/url.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(Url, ReadsSchemeHostPortAndTarget) {
  ASSERT_OK_AND_ASSIGN(const Url url, Url::Parse("https://Registry.Test:5000/v2/a?b=c%2Fd#part"));
  EXPECT_EQ(url.origin(), (Origin{true, "registry.test", 5000}));
  EXPECT_EQ(url.target(), "/v2/a?b=c%2Fd");
  EXPECT_EQ(url.ToString(), "https://registry.test:5000/v2/a?b=c%2Fd");
}

TEST(Url, DefaultPortsAreNotWritten) {
  EXPECT_EQ(Url::Parse("https://a.test:443/x")->ToString(), "https://a.test/x");
  EXPECT_EQ(Url::Parse("http://a.test:80/x")->ToString(), "http://a.test/x");
  EXPECT_EQ(Url::Parse("http://a.test:443/x")->ToString(), "http://a.test:443/x");
  EXPECT_EQ(Url::Parse("http://a.test")->ToString(), "http://a.test/");
}

TEST(Url, Ipv6HostsHaveBracketsInTextAlone) {
  ASSERT_OK_AND_ASSIGN(const Url url, Url::Parse("http://[::1]:5000/x"));
  EXPECT_EQ(url.origin().host, "::1");
  EXPECT_EQ(url.ToString(), "http://[::1]:5000/x");
}

TEST(Url, OriginsDifferBySchemeHostAndPort) {
  const Origin origin = Url::Parse("https://a.test/")->origin();
  EXPECT_EQ(origin, Url::Parse("https://A.TEST:443/other")->origin());
  EXPECT_NE(origin, Url::Parse("http://a.test/")->origin());
  EXPECT_NE(origin, Url::Parse("https://a.test:444/")->origin());
  EXPECT_NE(origin, Url::Parse("https://b.a.test/")->origin());
}

TEST(Url, RefusesWhatIsNoPlainWebAddress) {
  for (const std::string text : {"",
                                 "registry.test/x",
                                 "ftp://a.test/",
                                 "file:///etc/passwd",
                                 "https://",
                                 "https://user@a.test/",
                                 "https://user:pw@a.test/",
                                 "https://a.test:0/",
                                 "https://a.test:65536/",
                                 "https://a.test:x/",
                                 "https://a b.test/",
                                 "https://a.test/\r\nX: y",
                                 "https://a.test/\x01",
                                 "https://a.test/\xc3\xa9",
                                 "gopher://a.test/",
                                 "https://a%ee.test/",
                                 "https://a%2fb.test/",
                                 "https://a%00.test/",
                                 "https://a%40b.test/",
                                 "https://[::1/",
                                 "https://[fe80::1%25eth0]/"}) {
    EXPECT_THAT(Url::Parse(text).status(), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(Url, LengthHasALimit) {
  const std::string longest = "https://a.test/" + std::string(kMaxUrlBytes - 15, 'x');
  const Url base = *Url::Parse("https://b.test/");
  EXPECT_EQ(Url::Parse(longest)->ToString(), longest);
  EXPECT_EQ(base.Resolve(longest)->ToString(), longest);
  for (const absl::Status& status :
       {Url::Parse(longest + "x").status(), base.Resolve(longest + "x").status()}) {
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kResourceExhausted, "a URL of more than 16384 bytes"));
    EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  }
}

TEST(Url, RelativeReferenceMakesNoLongerUrl) {
  const Url base(Origin{true, "a.test", 443}, "/" + std::string(100, 'b') + "/c");
  const std::string longest(kMaxUrlBytes - 102, 'x');
  EXPECT_EQ(base.Resolve(longest)->target().size(), kMaxUrlBytes);
  EXPECT_THAT(base.Resolve(longest + "x").status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(Url, ResolvesReferences) {
  const Url base = *Url::Parse("https://a.test:5000/v2/x/blobs/uploads/?q=1");
  EXPECT_EQ(base.Resolve("/v2/y?z=2")->ToString(), "https://a.test:5000/v2/y?z=2");
  EXPECT_EQ(base.Resolve("1234?s=t")->ToString(),
            "https://a.test:5000/v2/x/blobs/uploads/1234?s=t");
  EXPECT_EQ(base.Resolve("http://b.test/c")->ToString(), "http://b.test/c");
  EXPECT_EQ(base.Resolve("//b.test/c")->ToString(), "https://b.test/c");
  EXPECT_THAT(base.Resolve("").status(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(base.Resolve("ftp://b.test/c").status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Url, MessagesShowNoQuery) {
  EXPECT_EQ(Url::Parse("https://a.test/b?X-Signature=secret")->ForMessage(), "https://a.test/b");
}

}  // namespace
}  // namespace holkas
