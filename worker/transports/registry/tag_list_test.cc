#include "worker/transports/registry/tag_list.h"

#include <string>
#include <utility>
#include <vector>

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
  // Reads pages within the limits; parts_ has what was given.
  absl::Status ReadWithin(const TagListLimits& limits) {
    client_ = NewClient();
    parts_.clear();
    return ReadTagPages(*client_, limits, [this](std::vector<std::string> tags) {
      parts_.push_back(std::move(tags));
      return absl::OkStatus();
    });
  }

  static ScriptedReply Page(const std::string& body, const std::string& next = "") {
    ScriptedReply reply = {.body = body};
    if (!next.empty()) {
      reply.headers = {{"Link", absl::StrCat("<", next, ">; rel=\"next\"")}};
    }
    return reply;
  }
  // A page of `count` tags of ten bytes each.
  static std::string PageOf(size_t count) {
    std::string body = "{\"tags\":[";
    for (size_t i = 0; i < count; ++i) {
      absl::StrAppend(&body, i == 0 ? "" : ",", "\"", absl::Dec(i, absl::kZeroPad10), "\"");
    }
    return body + "]}";
  }
  size_t TagsGiven() const {
    size_t count = 0;
    for (const std::vector<std::string>& part : parts_) {
      count += part.size();
    }
    return count;
  }

  std::unique_ptr<RegistryClient> client_;
  std::vector<std::vector<std::string>> parts_;
};

constexpr TagListLimits kNoLimits = {1 << 20, 1 << 30, 1 << 30, 1 << 30};

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

TEST_F(TagListTest, PagesAreGivenBeforeTheNextIsAskedFor) {
  size_t given_before_second_page = 0;
  Serve([&](const ScriptedRequest& request) {
    given_before_second_page = parts_.size();
    return request.target == "/v2/lib/app/tags/list" ? Page(R"({"tags":["a","b"]})", "?p=2")
                                                     : Page(R"({"tags":["c"]})");
  });
  EXPECT_OK(ReadWithin(kNoLimits));
  EXPECT_EQ(given_before_second_page, 1u);
  EXPECT_THAT(parts_, ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));
}

TEST_F(TagListTest, LargePageIsGivenInPartsThatFitIntoAFrame) {
  constexpr size_t kTags = 100'000;
  ServeInTurn({Page(PageOf(kTags))});
  EXPECT_OK(ReadWithin(kListTagsLimits));
  EXPECT_EQ(TagsGiven(), kTags);
  EXPECT_EQ(parts_.back().back(), "0000099999");
  for (const std::vector<std::string>& part : parts_) {
    // Each tag has two bytes around it in the frame.
    EXPECT_LE(part.size() * 12, 60u << 10);
  }
}

TEST_F(TagListTest, ManyShortTagsFitIntoAFrameToo) {
  std::string body = "{\"tags\":[\"a\"";
  for (int i = 0; i < 60'000; ++i) {
    body += ",\"b\"";
  }
  ServeInTurn({Page(body + "]}")});
  EXPECT_OK(ReadWithin(kNoLimits));
  EXPECT_EQ(TagsGiven(), 60'001u);
  EXPECT_LE(parts_[0].size(), kTagBatchTags);
}

// Each limit at its value, and one less.
TEST_F(TagListTest, LimitsAreHeldToTheLastOne) {
  const std::string body = PageOf(10);
  const auto expect = [&](TagListLimits limits, const std::string& says) {
    const absl::Status status = ReadWithin(limits);
    if (says.empty()) {
      EXPECT_OK(status);
      return;
    }
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(says)));
    EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  };
  ServeInTurn({Page(body)});
  TagListLimits limits = kNoLimits;
  limits.tags = 10;
  expect(limits, "");
  limits.tags = 9;
  expect(limits, "more than 9 tags");
  limits = kNoLimits;
  limits.tag_bytes = 100;
  expect(limits, "");
  limits.tag_bytes = 99;
  expect(limits, "more than 99 bytes of tags");
  limits = kNoLimits;
  limits.page_bytes = body.size();
  expect(limits, "");
  limits.page_bytes = body.size() - 1;
  expect(limits, absl::StrCat("a page of more than ", body.size() - 1, " bytes"));
  limits = kNoLimits;
  limits.pages = 3;
  ServeInTurn({Page(body, "?p=2"), Page(body, "?p=3"), Page(body)});
  expect(limits, "");
  limits.pages = 2;
  ServeInTurn({Page(body, "?p=2"), Page(body, "?p=3"), Page(body)});
  expect(limits, "more than 2 pages");
}

TEST_F(TagListTest, LongTagIsResourceExhausted) {
  ServeInTurn({Page("{\"tags\":[\"" + std::string(kMaxTagBytes, 'x') + "\"]}")});
  EXPECT_OK(ReadWithin(kNoLimits));
  ServeInTurn({Page("{\"tags\":[\"" + std::string(kMaxTagBytes + 1, 'x') + "\"]}")});
  EXPECT_THAT(ReadWithin(kNoLimits), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(TagListTest, LongPageOfAnInspectionIsResourceExhausted) {
  ServeInTurn({{.body = "{}" + std::string(kInspectTagLimits.page_bytes - 2, ' ')}});
  EXPECT_OK(Read().status());
  ServeInTurn({{.body = "{}" + std::string(kInspectTagLimits.page_bytes - 1, ' ')}});
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(TagListTest, WhoTakesTheTagsMayEndTheList) {
  ServeInTurn({Page(R"({"tags":["a"]})", "?p=2"), Page(R"({"tags":["b"]})")});
  client_ = NewClient();
  EXPECT_THAT(
      ReadTagPages(*client_, kNoLimits,
                   [](const std::vector<std::string>&) { return absl::AbortedError("enough"); }),
      StatusIs(absl::StatusCode::kAborted, HasSubstr("enough")));
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(TagListTest, OtherFieldsAreSkippedWhateverTheyHold) {
  ServeInTurn({Page(R"({"x":{"tags":["no"],"y":[["tags",{"tags":1}]]},"name":null,)"
                    R"("tags":["yes"],"z":[1,2.5,-3,true,"tags",{}]})")});
  EXPECT_THAT(Read(), IsOkAndHolds(ElementsAre("yes")));
}

TEST_F(TagListTest, WhatIsNoListIsUnavailable) {
  for (const std::string body :
       {"<html>", "", "[]", "null", "1", "\"tags\"", R"({"tags":{}})", R"({"tags":"a"})",
        R"({"tags":[1]})", R"({"tags":[null]})", R"({"tags":[["a"]]})", R"({"tags":[{"a":"b"}]})",
        "{\"tags\":[\"\xff\"]}", R"({"tags":["a")", R"({"tags":["a"]}{})",
        R"({"tags":["a"],"tags":["b"]})"}) {
    ServeInTurn({{.body = body}});
    const absl::Status status = Read().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the list of tags")))
        << body;
    EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE") << body;
  }
}

TEST_F(TagListTest, DeepPageIsResourceExhausted) {
  const auto nested = [](int depth) {
    std::string body = "{\"a\":";
    for (int i = 0; i < depth; ++i) {
      body += "[ ";
    }
    return body + std::string(depth, ']') + "}";
  };
  ServeInTurn({{.body = nested(63)}});
  EXPECT_OK(Read().status());
  ServeInTurn({{.body = nested(64)}});
  EXPECT_THAT(Read(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 64 levels")));
}

TEST_F(TagListTest, LongWordsAreNotKept) {
  for (const std::string& body :
       {"{\"a\": " + std::string(70'000, '1'), "{\"a\":\"" + std::string(70'000, 'x') + "\"}"}) {
    ServeInTurn({{.body = body}});
    EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("a word of more than 65536 bytes")));
  }
  ServeInTurn({{.body = "{\"a\":\"" + std::string(65'000, 'x') + "\"}"}});
  EXPECT_OK(Read().status());
}

TEST_F(TagListTest, PageThatBreaksOffIsUnavailable) {
  ServeInTurn({{.body = PageOf(5000), .cut_after = 30'000, .then = Then::kClose}});
  EXPECT_THAT(Read(),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("Get \"http://registry.test:5000/v2/lib/app/tags/list\"")));
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
