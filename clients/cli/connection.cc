#include "clients/cli/connection.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// The program `name` in the directory of the running one.
absl::StatusOr<std::string> ProgramBeside(absl::string_view name) {
  std::array<char, PATH_MAX> path;
  ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0 || static_cast<size_t>(size) == path.size()) {
    return ErrnoError(size < 0 ? errno : ENAMETOOLONG, "read /proc/self/exe");
  }
  absl::string_view exe(path.data(), static_cast<size_t>(size));
  return absl::StrCat(exe.substr(0, exe.rfind('/') + 1), name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::To(const std::string& address,
                                                           const ServerAccess& access) {
  ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, OpenChannel(address, access));
  std::unique_ptr<Connection> connection(new Connection);
  connection->address_ = address;
  connection->client_ = std::make_unique<ImageClient>(std::move(channel), access.token);
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Private(
    bool show_log, const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(std::string program, ProgramBeside("holkasd"));
  ASSIGN_OR_RETURN(std::unique_ptr<PrivateServer> server,
                   PrivateServer::Start({std::move(program), show_log, arguments}));
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Over(server->TakeConnection()));
  connection->server_ = std::move(server);
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Over(UniqueFd socket) {
  ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, OpenChannel(std::move(socket)));
  std::unique_ptr<Connection> connection(new Connection);
  connection->client_ = std::make_unique<ImageClient>(std::move(channel));
  return connection;
}

absl::Status Connection::Explain(const absl::Status& status) {
  if (!absl::IsUnavailable(status) || !ErrorReason(status).empty()) {
    return status;
  }
  if (!address_.empty()) {
    return WithContext(status, absl::StrCat("holkas server ", address_));
  }
  std::string ending = server_ == nullptr ? "" : server_->Stop();
  return WithContext(status, absl::StrCat("private server: ", ending.empty() ? "lost" : ending));
}

void Connection::Close() {
  if (server_ != nullptr) {
    server_->Stop();
  }
}

void Connection::Kill() {
  if (server_ != nullptr) {
    server_->Kill();
  }
}

}  // namespace holkas
