#include "worker/transports/registry/registry_source.h"

#include <list>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/read_to_end.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_blob_source.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kManifest[] = R"({"schemaVersion":2})";

class RegistrySourceTest : public RegistryFixture {
 protected:
  RegistrySource Open() { return RegistrySource(NewClient()); }

  static absl::StatusOr<std::string> ReadAll(absl::StatusOr<std::unique_ptr<ByteSource>> source) {
    if (!source.ok()) {
      return source.status();
    }
    return ReadToEnd(**source, 1000);
  }
};

TEST_F(RegistrySourceTest, ReadsTheManifestOfATag) {
  const Digest digest = Digest::Sha256Of(kManifest);
  ServeInTurn({{.headers = {{"Content-Type", "application/vnd.oci.image.manifest.v1+json; x=y"},
                            {"Docker-Content-Digest", digest.ToString()}},
                .body = kManifest}});
  ASSERT_OK_AND_ASSIGN(const RawManifest manifest, Open().ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.bytes, kManifest);
  EXPECT_EQ(manifest.digest, digest);
  EXPECT_EQ(manifest.media_type, kOciManifestType);
  EXPECT_THAT(Requests(), ElementsAre("GET /v2/lib/app/manifests/latest"));
  EXPECT_EQ(server_->requests()[0].headers.at("accept"),
            "application/vnd.oci.image.manifest.v1+json, "
            "application/vnd.docker.distribution.manifest.v2+json, "
            "application/vnd.docker.distribution.manifest.v1+prettyjws, "
            "application/vnd.docker.distribution.manifest.v1+json, "
            "application/vnd.docker.distribution.manifest.list.v2+json, "
            "application/vnd.oci.image.index.v1+json");
}

TEST_F(RegistrySourceTest, DigestOfASignedManifestIsThatOfItsPayload) {
  // {"formatLength":1,"formatTail":"fQ"}: its payload is `{}`.
  constexpr char kSigned[] = R"({"schemaVersion":1,"signatures":[{"protected":)"
                             R"("eyJmb3JtYXRMZW5ndGgiOjEsImZvcm1hdFRhaWwiOiJmUSJ9"}]})";
  const Digest payload = Digest::Sha256Of("{}");
  for (absl::string_view type :
       {kDockerSchema1SignedType, kDockerSchema1Type, absl::string_view("text/plain")}) {
    ServeInTurn({{.headers = {{"Content-Type", std::string(type)},
                              {"Docker-Content-Digest", payload.ToString()}},
                  .body = kSigned}});
    ASSERT_OK_AND_ASSIGN(const RawManifest manifest, Open().ReadManifest(std::nullopt));
    EXPECT_EQ(manifest.bytes, kSigned);
    EXPECT_EQ(manifest.digest, payload);
  }
  // What is no schema 1 has no signatures in it.
  ServeInTurn({{.headers = {{"Content-Type", std::string(kOciManifestType)}}, .body = kSigned}});
  EXPECT_EQ(Open().ReadManifest(std::nullopt)->digest, Digest::Sha256Of(kSigned));
}

TEST_F(RegistrySourceTest, TypeThatSaysNothingIsEmpty) {
  ServeInTurn({{.headers = {{"Content-Type", "text/plain"}}, .body = kManifest}});
  ASSERT_OK_AND_ASSIGN(const RawManifest manifest, Open().ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.media_type, "");
}

TEST_F(RegistrySourceTest, DigestHeaderThatLiesIsDataLoss) {
  for (const std::string& header :
       {Digest::Sha256Of("other").ToString(), std::string("sha256:../../etc"), std::string("x")}) {
    ServeInTurn({{.headers = {{"Docker-Content-Digest", header}}, .body = kManifest}});
    const absl::Status status = Open().ReadManifest(std::nullopt).status();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("reading manifest latest in registry.test:5000/lib/app")));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
}

TEST_F(RegistrySourceTest, ManifestByDigestIsVerifiedWhateverTheHeaderSays) {
  const Digest digest = Digest::Sha256Of(kManifest);
  ServeInTurn({{.headers = {{"Docker-Content-Digest", digest.ToString()}}, .body = "{}"}});
  EXPECT_THAT(Open().ReadManifest(digest).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(digest.ToString())));
  ServeInTurn({{.body = kManifest}});
  EXPECT_OK(Open().ReadManifest(digest));
  EXPECT_THAT(Requests(), ElementsAre("GET /v2/lib/app/manifests/" + digest.ToString()));
}

TEST_F(RegistrySourceTest, ImageNamedByDigestIsReadByIt) {
  const Digest digest = Digest::Sha256Of(kManifest);
  image_.clear_tag();
  image_.set_digest(digest.ToString());
  ServeInTurn({{.body = kManifest}});
  ASSERT_OK_AND_ASSIGN(const RawManifest manifest, Open().ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.digest, digest);
}

TEST_F(RegistrySourceTest, MissingManifestReadsLikeSkopeos) {
  ServeInTurn({{.status = 404, .body = ErrorBody("MANIFEST_UNKNOWN", "manifest unknown")}});
  const absl::Status status = Open().ReadManifest(std::nullopt).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kNotFound,
                       "reading manifest latest in registry.test:5000/lib/app: manifest unknown"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
}

TEST_F(RegistrySourceTest, UnauthorizedIsUnauthenticated) {
  ServeInTurn({{.status = 401, .body = ErrorBody("UNAUTHORIZED", "authentication required")}});
  const absl::Status status = Open().ReadManifest(std::nullopt).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated,
                               HasSubstr("unauthorized: authentication required")));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAUTHORIZED");
}

TEST_F(RegistrySourceTest, ManifestAtTheBoundIsReadAndBeyondItIsNot) {
  const std::string largest(kMaxManifestBytes, 'm');
  for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
    ServeInTurn({{.body = largest, .framing = framing}});
    EXPECT_OK(Open().ReadManifest(std::nullopt));
    ServeInTurn({{.body = largest + "m", .framing = framing}});
    EXPECT_THAT(Open().ReadManifest(std::nullopt).status(),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("4194304")));
  }
}

TEST_F(RegistrySourceTest, ReadsABlobOfEachFraming) {
  const std::string blob(100'000, 'b');
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    ServeInTurn({{.body = blob, .framing = framing}});
    RegistrySource source = Open();
    EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob));
    EXPECT_THAT(Requests(),
                ElementsAre("GET /v2/lib/app/blobs/" + Digest::Sha256Of(blob).ToString()));
  }
}

TEST_F(RegistrySourceTest, BlobAnnouncedWithAnotherSizeIsDataLoss) {
  ServeInTurn({{.body = "12345"}});
  RegistrySource source = Open();
  for (const std::string want : {"1234", "123456"}) {
    const absl::Status status = source.OpenBlob(BlobOf(want)).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("announces 5 bytes")));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
}

TEST_F(RegistrySourceTest, MissingBlobIsNotFound) {
  ServeInTurn({{.status = 404, .body = ErrorBody("BLOB_UNKNOWN", "blob unknown to registry")}});
  RegistrySource source = Open();
  const absl::Status status = source.OpenBlob(BlobOf("x")).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("blob unknown")));
  EXPECT_EQ(ErrorReason(status), "BLOB_UNKNOWN");
}

// Serves a blob, breaking the connection after each 1,000 bytes.
ScriptedReply ServeInPieces(const ScriptedRequest& request, const std::string& blob) {
  size_t first = 0;
  ScriptedReply reply;
  if (const auto range = request.headers.find("range"); range != request.headers.end()) {
    first = std::stoul(range->second.substr(6));
    reply.status = 206;
    reply.headers = {
        {"Content-Range", absl::StrCat("bytes ", first, "-", blob.size() - 1, "/", blob.size())}};
  }
  reply.headers.emplace_back("Content-Length", absl::StrCat(blob.size() - first));
  reply.body = blob.substr(first, 1000);
  reply.then =
      first + 1000 < blob.size() ? ScriptedReply::Then::kClose : ScriptedReply::Then::kGoOn;
  return reply;
}

TEST_F(RegistrySourceTest, ABlobsEndIsAskedForAlone) {
  ServeInTurn({{.status = 206, .headers = {{"Content-Range", "bytes 6-9/10"}}, .body = "6789"}});
  RegistrySource source = Open();
  EXPECT_EQ(source.ReadBlobEnd(BlobOf("0123456789"), 4), "6789");
  EXPECT_EQ(server_->requests().back().headers.at("range"), "bytes=6-9");
  EXPECT_EQ(source.ReadBlobEnd(BlobOf("012"), 4), "");
}

TEST_F(RegistrySourceTest, ARegistryThatDoesNotGiveABlobsEndIsAskedOnce) {
  for (const ScriptedReply& reply : std::vector<ScriptedReply>{
           {.body = "0123456789"},
           {.status = 404},
           {.status = 206, .headers = {{"Content-Range", "bytes 0-9/10"}}, .body = "0123456789"},
           {.status = 206,
           .headers = {{"Content-Range", "bytes 6-9/10"}, {"Content-Length", "4"}},
           .body = "67",
           .then = ScriptedReply::Then::kClose}}) {
    ServeInTurn({reply});
    RegistrySource source = Open();
    EXPECT_EQ(source.ReadBlobEnd(BlobOf("0123456789"), 4), "");
    EXPECT_EQ(source.ReadBlobEnd(BlobOf("0123456789"), 4), "");
    EXPECT_EQ(server_->requests().size(), 1u);
  }
}

TEST_F(RegistrySourceTest, BrokenConnectionIsContinued) {
  std::string blob;
  while (blob.size() < 5500) {
    absl::StrAppend(&blob, blob.size(), " ");
  }
  Serve([&](const ScriptedRequest& request) { return ServeInPieces(request, blob); });
  RegistrySource source = Open();
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob));
  EXPECT_EQ(server_->requests().size(), 6u);
  EXPECT_EQ(server_->requests().at(1).headers.at("range"), "bytes=1000-");
}

TEST_F(RegistrySourceTest, ContinuingIsBounded) {
  const std::string blob(100'000, 'b');
  Serve([&](const ScriptedRequest& request) { return ServeInPieces(request, blob); });
  RegistrySource source = Open();
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(server_->requests().size(), 1u + ResumeBudget::kMaxResumes);
}

// The first 1,000 bytes of a blob of 5,000, however the connection then ends.
std::vector<ScriptedReply> FirstPieces(const std::string& blob) {
  std::string chunk = absl::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
                                   blob.substr(0, 1000), "\r\n");
  return {{.headers = {{"Content-Length", "5000"}},
           .body = blob.substr(0, 1000),
           .then = ScriptedReply::Then::kClose},
          {.headers = {{"Content-Length", "5000"}},
           .body = blob.substr(0, 1000),
           .then = ScriptedReply::Then::kStall},
          {.body = blob.substr(0, 1000), .framing = ScriptedReply::Framing::kClose},
          {.raw = std::move(chunk), .then = ScriptedReply::Then::kClose}};
}

TEST_F(RegistrySourceTest, HoweverABodyBreaksOffItIsContinued) {
  std::string blob(5000, 'b');
  blob[1000] = 'c';
  for (const ScriptedReply& first : FirstPieces(blob)) {
    ServeInTurn({first,
                 {.status = 206,
                  .headers = {{"Content-Range", "bytes 1000-4999/5000"}},
                  .body = blob.substr(1000)}});
    RegistrySource source = Open();
    EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob));
    EXPECT_EQ(server_->requests().at(1).headers.at("range"), "bytes=1000-");
  }
}

TEST_F(RegistrySourceTest, MissingEndOfTheMessageIsNotMissingFromTheBlob) {
  const std::string blob(1000, 'b');
  ServeInTurn({FirstPieces(blob).back()});
  RegistrySource source = Open();
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob));
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(RegistrySourceTest, ContinuationWithAnotherRangeIsDataLoss) {
  const std::string blob(5000, 'b');
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const auto range = [](std::string value) { return Headers{{"Content-Range", value}}; };
  for (const Headers& headers :
       {range("bytes 0-4999/5000"), range("bytes 1000-4999/5001"), range("bytes 1001-4999/5000"),
        range("bytes 1000-4998/5000"), range("bytes 1000-4999/"), range("bytes 1000-/5000"),
        range("bytes */5000"), range("bytes=1000-4999/5000"), range("bytes 4999-1000/5000"),
        range("bytes 1000-4999/5000, bytes 1000-4999/5000"), range(""), range("1000-4999"),
        range("items 1000-4999/5000"), Headers{},
        Headers{{"Content-Range", "bytes 1000-4999/5000"}, {"Content-Range", "bytes 0-4/5"}},
        Headers{{"Content-Type", "multipart/byteranges; boundary=b"}},
        Headers{{"Content-Range", "bytes 1000-4999/5000"}, {"Content-Length", "3999"}}}) {
    ServeInTurn({FirstPieces(blob).front(),
                 {.status = 206, .headers = headers, .body = blob.substr(1000)}});
    RegistrySource source = Open();
    EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another range")))
        << (headers.empty() ? "none" : headers[0].second);
  }
}

TEST_F(RegistrySourceTest, RegistryThatIgnoresRangesMayBeginAgainTwice) {
  std::string blob;
  while (blob.size() < 5000) {
    absl::StrAppend(&blob, blob.size(), " ");
  }
  const auto first = [&](size_t bytes) {
    return ScriptedReply{.headers = {{"Content-Length", absl::StrCat(blob.size())}},
                         .body = blob.substr(0, bytes),
                         .then = Then::kClose};
  };
  ServeInTurn({first(1000), first(600), {.body = blob}});
  RegistrySource twice = Open();
  EXPECT_THAT(ReadAll(twice.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob));
  ServeInTurn({first(1000), first(2000), first(3000), {.body = blob}});
  RegistrySource thrice = Open();
  EXPECT_THAT(ReadAll(thrice.OpenBlob(BlobOf(blob))),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("broke after 3000 bytes, and the registry cannot continue")));
}

TEST_F(RegistrySourceTest, RegistryThatHasLessThanTheBlobIsNotAskedForEver) {
  const std::string blob(5000, 'b');
  ServeInTurn({{.body = blob.substr(0, 1000), .framing = Framing::kClose}});
  RegistrySource source = Open();
  // Whoever reads counts, and finds it too short.
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))), IsOkAndHolds(blob.substr(0, 1000)));
  EXPECT_EQ(server_->requests().size(), 1u + kMaxRestarts);
}

TEST_F(RegistrySourceTest, RegistryThatBeginsAgainWithAnotherSizeIsDataLoss) {
  const std::string blob(5000, 'b');
  ServeInTurn({FirstPieces(blob).front(), {.body = blob + "b"}});
  RegistrySource source = Open();
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("announces 5001 bytes")));
}

TEST_F(RegistrySourceTest, RefusedRangeIsUnavailable) {
  const std::string blob(5000, 'b');
  ServeInTurn({FirstPieces(blob).front(), {.status = 416}});
  RegistrySource source = Open();
  EXPECT_THAT(ReadAll(source.OpenBlob(BlobOf(blob))),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("broke after 1000 bytes, and the registry refuses")));
}

TEST_F(RegistrySourceTest, StalledBlobIsUnavailableAfterThreeStalls) {
  ServeInTurn({{.headers = {{"Content-Length", "500"}}, .body = "abc", .then = Then::kStall}});
  RegistrySource source = Open();
  const absl::Status status = ReadAll(source.OpenBlob(BlobOf(std::string(500, 'x')))).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no byte for")));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
  EXPECT_EQ(server_->requests().size(), 3u);
}

TEST_F(RegistrySourceTest, RefusedTagListIsAWarning) {
  ServeInTurn({{.status = 403, .body = ErrorBody("DENIED", "no")}});
  std::vector<std::string> warnings;
  EXPECT_THAT(Open().ListTags(warnings), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(warnings, ElementsAre("Registry disallows tag list retrieval; skipping"));
}

TEST_F(RegistrySourceTest, InspectingTakesThreeRequestsOnOneConnection) {
  Serve([](const ScriptedRequest& request) {
    return ScriptedReply{.body =
                             request.target.ends_with("tags/list") ? R"({"tags":["a"]})" : "{}"};
  });
  RegistrySource source = Open();
  std::vector<std::string> warnings;
  ASSERT_OK(source.ReadManifest(std::nullopt));
  ASSERT_OK(ReadAll(source.OpenBlob(BlobOf("{}"))));
  ASSERT_OK(source.ListTags(warnings));
  EXPECT_EQ(server_->requests().size(), 3u);
  EXPECT_EQ(server_->connections(), 2);  // the first said that there is no TLS
}

// Two mirrors before the registry, each with a server of its own.
class MirroredSourceTest : public RegistryFixture {
 protected:
  // The source; each server answers everything with its reply.
  RegistrySource Open(std::vector<ScriptedReply> replies) {
    std::vector<std::unique_ptr<RegistryClient>> clients;
    for (size_t i = 0; i < replies.size(); ++i) {
      servers_.push_back(std::make_unique<ScriptedServer>(
          [reply = replies[i]](const ScriptedRequest&) { return reply; }));
      broker::RegistryImage& image = images_.emplace_back(image_);
      const std::string host = i + 1 < replies.size() ? absl::StrCat("mirror", i, ".test")
                                                      : std::string("registry.test");
      image.set_host(host);
      image.set_api_host(host);
      broker_.Route(host, 5000, servers_[i]->port());
      clients.push_back(*RegistryClient::New({.broker = broker_,
                                              .place = broker::PLACE_SOURCE,
                                              .image = image,
                                              .user_agent = "holkas/1.0",
                                              .patience = {.idle = absl::Milliseconds(200)},
                                              .retry = {.sleep = [](absl::Duration) {}}}));
    }
    return RegistrySource(std::move(clients));
  }

  std::list<broker::RegistryImage> images_;
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
};

TEST_F(MirroredSourceTest, FirstThatHasItIsTakenForAllElse) {
  RegistrySource source = Open({{.status = 404}, {.body = "{}"}, {.body = "other"}});
  ASSERT_OK_AND_ASSIGN(const RawManifest manifest, source.ReadManifest(std::nullopt));
  EXPECT_EQ(manifest.bytes, "{}");
  EXPECT_OK(source.OpenBlob(BlobOf("{}")).status());
  EXPECT_OK(source.ReadManifest(std::nullopt).status());
  EXPECT_EQ(servers_[0]->requests().size(), 1u);
  EXPECT_EQ(servers_[1]->requests().size(), 3u);
  EXPECT_TRUE(servers_[2]->requests().empty());
}

TEST_F(MirroredSourceTest, BrokenMirrorsAreLeftForTheRegistry) {
  RegistrySource source =
      Open({{.status = 500}, {.body = "x", .cut_after = 3, .then = Then::kReset}, {.body = "{}"}});
  EXPECT_OK(source.ReadManifest(std::nullopt).status());
  EXPECT_EQ(servers_[2]->requests().size(), 1u);
}

TEST_F(MirroredSourceTest, ErrorIsTheRegistrysAndTellsTheMirrors) {
  RegistrySource source = Open({{.status = 500}, {.status = 404}, {.status = 404}});
  const absl::Status status = source.ReadManifest(std::nullopt).status();
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(
      std::string(status.message()),
      testing::MatchesRegex("\\(Mirrors also failed: \\[mirror0.test:5000/lib/app:latest: .*\\]\n"
                            "\\[mirror1.test:5000/lib/app:latest: .*\\]\\): "
                            "registry.test:5000/lib/app:latest: .*manifest unknown"));
}

}  // namespace
}  // namespace holkas
