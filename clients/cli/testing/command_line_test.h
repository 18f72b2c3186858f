#ifndef HOLKAS_CLIENTS_CLI_TESTING_COMMAND_LINE_TEST_H_
#define HOLKAS_CLIENTS_CLI_TESTING_COMMAND_LINE_TEST_H_

#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/testing/fake_image_service.h"
#include "clients/cpp/channel.h"
#include "gtest/gtest.h"
#include "proto/credentials/auth_file_search.h"

namespace holkas {

// A test that runs the command line against a fake server in this process.
class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest();
  ~CommandLineTest() override;

  // Runs the command line: what it exits with. Its output is out_ and err_.
  int Run(const std::vector<std::string>& arguments);

  // Flags before the arguments of each run. The fake server is asked for what a test names.
  std::vector<std::string> flags_ = {"--server-paths"};
  // What the run finds around it.
  std::string working_directory_ = "/home/me";
  std::string server_variable_ = "unix:/from/environment";
  std::map<std::string, std::string> server_variables_;
  std::string input_;
  AuthEnvironment auth_environment_;
  std::string helper_path_ = "/usr/bin:/bin";
  // `credential-helpers`, and the path of the registries.conf that was wanted last.
  absl::StatusOr<std::vector<std::string>> credential_helpers_ = std::vector<std::string>();
  std::string registries_conf_;

  FakeImageService service_;
  std::unique_ptr<grpc::Server> server_;
  // The server that the command line wanted last: its address, and the arguments of a private one.
  std::string address_;
  ServerAccess access_;
  // All that the last run wanted, in order.
  std::vector<std::string> addresses_;
  std::vector<std::string> arguments_;
  // Whether the connection was there still when the command was over.
  bool kept_connection_ = false;
  std::string out_;
  std::string err_;
};

// The end of standard error after a failure: its line in logrus form, from the level on.
std::string Fatal(const std::string& message);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TESTING_COMMAND_LINE_TEST_H_
