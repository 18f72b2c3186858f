#include "worker/transports/registry/registry_upload.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Then = ScriptedReply::Then;

// A registry with upload sessions, to which things happen.
class SessionRegistry {
 public:
  // What happens to the PATCH of that number, from 1: of its body so many bytes are stored, then
  // comes the reply in place of the registry's own.
  struct Mishap {
    size_t stored_bytes;
    ScriptedReply reply;
  };
  std::map<int, Mishap> mishaps;
  // What the registry says in place of the truth.
  std::function<std::optional<ScriptedReply>(const ScriptedRequest&)> override_reply;
  std::vector<std::pair<std::string, std::string>> post_headers;
  std::map<std::string, std::string> sessions;  // bytes by number
  std::string stored;

  ScriptedReply operator()(const ScriptedRequest& request) {
    if (override_reply) {
      if (std::optional<ScriptedReply> reply = override_reply(request); reply.has_value()) {
        return *reply;
      }
    }
    if (request.method == "POST") {
      const std::string name = absl::StrCat(++opened_);
      sessions[name] = "";
      ScriptedReply reply = Where(202, name);
      reply.headers.insert(reply.headers.end(), post_headers.begin(), post_headers.end());
      return reply;
    }
    const size_t begin = request.target.rfind('/') + 1;
    const std::string name = request.target.substr(begin, request.target.find('?') - begin);
    if (sessions.count(name) == 0) {
      return {.status = 404};
    }
    if (request.method == "DELETE") {
      sessions.erase(name);
      return {.status = 204};
    }
    return request.method == "GET"     ? Where(204, name)
           : request.method == "PATCH" ? Patch(request, name)
                                       : Put(request, name);
  }

 private:
  ScriptedReply Where(int status, const std::string& name) {
    const size_t size = sessions[name].size();
    return {.status = status,
            .headers = {{"Location", "/v2/lib/app/blobs/uploads/" + name},
                        {"Range", absl::StrCat("0-", size == 0 ? 0 : size - 1)}}};
  }
  ScriptedReply Patch(const ScriptedRequest& request, const std::string& name) {
    std::string& bytes = sessions[name];
    if (const auto range = request.headers.find("content-range"); range != request.headers.end()) {
      const std::string want =
          absl::StrCat(bytes.size(), "-", bytes.size() + request.body.size() - 1);
      if (range->second != want) {
        return {.status = 416};
      }
    }
    const auto mishap = mishaps.find(++patches_);
    if (mishap == mishaps.end()) {
      bytes += request.body;
      return Where(202, name);
    }
    bytes += request.body.substr(0, mishap->second.stored_bytes);
    ScriptedReply reply = mishap->second.reply;
    if (reply.status == 202) {
      const ScriptedReply where = Where(202, name);
      reply.headers.insert(reply.headers.end(), where.headers.begin(), where.headers.end());
    }
    return reply;
  }
  ScriptedReply Put(const ScriptedRequest& request, const std::string& name) {
    const std::string hex = request.target.substr(request.target.rfind("%3A") + 3);
    if (hex != Digest::Sha256Of(sessions[name]).hex()) {
      return {.status = 400, .body = R"({"errors":[{"code":"DIGEST_INVALID"}]})"};
    }
    stored = sessions[name];
    sessions.erase(name);
    return {.status = 201};
  }

  int opened_ = 0;
  int patches_ = 0;
};

const ScriptedReply kReset = {.cut_after = 0, .then = Then::kReset};

class RegistryUploadTest : public RegistryFixture {
 protected:
  RegistryUploadTest() {
    while (blob_.size() < 100'000) {
      absl::StrAppend(&blob_, blob_.size(), " ");
    }
  }

  void ServeSessions() {
    Serve([this](const ScriptedRequest& request) { return registry_(request); });
    client_ = NewClient();
  }

  absl::Status Send(ByteSink& sink) {
    for (size_t at = 0; at < blob_.size(); at += piece_bytes_) {
      absl::Status status = sink.Append(absl::string_view(blob_).substr(at, piece_bytes_));
      if (!status.ok()) {
        return status;
      }
    }
    return sink.Finish(Digest::Sha256Of(blob_), static_cast<int64_t>(blob_.size()));
  }

  // Sends the blob, again as long as that may help.
  absl::Status Upload() {
    ServeSessions();
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSink> sink, RegistryUpload::Open(*client_, BlobOf(blob_)));
    absl::Status status = Send(*sink);
    for (int i = 0; i < 3 && !status.ok() && sink->Rewind().ok(); ++i) {
      ++rewinds_;
      status = Send(*sink);
    }
    return status;
  }

  // Without repetitions: libcurl sends a request again by itself where a connection that was used
  // before turns out to be dead.
  std::vector<std::string> ContentRanges() const {
    std::vector<std::string> ranges;
    for (const ScriptedRequest& request : server_->requests()) {
      if (const auto range = request.headers.find("content-range");
          range != request.headers.end()) {
        ranges.push_back(range->second);
      }
    }
    ranges.erase(std::unique(ranges.begin(), ranges.end()), ranges.end());
    return ranges;
  }

  SessionRegistry registry_;
  std::string blob_;
  size_t piece_bytes_ = 7001;
  std::unique_ptr<RegistryClient> client_;
  int rewinds_ = 0;
};

TEST_F(RegistryUploadTest, UndisturbedUploadIsOneStreamWithoutRange) {
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(server_->requests().size(), 3u);
  EXPECT_THAT(ContentRanges(), ElementsAre());
}

TEST_F(RegistryUploadTest, BrokenStreamContinuesWhereTheRegistryIs) {
  registry_.mishaps[1] = {60'000, kReset};
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(rewinds_, 1);
  EXPECT_THAT(ContentRanges(), ElementsAre(absl::StrCat("60000-", blob_.size() - 1)));
  EXPECT_TRUE(registry_.sessions.empty());
}

TEST_F(RegistryUploadTest, LostAnswerToTheStreamIsFoundOut) {
  registry_.mishaps[1] = {blob_.size(), kReset};
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_THAT(ContentRanges(), ElementsAre());
}

TEST_F(RegistryUploadTest, TroubleOfTheRegistryIsTriedAgain) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    registry_ = {};
    registry_.mishaps[1] = {5000, {.status = status}};
    EXPECT_OK(Upload()) << status;
    EXPECT_EQ(registry_.stored, blob_);
  }
}

TEST_F(RegistryUploadTest, RefusalIsNotTriedAgain) {
  for (const int status : {400, 401, 403, 405, 413, 501}) {
    registry_ = {};
    rewinds_ = 0;
    registry_.mishaps[1] = {5000, {.status = status}};
    EXPECT_THAT(Upload(), Not(IsOk())) << status;
    EXPECT_EQ(rewinds_, 0);
  }
}

TEST_F(RegistryUploadTest, SessionThatIsLostBeginsAgain) {
  for (const ScriptedReply& reply : {ScriptedReply{.status = 404}, ScriptedReply{.status = 416}}) {
    registry_ = {};
    registry_.mishaps[1] = {5000, reply};
    registry_.override_reply = [](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
      if (request.method == "GET") {
        return ScriptedReply{.status = 404};
      }
      return std::nullopt;
    };
    EXPECT_OK(Upload());
    EXPECT_EQ(registry_.stored, blob_);
    EXPECT_TRUE(registry_.sessions.empty());  // the first was deleted
    EXPECT_THAT(ContentRanges(), ElementsAre(absl::StrCat("0-", blob_.size() - 1)));
  }
}

TEST_F(RegistryUploadTest, ChunksThatGetLostAreSentAgainFromWhereTheRegistryIs) {
  registry_.mishaps[1] = {0, kReset};
  registry_.mishaps[2] = {30'000, kReset};           // a part of the chunk
  registry_.mishaps[3] = {0, {.status = 503}};       // nothing
  registry_.mishaps[4] = {20'000, {.status = 202}};  // less than was sent, honestly
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(rewinds_, 1);
  const std::string last = absl::StrCat("-", blob_.size() - 1);
  EXPECT_THAT(ContentRanges(), ElementsAre("0" + last, "30000" + last, "50000" + last));
}

TEST_F(RegistryUploadTest, WrongRangeIsPutRight) {
  registry_.mishaps[1] = {60'000, kReset};
  // Between the question and the chunk the registry lost its last bytes.
  registry_.override_reply = [this](const ScriptedRequest& request) {
    if (request.method == "PATCH" && request.headers.count("content-range") != 0 &&
        ContentRanges().size() == 1) {
      registry_.sessions["1"] += blob_.substr(60'000, 1000);
    }
    return std::optional<ScriptedReply>();
  };
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_THAT(ContentRanges(), ElementsAre(absl::StrCat("60000-", blob_.size() - 1),
                                           absl::StrCat("61000-", blob_.size() - 1)));
}

TEST_F(RegistryUploadTest, RegistryThatKeptLessThanItTookIsFoundOutByTheDigest) {
  for (const size_t kept_bytes : {0, 1, 60'000}) {
    registry_ = {};
    rewinds_ = 0;
    registry_.mishaps[1] = {kept_bytes, {.status = 202}};
    EXPECT_OK(Upload()) << kept_bytes;
    EXPECT_EQ(registry_.stored, blob_);
    EXPECT_EQ(rewinds_, 1);
  }
}

TEST_F(RegistryUploadTest, RegistryThatTakesNothingIsUnavailable) {
  for (int i = 1; i < 100; ++i) {
    registry_.mishaps[i] = {0, kReset};
  }
  EXPECT_THAT(Upload(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("writing blob sha256:")));
  EXPECT_EQ(registry_.stored, "");
  EXPECT_LT(server_->requests().size(), 60u);
}

TEST_F(RegistryUploadTest, LongBlobGoesInSeveralChunks) {
  blob_.append(2 * kChunkBytes + 12'345, 'x');
  piece_bytes_ = 128 << 10;
  registry_.mishaps[1] = {1 << 20, kReset};
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(ContentRanges().size(), 2u);
}

TEST_F(RegistryUploadTest, ChunksAreAsLongAsTheRegistryWants) {
  blob_.append(2 * kChunkBytes, 'x');
  piece_bytes_ = 128 << 10;
  registry_.post_headers = {{"OCI-Chunk-Min-Length", absl::StrCat(6 << 20)}};
  registry_.mishaps[1] = {100, kReset};
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(ContentRanges().at(0), absl::StrCat("100-", (6 << 20) + 99));
}

TEST_F(RegistryUploadTest, ChunksThatWouldNotFitGoInOneStream) {
  registry_.post_headers = {{"OCI-Chunk-Min-Length", absl::StrCat(int64_t{1} << 40)}};
  registry_.mishaps[1] = {100, kReset};
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_THAT(ContentRanges(), ElementsAre());
}

TEST_F(RegistryUploadTest, ExpiredTokenIsRenewedAndTheBlobSentAgain) {
  int asked = 0;
  broker_.set_authorize(
      [&asked](const broker::Authorize&) { return absl::StrCat("Bearer t", ++asked); });
  registry_.override_reply = [](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    const auto sent = request.headers.find("authorization");
    const char* const want = request.method == "POST" ? "Bearer t1" : "Bearer t2";
    if (sent != request.headers.end() && (sent->second == want || sent->second == "Bearer t2")) {
      return std::nullopt;
    }
    return ScriptedReply{.status = 401,
                         .headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/t\""}}};
  };
  EXPECT_OK(Upload());
  EXPECT_EQ(registry_.stored, blob_);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(rewinds_, 1);
}

TEST_F(RegistryUploadTest, BlobStoredUnderAnotherDigestIsDataLoss) {
  registry_.override_reply = [](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
    if (request.method == "PUT") {
      return ScriptedReply{
          .status = 201,
          .headers = {{"Docker-Content-Digest", Digest::Sha256Of("other").ToString()}}};
    }
    return std::nullopt;
  };
  const absl::Status status = Upload();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the registry stored")));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST_F(RegistryUploadTest, LocationsOfEveryFormAreFollowed) {
  for (const char* location : {"/v2/lib/app/blobs/uploads/1", "1", "./1?state=x",
                               "http://registry.test:5000/v2/lib/app/blobs/uploads/1"}) {
    registry_ = {};
    registry_.override_reply =
        [this, location](const ScriptedRequest& request) -> std::optional<ScriptedReply> {
      if (request.method != "POST") {
        return std::nullopt;
      }
      registry_.sessions["1"] = "";
      return ScriptedReply{.status = 202, .headers = {{"Location", location}}};
    };
    EXPECT_OK(Upload()) << location;
    EXPECT_EQ(registry_.stored, blob_) << location;
  }
}

TEST(KeptBytes, ReadsWhatRegistriesWrite) {
  const auto kept = [](std::string range) {
    return KeptBytes({.status = 204, .headers = {{"Range", std::move(range)}}});
  };
  EXPECT_EQ(kept("0-1023"), 1024);
  EXPECT_EQ(kept("bytes=0-1023"), 1024);
  EXPECT_EQ(kept("0-0"), 1);
  EXPECT_EQ(KeptBytes({.status = 204, .headers = {}}), std::nullopt);
  for (const char* range : {"", "0-", "1-5", "-5", "0--5", "0-+5", "0-5x", "0- 5",
                            "0-99999999999999999999", "bytes 0-5"}) {
    EXPECT_EQ(kept(range), std::nullopt) << range;
  }
}

}  // namespace
}  // namespace holkas
