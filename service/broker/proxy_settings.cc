#include "service/broker/proxy_settings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

constexpr size_t kMaxHostBytes = 253;
// Of user and password; a request head has room for no more.
constexpr size_t kMaxUserBytes = 2048;
// RFC 1929, of each.
constexpr size_t kMaxSocksUserBytes = 255;

struct Scheme {
  absl::string_view name;
  Proxy::Kind kind;
  uint16_t port;
};
constexpr Scheme kSchemes[] = {
    {"http", Proxy::Kind::kHttp, 80},
    {"https", Proxy::Kind::kHttps, 443},
    {"socks5", Proxy::Kind::kSocks5, 1080},
    // The same: names are looked up by the proxy in any case.
    {"socks5h", Proxy::Kind::kSocks5, 1080},
};

struct HostPort {
  std::string host;
  std::optional<uint16_t> port;
};

std::optional<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &port) || port == 0 || port > 65535) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(port);
}

// `host`, `host:port`, `[v6]`, `[v6]:port`, and, without a port, `v6`.
std::optional<HostPort> SplitHostPort(absl::string_view text) {
  HostPort result;
  absl::string_view host = text;
  absl::string_view port;
  if (absl::ConsumePrefix(&host, "[")) {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) {
      return std::nullopt;
    }
    port = host.substr(end + 1);
    host = host.substr(0, end);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    port = text.substr(text.find(':'));
    host = text.substr(0, text.find(':'));
  }
  if (!port.empty()) {
    result.port = absl::ConsumePrefix(&port, ":") ? ParsePort(port) : std::nullopt;
    if (!result.port.has_value()) {
      return std::nullopt;
    }
  }
  result.host = absl::AsciiStrToLower(host);
  return result;
}

// The bytes that `%41` and the like stand for; nothing where a `%` has no two digits behind it.
std::optional<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const absl::string_view digits = text.substr(i + 1, 2);
    if (digits.size() != 2 || !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
      return std::nullopt;
    }
    decoded += absl::HexStringToBytes(digits);
    i += 2;
  }
  return decoded;
}

bool IsHost(absl::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
         });
}

// Takes `user[:password]`; false where it is malformed, or no proxy of this kind could be told.
bool SetUser(absl::string_view user_info, Proxy& proxy) {
  const size_t colon = user_info.find(':');
  const std::optional<std::string> user = PercentDecode(user_info.substr(0, colon));
  const std::optional<std::string> password = PercentDecode(
      colon == absl::string_view::npos ? absl::string_view() : user_info.substr(colon + 1));
  if (!user.has_value() || !password.has_value() || user_info.size() > kMaxUserBytes) {
    return false;
  }
  if (proxy.kind != Proxy::Kind::kSocks5) {
    proxy.authorization =
        absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(*user, ":", *password)));
    return true;
  }
  proxy.user = *user;
  proxy.password = *password;
  return user->size() <= kMaxSocksUserBytes && password->size() <= kMaxSocksUserBytes &&
         (!user->empty() || password->empty());
}

std::optional<Scheme> FindScheme(absl::string_view name) {
  for (const Scheme& scheme : kSchemes) {
    if (absl::EqualsIgnoreCase(scheme.name, name)) {
      return scheme;
    }
  }
  return std::nullopt;
}

// The first of both that is not empty.
std::pair<const char*, std::string> Either(
    const char* upper, const char* lower,
    const std::function<std::string(const char* name)>& variable) {
  std::string value = variable(upper);
  return value.empty() ? std::pair(lower, variable(lower)) : std::pair(upper, std::move(value));
}

}  // namespace

ProxySettings::ProxySettings(const std::function<std::string(const char* name)>& variable) {
  const auto [https_name, https] = Either("HTTPS_PROXY", "https_proxy", variable);
  https_ = ParseProxy(https_name, https);
  if (variable("REQUEST_METHOD").empty()) {
    const auto [http_name, http] = Either("HTTP_PROXY", "http_proxy", variable);
    http_ = ParseProxy(http_name, http);
  }
  const std::string no_proxy = Either("NO_PROXY", "no_proxy", variable).second;
  for (absl::string_view entry : absl::StrSplit(no_proxy, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    never_ = never_ || entry == "*";
    std::optional<Exception> exception = ParseException(entry);
    if (exception.has_value()) {
      exceptions_.push_back(*std::move(exception));
    }
  }
}

ProxySettings::Setting ProxySettings::ParseProxy(absl::string_view variable,
                                                 absl::string_view text) {
  Setting setting;
  if (text.empty()) {
    return setting;
  }
  std::optional<Scheme> scheme = kSchemes[0];
  if (const size_t end = text.find("://"); end != absl::string_view::npos) {
    scheme = FindScheme(text.substr(0, end));
    text.remove_prefix(end + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  bool valid = scheme.has_value();
  Proxy proxy;
  proxy.kind = valid ? scheme->kind : Proxy::Kind::kHttp;
  if (const size_t at = text.rfind('@'); at != absl::string_view::npos) {
    valid = SetUser(text.substr(0, at), proxy) && valid;
    text.remove_prefix(at + 1);
  }
  const std::optional<HostPort> host_port = SplitHostPort(text);
  if (!valid || !host_port.has_value() || !IsHost(host_port->host)) {
    setting.error = MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_CONFIG",
                              absl::StrCat(variable, ": is not the URL of a proxy"));
    return setting;
  }
  proxy.host = host_port->host;
  proxy.port = host_port->port.value_or(scheme->port);
  setting.proxy = std::move(proxy);
  return setting;
}

std::optional<ProxySettings::Exception> ProxySettings::ParseException(absl::string_view text) {
  Exception exception;
  exception.network = Network::Parse(text);
  if (exception.network.has_value()) {
    return exception;
  }
  const std::optional<HostPort> host_port = SplitHostPort(text);
  if (!host_port.has_value() || host_port->host.empty()) {
    return std::nullopt;
  }
  exception.port = host_port->port.value_or(0);
  exception.address = IpAddress::Parse(host_port->host);
  if (exception.address.has_value()) {
    return exception;
  }
  absl::string_view domain = host_port->host;
  if (absl::StartsWith(domain, "*.")) {
    domain.remove_prefix(1);
  }
  exception.domain_itself = domain.front() != '.';
  exception.domain = absl::StrCat(exception.domain_itself ? "." : "", domain);
  return exception;
}

bool ProxySettings::Matches(const Exception& exception, absl::string_view host, uint16_t port,
                            const std::optional<IpAddress>& address) {
  if (exception.network.has_value()) {
    return address.has_value() && exception.network->Contains(*address);
  }
  if (exception.port != 0 && exception.port != port) {
    return false;
  }
  if (exception.address.has_value()) {
    return exception.address == address;
  }
  return absl::EndsWith(host, exception.domain) ||
         (exception.domain_itself && host == absl::string_view(exception.domain).substr(1));
}

bool ProxySettings::IsDirect(absl::string_view host, uint16_t port) const {
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (never_ || host == "localhost" || (address.has_value() && address->IsLoopback())) {
    return true;
  }
  return std::any_of(exceptions_.begin(), exceptions_.end(), [&](const Exception& exception) {
    return Matches(exception, host, port, address);
  });
}

absl::StatusOr<const Proxy*> ProxySettings::ProxyFor(Carried carried, absl::string_view host,
                                                     uint16_t port) const {
  const bool use_http =
      carried == Carried::kHttp || (carried == Carried::kEither && !https_.is_set());
  const Setting& setting = use_http ? http_ : https_;
  if (!setting.is_set() || IsDirect(host, port)) {
    return nullptr;
  }
  if (!setting.error.ok()) {
    return setting.error;
  }
  return &*setting.proxy;
}

}  // namespace holkas
