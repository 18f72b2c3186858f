#include "worker/transports/registry/tag_list.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TagListTest : public RegistryFixture {
 protected:
  absl::StatusOr<std::vector<std::string>> Read() {
    client_ = NewClient();
    return ReadTagList(*client_);
  }

  std::unique_ptr<RegistryClient> client_;
};

TEST_F(TagListTest, KeepsTheRegistrysOrderAndDropsWhatIsNoTag) {
  ServeInTurn({{.body = R"({"name":"lib/app","tags":["b","","a","sha256:0123","1.0"]})"}});
  EXPECT_THAT(Read(), IsOkAndHolds(ElementsAre("b", "a", "1.0")));
  EXPECT_THAT(Requests(), ElementsAre("GET /v2/lib/app/tags/list"));
}

TEST_F(TagListTest, NoTagsAreNoTags) {
  for (const std::string body : {R"({"tags":null})", R"({"tags":[]})", "{}"}) {
    ServeInTurn({{.body = body}});
    EXPECT_THAT(Read(), IsOkAndHolds(ElementsAre())) << body;
  }
}

TEST_F(TagListTest, FollowsPages) {
  ServeInTurn(
      {{.headers = {{"Link", "</v2/lib/app/tags/list?last=a&n=1>; rel=\"next\""}},
        .body = R"({"tags":["a"]})"},
       {.headers = {{"Link", "<list?last=b>; title=x; rel=next"}}, .body = R"({"tags":["b"]})"},
       {.body = R"({"tags":["c"]})"}});
  EXPECT_THAT(Read(), IsOkAndHolds(ElementsAre("a", "b", "c")));
  EXPECT_THAT(Requests(),
              ElementsAre("GET /v2/lib/app/tags/list", "GET /v2/lib/app/tags/list?last=a&n=1",
                          "GET /v2/lib/app/tags/list?last=b"));
}

TEST_F(TagListTest, PageThatComesAgainIsRefused) {
  ServeInTurn({{.headers = {{"Link", "</v2/lib/app/tags/list?last=a>; rel=\"next\""}},
                .body = R"({"tags":["a"]})"}});
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("comes back")));
  EXPECT_EQ(server_->requests().size(), 2u);
}

TEST_F(TagListTest, EndlessPagesAreBounded) {
  Serve([page = 0](const ScriptedRequest&) mutable {
    return ScriptedReply{.headers = {{"Link", absl::StrCat("<?p=", ++page, ">; rel=\"next\"")}},
                         .body = R"({"tags":["t"]})"};
  });
  const absl::Status status = Read().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1000 pages")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_EQ(server_->requests().size(), 1000u);
}

TEST_F(TagListTest, PageElsewhereIsRefused) {
  ServeInTurn({{.headers = {{"Link", "<http://169.254.169.254/latest>; rel=\"next\""}},
                .body = R"({"tags":["a"]})"}});
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another place")));
}

TEST_F(TagListTest, LongPageIsResourceExhausted) {
  ServeInTurn({{.body = std::string(kMaxTagPageBytes + 1, ' ')}});
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(TagListTest, WhatIsNoListIsUnavailable) {
  for (const std::string body : {"<html>", "[]", R"({"tags":{}})", R"({"tags":[1]})",
                                 "{\"tags\":[\"\xff\"]}", R"({"tags":["a")"}) {
    ServeInTurn({{.body = body}});
    EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kUnavailable)) << body;
  }
}

TEST_F(TagListTest, UnknownRepositoryIsNotFound) {
  ServeInTurn({{.status = 404, .body = ErrorBody("NAME_UNKNOWN", "no such repository")}});
  const absl::Status status = Read().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("fetching tags list of registry.test:5000/lib/app")));
  EXPECT_EQ(ErrorReason(status), "REPOSITORY_UNKNOWN");
  EXPECT_FALSE(IsTagListRefusal(status));
}

TEST_F(TagListTest, RefusalsToShowTagsAreKnown) {
  ServeInTurn({{.status = 403, .body = ErrorBody("DENIED", "no")}});
  EXPECT_TRUE(IsTagListRefusal(Read().status()));
  ServeInTurn({{.status = 404, .body = "404 page not found"}});
  EXPECT_TRUE(IsTagListRefusal(Read().status()));
  ServeInTurn({{.status = 401, .body = ErrorBody("UNAUTHORIZED", "no")}});
  EXPECT_FALSE(IsTagListRefusal(Read().status()));
}

}  // namespace
}  // namespace holkas
