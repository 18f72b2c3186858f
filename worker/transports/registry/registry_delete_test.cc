#include "worker/transports/registry/registry_delete.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A small registry with the manifests and tags of lib/app, and with what a test has it do wrong.
class RegistryDeleteTest : public RegistryFixture {
 protected:
  // What it answers a DELETE by tag with, where it does not delete tags.
  enum class Tags { kDeleted, kRefused, kDisabled };

  RegistryDeleteTest() {
    Add("latest", "old manifest");
    tags_["also"] = tags_["latest"];
    Add("other", "other manifest");
    Serve([this](const ScriptedRequest& request) { return Answer(request); });
    client_ = NewClient();
  }

  void Add(const std::string& tag, const std::string& bytes) {
    const std::string digest = Digest::Sha256Of(bytes).ToString();
    manifests_[digest] = bytes;
    tags_[tag] = digest;
  }

  ScriptedReply Answer(const ScriptedRequest& request) {
    if (on_request_) {
      if (std::optional<ScriptedReply> reply = on_request_(request); reply.has_value()) {
        return *reply;
      }
    }
    absl::string_view name = request.target;
    if (absl::ConsumePrefix(&name, "/v2/lib/app/manifests/")) {
      return AnswerManifest(request, std::string(name));
    }
    if (request.method == "POST") {
      return {.status = 202, .headers = {{"Location", "/v2/lib/app/blobs/uploads/1"}}};
    }
    return {.status = request.method == "PUT" ? 201 : 202,
            .headers = {{"Location", "/v2/lib/app/blobs/uploads/1"}}};
  }

  ScriptedReply AnswerManifest(const ScriptedRequest& request, const std::string& name) {
    if (request.method == "PUT") {
      Add(name, request.body);
      types_[tags_[name]] = request.headers.at("content-type");
      return {.status = 201, .headers = {{"Docker-Content-Digest", tags_[name]}}};
    }
    const bool is_tag = !absl::StrContains(name, ':');
    if (request.method == "DELETE" && is_tag && tag_deletion_ != Tags::kDeleted) {
      return tag_deletion_ == Tags::kDisabled ? Disabled()
                                              : Error(400, "DIGEST_INVALID", "not a digest");
    }
    const std::string digest = is_tag ? tags_[name] : name;
    if (manifests_.count(digest) == 0) {
      return Error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    }
    if (request.method != "DELETE") {
      return {.headers = {{"Content-Type", std::string(type_)}, {"Docker-Content-Digest", digest}},
              .body = manifests_[digest]};
    }
    if (is_tag) {
      tags_.erase(name);
    } else {
      manifests_.erase(digest);
      std::erase_if(tags_, [&](const auto& tag) { return tag.second == digest; });
    }
    return {.status = 202};
  }

  static ScriptedReply Error(int status, absl::string_view code, absl::string_view message) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}},
            .body = ErrorBody(code, message)};
  }
  static ScriptedReply Disabled() {
    return Error(405, "UNSUPPORTED", "The operation is unsupported.");
  }

  static bool IsPlaceholder(const ScriptedRequest& request) {
    return absl::StrContains(request.body, "dev.holkas.deleted-tag");
  }
  // Whether it is the DELETE of the placeholder, which is there by then.
  bool IsDeletionOfPlaceholder(const ScriptedRequest& request) const {
    const auto digest = manifests_.find(request.target.substr(request.target.rfind('/') + 1));
    return request.method == "DELETE" && digest != manifests_.end() &&
           absl::StrContains(digest->second, "dev.holkas.deleted-tag");
  }

  // That nothing but `latest` may have changed.
  void ExpectTheRestIsThere() {
    EXPECT_EQ(manifests_.count(old_), 1u);
    EXPECT_EQ(tags_["also"], old_);
    EXPECT_EQ(manifests_[tags_["other"]], "other manifest");
  }
  // Nothing changed at all.
  void ExpectUntouched() {
    ExpectTheRestIsThere();
    EXPECT_EQ(tags_["latest"], old_);
    for (const ScriptedRequest& request : server_->requests()) {
      EXPECT_FALSE(request.method == "PUT" && absl::StrContains(request.target, "/manifests/"))
          << request.target;
    }
  }

  const std::string old_ = Digest::Sha256Of("old manifest").ToString();
  std::map<std::string, std::string> manifests_;  // by digest
  std::map<std::string, std::string> tags_;       // digest by tag
  std::map<std::string, std::string> types_;      // of what was put, by digest
  std::string type_ = std::string(kDockerManifestType);
  Tags tag_deletion_ = Tags::kRefused;
  std::function<std::optional<ScriptedReply>(const ScriptedRequest&)> on_request_;
  std::unique_ptr<RegistryClient> client_;
};

TEST_F(RegistryDeleteTest, DeletesTheManifestWithAllItsTags) {
  EXPECT_THAT(DeleteWithTags(*client_), IsOkAndHolds(Digest::Sha256Of("old manifest")));
  EXPECT_EQ(manifests_.count(old_), 0u);
  EXPECT_EQ(tags_.size(), 1u);
  EXPECT_EQ(Requests().back(), absl::StrCat("DELETE /v2/lib/app/manifests/", old_));
}

TEST_F(RegistryDeleteTest, DeletesByDigest) {
  image_.clear_tag();
  image_.set_digest(old_);
  client_ = NewClient();
  EXPECT_THAT(DeleteWithTags(*client_), IsOkAndHolds(Digest::Sha256Of("old manifest")));
  EXPECT_EQ(manifests_.count(old_), 0u);
}

TEST_F(RegistryDeleteTest, OtherAnswersOfSuccessAreTaken) {
  for (const int status : {200, 202, 204}) {
    on_request_ = [status](const ScriptedRequest& request) {
      return request.method == "DELETE" ? std::optional<ScriptedReply>({.status = status})
                                        : std::nullopt;
    };
    EXPECT_OK(DeleteWithTags(*client_).status()) << status;
  }
}

TEST_F(RegistryDeleteTest, MissingImageIsNotFound) {
  tags_.erase("latest");
  const absl::Status status = DeleteWithTags(*client_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("manifest unknown")));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorReason(DeleteOnlyTag(*client_).status()), "MANIFEST_UNKNOWN");
  EXPECT_THAT(Requests(), Each(StartsWith("GET ")));
}

TEST_F(RegistryDeleteTest, DisabledDeletionIsTold) {
  for (const ScriptedReply& reply : {Disabled(), Error(405, "", ""), Error(400, "UNSUPPORTED", ""),
                                     ScriptedReply{.status = 400}, ScriptedReply{.status = 405}}) {
    on_request_ = [&reply](const ScriptedRequest& request) {
      return request.method == "DELETE" ? std::optional(reply) : std::nullopt;
    };
    for (const absl::Status& status :
         {DeleteWithTags(*client_).status(), DeleteOnlyTag(*client_).status()}) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   AllOf(StartsWith("deleting "),
                                         HasSubstr(" in registry.test:5000/lib/app: "))));
      EXPECT_EQ(ErrorReason(status), "DELETE_DISABLED");
    }
    ExpectUntouched();
  }
}

TEST_F(RegistryDeleteTest, RefusalIsTold) {
  on_request_ = [](const ScriptedRequest& request) {
    return request.method == "DELETE" ? std::optional(Error(403, "DENIED", "no")) : std::nullopt;
  };
  EXPECT_EQ(ErrorReason(DeleteWithTags(*client_).status()), "REGISTRY_DENIED");
  EXPECT_EQ(ErrorReason(DeleteOnlyTag(*client_).status()), "REGISTRY_DENIED");
  ExpectUntouched();
}

TEST_F(RegistryDeleteTest, DeletionWhoseAnswerIsLostIsDone) {
  int deletions = 0;
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (request.method != "DELETE" || ++deletions > 1) {
      return std::nullopt;
    }
    ScriptedReply reply = AnswerManifest(request, old_);
    reply.cut_after = 0;
    reply.then = Then::kReset;
    return reply;
  };
  EXPECT_OK(DeleteWithTags(*client_).status());
  EXPECT_EQ(deletions, 2);
  EXPECT_EQ(manifests_.count(old_), 0u);
}

TEST_F(RegistryDeleteTest, DeletionThatFindsNothingThoughItIsThereIsNotFound) {
  on_request_ = [](const ScriptedRequest& request) {
    return request.method == "DELETE" ? std::optional(ScriptedReply{.status = 404}) : std::nullopt;
  };
  EXPECT_THAT(DeleteWithTags(*client_).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RegistryDeleteTest, SignedSchema1ManifestIsDeletedByItsPayload) {
  // {"formatLength":1,"formatTail":"fQ"}: its payload is `{}`.
  Add("latest", R"({"schemaVersion":1,"signatures":[{"protected":)"
                R"("eyJmb3JtYXRMZW5ndGgiOjEsImZvcm1hdFRhaWwiOiJmUSJ9"}]})");
  type_ = std::string(kDockerSchema1SignedType);
  const std::string payload = Digest::Sha256Of("{}").ToString();
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (request.method == "GET") {
      return ScriptedReply{.headers = {{"Content-Type", type_}, {"Docker-Content-Digest", payload}},
                           .body = manifests_[tags_["latest"]]};
    }
    return ScriptedReply{.status = 202};
  };
  EXPECT_THAT(DeleteWithTags(*client_), IsOkAndHolds(Digest::Sha256Of("{}")));
  EXPECT_EQ(Requests().back(), absl::StrCat("DELETE /v2/lib/app/manifests/", payload));
}

TEST_F(RegistryDeleteTest, TagIsDeletedByTheRegistryWhereItDoes) {
  tag_deletion_ = Tags::kDeleted;
  EXPECT_THAT(DeleteOnlyTag(*client_), IsOkAndHolds(Digest::Sha256Of("old manifest")));
  EXPECT_EQ(tags_.count("latest"), 0u);
  ExpectTheRestIsThere();
  EXPECT_EQ(server_->requests().size(), 2u);
}

TEST_F(RegistryDeleteTest, TagIsDeletedWithAPlaceholderWhereItDoesNot) {
  // Also where DELETE by tag reads like no deletion at all.
  for (const Tags refusal : {Tags::kRefused, Tags::kDisabled}) {
    tag_deletion_ = refusal;
    tags_["latest"] = old_;
    EXPECT_THAT(DeleteOnlyTag(*client_), IsOkAndHolds(Digest::Sha256Of("old manifest")));
    EXPECT_EQ(tags_.count("latest"), 0u);
    ExpectTheRestIsThere();
    EXPECT_EQ(manifests_.size(), 2u) << "the placeholder is gone";
  }
}

TEST_F(RegistryDeleteTest, PlaceholderIsAnImageAndNobodyElses) {
  std::vector<std::string> placeholders;
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (IsPlaceholder(request)) {
      placeholders.push_back(request.body);
    }
    return std::nullopt;
  };
  EXPECT_OK(DeleteOnlyTag(*client_).status());
  tags_["latest"] = old_;
  EXPECT_OK(DeleteOnlyTag(*client_).status());
  ASSERT_EQ(placeholders.size(), 2u);
  EXPECT_NE(placeholders[0], placeholders[1]);
  EXPECT_THAT(placeholders[0], HasSubstr(old_)) << "who finds it knows what the tag stood for";
  ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                       Manifest::Parse({placeholders[0], Digest::Sha256Of(placeholders[0]),
                                        std::string(kOciManifestType)}));
  EXPECT_EQ(manifest.image().config.digest, Digest::Sha256Of("{}"));
  EXPECT_THAT(manifest.image().layers, IsEmpty());
}

TEST_F(RegistryDeleteTest, TagThatMovesBeforeIsLeftAlone) {
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (request.method == "POST") {
      Add("latest", "somebody else's");
    }
    return std::nullopt;
  };
  const absl::Status status = DeleteOnlyTag(*client_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("latest"), HasSubstr(old_))));
  EXPECT_EQ(ErrorReason(status), "TAG_CHANGED");
  EXPECT_EQ(manifests_[tags_["latest"]], "somebody else's");
  ExpectTheRestIsThere();
}

TEST_F(RegistryDeleteTest, TagThatMovesMeanwhileIsLeftAloneAndNothingIsLeftBehind) {
  bool moved = false;
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (!moved && IsPlaceholder(request)) {
      moved = true;
      ScriptedReply reply = AnswerManifest(request, "latest");
      Add("latest", "somebody else's");
      return reply;
    }
    return std::nullopt;
  };
  EXPECT_EQ(ErrorReason(DeleteOnlyTag(*client_).status()), "TAG_CHANGED");
  EXPECT_EQ(manifests_[tags_["latest"]], "somebody else's");
  ExpectTheRestIsThere();
  EXPECT_EQ(manifests_.size(), 3u) << "the placeholder is gone";
}

TEST_F(RegistryDeleteTest, TagIsPutBackWhereThePlaceholderCannotBeDeleted) {
  for (const ScriptedReply& reply :
       {Disabled(), Error(403, "DENIED", ""), ScriptedReply{.status = 500}}) {
    on_request_ = [&](const ScriptedRequest& request) {
      return IsDeletionOfPlaceholder(request) ? std::optional(reply) : std::nullopt;
    };
    const absl::Status status = DeleteOnlyTag(*client_).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("tag latest is as it was"));
    EXPECT_EQ(tags_["latest"], old_);
    EXPECT_EQ(types_[old_], kDockerManifestType);
    ExpectTheRestIsThere();
  }
}

TEST_F(RegistryDeleteTest, TagThatCannotBePutBackIsTold) {
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    const bool puts_back = request.method == "PUT" && request.body == "old manifest";
    return IsDeletionOfPlaceholder(request) || puts_back
               ? std::optional(Error(403, "DENIED", "not you"))
               : std::nullopt;
  };
  const absl::Status status = DeleteOnlyTag(*client_).status();
  EXPECT_EQ(ErrorReason(status), "REGISTRY_DENIED");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(absl::StrCat("stood for ", old_)), HasSubstr("still there")));
  ExpectTheRestIsThere();
}

TEST_F(RegistryDeleteTest, PlaceholderThatIsRefusedChangesNothing) {
  on_request_ = [](const ScriptedRequest& request) {
    return IsPlaceholder(request) ? std::optional(Error(400, "MANIFEST_INVALID", "no layers"))
                                  : std::nullopt;
  };
  const absl::Status status = DeleteOnlyTag(*client_).status();
  EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("as it was")));
  EXPECT_EQ(tags_["latest"], old_);
  ExpectTheRestIsThere();
}

TEST_F(RegistryDeleteTest, TagIsPutBackWhereTheAnswerToThePlaceholderIsLost) {
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (!IsPlaceholder(request)) {
      return std::nullopt;
    }
    AnswerManifest(request, "latest");
    return ScriptedReply{.status = 502};
  };
  EXPECT_THAT(DeleteOnlyTag(*client_).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("as it was")));
  EXPECT_EQ(tags_["latest"], old_);
  ExpectTheRestIsThere();
}

TEST_F(RegistryDeleteTest, TagIsPutBackWhereTheRegistryRewritesThePlaceholder) {
  on_request_ = [&](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (!IsPlaceholder(request)) {
      return std::nullopt;
    }
    ScriptedRequest rewritten = request;
    rewritten.body += " ";
    return AnswerManifest(rewritten, "latest");
  };
  EXPECT_EQ(ErrorReason(DeleteOnlyTag(*client_).status()), "CONTENT_MISMATCH");
  EXPECT_EQ(tags_["latest"], old_);
  ExpectTheRestIsThere();
}

TEST_F(RegistryDeleteTest, TagWhoseManifestCouldNotBePutBackIsLeftAlone) {
  type_ = "text/plain";
  const absl::Status status = DeleteOnlyTag(*client_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
  ExpectUntouched();
}

}  // namespace
}  // namespace holkas
