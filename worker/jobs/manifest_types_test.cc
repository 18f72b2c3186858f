#include "worker/jobs/manifest_types.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ManifestTypes, TheSourcesOwnIsTriedFirst) {
  FakeDestination to;
  EXPECT_THAT(ManifestTypesFor(kOciManifestType, v1::MANIFEST_FORMAT_UNSPECIFIED, to),
              ElementsAre(kOciManifestType, kDockerManifestType, kDockerSchema1SignedType));
  EXPECT_THAT(ManifestTypesFor(kDockerManifestType, v1::MANIFEST_FORMAT_UNSPECIFIED, to),
              ElementsAre(kDockerManifestType, kDockerSchema1SignedType, kOciManifestType));
  EXPECT_THAT(ManifestTypesFor(kDockerSchema1Type, v1::MANIFEST_FORMAT_UNSPECIFIED, to),
              ElementsAre(kDockerSchema1Type, kDockerManifestType, kDockerSchema1SignedType,
                          kOciManifestType));
}

TEST(ManifestTypes, WhatTheDestinationDoesNotTakeIsNotTried) {
  FakeDestination to;
  to.refused_types = {std::string(kDockerManifestType), std::string(kDockerSchema1SignedType)};
  EXPECT_THAT(ManifestTypesFor(kDockerManifestType, v1::MANIFEST_FORMAT_UNSPECIFIED, to),
              ElementsAre(kOciManifestType));
  to.refused_types.insert(std::string(kOciManifestType));
  EXPECT_THAT(ManifestTypesFor(kDockerManifestType, v1::MANIFEST_FORMAT_UNSPECIFIED, to),
              IsEmpty());
}

TEST(ManifestTypes, OneThatIsAskedForIsTheOnlyOne) {
  FakeDestination to;
  EXPECT_THAT(ManifestTypesFor(kDockerManifestType, v1::MANIFEST_FORMAT_OCI, to),
              ElementsAre(kOciManifestType));
  EXPECT_THAT(ManifestTypesFor(kOciManifestType, v1::MANIFEST_FORMAT_DOCKER_V2S2, to),
              ElementsAre(kDockerManifestType));
  EXPECT_THAT(ManifestTypesFor(kOciManifestType, v1::MANIFEST_FORMAT_DOCKER_V2S1, to),
              ElementsAre(kDockerSchema1SignedType));
}

TEST(ManifestTypes, SomeAnswersRefuseTheType) {
  const auto answer = [](const std::string& code, const std::string& message) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST", message,
                     {{"registry_code", code}});
  };
  EXPECT_TRUE(IsTypeRefused(answer("MANIFEST_INVALID", "manifest invalid")));
  EXPECT_TRUE(IsTypeRefused(answer("TAG_INVALID", "tag invalid")));
  EXPECT_TRUE(IsTypeRefused(answer("UNSUPPORTED", "unsupported: Invalid JSON syntax")));
  EXPECT_FALSE(IsTypeRefused(answer("UNSUPPORTED", "unsupported")));
  EXPECT_FALSE(IsTypeRefused(answer("DENIED", "Invalid JSON syntax")));
  EXPECT_FALSE(IsTypeRefused(absl::OkStatus()));
  EXPECT_FALSE(IsTypeRefused(absl::UnavailableError("MANIFEST_INVALID")));
}

}  // namespace
}  // namespace holkas
