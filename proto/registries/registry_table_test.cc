#include "proto/registries/registry_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr char kDigest[] =
    "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

RegistryReference Ref(const std::string& name) {
  return *ImageReference::Parse("docker://" + name).value().registry();
}

RegistryEntry Entry(const std::string& prefix, const std::string& location) {
  RegistryEntry entry;
  entry.prefix = prefix;
  entry.location = location;
  entry.file = "registries.conf";
  return entry;
}

RegistryTable TableOf(const std::vector<RegistryEntry>& entries) {
  RegistryTable table;
  for (const RegistryEntry& entry : entries) {
    table.Set(entry);
  }
  return table;
}

// `host[:port]/path:tag` of each endpoint, with `!` behind an insecure one.
absl::StatusOr<std::string> Endpoints(const RegistryTable& table, const std::string& name) {
  absl::StatusOr<std::vector<RegistryEndpoint>> endpoints = table.EndpointsOf(Ref(name));
  if (!endpoints.ok()) {
    return endpoints.status();
  }
  return absl::StrJoin(*endpoints, " ", [](std::string* out, const RegistryEndpoint& endpoint) {
    const RegistryReference& reference = endpoint.reference;
    absl::StrAppend(out, reference.Repository(),
                    reference.digest.has_value() ? "@digest" : ":" + reference.tag,
                    endpoint.insecure ? "!" : "");
  });
}

TEST(RegistryTable, PrefixIsReplacedByTheLocation) {
  const struct {
    const char* prefix;
    const char* location;
    const char* image;
    const char* endpoint;
  } kRows[] = {
      // Without a match the name stays.
      {"example.com", "other.test", "example.org/a:1", "example.org/a:1"},
      // Hosts.
      {"example.com", "other.test", "example.com/a:1", "other.test/a:1"},
      {"example.com", "other.test", "example.com/a/b/c", "other.test/a/b/c:latest"},
      {"example.com", "other.test", "EXAMPLE.com/a:1", "other.test/a:1"},
      {"example.com", "other.test", "example.com.evil.test/a:1", "example.com.evil.test/a:1"},
      {"example.com", "other.test", "example.community/a:1", "example.community/a:1"},
      {"example.com", "other.test", "my.example.com/a:1", "my.example.com/a:1"},
      {"example.com:5000", "other.test", "example.com:5000/a:1", "other.test/a:1"},
      {"example.com:5000", "other.test", "example.com/a:1", "example.com/a:1"},
      {"example.com:500", "other.test", "example.com:5000/a:1", "example.com:5000/a:1"},
      {"example.com", "other.test", "example.com:5000/a:1", "other.test:5000/a:1"},
      {"example.com", "other.test:80", "example.com/a:1", "other.test:80/a:1"},
      {"127.0.0.1:5000", "localhost:6000", "127.0.0.1:5000/a:1", "localhost:6000/a:1"},
      {"[::1]:5000", "[::2]", "[::1]:5000/a:1", "[::2]/a:1"},
      // Namespaces, repositories.
      {"example.com/foo", "other.test/bar", "example.com/foo/a:1", "other.test/bar/a:1"},
      {"example.com/foo", "other.test", "example.com/foo/a:1", "other.test/a:1"},
      {"example.com/foo", "other.test/x/y", "example.com/foo/b/a:1", "other.test/x/y/b/a:1"},
      {"example.com/foo", "other.test/bar", "example.com/food/a:1", "example.com/food/a:1"},
      {"example.com/foo", "other.test/bar", "example.com/a:1", "example.com/a:1"},
      {"example.com/foo/a", "other.test/b", "example.com/foo/a:1", "other.test/b:1"},
      {"example.com/foo/a", "other.test/b", "example.com/foo/a/c:1", "other.test/b/c:1"},
      {"example.com/foo/a", "other.test/b", "example.com/foo/ab:1", "example.com/foo/ab:1"},
      // A tag is never part of the name that is compared.
      {"example.com/foo:1", "other.test/b", "example.com/foo:1", "example.com/foo:1"},
      // docker.io.
      {"docker.io", "other.test", "busybox", "other.test/library/busybox:latest"},
      {"docker.io/library", "other.test/hub", "busybox:1", "other.test/hub/busybox:1"},
      {"example.com", "docker.io", "example.com/a/b:1", "docker.io/a/b:1"},
      // All hosts beneath a domain, at any port.
      {"*.example.com", "other.test", "a.example.com/x:1", "other.test/x:1"},
      {"*.example.com", "other.test", "b.a.example.com/x:1", "other.test/x:1"},
      {"*.example.com", "other.test/n", "a.example.com/x:1", "other.test/n/x:1"},
      {"*.example.com", "other.test", "a.example.com:5000/x:1", "other.test:5000/x:1"},
      {"*.example.com", "other.test", "example.com/x:1", "example.com/x:1"},
      {"*.example.com", "other.test", "aexample.com/x:1", "aexample.com/x:1"},
      {"*.example.com", "other.test", "a.example.com.evil.test/x:1", "a.example.com.evil.test/x:1"},
      {"*.example.com", "other.test", "evil.test/a.example.com/x:1", "evil.test/a.example.com/x:1"},
      {"*.example.com", "", "a.example.com/x:1", "a.example.com/x:1"},
  };
  for (const auto& row : kRows) {
    EXPECT_THAT(Endpoints(TableOf({Entry(row.prefix, row.location)}), row.image),
                IsOkAndHolds(std::string(row.endpoint)))
        << row.prefix << " = " << row.location << ", " << row.image;
  }
}

TEST(RegistryTable, TheDigestStays) {
  const RegistryTable table = TableOf({Entry("example.com", "other.test")});
  EXPECT_THAT(Endpoints(table, std::string("example.com/a") + kDigest),
              IsOkAndHolds("other.test/a@digest"));
}

TEST(RegistryTable, TheLongestPrefixCounts) {
  const RegistryTable table = TableOf({
      Entry("example.com", "host.test"),
      Entry("example.com/foo", "namespace.test"),
      Entry("example.com/foo/a", "repository.test/a"),
      Entry("*.example.com", "wild.test"),
      Entry("my.example.com", "exact.test"),
      Entry("*.my.example.com", "wilder.test"),
  });
  EXPECT_THAT(Endpoints(table, "example.com/x:1"), IsOkAndHolds("host.test/x:1"));
  EXPECT_THAT(Endpoints(table, "example.com/foo/x:1"), IsOkAndHolds("namespace.test/x:1"));
  EXPECT_THAT(Endpoints(table, "example.com/foo/a:1"), IsOkAndHolds("repository.test/a:1"));
  EXPECT_THAT(Endpoints(table, "your.example.com/x:1"), IsOkAndHolds("wild.test/x:1"));
  EXPECT_THAT(Endpoints(table, "my.example.com/x:1"), IsOkAndHolds("exact.test/x:1"));
  EXPECT_THAT(Endpoints(table, "a.my.example.com/x:1"), IsOkAndHolds("wilder.test/x:1"));
}

TEST(RegistryTable, AnEntryOfTheSamePrefixIsReplaced) {
  RegistryTable table = TableOf({Entry("example.com", "old.test")});
  table.Set(Entry("example.com", "new.test"));
  EXPECT_THAT(Endpoints(table, "example.com/x:1"), IsOkAndHolds("new.test/x:1"));
}

TEST(RegistryTable, MirrorsComeFirstInTheirOrder) {
  RegistryEntry entry = Entry("example.com/foo", "primary.test/foo");
  entry.insecure = true;
  entry.mirrors = {{"one.test"}, {"two.test:5000/cache/foo", true}};
  EXPECT_THAT(Endpoints(TableOf({entry}), "example.com/foo/a:1"),
              IsOkAndHolds("one.test/a:1 two.test:5000/cache/foo/a:1! primary.test/foo/a:1!"));
}

TEST(RegistryTable, MirrorsOfAWildcardApplyToEachHost) {
  RegistryEntry entry = Entry("*.example.com", "");
  entry.mirrors = {{"mirror.test/cache"}};
  EXPECT_THAT(Endpoints(TableOf({entry}), "a.example.com/x:1"),
              IsOkAndHolds("mirror.test/cache/x:1 a.example.com/x:1"));
}

TEST(RegistryTable, OnlyTheMirrorsOfTheLongestPrefixApply) {
  RegistryEntry host = Entry("example.com", "example.com");
  host.mirrors = {{"mirror.test"}};
  const RegistryTable table = TableOf({host, Entry("example.com/foo", "example.com/foo")});
  EXPECT_THAT(Endpoints(table, "example.com/foo/a:1"), IsOkAndHolds("example.com/foo/a:1"));
}

TEST(RegistryTable, MirrorsApplyByTagOrDigest) {
  using Pull = RegistryMirror::Pull;
  RegistryEntry entry = Entry("example.com", "example.com");
  entry.mirrors = {{"all.test", false, Pull::kAll},
                   {"digest.test", false, Pull::kDigestOnly},
                   {"tag.test", false, Pull::kTagOnly}};
  EXPECT_THAT(Endpoints(TableOf({entry}), "example.com/a:1"),
              IsOkAndHolds("all.test/a:1 tag.test/a:1 example.com/a:1"));
  EXPECT_THAT(Endpoints(TableOf({entry}), std::string("example.com/a") + kDigest),
              IsOkAndHolds("all.test/a@digest digest.test/a@digest example.com/a@digest"));
}

TEST(RegistryTable, MirrorByDigestOnlyKeepsTagsFromAllMirrors) {
  RegistryEntry entry = Entry("example.com", "example.com");
  entry.mirror_by_digest_only = true;
  entry.mirrors = {{"one.test"}, {"two.test"}};
  EXPECT_THAT(Endpoints(TableOf({entry}), "example.com/a:1"), IsOkAndHolds("example.com/a:1"));
  EXPECT_THAT(Endpoints(TableOf({entry}), std::string("example.com/a") + kDigest),
              IsOkAndHolds("one.test/a@digest two.test/a@digest example.com/a@digest"));
}

TEST(RegistryTable, BlockedRegistryIsDenied) {
  RegistryEntry entry = Entry("example.com/foo", "example.com/foo");
  entry.blocked = true;
  const RegistryTable table = TableOf({entry});
  const absl::Status status = Endpoints(table, "example.com/foo/a:1").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied,
                               "registry example.com/foo is blocked in registries.conf"));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_BLOCKED");
  EXPECT_THAT(Endpoints(table, "example.com/a:1"), IsOkAndHolds("example.com/a:1"));
  EXPECT_THAT(table.CheckAllowed("example.com/foo/a"), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_OK(table.CheckAllowed("example.com/a"));
  EXPECT_OK(table.CheckAllowed("example.com"));
}

TEST(RegistryTable, MirrorsOfABlockedRegistryAreRead) {
  RegistryEntry entry = Entry("example.com", "example.com");
  entry.blocked = true;
  entry.mirrors = {{"mirror.test", false, RegistryMirror::Pull::kDigestOnly}};
  const RegistryTable table = TableOf({entry});
  EXPECT_THAT(Endpoints(table, std::string("example.com/a") + kDigest),
              IsOkAndHolds("mirror.test/a@digest"));
  EXPECT_THAT(Endpoints(table, "example.com/a:1"), StatusIs(StatusCode::kPermissionDenied));
}

TEST(RegistryTable, WhereAReferenceLeadsIsBlockedToo) {
  RegistryEntry blocked = Entry("bad.test", "bad.test");
  blocked.blocked = true;
  RegistryEntry mirrored = Entry("example.com", "example.com");
  mirrored.mirrors = {{"bad.test"}, {"good.test"}};
  const RegistryTable table = TableOf({blocked, mirrored, Entry("example.org", "bad.test")});
  EXPECT_THAT(Endpoints(table, "example.com/a:1"), IsOkAndHolds("good.test/a:1 example.com/a:1"));
  EXPECT_THAT(Endpoints(table, "example.org/a:1"),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("registry bad.test is blocked")));
}

TEST(RegistryTable, ABlockedNameIsBlockedWhereverItLeads) {
  RegistryEntry entry = Entry("example.com", "other.test");
  entry.blocked = true;
  EXPECT_THAT(Endpoints(TableOf({entry}), "example.com/a:1"),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("registry example.com is")));
}

TEST(RegistryTable, LocationsThatGiveNoReferenceAreRefused) {
  for (const char* location :
       {"mirror/cache", "mirror.test/Cache", "mirror.test:port", "mirror.test/a:1", "mirror test",
        "user@mirror.test", "mirror.test:0", "mirror.test//x"}) {
    const absl::Status status =
        Endpoints(TableOf({Entry("example.com", location)}), "example.com/a:1").status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("rewriting reference")))
        << location;
    EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
  }
}

TEST(RegistryTable, InsecureIsOfTheNameThatIsWrittenTo) {
  RegistryEntry entry = Entry("example.com/foo", "other.test");
  entry.insecure = true;
  const RegistryTable table = TableOf({entry});
  EXPECT_TRUE(table.IsInsecure("example.com/foo/a"));
  EXPECT_FALSE(table.IsInsecure("example.com/a"));
  EXPECT_FALSE(table.IsInsecure("other.test/a"));
}

TEST(RegistryTable, LocationsAreTheRegistriesThatEntriesLeadTo) {
  RegistryEntry entry = Entry("example.com/foo", "primary.test:5000/bar");
  entry.mirrors = {{"mirror.test/cache"}, {"[::1]:5000"}};
  const RegistryTable table = TableOf({entry, Entry("*.example.com", "")});
  for (const char* registry : {"primary.test:5000", "mirror.test", "[::1]:5000"}) {
    EXPECT_TRUE(table.IsLocation(registry)) << registry;
  }
  for (const char* registry : {"example.com", "primary.test", "mirror.test:5000", "cache"}) {
    EXPECT_FALSE(table.IsLocation(registry)) << registry;
  }
}

}  // namespace
}  // namespace holkas
