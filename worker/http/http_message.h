#ifndef HOLKAS_WORKER_HTTP_HTTP_MESSAGE_H_
#define HOLKAS_WORKER_HTTP_HTTP_MESSAGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "worker/http/url.h"

namespace holkas {

// A request as it goes over the wire, once.
struct HttpRequest {
  enum class Body {
    kNone,
    kBytes,   // `bytes`
    kStream,  // what HttpExchange::Write gets
  };

  std::string method = "GET";
  Url url;
  // Sent as they are. Host, Content-Length, Transfer-Encoding and User-Agent are added to them.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Where the connection counts as the registry's or daemon's own, the client certificate for it is
  // presented.
  broker::Purpose purpose = broker::PURPOSE_REGISTRY;
  Body body = Body::kNone;
  absl::string_view bytes = {};    // outlives the exchange
  int64_t stream_size_bytes = -1;  // -1: not known
  // For connecting and TLS together.
  absl::Duration handshake_timeout = absl::Seconds(30);
  // HTTP/2 is offered, and taken where the peer likes it better. Over TLS alone.
  bool offer_http2 = false;
  // What the peer has more time for than PeerPatience says.
  absl::Duration extra_patience = absl::ZeroDuration();
};

// The head of a response.
struct HttpResponse {
  int status = 0;
  // Names as they came. At most 64 KiB in all.
  std::vector<std::pair<std::string, std::string>> headers;
  // -1: not said.
  int64_t content_length = -1;

  // Whether the peer did what was asked (2xx).
  bool succeeded() const { return status >= 200 && status < 300; }

  // All values of a header, in order.
  std::vector<absl::string_view> Headers(absl::string_view name) const {
    std::vector<absl::string_view> values;
    for (const auto& [header_name, value] : headers) {
      if (absl::EqualsIgnoreCase(header_name, name)) {
        values.push_back(value);
      }
    }
    return values;
  }

  // The first value of a header; empty where there is none.
  absl::string_view Header(absl::string_view name) const {
    const std::vector<absl::string_view> values = Headers(name);
    return values.empty() ? absl::string_view() : values.front();
  }
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_HTTP_MESSAGE_H_
