// Makes calls that it reads from standard input, one JSON object per line, and answers each with a
// line on standard output. tests/conformance runs it beside the runners of other clients, and
// compares. A call:
//
//   {"rpc": "Copy", "request": {...}, "timeout_seconds": 30, "cancel_after_events": 2,
//    "archive": "PATH to import", "output": "PATH to export to"}
//
// Its answer:
//
//   {"events": [...], "response": {...}, "error": {"code": "NOT_FOUND", "reason":
//    "MANIFEST_UNKNOWN", "domain": "holkas.dev", "metadata": {...}, "message": "..."}}
//
// usage: conformance_runner --server ADDRESS [--ca FILE] [--cert FILE --key FILE]
//                           [--token-file FILE] [--insecure]

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/image_client.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/read_config_file.h"
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
  Call(std::shared_ptr<grpc::Channel> channel, const std::string& token, const Json& wanted)
      : client_(std::move(channel), token), wanted_(wanted) {
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
    if (rpc == "Import") {
      return Import();
    }
    if (rpc == "Export") {
      return Export();
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

  absl::Status Import() {
    v1::ImportOptions options;
    RETURN_IF_ERROR(Parse(options));
    std::ifstream archive(wanted_.value("archive", ""), std::ios::binary);
    if (!archive) {
      return absl::UnknownError("the archive cannot be read");
    }
    auto read = [&](absl::Span<char> buffer, const std::stop_token&) -> absl::StatusOr<size_t> {
      archive.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      return static_cast<size_t>(archive.gcount());
    };
    return client_.Import(options, deadline_, read, [this](const Message& event) { Add(event); });
  }

  absl::Status Export() {
    v1::ExportRequest request;
    RETURN_IF_ERROR(Parse(request));
    const std::string path = wanted_.value("output", "");
    std::ofstream archive(path, std::ios::binary);
    auto on_event = [this](const v1::CopyResponse& event) {
      v1::ExportResponse response;
      *response.mutable_copy() = event;
      Add(response);
    };
    auto write = [&](absl::string_view bytes) -> absl::Status {
      return archive.write(bytes.data(), static_cast<std::streamsize>(bytes.size()))
                 ? absl::OkStatus()
                 : absl::UnknownError("the archive cannot be written");
    };
    absl::Status status = client_.Export(request, deadline_, on_event, write);
    archive.close();
    if (!status.ok()) {
      std::remove(path.c_str());
    }
    return status;
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

int Serve(const std::shared_ptr<grpc::Channel>& channel, const std::string& token) {
  for (std::string line; std::getline(std::cin, line);) {
    const Json wanted = Json::parse(line, nullptr, false);
    if (!wanted.is_object()) {
      std::cerr << "conformance_runner: malformed call: " << line << "\n";
      return 1;
    }
    const Json answer = Call(channel, token, wanted).Make();
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

// Where the server is, and the files that say how to reach it.
struct Flags {
  std::string address;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string token_file;
  bool insecure = false;
};

// Result: the content of the file; empty where none is named.
absl::StatusOr<std::string> ContentOf(const std::string& path) {
  return path.empty() ? std::string() : ReadConfigFile(path);
}

absl::StatusOr<ServerAccess> AccessOf(const Flags& flags) {
  ServerAccess access;
  access.insecure = flags.insecure;
  ASSIGN_OR_RETURN(access.ca_pem, ContentOf(flags.ca_file));
  ASSIGN_OR_RETURN(access.certificate_pem, ContentOf(flags.certificate_file));
  ASSIGN_OR_RETURN(access.key_pem, ContentOf(flags.key_file));
  ASSIGN_OR_RETURN(const std::string token, ContentOf(flags.token_file));
  access.token = std::string(absl::StripAsciiWhitespace(token));
  return access;
}

int Fail(const absl::Status& status) {
  std::cerr << "conformance_runner: " << status.message() << "\n";
  return 1;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Makes calls that it reads from standard input.", "conformance_runner");
  app.add_option("--server", flags.address, "The server: unix:/PATH or tcp:HOST:PORT")->required();
  app.add_option("--ca", flags.ca_file, "Authorities of the server's certificate, in PEM");
  app.add_option("--cert", flags.certificate_file, "The certificate to show, in PEM");
  app.add_option("--key", flags.key_file, "Its private key, in PEM");
  app.add_option("--token-file", flags.token_file, "A file with the token to show");
  app.add_flag("--insecure", flags.insecure, "Speak without TLS");
  // CLI11 reports by exceptions; none passes this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  absl::StatusOr<ServerAccess> access = AccessOf(flags);
  if (!access.ok()) {
    return Fail(access.status());
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(flags.address, *access);
  if (!channel.ok()) {
    return Fail(channel.status());
  }
  return Serve(*channel, access->token);
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
