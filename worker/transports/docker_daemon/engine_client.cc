#include "worker/transports/docker_daemon/engine_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// The newest version of the API that this was written for; a newer daemon speaks it, too.
constexpr int kNewestMinorVersion = 51;
constexpr size_t kMaxPingBytes = 4 << 10;
// What an error's body, the messages of a load and a description of an image never have more of.
constexpr size_t kMaxErrorBodyBytes = 64 << 10;
constexpr size_t kMaxMessagesBytes = 1 << 20;
constexpr size_t kMaxDescriptionBytes = 4 << 20;
// How much of a daemon's words an error shows.
constexpr size_t kMaxQuotedBytes = 512;

absl::Status Unavailable(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE", message);
}

std::string FromDaemon(absl::string_view words) {
  return absl::StrCat("Error response from daemon: ",
                      Printable(absl::StripAsciiWhitespace(words), kMaxQuotedBytes));
}

// An error that a daemon tells while it works, or of a whole request.
absl::Status Refused(absl::string_view words) {
  const bool full = absl::StrContains(words, "no space left on device");
  return MakeError(
      full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kFailedPrecondition,
      full ? "DISK_FULL" : "DAEMON_ERROR", FromDaemon(words));
}

// The same, of the connection.
absl::Status ConnectionError(const absl::Status& status) {
  return ErrorReason(status) == "REGISTRY_UNAVAILABLE"
             ? Unavailable(absl::StrCat("error during connect: ", status.message()))
             : status;
}

std::string Escape(absl::string_view text) {
  std::string result;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      result += c;
    } else {
      absl::StrAppendFormat(&result, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return result;
}

// The message in an error's body: `{"message": "..."}`, or whatever it is.
std::string MessageOf(absl::string_view body) {
  const absl::StatusOr<JsonValue> root = ParseStrictJson(body);
  if (root.ok() && root->object() != nullptr) {
    const absl::StatusOr<std::string> message = GetString(*root, "message");
    if (message.ok() && !message->empty()) {
      return *message;
    }
  }
  return std::string(body);
}

// The minor number of `1.N`; nothing for another form.
std::optional<int> MinorVersion(absl::string_view text) {
  constexpr size_t kMaxDigits = 4;
  int minor = 0;
  if (!absl::ConsumePrefix(&text, "1.") || text.empty() || text.size() > kMaxDigits ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &minor)) {
    return std::nullopt;
  }
  return minor;
}

// Waits for an answer that is what was asked for.
absl::Status AwaitSuccess(HttpExchange& exchange) {
  absl::StatusOr<const HttpResponse*> response = exchange.AwaitResponse();
  if (!response.ok()) {
    return ConnectionError(response.status());
  }
  if ((*response)->status == 200) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> body = exchange.ReadAll(kMaxErrorBodyBytes);
  return EngineError((*response)->status, body.ok() ? *body : "");
}

// What there is of an answer whose end does not matter.
std::string ReadBeforeEnd(HttpExchange& exchange) {
  std::string body;
  std::string buffer(16 << 10, '\0');
  while (body.size() < kMaxErrorBodyBytes) {
    const absl::StatusOr<size_t> count = exchange.Read(absl::MakeSpan(buffer));
    if (!count.ok() || *count == 0) {
      break;
    }
    body.append(buffer, 0, *count);
  }
  return body;
}

// The bytes of an answer.
class ResponseSource : public ByteSource {
 public:
  ResponseSource(std::unique_ptr<HttpClient> client, std::unique_ptr<HttpExchange> exchange)
      : client_(std::move(client)), exchange_(std::move(exchange)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    absl::StatusOr<size_t> count = exchange_->Read(buffer);
    return count.ok() ? count : ConnectionError(count.status());
  }

 private:
  const std::unique_ptr<HttpClient> client_;
  const std::unique_ptr<HttpExchange> exchange_;
};

absl::StatusOr<EngineImage> ParseImage(absl::string_view text) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(text));
  EngineImage image;
  ASSIGN_OR_RETURN(image.id, GetString(root, "Id"));
  image.id_is_config = FindField(root, "Descriptor") == nullptr;
  if (const JsonValue* rootfs = FindField(root, "RootFS")) {
    ASSIGN_OR_RETURN(auto layers, FindStrings(*rootfs, "Layers"));
    image.diff_ids = std::move(layers).value_or(std::vector<std::string>());
  }
  return image;
}

}  // namespace

absl::Status EngineError(int status, absl::string_view body) {
  const std::string message = MessageOf(body);
  const std::string words =
      FromDaemon(message.empty() ? absl::StrCat("HTTP status ", status) : message);
  switch (status) {
    case 401:
    case 403:
      return MakeError(absl::StatusCode::kPermissionDenied, "DAEMON_DENIED", words);
    case 404:
      return MakeError(absl::StatusCode::kNotFound, "TAG_UNKNOWN", words);
    default:
      break;
  }
  if (absl::StrContains(message, "no space left on device")) {
    return MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL", words);
  }
  if (status >= 400 && status < 500) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DAEMON_ERROR", words);
  }
  return MakeError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE", words,
                   {{"http_status", absl::StrCat(status)}});
}

absl::Status CheckEngineMessages(absl::string_view lines) {
  for (const absl::string_view untrimmed : absl::StrSplit(lines, '\n')) {
    const absl::string_view line = absl::StripAsciiWhitespace(untrimmed);
    if (line.empty()) {
      continue;
    }
    const absl::StatusOr<JsonValue> message = ParseStrictJson(line);
    if (!message.ok() || message->object() == nullptr) {
      return Unavailable(absl::StrCat("the daemon answers something else than messages: ",
                                      Printable(line, kMaxQuotedBytes)));
    }
    if (const JsonValue* detail = FindField(*message, "errorDetail")) {
      const absl::StatusOr<std::string> words =
          detail->object() == nullptr ? std::string() : GetString(*detail, "message");
      return Refused(words.ok() && !words->empty() ? *words : line);
    }
    if (FindField(*message, "error") != nullptr) {
      const absl::StatusOr<std::string> words = GetString(*message, "error");
      return Refused(words.ok() ? *words : line);
    }
  }
  return absl::OkStatus();
}

absl::Status ImageLoad::Append(absl::string_view data) {
  absl::Status status = exchange_->Write(data);
  if (status.ok()) {
    return status;
  }
  // Perhaps the daemon knows already that it does not want the rest. Until the body ends, libcurl
  // waits for more of it; a daemon that reads it still finds an archive that breaks off.
  exchange_->EndBody();
  if (!absl::IsAborted(status) && !exchange_->AwaitResponse().ok()) {
    return ConnectionError(status);
  }
  RETURN_IF_ERROR(AwaitSuccess(*exchange_));
  RETURN_IF_ERROR(CheckEngineMessages(ReadBeforeEnd(*exchange_)));
  return Unavailable("the daemon answered before the end of the archive");
}

absl::Status ImageLoad::Finish() {
  exchange_->EndBody();
  RETURN_IF_ERROR(AwaitSuccess(*exchange_));
  const absl::StatusOr<std::string> messages = exchange_->ReadAll(kMaxMessagesBytes);
  RETURN_IF_ERROR(ConnectionError(messages.status()));
  return CheckEngineMessages(*messages);
}

absl::StatusOr<std::unique_ptr<EngineClient>> EngineClient::New(Options options) {
  ASSIGN_OR_RETURN(TlsSettings tls, TlsSettings::New(options.image.certificates(),
                                                     options.image.verify_certificate()));
  std::unique_ptr<EngineClient> client(new EngineClient(std::move(options), std::move(tls)));
  RETURN_IF_ERROR(client->Ping());
  return client;
}

absl::StatusOr<std::unique_ptr<HttpClient>> EngineClient::NewHttpClient() const {
  PeerPatience patience;
  patience.idle = patience.low_speed_window = options_.patience;
  return HttpClient::New({options_.broker, options_.place, tls_, options_.user_agent, patience});
}

HttpRequest EngineClient::Request(absl::string_view method, absl::string_view path) const {
  HttpRequest request{.method = std::string(method),
                      .url = Url({options_.image.https(), options_.image.host(),
                                  static_cast<uint16_t>(options_.image.port())},
                                 absl::StrCat(options_.image.base_path(), path))};
  request.purpose = broker::PURPOSE_DAEMON;
  return request;
}

absl::Status EngineClient::Ping() {
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client, NewHttpClient());
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpExchange> exchange,
                   client->Start(Request("GET", "/_ping")));
  const absl::StatusOr<const HttpResponse*> response = exchange->AwaitResponse();
  RETURN_IF_ERROR(ConnectionError(response.status()));
  const std::optional<int> version = MinorVersion((*response)->Header("Api-Version"));
  if (version.has_value()) {
    minor_version_ = std::min(*version, kNewestMinorVersion);
    return absl::OkStatus();
  }
  // A daemon that does not tell its version is old, and yet one.
  const absl::StatusOr<std::string> body = exchange->ReadAll(kMaxPingBytes);
  if ((*response)->status == 200 && body.ok() && absl::StripAsciiWhitespace(*body) == "OK") {
    return absl::OkStatus();
  }
  return Unavailable(absl::StrCat("who answers is no Docker daemon: HTTP status ",
                                  (*response)->status, " to a ping"));
}

absl::StatusOr<std::unique_ptr<ByteSource>> EngineClient::SaveImage() const {
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> client, NewHttpClient());
  ASSIGN_OR_RETURN(
      std::unique_ptr<HttpExchange> exchange,
      client->Start(Request("GET", absl::StrCat("/v1.", minor_version_, "/images/get?names=",
                                                Escape(options_.image.reference())))));
  RETURN_IF_ERROR(AwaitSuccess(*exchange));
  return std::make_unique<ResponseSource>(std::move(client), std::move(exchange));
}

absl::StatusOr<std::unique_ptr<ImageLoad>> EngineClient::LoadImage() const {
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> client, NewHttpClient());
  HttpRequest request =
      Request("POST", absl::StrCat("/v1.", minor_version_, "/images/load?quiet=1"));
  request.headers = {{"Content-Type", "application/x-tar"}};
  request.body = HttpRequest::Body::kStream;
  ASSIGN_OR_RETURN(std::unique_ptr<HttpExchange> exchange, client->Start(request));
  return std::make_unique<ImageLoad>(std::move(client), std::move(exchange));
}

absl::StatusOr<EngineImage> EngineClient::InspectImage() const {
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client, NewHttpClient());
  // A name's slashes are part of the path.
  ASSIGN_OR_RETURN(
      const std::unique_ptr<HttpExchange> exchange,
      client->Start(Request("GET", absl::StrCat("/v1.", minor_version_, "/images/",
                                                options_.image.reference(), "/json"))));
  RETURN_IF_ERROR(AwaitSuccess(*exchange));
  const absl::StatusOr<std::string> text = exchange->ReadAll(kMaxDescriptionBytes);
  RETURN_IF_ERROR(ConnectionError(text.status()));
  absl::StatusOr<EngineImage> image = ParseImage(*text);
  if (absl::IsInvalidArgument(image.status())) {
    return Unavailable(absl::StrCat("the daemon describes an image by something else than JSON: ",
                                    image.status().message()));
  }
  return image;
}

}  // namespace holkas
