#include "service/blobs/job_blobs.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uid_t kUser = 1000;

std::string DigestOf(const std::string& content) { return Digest::Sha256Of(content).ToString(); }

broker::FindTwins TwinsOf(const std::string& content) {
  broker::FindTwins question;
  question.set_digest(DigestOf(content));
  return question;
}

broker::MountBlob MountOf(const std::string& content) {
  broker::MountBlob question;
  question.set_digest(DigestOf(content));
  question.set_size_bytes(7);
  return question;
}

broker::Remember TwinOf(const std::string& plain, const std::string& compressed) {
  broker::Remember told;
  told.mutable_blob()->set_digest(DigestOf(plain));
  told.mutable_blob()->set_size_bytes(100);
  told.mutable_blob()->set_compression(broker::BLOB_COMPRESSION_NONE);
  told.mutable_twin()->set_digest(DigestOf(compressed));
  told.mutable_twin()->set_size_bytes(10);
  told.mutable_twin()->set_compression(broker::BLOB_COMPRESSION_GZIP);
  return told;
}

broker::Remember PlaceOf(const std::string& content, bool at_source, bool at_destination) {
  broker::Remember told;
  told.mutable_blob()->set_digest(DigestOf(content));
  told.set_at_source(at_source);
  told.set_at_destination(at_destination);
  return told;
}

void ExpectViolation(const absl::Status& status) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(ErrorReason(status), "WORKER_VIOLATION");
}

class JobBlobsTest : public testing::Test {
 protected:
  JobBlobsTest() {
    SetImage("from.example", "source", *job_.mutable_source()->mutable_registry());
    SetImage("to.example", "app", *job_.mutable_destination()->mutable_registry());
  }
  ~JobBlobsTest() override { std::filesystem::remove_all(directory_); }

  static void SetImage(const std::string& host, const std::string& repository,
                       broker::RegistryImage& image) {
    image.set_host(host);
    image.set_api_host(host);
    image.set_repository(repository);
  }
  static std::string MakeDirectory() {
    std::string directory = absl::StrCat(testing::TempDir(), "/blobs-XXXXXX");
    return mkdtemp(directory.data());
  }
  JobBlobs Job() {
    return JobBlobs(cache_, kUser, job_,
                    [this](const broker::MountRequest& request, const Cancellation&) {
                      mounts_.push_back(request);
                      return mounted_;
                    });
  }
  void KeepPlace(const std::string& registry, const std::string& repository) {
    cache_.Keep(kUser, {{}, {{registry, repository, Digest::Sha256Of("c")}}});
  }
  std::vector<std::string> Places(const std::string& registry) {
    return cache_.FindRepositories(kUser, registry, Digest::Sha256Of("c"), 10);
  }

  const std::string directory_ = MakeDirectory();
  BlobInfoCache cache_{directory_ + "/cache", [](const std::string& why) { ADD_FAILURE() << why; }};
  broker::JobSpec job_;
  Cancellation cancellation_;
  std::vector<broker::MountRequest> mounts_;
  absl::Status mounted_;
};

TEST_F(JobBlobsTest, WhatIsToldIsFoundByTheNextJobOnceItIsKept) {
  JobBlobs first = Job();
  EXPECT_OK(first.Remember(TwinOf("p", "c")));
  EXPECT_THAT(Job().FindTwins(TwinsOf("p"))->forms(), IsEmpty());
  first.Keep();
  const absl::StatusOr<broker::Twins> twins = Job().FindTwins(TwinsOf("p"));
  ASSERT_OK(twins);
  EXPECT_EQ(twins->compression(), broker::BLOB_COMPRESSION_NONE);
  ASSERT_THAT(twins->forms(), SizeIs(1));
  EXPECT_EQ(twins->forms(0).digest(), DigestOf("c"));
  EXPECT_EQ(twins->forms(0).size_bytes(), 10);
  EXPECT_EQ(twins->forms(0).compression(), broker::BLOB_COMPRESSION_GZIP);
}

TEST_F(JobBlobsTest, TheJobSaysWherePlacesAre) {
  JobBlobs job = Job();
  EXPECT_OK(job.Remember(PlaceOf("c", true, true)));
  job.Keep();
  EXPECT_THAT(Places("from.example"), ElementsAre("source"));
  EXPECT_THAT(Places("to.example"), ElementsAre("app"));
}

TEST_F(JobBlobsTest, OfARegistryWithMirrorsTheSourceIsNotKnown) {
  job_.mutable_source()->mutable_registry()->add_mirrors()->set_host("mirror.example");
  JobBlobs job = Job();
  EXPECT_OK(job.Remember(PlaceOf("c", true, false)));
  job.Keep();
  EXPECT_THAT(Places("from.example"), IsEmpty());
}

TEST_F(JobBlobsTest, WithoutARegistryThereAreNoPlaces) {
  job_.mutable_source()->mutable_oci();
  job_.mutable_destination()->mutable_oci();
  JobBlobs job = Job();
  EXPECT_OK(job.Remember(PlaceOf("c", true, true)));
  job.Keep();
  EXPECT_THAT(Places(""), IsEmpty());
}

TEST_F(JobBlobsTest, MountsFromRepositoriesOfTheDestinationsRegistryAlone) {
  KeepPlace("to.example", "base");
  KeepPlace("other.example", "elsewhere");
  EXPECT_THAT(Job().MountBlob(MountOf("c"), cancellation_), IsOkAndHolds(true));
  ASSERT_THAT(mounts_, SizeIs(1));
  EXPECT_THAT(mounts_[0].repositories(), ElementsAre("base"));
  EXPECT_EQ(mounts_[0].digest(), DigestOf("c"));
  EXPECT_EQ(mounts_[0].size_bytes(), 7);
}

TEST_F(JobBlobsTest, NoWorkerIsMadeForWhatIsNotKnown) {
  KeepPlace("other.example", "elsewhere");
  KeepPlace("to.example", "app");  // the worker has looked there
  EXPECT_THAT(Job().MountBlob(MountOf("c"), cancellation_), IsOkAndHolds(false));
  EXPECT_THAT(mounts_, IsEmpty());
}

TEST_F(JobBlobsTest, PlacesThatDoNotHaveItAreForgotten) {
  KeepPlace("to.example", "base");
  mounted_ = absl::NotFoundError("gone");
  EXPECT_THAT(Job().MountBlob(MountOf("c"), cancellation_), IsOkAndHolds(false));
  EXPECT_THAT(Places("to.example"), IsEmpty());
}

TEST_F(JobBlobsTest, ARegistryInTroubleIsNoReasonToForget) {
  KeepPlace("to.example", "base");
  mounted_ = absl::UnavailableError("down");
  EXPECT_THAT(Job().MountBlob(MountOf("c"), cancellation_), IsOkAndHolds(false));
  EXPECT_THAT(Places("to.example"), ElementsAre("base"));
}

TEST_F(JobBlobsTest, NoMoreRepositoriesAreTriedThanTheLimit) {
  for (int i = 0; i < 10; ++i) {
    KeepPlace("to.example", absl::StrCat("base", i));
  }
  EXPECT_THAT(Job().MountBlob(MountOf("c"), cancellation_), IsOkAndHolds(true));
  EXPECT_THAT(mounts_[0].repositories(), SizeIs(JobBlobs::kMaxMountSources));
}

TEST_F(JobBlobsTest, NoMoreIsMountedThanTheLimit) {
  KeepPlace("to.example", "base");
  JobBlobs job = Job();
  for (int i = 0; i < JobBlobs::kMaxMounts; ++i) {
    ASSERT_OK(job.MountBlob(MountOf("c"), cancellation_));
  }
  const absl::Status status = job.MountBlob(MountOf("c"), cancellation_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_THAT(mounts_, SizeIs(JobBlobs::kMaxMounts));
}

TEST_F(JobBlobsTest, WhatIsToldBeyondTheLimitIsDropped) {
  JobBlobs job = Job();
  for (size_t i = 0; i < JobBlobs::kMaxFindings; ++i) {
    EXPECT_OK(job.Remember(PlaceOf(absl::StrCat("x", i), true, false)));
  }
  EXPECT_OK(job.Remember(PlaceOf("c", true, false)));
  job.Keep();
  EXPECT_THAT(Places("from.example"), IsEmpty());
}

TEST_F(JobBlobsTest, WhatNoHonestWorkerSaysEndsTheJob) {
  broker::FindTwins question;
  question.set_digest("sha256:x");
  ExpectViolation(Job().FindTwins(question).status());
  broker::MountBlob mount = MountOf("c");
  mount.set_size_bytes(-1);
  ExpectViolation(Job().MountBlob(mount, cancellation_).status());
  mount = MountOf("c");
  mount.set_digest("../../../etc");
  ExpectViolation(Job().MountBlob(mount, cancellation_).status());
  ExpectViolation(Job().Remember({}));
  broker::Remember told = TwinOf("p", "c");
  told.mutable_twin()->set_size_bytes(-1);
  ExpectViolation(Job().Remember(told));
  told = TwinOf("p", "c");
  told.mutable_twin()->set_compression(static_cast<broker::BlobCompression>(99));
  ExpectViolation(Job().Remember(told));
  told = TwinOf("p", "c");
  told.mutable_blob()->clear_compression();
  ExpectViolation(Job().Remember(told));
}

}  // namespace
}  // namespace holkas
