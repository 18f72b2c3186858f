#include "clients/cpp/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// A manifest of 4 MiB and a configuration of 4 MiB, and room for the rest.
constexpr int kMaxReceivedBytes = 16 << 20;

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceivedBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// gRPC writes to standard error by itself; what matters comes back as a status.
void SilenceGrpc() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

// A path as gRPC reads it, which takes an address for a URI.
std::string QuotePath(absl::string_view path) {
  std::string quoted;
  for (const char c : path) {
    if (absl::ascii_isalnum(c) || absl::StrContains("/-._~", c)) {
      quoted += c;
    } else {
      absl::StrAppend(&quoted, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return quoted;
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  return host == "localhost" || host == "::1";
}

absl::Status InvalidAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("server address \"", address, "\": ", why));
}

// Nothing that gRPC could take for another kind of name.
bool IsHost(absl::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

absl::Status CheckTcpAddress(absl::string_view address, const ServerAccess& access) {
  size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) {
    return InvalidAddress(address, "expected unix:/path or host:port");
  }
  absl::string_view host = address.substr(0, colon);
  in6_addr v6;
  const bool is_v6 = absl::ConsumePrefix(&host, "[");
  if (is_v6 ? !absl::ConsumeSuffix(&host, "]") ||
                  inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1
            : !IsHost(host)) {
    return InvalidAddress(address, "expected unix:/path or host:port");
  }
  uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX) {
    return InvalidAddress(address, "the port is not a number from 1 to 65535");
  }
  if (access.insecure && !IsLoopback(std::string(host))) {
    return InvalidAddress(address, "without TLS the host must be a loopback address");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(
    const ServerAccess& access) {
  if (access.certificate_pem.empty() != access.key_pem.empty()) {
    return absl::InvalidArgumentError(
        "a client certificate and its private key are needed together");
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = access.ca_pem;
  options.pem_cert_chain = access.certificate_pem;
  options.pem_private_key = access.key_pem;
  return grpc::SslCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(absl::string_view address,
                                                           const ServerAccess& access) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  std::string target;
  if (absl::string_view path = address; absl::ConsumePrefix(&path, "unix:")) {
    if (!absl::StartsWith(path, "/")) {
      return InvalidAddress(address, "the path of the socket is not absolute");
    }
    // Where gRPC reads two paths, quoted or not.
    if (absl::StrContains(path, ',')) {
      return InvalidAddress(address, "the path of the socket has a comma");
    }
    target = absl::StrCat("unix:", QuotePath(path));
  } else {
    // As holkasd's --listen spells it.
    absl::ConsumePrefix(&address, "tcp:");
    if (absl::Status checked = CheckTcpAddress(address, access); !checked.ok()) {
      return checked;
    }
    if (!access.insecure) {
      ASSIGN_OR_RETURN(credentials, TlsCredentials(access));
    }
    target = std::string(address);
  }
  SilenceGrpc();
  return grpc::CreateCustomChannel(target, credentials, Arguments());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(UniqueFd connection) {
  int flags = fcntl(connection.get(), F_GETFL);
  if (flags < 0 || fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError(errno, "make connection non-blocking");
  }
  SilenceGrpc();
  return grpc::CreateCustomInsecureChannelFromFd("holkasd", connection.release(), Arguments());
}

}  // namespace holkas
