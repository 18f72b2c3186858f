#ifndef HOLKAS_SERVICE_BROKER_PROXY_SETTINGS_H_
#define HOLKAS_SERVICE_BROKER_PROXY_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/policy/network.h"

namespace holkas {

// Who makes tunnels for others.
struct Proxy {
  // How one speaks to it: HTTP, HTTP within TLS, SOCKS 5.
  enum class Kind { kHttp, kHttps, kSocks5 };

  Kind kind = Kind::kHttp;
  std::string host;  // lower case, without brackets
  uint16_t port = 80;
  // HTTP: the value of Proxy-Authorization; empty: none. A secret.
  std::string authorization;
  // SOCKS: 255 bytes each at most; an empty user: none. Secrets.
  std::string user;
  std::string password;
};

// What a connection is to carry, as far as it is known before anything was said.
enum class Carried { kHttps, kHttp, kEither };

// The proxies of an environment: HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case, read by the
// rules of Go's httpproxy, which Skopeo follows. HTTP_PROXY does not count where REQUEST_METHOD is
// set (a CGI program's environment, where a caller can set it).
class ProxySettings {
 public:
  // None.
  ProxySettings() = default;
  // `variable` gives the value of a variable, empty where it is not set.
  explicit ProxySettings(const std::function<std::string(const char* name)>& variable);

  // The proxy through which `host` (in lower case, without brackets) is to be reached; null: none.
  // What may be either goes where HTTPS would, else where HTTP would.
  // Errors: FAILED_PRECONDITION (INVALID_CONFIG) for what is no proxy, without the variable's
  // value, which can hold a password.
  absl::StatusOr<const Proxy*> ProxyFor(Carried carried, absl::string_view host,
                                        uint16_t port) const;

 private:
  // One entry of NO_PROXY; of network, address and domain one is set.
  struct Exception {
    std::optional<Network> network;
    std::optional<IpAddress> address;
    std::string domain;          // with a dot before it
    bool domain_itself = false;  // `domain` without its dot matches, too
    uint16_t port = 0;           // 0: any
  };
  // One variable.
  struct Setting {
    std::optional<Proxy> proxy;
    absl::Status error;
    bool is_set() const { return proxy.has_value() || !error.ok(); }
  };

  static Setting ParseProxy(absl::string_view variable, absl::string_view text);
  static std::optional<Exception> ParseException(absl::string_view text);
  static bool Matches(const Exception& exception, absl::string_view host, uint16_t port,
                      const std::optional<IpAddress>& address);
  bool IsDirect(absl::string_view host, uint16_t port) const;

  Setting https_;
  Setting http_;
  bool never_ = false;  // NO_PROXY holds `*`
  std::vector<Exception> exceptions_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_PROXY_SETTINGS_H_
