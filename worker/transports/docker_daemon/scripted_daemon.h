#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_SCRIPTED_DAEMON_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_SCRIPTED_DAEMON_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/http/http_client.h"
#include "worker/http/testing/recording_broker.h"
#include "worker/http/testing/scripted_server.h"
#include "worker/transports/docker_daemon/engine_client.h"

namespace holkas {

// A scripted Docker daemon, known as localhost:80, of version 1.41 of the API, and the image
// busybox:1 in it.
class ScriptedDaemon : public testing::Test {
 protected:
  using Framing = ScriptedReply::Framing;
  using Then = ScriptedReply::Then;

  ScriptedDaemon() {
    EXPECT_OK(InitializeHttp());
    image_.set_host("localhost");
    image_.set_port(80);
    image_.set_reference("busybox:1");
    image_.set_repository("docker.io/library/busybox");
    image_.set_tag("1");
  }

  static ScriptedReply Pong() {
    return {.status = 200, .headers = {{"Api-Version", "1.41"}}, .body = "OK"};
  }

  // Answers all requests but the ping, which it answers as a daemon does.
  void Serve(ScriptedServer::Script script) {
    ServeAll([script = std::move(script)](const ScriptedRequest& request) {
      return absl::EndsWith(request.target, "/_ping") ? Pong() : script(request);
    });
  }
  void ServeAll(ScriptedServer::Script script) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    broker_.Route("localhost", 80, server_->port());
  }

  absl::StatusOr<std::unique_ptr<EngineClient>> NewClient() {
    return EngineClient::New({.broker = broker_,
                              .place = broker::PLACE_SOURCE,
                              .image = image_,
                              .user_agent = "holkas/1.0",
                              .patience = absl::Milliseconds(300)});
  }

  // `METHOD target` of each request.
  std::vector<std::string> Requests() const {
    std::vector<std::string> lines;
    for (const ScriptedRequest& request : server_->requests()) {
      lines.push_back(absl::StrCat(request.method, " ", request.target));
    }
    return lines;
  }

  RecordingBroker broker_;
  broker::DockerDaemonImage image_;
  std::unique_ptr<ScriptedServer> server_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_SCRIPTED_DAEMON_H_
