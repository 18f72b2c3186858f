#include "worker/transports/docker_registry.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr char kProgram[] = "/usr/bin/docker-registry";
constexpr absl::string_view kListening = "listening on 127.0.0.1:";
constexpr int kStartMilliseconds = 30000;

}  // namespace

bool DockerRegistry::Installed() { return access(kProgram, X_OK) == 0; }

absl::StatusOr<std::unique_ptr<DockerRegistry>> DockerRegistry::Start(
    const std::string& directory) {
  std::string config = absl::StrCat(directory, "/config.yml");
  std::ofstream(config) << "version: 0.1\n"
                        << "storage: {filesystem: {rootdirectory: \"" << directory << "/data\"}}\n"
                        << "http: {addr: \"127.0.0.1:0\"}\n";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "pipe");
  }
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  std::string program = kProgram;
  std::string serve = "serve";
  char* arguments[] = {program.data(), serve.data(), config.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  int error = posix_spawn(&pid, kProgram, &actions, nullptr, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return ErrnoError(error, absl::StrCat("start ", kProgram));
  }
  std::unique_ptr<DockerRegistry> registry(new DockerRegistry(directory, pid, std::move(reading)));
  writing.reset();
  RETURN_IF_ERROR(registry->WaitForPort());
  return registry;
}

DockerRegistry::~DockerRegistry() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Status DockerRegistry::WaitForPort() {
  std::string text;
  while (true) {
    size_t start = text.find(std::string(kListening));
    size_t end = text.find_first_not_of("0123456789", start + kListening.size());
    if (start != std::string::npos && end != std::string::npos) {
      int port = 0;
      start += kListening.size();
      if (!absl::SimpleAtoi(text.substr(start, end - start), &port)) {
        break;
      }
      port_ = static_cast<uint16_t>(port);
      // Nobody reads on: the pipe must never fill.
      fcntl(log_.get(), F_SETPIPE_SZ, 1 << 20);
      return absl::OkStatus();
    }
    pollfd wait = {log_.get(), POLLIN, 0};
    char buffer[4096];
    if (poll(&wait, 1, kStartMilliseconds) != 1) {
      break;
    }
    ssize_t count = read(log_.get(), buffer, sizeof(buffer));
    if (count <= 0) {
      break;
    }
    text.append(buffer, static_cast<size_t>(count));
  }
  return absl::UnavailableError(absl::StrCat("docker-registry does not listen: ", text));
}

std::string DockerRegistry::BlobPath(const Digest& digest) const {
  return absl::StrCat(directory_, "/data/docker/registry/v2/blobs/", digest.algorithm(), "/",
                      digest.hex().substr(0, 2), "/", digest.hex(), "/data");
}

}  // namespace holkas
