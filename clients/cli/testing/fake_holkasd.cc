// A holkasd for tests: serves FakeImageService on --connection-fd=3 and ends when that closes. With
// a file `stubborn` beside it, it ignores the end of the connection and SIGTERM.

#include <fcntl.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "clients/cli/testing/fake_image_service.h"

namespace holkas {
namespace {

constexpr int kConnectionFd = 3;

bool IsStubborn() {
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  std::string program(path, size < 0 ? 0 : static_cast<size_t>(size));
  return access((program.substr(0, program.rfind('/')) + "/stubborn").c_str(), F_OK) == 0;
}

int Main(int argc, char** argv) {
  if (argc < 2 || std::string(argv[1]) != "--connection-fd=3") {
    fprintf(stderr, "holkasd: wants --connection-fd=3\n");
    return 1;
  }
  if (IsStubborn()) {
    signal(SIGTERM, SIG_IGN);
    for (;;) {
      pause();
    }
  }
  int watched = dup(kConnectionFd);
  // gRPC wants it so.
  fcntl(kConnectionFd, F_SETFL, O_NONBLOCK);
  FakeImageService service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::AddInsecureChannelFromFd(server.get(), kConnectionFd);
  pollfd hang_up = {watched, POLLRDHUP, 0};
  poll(&hang_up, 1, -1);
  // Nothing is kept, so that nothing needs an orderly end.
  _exit(0);
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
