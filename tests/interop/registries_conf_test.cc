// Asks the installed Skopeo where a registries.conf leads it, and compares. Its debug log names
// each place that it tries. No place is reached: all are behind a proxy that does not exist.

#include "proto/registries/registries_conf.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/registries/registry_table.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

constexpr char kSkopeo[] = "/usr/bin/skopeo";
constexpr char kDigest[] =
    "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// What one of both says to a configuration and an image.
struct Decision {
  std::vector<std::string> places;  // `host[:port]/path:tag`, in order
  bool blocked = false;             // the last of all places is
  bool malformed = false;           // the file, or what a location makes of the name
};

class SkopeoAgreementTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kSkopeo, X_OK) != 0) {
      GTEST_SKIP() << kSkopeo << " is not installed";
    }
    root_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(root_);
  }

  Decision SkopeoDecides(const std::string& conf, const std::string& image) {
    std::ofstream(root_ + "/r.conf") << conf;
    const std::string command = absl::StrCat(
        "HOME=", root_, " HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 ", kSkopeo,
        " --debug --registries-conf ", root_, "/r.conf inspect docker://", image, " 2>&1");
    FILE* output = popen(command.c_str(), "r");
    Decision decision;
    char line[16 << 10];
    while (fgets(line, sizeof line, output) != nullptr) {
      Read(absl::StrReplaceAll(line, {{"\\\"", "\""}}), decision);
    }
    EXPECT_NE(pclose(output), 0);
    return decision;
  }

  Decision WeDecide(const std::string& conf, const std::string& image) {
    std::ofstream(root_ + "/r.conf") << conf;
    const RegistryReference reference = *ImageReference::Parse("docker://" + image)->registry();
    Decision decision;
    absl::StatusOr<RegistryTable> table = LoadRegistriesConf({root_ + "/r.conf", true, {}});
    if (!table.ok()) {
      decision.malformed = true;
      return decision;
    }
    absl::StatusOr<std::vector<RegistryEndpoint>> endpoints = table->EndpointsOf(reference);
    decision.blocked = absl::IsPermissionDenied(endpoints.status());
    decision.malformed = absl::IsInvalidArgument(endpoints.status());
    if (endpoints.ok()) {
      for (const RegistryEndpoint& endpoint : *endpoints) {
        decision.places.push_back(absl::StrCat(
            endpoint.reference.Repository(),
            endpoint.reference.digest.has_value() ? kDigest : ":" + endpoint.reference.tag));
      }
    }
    return decision;
  }

  void ExpectAgreement(const std::string& conf, const std::string& image) {
    const Decision theirs = SkopeoDecides(conf, image);
    const Decision ours = WeDecide(conf, image);
    EXPECT_EQ(ours.places, theirs.places) << conf << image;
    EXPECT_EQ(ours.blocked, theirs.blocked && theirs.places.empty()) << conf << image;
    EXPECT_EQ(ours.malformed, theirs.malformed) << conf << image;
  }

 private:
  // One line of the log. A place that turns out to be blocked was none.
  static void Read(const std::string& line, Decision& decision) {
    constexpr char kTrying[] = "msg=\"Trying to access \"";
    const size_t at = line.find(kTrying);
    if (at != std::string::npos) {
      const std::string rest = line.substr(at + sizeof kTrying - 1);
      decision.places.push_back(rest.substr(0, rest.find('"')));
    } else if (absl::StrContains(line, "msg=\"Accessing \"") &&
               absl::StrContains(line, " is blocked in ")) {
      decision.places.pop_back();
      decision.blocked = true;
    } else if (absl::StrContains(line, "level=fatal") &&
               (absl::StrContains(line, "loading registries configuration") ||
                absl::StrContains(line, "rewriting reference"))) {
      decision.malformed = true;
      decision.places.clear();
    }
  }

  std::string root_;
};

std::string Entry(const std::string& prefix, const std::string& location,
                  const std::string& more = "") {
  return absl::StrCat("[[registry]]\nprefix = '", prefix, "'\nlocation = '", location, "'\n", more);
}

std::string Mirror(const std::string& location, const std::string& more = "") {
  return absl::StrCat("[[registry.mirror]]\nlocation = '", location, "'\n", more);
}

TEST_F(SkopeoAgreementTest, AboutPrefixes) {
  const std::string conf = absl::StrCat(
      Entry("example.com", "host.test"), Entry("example.com/foo", "space.test/bar"),
      Entry("example.com/foo/a", "repo.test/b"), Entry("example.com:5000/x", "port.test/"),
      Entry("*.example.com", "wild.test/w"), Entry("my.example.com", "exact.test"),
      Entry("a.example.com", "short.test"), Entry("*.my.example.com", "wilder.test"),
      Entry("docker.io/library", "hub.test/hub"), Entry("example.com/tagged:v1", "tag.test/t"),
      "[[registry]]\nprefix = '*.example.org'\n");
  for (const char* image : {"example.com/x:1",
                            "example.com/foo:1",
                            "example.com/foo/x:1",
                            "example.com/foo/a:1",
                            "example.com/foo/a/b:1",
                            "example.com/foo/ab:1",
                            "example.com/food/a:1",
                            "example.com:5000/x:1",
                            "example.com:5000/x/y:1",
                            "example.com:5000/y:1",
                            "example.com.evil.test/x:1",
                            "example.community/x:1",
                            "my.example.com/x:1",
                            "a.my.example.com/x:1",
                            "your.example.com/x:1",
                            "a.example.com/x:1",
                            "b.your.example.com:5000/x:1",
                            "a.example.com.evil.test/x:1",
                            "evil.test/a.example.com/x:1",
                            "busybox",
                            "busybox:1",
                            "user/busybox:1",
                            "example.com/tagged:v1",
                            "a.example.org/x:1",
                            "example.org/x:1",
                            "other.test/x:1"}) {
    ExpectAgreement(conf, image);
  }
}

TEST_F(SkopeoAgreementTest, AboutMirrors) {
  const std::string all = absl::StrCat(
      Entry("example.com", "primary.test"), Mirror("one.test"), Mirror("two.test:5000/cache"),
      Mirror("digest.test", "pull-from-mirror = 'digest-only'\n"),
      Mirror("tag.test", "pull-from-mirror = 'tag-only'\n"),
      Mirror("all.test", "pull-from-mirror = 'all'\n"), Entry("example.com/own", "own.test"));
  const std::string digest_only = absl::StrCat(
      Entry("example.com", "primary.test", "mirror-by-digest-only = true\n"), Mirror("one.test"));
  const std::string wild =
      absl::StrCat("[[registry]]\nprefix = '*.example.com'\n", Mirror("one.test/x"));
  for (const std::string& conf : {all, digest_only, wild}) {
    for (const std::string& image :
         {std::string("example.com/a/b:1"), absl::StrCat("example.com/a", kDigest),
          std::string("example.com/own/x:1"), std::string("sub.example.com/x:1")}) {
      ExpectAgreement(conf, image);
    }
  }
}

TEST_F(SkopeoAgreementTest, AboutBlocks) {
  const std::string blocked = "blocked = true\n";
  for (const std::string& conf :
       {Entry("example.com", "example.com", blocked),
        Entry("example.com/foo", "example.com/foo", blocked),
        absl::StrCat(Entry("example.com", "example.com", blocked), Mirror("mirror.test")),
        absl::StrCat(Entry("example.com", "example.com"), Mirror("bad.test"), Mirror("good.test"),
                     Entry("bad.test", "bad.test", blocked)),
        absl::StrCat(Entry("example.com", "bad.test"), Entry("bad.test", "bad.test", blocked)),
        std::string("[registries.block]\nregistries = ['example.com']\n"),
        std::string("[[REGISTRY]]\nLOCATION = 'example.com'\nBLOCKED = true\n")}) {
    for (const char* image :
         {"example.com/foo/a:1", "example.com/a:1", "example.com:5000/foo/a:1"}) {
      ExpectAgreement(conf, image);
    }
  }
}

TEST_F(SkopeoAgreementTest, AboutWhatIsMalformed) {
  for (const std::string& conf : {
           std::string(),
           std::string("colour = 'red'\n[[registry]]\nlocation = 'example.com'\nshape = 1\n"),
           std::string("[[registry]]\nlocation = 'example.com\n"),
           std::string("[[registry]]\nlocation = 5\n"),
           std::string("[[registry]]\nlocation = 'a.test'\nblocked = 'true'\n"),
           std::string("[[registry]]\nblocked = true\n"),
           std::string("[[registry]]\nprefix = 'a.test'\n"),
           std::string("[[registry]]\nlocation = 'https://a.test'\n"),
           std::string("[[registry]]\nprefix = '*.a.test/x'\n"),
           std::string("registry = 5\n"),
           std::string("[registry]\nlocation = 'a.test'\n"),
           std::string("[registries]\n"),
           std::string("[registries.search]\nregistries = ['a.test']\n"),
           std::string("[registries.search]\nregistries = 'a.test'\n"),
           std::string("[registries.search]\nregistries = []\n[[registry]]\nlocation = 'a.test'\n"),
           std::string("unqualified-search-registries = ['a.test']\n[registries.block]\n"
                       "registries = ['a.test']\n"),
           std::string("[[registry]]\nlocation = 'a.test'\n[registries.block]\n"
                       "registries = ['a.test']\n"),
           absl::StrCat(Entry("a", "x.test"), Entry("b", "x.test", "blocked = true\n")),
           absl::StrCat(Entry("a", "x.test"), Entry("b", "x.test", "insecure = true\n")),
           absl::StrCat(Entry("example.com", "one.test"), Entry("example.com", "two.test")),
           Entry("a", "x.test", "pull-from-mirror = 'all'\n"),
           absl::StrCat(Entry("a", "x.test"), Mirror("")),
           absl::StrCat(Entry("a", "x.test"), Mirror("m", "pull-from-mirror = 'some'\n")),
           Entry("example.com", "nowhere/cache"),
           Entry("example.com", "mirror.test/Cache"),
           Entry("example.com", "docker.io/busybox"),
           absl::StrCat(Entry("example.com", "example.com"), Mirror("nowhere")),
       }) {
    ExpectAgreement(conf, "example.com/a:1");
  }
}

}  // namespace
}  // namespace holkas
