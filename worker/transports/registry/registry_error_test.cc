#include "worker/transports/registry/registry_error.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Body(const std::string& code, const std::string& message) {
  return R"({"errors":[{"code":")" + code + R"(","message":")" + message + R"("}]})";
}

TEST(RegistryError, MissingManifestReadsLikeSkopeos) {
  const absl::Status status = RegistryAnswerError(RegistryObject::kManifest, 404,
                                                  Body("MANIFEST_UNKNOWN", "manifest unknown"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "manifest unknown"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorMetadata(status).at("registry_code"), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorMetadata(status).at("http_status"), "404");
}

TEST(RegistryError, Bare404DependsOnWhatWasAskedFor) {
  for (const std::string body : {"", "404 page not found", "{}", "[]", "{\"errors\":{}}"}) {
    EXPECT_EQ(ErrorReason(RegistryAnswerError(RegistryObject::kManifest, 404, body)),
              "MANIFEST_UNKNOWN");
    EXPECT_EQ(ErrorReason(RegistryAnswerError(RegistryObject::kBlob, 404, body)), "BLOB_UNKNOWN");
    EXPECT_EQ(ErrorReason(RegistryAnswerError(RegistryObject::kTagList, 404, body)),
              "REPOSITORY_UNKNOWN");
  }
}

TEST(RegistryError, UnknownRepositoryIsNoSuchImage) {
  const std::string body = Body("NAME_UNKNOWN", "repository name not known to registry");
  const absl::Status status = RegistryAnswerError(RegistryObject::kManifest, 404, body);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               "name unknown: repository name not known to registry"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorReason(RegistryAnswerError(RegistryObject::kTagList, 404, body)),
            "REPOSITORY_UNKNOWN");
}

TEST(RegistryError, CodesAndStatusesHaveTheirMeanings) {
  struct Row {
    int status;
    const char* code;
    absl::StatusCode want;
    const char* reason;
  };
  const Row rows[] = {
      {401, "UNAUTHORIZED", absl::StatusCode::kUnauthenticated, "REGISTRY_UNAUTHORIZED"},
      {401, "", absl::StatusCode::kUnauthenticated, "REGISTRY_UNAUTHORIZED"},
      {403, "DENIED", absl::StatusCode::kPermissionDenied, "REGISTRY_DENIED"},
      {403, "", absl::StatusCode::kPermissionDenied, "REGISTRY_DENIED"},
      {405, "UNSUPPORTED", absl::StatusCode::kPermissionDenied, "REGISTRY_DENIED"},
      {400, "MANIFEST_INVALID", absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST"},
      {400, "DIGEST_INVALID", absl::StatusCode::kDataLoss, "CONTENT_MISMATCH"},
      {404, "MANIFEST_BLOB_UNKNOWN", absl::StatusCode::kNotFound, "BLOB_UNKNOWN"},
      {413, "", absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED"},
      {429, "TOOMANYREQUESTS", absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"},
      {429, "DENIED", absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"},
      {503, "MANIFEST_UNKNOWN", absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"},
      {500, "", absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"},
      {204, "", absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"},
  };
  for (const Row& row : rows) {
    const absl::Status status =
        RegistryAnswerError(RegistryObject::kUpload, row.status, Body(row.code, "m"));
    EXPECT_EQ(status.code(), row.want) << row.status << " " << row.code;
    EXPECT_EQ(ErrorReason(status), row.reason) << row.status << " " << row.code;
  }
}

TEST(RegistryError, HostileTextIsEscapedAndCut) {
  const absl::Status status = RegistryAnswerError(
      RegistryObject::kBlob, 403, Body("DENIED", "\\u001b[31m\\n" + std::string(5000, 'x')));
  const std::string message(status.message());
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_LT(message.size(), 600u);
}

TEST(RegistryError, BodyIsReadUpToItsBound) {
  const std::string body = Body("DENIED", "no");
  const std::string longest = body + std::string(kMaxErrorBodyBytes - body.size(), ' ');
  EXPECT_EQ(ParseRegistryErrors(longest).size(), 1u);
  EXPECT_TRUE(ParseRegistryErrors(longest + " ").empty());
}

TEST(RegistryError, RefusedUrlIsTheRegistrysFaultOrALimit) {
  absl::Status status = RegistryUrlError(absl::InvalidArgumentError("port"), "its link");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "its link: port"));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
  status = RegistryUrlError(
      MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", "long"), "its link");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "its link: long"));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(RegistryError, DeepAndLongBodiesAreNoErrorsOfTheRegistry) {
  EXPECT_TRUE(ParseRegistryErrors(std::string(60000, '[')).empty());
  EXPECT_TRUE(ParseRegistryErrors(Body("DENIED", std::string(kMaxErrorBodyBytes, 'x'))).empty());
  EXPECT_TRUE(ParseRegistryErrors("\xff\xfe").empty());
}

}  // namespace
}  // namespace holkas
