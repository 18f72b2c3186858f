#include "clients/cli/testing/command_line_test.h"

#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "clients/cli/connection.h"
#include "clients/cli/console.h"
#include "clients/cli/run.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

std::string Contents(int fd) {
  std::string text(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace

CommandLineTest::CommandLineTest() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
}

CommandLineTest::~CommandLineTest() { server_->Shutdown(std::chrono::system_clock::now()); }

int CommandLineTest::Run(const std::vector<std::string>& arguments) {
  addresses_.clear();
  UniqueFd in(memfd_create("in", 0));
  EXPECT_EQ(pwrite(in.get(), input_.data(), input_.size(), 0), static_cast<ssize_t>(input_.size()));
  UniqueFd out(memfd_create("out", 0));
  UniqueFd err(memfd_create("err", 0));
  Console console(out.get(), err.get());
  CommandContext context = {
      .console = console,
      .working_directory = working_directory_,
      .server_variable = server_variable_,
      .server_variables = server_variables_,
      .connect =
          [this](const std::string& address, const ServerAccess& access,
                 const std::vector<std::string>& server_arguments) {
            address_ = address;
            access_ = access;
            addresses_.push_back(address);
            arguments_ = server_arguments;
            int ends[2];
            EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
            grpc::AddInsecureChannelFromFd(server_.get(), ends[0]);
            return Connection::Over(UniqueFd(ends[1]));
          },
      .input_fd = in.get(),
      .auth_environment = auth_environment_,
      .helper_path = helper_path_,
      .credential_helpers =
          [this](const std::string& path) {
            registries_conf_ = path;
            return credential_helpers_;
          },
  };
  std::vector<std::string> all = flags_;
  all.insert(all.end(), arguments.begin(), arguments.end());
  int exit_code = RunCommandLine(all, context);
  kept_connection_ = !context.connections.empty();
  out_ = Contents(out.get());
  err_ = Contents(err.get());
  return exit_code;
}

std::string Fatal(const std::string& message) {
  return absl::StrCat(" level=fatal msg=\"", message, "\"\n");
}

}  // namespace holkas
