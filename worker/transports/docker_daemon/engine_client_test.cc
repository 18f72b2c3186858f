#include "worker/transports/docker_daemon/engine_client.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/docker_daemon/scripted_daemon.h"

namespace holkas {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class EngineClientTest : public ScriptedDaemon {
 protected:
  // All bytes of the archive.
  absl::StatusOr<std::string> Save() {
    ASSIGN_OR_RETURN(const auto client, NewClient());
    ASSIGN_OR_RETURN(const auto source, client->SaveImage());
    std::string bytes;
    std::string buffer(1000, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, source->Read(absl::MakeSpan(buffer)));
      if (count == 0) {
        return bytes;
      }
      bytes.append(buffer, 0, count);
    }
  }
  absl::Status Load(absl::string_view bytes) {
    ASSIGN_OR_RETURN(const auto client, NewClient());
    ASSIGN_OR_RETURN(const auto load, client->LoadImage());
    RETURN_IF_ERROR(load->Append(bytes));
    return load->Finish();
  }
  absl::StatusOr<EngineImage> Inspect() {
    ASSIGN_OR_RETURN(const auto client, NewClient());
    return client->InspectImage();
  }
};

TEST_F(EngineClientTest, VersionIsTheDaemons) {
  Serve([](const ScriptedRequest&) { return ScriptedReply{.body = "tar"}; });
  EXPECT_EQ(Save().value(), "tar");
  EXPECT_THAT(Requests(), ElementsAre("GET /_ping", "GET /v1.41/images/get?names=busybox%3A1"));
  for (const RecordingBroker::Connection& connection : broker_.connections()) {
    EXPECT_EQ(connection.purpose, broker::PURPOSE_DAEMON);
    EXPECT_EQ(connection.place, broker::PLACE_SOURCE);
  }
}

TEST_F(EngineClientTest, VersionIsNeverNewerThanWhatIsKnown) {
  for (const auto& [version, used] :
       std::vector<std::pair<std::string, std::string>>{{"1.99", "/v1.51/"},
                                                        {"1.24", "/v1.24/"},
                                                        {"", "/v1.24/"},
                                                        {"x", "/v1.24/"},
                                                        {"2.0", "/v1.24/"},
                                                        {"1.4/../..", "/v1.24/"},
                                                        {"1.99999999999", "/v1.24/"}}) {
    ServeAll([version = version](const ScriptedRequest&) {
      return ScriptedReply{.headers = {{"Api-Version", version}}, .body = "OK"};
    });
    EXPECT_OK(Save().status());
    EXPECT_THAT(Requests().back(), HasSubstr(used)) << version;
  }
}

TEST_F(EngineClientTest, BasePathPrecedesAll) {
  image_.set_base_path("/base");
  image_.set_reference("host/a@sha256:b c");
  Serve([](const ScriptedRequest&) { return ScriptedReply{.body = "tar"}; });
  EXPECT_OK(Save().status());
  EXPECT_THAT(
      Requests(),
      ElementsAre("GET /base/_ping", "GET /base/v1.41/images/get?names=host%2Fa%40sha256%3Ab%20c"));
}

TEST_F(EngineClientTest, WhoIsNoDaemonIsUnavailable) {
  for (const ScriptedReply& reply :
       {ScriptedReply{.status = 200, .body = "<html>Welcome</html>"},
        ScriptedReply{.status = 404, .body = "OK"}, ScriptedReply{.raw = "garbage\r\n\r\n"}}) {
    ServeAll([reply](const ScriptedRequest&) { return reply; });
    const absl::Status status = Save().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(status), "DAEMON_UNAVAILABLE") << status;
    EXPECT_EQ(server_->requests().size(), 1u);
  }
}

TEST_F(EngineClientTest, MissingImageIsNotFoundInTheDaemonsWords) {
  Serve([](const ScriptedRequest&) {
    return ScriptedReply{.status = 404, .body = R"({"message":"reference does not exist"})"};
  });
  EXPECT_THAT(Save(), StatusIs(absl::StatusCode::kNotFound,
                               "Error response from daemon: reference does not exist"));
  EXPECT_EQ(ErrorReason(Save().status()), "TAG_UNKNOWN");
}

TEST_F(EngineClientTest, OtherAnswersTellTheirStatus) {
  const auto answer = [this](int status) {
    Serve([status](const ScriptedRequest&) {
      return ScriptedReply{.status = status, .body = "<b>a\x1b[2J</b>"};
    });
    return Save().status();
  };
  EXPECT_THAT(answer(500), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(R"(<b>a\x1b[2J)")));
  EXPECT_EQ(ErrorMetadata(answer(500)).at("http_status"), "500");
  EXPECT_THAT(answer(403), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(answer(409), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(answer(409)), "DAEMON_ERROR");
  // Nobody is followed.
  EXPECT_THAT(answer(302), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(EngineClientTest, SavedArchiveThatBreaksOffIsUnavailable) {
  for (const Then then : {Then::kClose, Then::kReset, Then::kStall}) {
    Serve([then](const ScriptedRequest&) {
      return ScriptedReply{.body = std::string(5000, 'x'),
                           .framing = Framing::kChunked,
                           .cut_after = 2000,
                           .then = then};
    });
    const absl::Status status = Save().status();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("error during connect")));
    EXPECT_EQ(ErrorReason(status), "DAEMON_UNAVAILABLE");
  }
}

TEST_F(EngineClientTest, ArchiveIsLoadedAsItIsSent) {
  Serve([](const ScriptedRequest&) {
    return ScriptedReply{.body = "{\"stream\":\"Loaded image: busybox:1\\n\"}\r\n",
                         .framing = Framing::kChunked};
  });
  EXPECT_OK(Load("a tar"));
  EXPECT_EQ(Requests().back(), "POST /v1.41/images/load?quiet=1");
  EXPECT_EQ(server_->requests().back().body, "a tar");
  EXPECT_EQ(server_->requests().back().headers.at("content-type"), "application/x-tar");
}

TEST_F(EngineClientTest, ErrorAmongTheMessagesFailsTheLoad) {
  std::string words = "bad\\u001b[2J tar";
  Serve([&words](const ScriptedRequest&) {
    return ScriptedReply{.body = "{\"stream\":\"x\"}\r\n{\"errorDetail\":{\"message\":\"" + words +
                                 "\"},\"error\":\"e\"}\r\n"};
  });
  absl::Status status = Load("a tar");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               R"(Error response from daemon: bad\x1b[2J tar)"));
  EXPECT_EQ(ErrorReason(status), "DAEMON_ERROR");
  words = "write /layer.tar: no space left on device";
  status = Load("a tar");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space left")));
  EXPECT_EQ(ErrorReason(status), "DISK_FULL");
}

TEST_F(EngineClientTest, AnswerThatIsNoMessageFailsTheLoad) {
  for (const char* body : {"<html>", "{\"stream\":", "[1]", "{\"a\":1,\"a\":2}"}) {
    Serve([body](const ScriptedRequest&) { return ScriptedReply{.body = body}; });
    EXPECT_THAT(Load("a tar"),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("something else than messages")))
        << body;
  }
  EXPECT_OK(CheckEngineMessages(""));
  EXPECT_EQ(ErrorReason(CheckEngineMessages(R"({"error":5})")), "DAEMON_ERROR");
  EXPECT_EQ(ErrorReason(CheckEngineMessages(R"({"errorDetail":"x"})")), "DAEMON_ERROR");
}

TEST_F(EngineClientTest, EndlessMessagesAreCutOff) {
  Serve([](const ScriptedRequest&) {
    std::string body;
    while (body.size() < (1 << 20) + 1) {
      body += "{\"stream\":\"x\"}\r\n";
    }
    return ScriptedReply{.body = body};
  });
  EXPECT_THAT(Load("a tar"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(EngineClientTest, DescribedImageHasItsLayers) {
  std::string body =
      R"({"Id":"sha256:1","RepoTags":["busybox:1"],"RootFS":{"Type":"layers","Layers":["a","b"]}})";
  Serve([&body](const ScriptedRequest&) { return ScriptedReply{.body = body}; });
  ASSERT_OK_AND_ASSIGN(EngineImage image, Inspect());
  EXPECT_EQ(image.id, "sha256:1");
  EXPECT_TRUE(image.id_is_config);
  EXPECT_THAT(image.diff_ids, ElementsAre("a", "b"));
  EXPECT_EQ(Requests().back(), "GET /v1.41/images/busybox:1/json");
  body = R"({"Id":"sha256:2","Descriptor":{"digest":"sha256:2"}})";
  ASSERT_OK_AND_ASSIGN(image, Inspect());
  EXPECT_FALSE(image.id_is_config);
  body = "<html>";
  EXPECT_THAT(Inspect(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(EngineClientTest, ConnectionThatIsRefusedIsTheBrokersWord) {
  Serve([](const ScriptedRequest&) { return ScriptedReply{}; });
  image_.set_port(81);
  EXPECT_FALSE(NewClient().ok());
  EXPECT_TRUE(server_->requests().empty());
}

}  // namespace
}  // namespace holkas
