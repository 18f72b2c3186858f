#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_FIXTURE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_matchers.h"
#include "worker/http/testing/recording_broker.h"
#include "worker/http/testing/scripted_server.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// A scripted registry on plain HTTP, known as registry.test:5000, with the repository lib/app and
// the tag latest, and a client for it that does not sleep and has little patience.
class RegistryFixture : public testing::Test {
 protected:
  using Framing = ScriptedReply::Framing;
  using Then = ScriptedReply::Then;

  RegistryFixture() {
    EXPECT_OK(InitializeHttp());
    image_.set_host("registry.test");
    image_.set_api_host("registry.test");
    image_.set_port(5000);
    image_.set_repository("lib/app");
    image_.set_tag("latest");
    image_.set_plain_http_allowed(true);
    image_.set_verify_certificate(true);
    image_.set_display_name("registry.test:5000/lib/app:latest");
  }

  void Serve(ScriptedServer::Script script) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    broker_.Route("registry.test", 5000, server_->port());
  }
  // Gives the replies in turn, the last one for ever.
  void ServeInTurn(std::vector<ScriptedReply> replies) {
    Serve([replies = std::move(replies), next = size_t{0}](const ScriptedRequest&) mutable {
      const ScriptedReply& reply = replies[next];
      next += next + 1 < replies.size() ? 1 : 0;
      return reply;
    });
  }

  std::unique_ptr<RegistryClient> NewClient() {
    return *RegistryClient::New(
        {.broker = broker_,
         .place = broker::PLACE_SOURCE,
         .image = image_,
         .user_agent = "holkas/1.0",
         .patience = {.idle = absl::Milliseconds(200)},
         .retry = {.sleep = [this](absl::Duration time) { sleeps_.push_back(time); }}});
  }

  // `METHOD target` of each request.
  std::vector<std::string> Requests() const {
    std::vector<std::string> lines;
    for (const ScriptedRequest& request : server_->requests()) {
      lines.push_back(request.method + " " + request.target);
    }
    return lines;
  }

  static Descriptor BlobOf(absl::string_view content) {
    return {.media_type = "application/octet-stream",
            .digest = Digest::Sha256Of(content),
            .size_bytes = static_cast<int64_t>(content.size()),
            .annotations = {},
            .urls = {}};
  }

  static std::string ErrorBody(absl::string_view code, absl::string_view message) {
    return "{\"errors\":[{\"code\":\"" + std::string(code) + "\",\"message\":\"" +
           std::string(message) + "\"}]}";
  }

  RecordingBroker broker_;
  broker::RegistryImage image_;
  std::unique_ptr<ScriptedServer> server_;
  std::vector<absl::Duration> sleeps_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_FIXTURE_H_
