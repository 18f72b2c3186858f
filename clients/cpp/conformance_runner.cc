// Makes calls that it reads from standard input, one JSON object per line, and answers each with a
// line on standard output. tests/conformance runs it beside the runners of other clients, and
// compares. A call:
//
//   {"rpc": "Copy", "request": {...}, "timeout_seconds": 30, "cancel_after_events": 2}
//
// Its answer:
//
//   {"events": [...], "response": {...}, "error": {"code": "NOT_FOUND", "reason":
//    "MANIFEST_UNKNOWN", "domain": "holkas.dev", "metadata": {...}, "message": "..."}}
//
// usage: conformance_runner --server ADDRESS

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/image_client.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using google::protobuf::Message;
using Json = nlohmann::json;

absl::StatusOr<Json> ToJson(const Message& message) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text).ok()) {
    return absl::InternalError(absl::StrCat(message.GetTypeName(), " cannot be told as JSON"));
  }
  return Json::parse(text, nullptr, false);
}

Json Describe(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return {{"code", absl::StatusCodeToString(status.code())},
          {"reason", reason},
          {"domain", reason.empty() ? "" : std::string(kErrorDomain)},
          {"metadata", ErrorMetadata(status)},
          {"message", std::string(status.message())}};
}

// One call, and what came of it.
class Call {
 public:
  Call(std::shared_ptr<grpc::Channel> channel, const Json& wanted)
      : client_(std::move(channel)), wanted_(wanted) {
    if (const double seconds = wanted.value("timeout_seconds", 0.0); seconds > 0) {
      deadline_ = absl::Now() + absl::Seconds(seconds);
    }
  }

  // Makes the call. The answer's line.
  Json Make() {
    const absl::Status status = Dispatch();
    return {{"events", events_},
            {"response", response_},
            {"error", status.ok() ? Json() : Describe(status)}};
  }

 private:
  absl::Status Dispatch() {
    const std::string rpc = wanted_.value("rpc", "");
    if (rpc == "Inspect") {
      return Unary<v1::InspectRequest>(&ImageClient::Inspect);
    }
    if (rpc == "Copy") {
      return Streaming<v1::CopyRequest>(&ImageClient::Copy);
    }
    if (rpc == "Delete") {
      return Unary<v1::DeleteRequest>(&ImageClient::Delete);
    }
    if (rpc == "ListTags") {
      return Streaming<v1::ListTagsRequest>(&ImageClient::ListTags);
    }
    if (rpc == "Sync") {
      return Streaming<v1::SyncRequest>(&ImageClient::Sync);
    }
    if (rpc == "Sign") {
      return Unary<v1::SignRequest>(&ImageClient::Sign);
    }
    if (rpc == "Verify") {
      return Unary<v1::VerifyRequest>(&ImageClient::Verify);
    }
    if (rpc == "CheckCredentials") {
      return CheckCredentials();
    }
    if (rpc == "GetServerInfo") {
      return Answer(client_.GetServerInfo(deadline_));
    }
    return absl::InvalidArgumentError(absl::StrCat("there is no rpc \"", rpc, "\""));
  }

  template <typename Request, typename Method>
  absl::Status Unary(Method method) {
    Request request;
    RETURN_IF_ERROR(Parse(request));
    return Answer((client_.*method)(request, deadline_));
  }

  template <typename Request, typename Method>
  absl::Status Streaming(Method method) {
    Request request;
    RETURN_IF_ERROR(Parse(request));
    return (client_.*method)(request, deadline_, [this](const Message& event) { Add(event); });
  }

  absl::Status CheckCredentials() {
    v1::CheckCredentialsRequest request;
    RETURN_IF_ERROR(Parse(request));
    RETURN_IF_ERROR(client_.CheckCredentials(request, deadline_));
    return Keep(v1::CheckCredentialsResponse());
  }

  absl::Status Parse(Message& request) const {
    const std::string text = wanted_.value("request", Json::object()).dump();
    auto parsed = google::protobuf::util::JsonStringToMessage(text, &request);
    return parsed.ok() ? absl::OkStatus()
                       : absl::InvalidArgumentError(std::string(parsed.message()));
  }

  template <typename Response>
  absl::Status Answer(const absl::StatusOr<Response>& response) {
    RETURN_IF_ERROR(response.status());
    return Keep(*response);
  }

  absl::Status Keep(const Message& response) {
    ASSIGN_OR_RETURN(response_, ToJson(response));
    return absl::OkStatus();
  }

  void Add(const Message& event) {
    absl::StatusOr<Json> json = ToJson(event);
    events_.push_back(json.ok() ? *std::move(json) : Json(nullptr));
    if (events_.size() == wanted_.value("cancel_after_events", size_t{0})) {
      client_.Cancel();
    }
  }

  ImageClient client_;
  const Json& wanted_;
  absl::Time deadline_ = absl::InfiniteFuture();
  Json events_ = Json::array();
  Json response_;
};

int Serve(const std::shared_ptr<grpc::Channel>& channel) {
  for (std::string line; std::getline(std::cin, line);) {
    const Json wanted = Json::parse(line, nullptr, false);
    if (!wanted.is_object()) {
      std::cerr << "conformance_runner: malformed call: " << line << "\n";
      return 1;
    }
    const Json answer = Call(channel, wanted).Make();
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  std::string address;
  CLI::App app("Makes calls that it reads from standard input.", "conformance_runner");
  app.add_option("--server", address, "The server: unix:/PATH or tcp:HOST:PORT")->required();
  // CLI11 reports by exceptions; none passes this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(address);
  if (!channel.ok()) {
    std::cerr << "conformance_runner: " << channel.status().message() << "\n";
    return 1;
  }
  return Serve(*channel);
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
