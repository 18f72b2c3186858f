#include "worker/transports/registry/registry_destination.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Reuse = ImageDestination::Reuse;

constexpr char kBlob[] = "some bytes";
constexpr char kSession[] = "/v2/lib/app/blobs/uploads/1?state=a";

// A registry that takes uploads, and what it got.
class TakingRegistry {
 public:
  ScriptedReply operator()(const ScriptedRequest& request) {
    if (request.method == "POST") {
      return {.status = 202, .headers = {{"Location", kSession}}};
    }
    if (request.method == "PATCH") {
      return {.status = 202, .headers = {{"Location", "/v2/lib/app/blobs/uploads/1?state=b"}}};
    }
    if (request.method == "PUT") {
      return {.status = 201};
    }
    return {.status = request.method == "DELETE" ? 204 : 404};
  }
};

class RegistryDestinationTest : public RegistryFixture {
 protected:
  RegistryDestination Open(std::string mount_from = "") {
    return RegistryDestination(NewClient(), std::move(mount_from));
  }

  static Manifest SomeManifest(absl::string_view extra = "") {
    const std::string bytes =
        absl::StrCat(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",)",
                     R"("manifests":[])", extra, "}");
    return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(kOciIndexType)});
  }

  // Uploads kBlob in two pieces.
  absl::Status Upload(RegistryDestination& destination) {
    absl::StatusOr<std::unique_ptr<ByteSink>> sink = destination.CreateBlob(BlobOf(kBlob));
    if (!sink.ok()) {
      return sink.status();
    }
    absl::Status status = (*sink)->Append("some ");
    status.Update((*sink)->Append("bytes"));
    status.Update((*sink)->Finish(Digest::Sha256Of(kBlob), 10));
    return status;
  }
};

TEST_F(RegistryDestinationTest, BlobThatIsThereIsPresent) {
  ServeInTurn({{.body = kBlob}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kPresent));
  EXPECT_THAT(Requests(), ElementsAre(absl::StrCat("HEAD /v2/lib/app/blobs/",
                                                   Digest::Sha256Of(kBlob).ToString())));
}

TEST_F(RegistryDestinationTest, BlobOfAnotherSizeIsAbsent) {
  ServeInTurn({{.body = "truncated"}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kAbsent));
}

TEST_F(RegistryDestinationTest, MissingBlobIsAbsentAndOtherAnswersAreErrors) {
  ServeInTurn({{.status = 404}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kAbsent));
  ServeInTurn({{.status = 403}});
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(RegistryDestinationTest, MountsBeforeAnyBytesMove) {
  Serve([](const ScriptedRequest& request) {
    return ScriptedReply{.status = request.method == "POST" ? 201 : 404};
  });
  RegistryDestination destination = Open("other/repo");
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kMounted));
  EXPECT_EQ(Requests().at(1),
            absl::StrCat("POST /v2/lib/app/blobs/uploads/?mount=sha256%3A",
                         std::string(Digest::Sha256Of(kBlob).hex()), "&from=other%2Frepo"));
}

TEST_F(RegistryDestinationTest, SessionOfAMountThatFailedIsDeleted) {
  Serve(TakingRegistry());
  RegistryDestination destination = Open("other/repo");
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kAbsent));
  EXPECT_EQ(Requests().back(), absl::StrCat("DELETE ", kSession));
}

TEST_F(RegistryDestinationTest, RefusedMountIsNoError) {
  Serve([](const ScriptedRequest& request) {
    return ScriptedReply{.status = request.method == "POST" ? 403 : 404};
  });
  RegistryDestination destination = Open("other/repo");
  EXPECT_THAT(destination.ReuseBlob(BlobOf(kBlob)), IsOkAndHolds(Reuse::kAbsent));
}

TEST_F(RegistryDestinationTest, UploadsInOneStream) {
  Serve(TakingRegistry());
  RegistryDestination destination = Open();
  EXPECT_OK(Upload(destination));
  EXPECT_THAT(Requests(),
              ElementsAre("POST /v2/lib/app/blobs/uploads/", absl::StrCat("PATCH ", kSession),
                          absl::StrCat("PUT /v2/lib/app/blobs/uploads/1?state=b&digest=sha256%3A",
                                       std::string(Digest::Sha256Of(kBlob).hex()))));
  const ScriptedRequest patch = server_->requests().at(1);
  EXPECT_EQ(patch.body, kBlob);
  EXPECT_EQ(patch.headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(patch.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(server_->connections(), 2);  // the first said that there is no TLS
}

TEST_F(RegistryDestinationTest, AbandonedUploadIsDeleted) {
  Serve(TakingRegistry());
  RegistryDestination destination = Open();
  ASSERT_OK(destination.CreateBlob(BlobOf(kBlob)));
  EXPECT_EQ(Requests().back(), absl::StrCat("DELETE ", kSession));
  {
    ASSERT_OK_AND_ASSIGN(auto sink, destination.CreateBlob(BlobOf(kBlob)));
    ASSERT_OK(sink->Append("some "));
  }
  EXPECT_EQ(Requests().back(), "DELETE /v2/lib/app/blobs/uploads/1?state=b");
}

TEST_F(RegistryDestinationTest, MoreOrFewerBytesThanAnnouncedAreDataLoss) {
  Serve(TakingRegistry());
  RegistryDestination destination = Open();
  ASSERT_OK_AND_ASSIGN(auto longer, destination.CreateBlob(BlobOf(kBlob)));
  EXPECT_THAT(longer->Append("some bytes more"), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(auto shorter, destination.CreateBlob(BlobOf(kBlob)));
  ASSERT_OK(shorter->Append("some"));
  EXPECT_THAT(shorter->Finish(Digest::Sha256Of("some"), 4), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RegistryDestinationTest, RegistrysVerdictOnTheBlobIsTheError) {
  struct Row {
    const char* method;
    int status;
    const char* code;
    absl::StatusCode want;
  };
  for (const Row& row : {Row{"POST", 401, "UNAUTHORIZED", absl::StatusCode::kUnauthenticated},
                         Row{"POST", 403, "DENIED", absl::StatusCode::kPermissionDenied},
                         Row{"PATCH", 413, "", absl::StatusCode::kResourceExhausted},
                         Row{"PUT", 400, "DIGEST_INVALID", absl::StatusCode::kDataLoss}}) {
    Serve([&, taking = TakingRegistry()](const ScriptedRequest& request) mutable {
      return request.method == row.method
                 ? ScriptedReply{.status = row.status, .body = ErrorBody(row.code, "m")}
                 : taking(request);
    });
    RegistryDestination destination = Open();
    EXPECT_THAT(Upload(destination), StatusIs(row.want, HasSubstr("writing blob sha256:")))
        << row.method;
  }
}

TEST_F(RegistryDestinationTest, LostAnswerToTheLastRequestIsNoFailure) {
  Serve([puts = 0, taking = TakingRegistry()](const ScriptedRequest& request) mutable {
    if (request.method == "PUT") {
      return ++puts == 1 ? ScriptedReply{.cut_after = 0, .then = Then::kReset}
                         : ScriptedReply{.status = 404};
    }
    return request.method == "HEAD" ? ScriptedReply{.body = kBlob} : taking(request);
  });
  RegistryDestination destination = Open();
  EXPECT_OK(Upload(destination));
}

TEST_F(RegistryDestinationTest, LocationElsewhereGetsNoCredentials) {
  image_.set_authorization("Bearer canary");
  ScriptedServer store{TakingRegistry()};
  broker_.Route("store.test", 80, store.port());
  Serve([](const ScriptedRequest&) {
    return ScriptedReply{.status = 202, .headers = {{"Location", "http://store.test/session"}}};
  });
  RegistryDestination destination = Open();
  EXPECT_OK(Upload(destination));
  for (const ScriptedRequest& request : store.requests()) {
    EXPECT_EQ(request.headers.count("authorization"), 0u) << request.method;
  }
  EXPECT_EQ(store.requests().at(0).body, kBlob);
  EXPECT_EQ(broker_.connections().back().purpose, broker::PURPOSE_REDIRECT);
  EXPECT_EQ(server_->requests().at(0).headers.at("authorization"), "Bearer canary");
}

TEST_F(RegistryDestinationTest, MissingLocationIsUnavailable) {
  ServeInTurn({{.status = 202}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.CreateBlob(BlobOf(kBlob)).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Location")));
}

TEST_F(RegistryDestinationTest, RegistryThatDiesMidwayIsUnavailable) {
  Serve([taking = TakingRegistry()](const ScriptedRequest& request) mutable {
    return request.method == "PATCH" ? ScriptedReply{.cut_after = 0, .then = Then::kReset}
                                     : taking(request);
  });
  RegistryDestination destination = Open();
  EXPECT_THAT(Upload(destination), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(RegistryDestinationTest, ChildrenAreStoredByDigestAndTheTagMovesLast) {
  ServeInTurn({{.status = 201}});
  RegistryDestination destination = Open();
  const Manifest child = SomeManifest();
  const Manifest top = SomeManifest(R"(,"annotations":{"a":"b"})");
  ASSERT_OK(destination.WriteManifest(child, false));
  ASSERT_OK(destination.WriteManifest(top, true));
  ASSERT_OK(destination.Publish(top));
  EXPECT_THAT(Requests(), ElementsAre("PUT /v2/lib/app/manifests/" + child.digest().ToString(),
                                      "PUT /v2/lib/app/manifests/latest"));
  EXPECT_EQ(server_->requests()[1].body, top.bytes());
  EXPECT_EQ(server_->requests()[1].headers.at("content-type"), kOciIndexType);
}

TEST_F(RegistryDestinationTest, WithoutATagTheDigestIsTheName) {
  image_.clear_tag();
  ServeInTurn({{.status = 201}});
  RegistryDestination destination = Open();
  const Manifest top = SomeManifest();
  ASSERT_OK(destination.WriteManifest(top, true));
  ASSERT_OK(destination.Publish(top));
  EXPECT_THAT(Requests(), ElementsAre("PUT /v2/lib/app/manifests/" + top.digest().ToString()));
}

TEST_F(RegistryDestinationTest, NameThatIsAnotherDigestIsAConflict) {
  image_.clear_tag();
  image_.set_digest(Digest::Sha256Of("another").ToString());
  ServeInTurn({{.status = 201}});
  RegistryDestination destination = Open();
  const absl::Status status = destination.WriteManifest(SomeManifest(), true);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(RegistryDestinationTest, RegistryThatStoredSomethingElseIsDataLoss) {
  ServeInTurn({{.status = 201,
                .headers = {{"Docker-Content-Digest", Digest::Sha256Of("other").ToString()}}}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.Publish(SomeManifest()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the registry stored")));
}

TEST_F(RegistryDestinationTest, RefusedManifestIsTheRegistrysError) {
  ServeInTurn({{.status = 400,
                .headers = {{"Content-Type", "application/json; charset=utf-8"}},
                .body = ErrorBody("MANIFEST_INVALID", "manifest invalid")}});
  RegistryDestination destination = Open();
  EXPECT_THAT(destination.Publish(SomeManifest()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "writing manifest latest in registry.test:5000/lib/app: manifest invalid"));
}

TEST_F(RegistryDestinationTest, TakesTheTypesThatItCanWrite) {
  ServeInTurn({{}});
  RegistryDestination destination = Open();
  EXPECT_TRUE(destination.AcceptsManifestType(kOciManifestType));
  EXPECT_TRUE(destination.AcceptsManifestType(kDockerListType));
  EXPECT_TRUE(destination.AcceptsManifestType(kDockerSchema1Type));
  EXPECT_FALSE(destination.AcceptsManifestType("text/plain"));
}

TEST_F(RegistryDestinationTest, Schema1HasToSayWhereItIs) {
  ServeInTurn({{}});
  RegistryDestination destination = Open();
  ASSERT_TRUE(destination.embedded_name().has_value());
  EXPECT_EQ(destination.embedded_name()->repository, "lib/app");
  EXPECT_EQ(destination.embedded_name()->tag, "latest");
}

TEST_F(RegistryDestinationTest, MountsFromAnotherRepositoryOfTheSameRegistryAlone) {
  broker::JobSpec job;
  broker::ImageLocation destination;
  *destination.mutable_registry() = image_;
  struct Row {
    const char* host;
    uint32_t port;
    const char* repository;
    bool mounted;
  };
  for (const Row& row :
       {Row{"registry.test", 5000, "lib/other", true}, Row{"registry.test", 5000, "lib/app", false},
        Row{"registry.test", 5001, "lib/other", false},
        Row{"elsewhere.test", 5000, "lib/other", false}}) {
    broker::RegistryImage& source = *job.mutable_source()->mutable_registry();
    source.set_host(row.host);
    source.set_api_host(row.host);
    source.set_port(row.port);
    source.set_repository(row.repository);
    Serve([](const ScriptedRequest& request) {
      return ScriptedReply{.status = request.method == "POST" ? 201 : 404};
    });
    ASSERT_OK_AND_ASSIGN(auto opened, OpenRegistryDestination({broker_, job}, destination));
    EXPECT_THAT(opened->ReuseBlob(BlobOf(kBlob)),
                IsOkAndHolds(row.mounted ? Reuse::kMounted : Reuse::kAbsent))
        << row.host << row.port << row.repository;
  }
}

}  // namespace
}  // namespace holkas
