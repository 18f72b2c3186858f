#include "worker/http/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// What a message shows of a URL.
constexpr size_t kMaxShownBytes = 512;

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("malformed URL: ", why));
}

absl::Status TooLong() {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("a URL of more than ", kMaxUrlBytes, " bytes"));
}

bool IsVisibleAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isgraph(c); });
}

bool IsHostName(absl::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

// The part of the URL; nothing where it has none.
std::optional<std::string> Part(CURLU* handle, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) {
    return std::nullopt;
  }
  std::string result(text);
  curl_free(text);
  return result;
}

absl::StatusOr<Origin> ReadOrigin(CURLU* handle) {
  const std::optional<std::string> scheme = Part(handle, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return Malformed("not http or https");
  }
  if (Part(handle, CURLUPART_USER).has_value() || Part(handle, CURLUPART_PASSWORD).has_value() ||
      Part(handle, CURLUPART_ZONEID).has_value()) {
    return Malformed("has a user or a zone");
  }
  std::string host = absl::AsciiStrToLower(Part(handle, CURLUPART_HOST).value_or(""));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint32_t port = 0;
  const std::string port_text = Part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  if (host.empty() || host.size() > 253) {
    return Malformed("no host, or one that is too long");
  }
  // libcurl decodes what is percent-encoded in it.
  if (!IsHostName(host)) {
    return Malformed("a host with characters that no name has");
  }
  if (!absl::SimpleAtoi(port_text, &port) || port == 0 || port > 65535) {
    return Malformed("port");
  }
  return Origin{scheme == "https", std::move(host), static_cast<uint16_t>(port)};
}

absl::StatusOr<Url> ReadUrl(absl::string_view base, absl::string_view text) {
  if (text.size() > kMaxUrlBytes) {
    return TooLong();
  }
  if (text.empty() || !IsVisibleAscii(text)) {
    return Malformed("empty, or not of visible ASCII characters");
  }
  Handle handle(curl_url(), curl_url_cleanup);
  if (handle == nullptr) {
    return absl::ResourceExhaustedError("no memory for a URL");
  }
  if (!base.empty() &&
      curl_url_set(handle.get(), CURLUPART_URL, std::string(base).c_str(), 0) != CURLUE_OK) {
    return Malformed("base");
  }
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0);
  if (code != CURLUE_OK) {
    return Malformed(curl_url_strerror(code));
  }
  ASSIGN_OR_RETURN(Origin origin, ReadOrigin(handle.get()));
  std::string target = Part(handle.get(), CURLUPART_PATH).value_or("/");
  if (const auto query = Part(handle.get(), CURLUPART_QUERY); query.has_value()) {
    absl::StrAppend(&target, "?", *query);
  }
  if (target.size() > kMaxUrlBytes) {
    return TooLong();
  }
  if (target.front() != '/' || !IsVisibleAscii(target)) {
    return Malformed("path");
  }
  return Url(std::move(origin), std::move(target));
}

}  // namespace

std::string Origin::ToString() const {
  return absl::StrCat(https ? "https://" : "http://",
                      JoinHostPort(host, port == (https ? 443 : 80) ? 0 : port));
}

absl::StatusOr<Url> Url::Parse(absl::string_view text) {
  // libcurl takes text without a scheme for http.
  if (text.find("://") == absl::string_view::npos) {
    return Malformed("no scheme");
  }
  return ReadUrl("", text);
}

absl::StatusOr<Url> Url::Resolve(absl::string_view reference) const {
  return ReadUrl(ToString(), reference);
}

std::string Url::ToString() const { return absl::StrCat(origin_.ToString(), target_); }

std::string Url::ForMessage() const {
  return Printable(absl::StrCat(origin_.ToString(), target_.substr(0, target_.find('?'))),
                   kMaxShownBytes);
}

}  // namespace holkas
