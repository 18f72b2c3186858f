#include "tests/sandbox/attack_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "broker/broker.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

UniqueFd Open(const std::string& path, int flags) {
  return UniqueFd(open(path.c_str(), flags | O_CLOEXEC, 0600));
}

std::string ExitName(const WorkerExit& end) {
  if (end.how == WorkerExit::How::kSignaled) {
    return absl::StrCat("SIG", sigabbrev_np(end.code));
  }
  return end.ToString();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttackHost>> AttackHost::New() {
  std::unique_ptr<AttackHost> host(new AttackHost());
  RETURN_IF_ERROR(host->MakeFiles());
  RETURN_IF_ERROR(host->Listen(host->echo_listener_, host->echo_port_));
  RETURN_IF_ERROR(host->Listen(host->forbidden_listener_, host->forbidden_port_));
  host->echo_ = std::thread([raw = host.get()] { raw->Echo(); });
  return host;
}

AttackHost::~AttackHost() {
  if (echo_.joinable()) {
    shutdown(echo_listener_.get(), SHUT_RDWR);
    echo_.join();
  }
  for (const std::string& directory : {directory_, store_}) {
    if (!directory.empty()) {
      std::filesystem::remove_all(directory);
    }
  }
}

absl::Status AttackHost::MakeFiles() {
  char name[] = "/tmp/holkas-sandbox-XXXXXX";
  if (mkdtemp(name) == nullptr) {
    return ErrnoError(errno, "make a directory");
  }
  directory_ = name;
  std::ofstream(absl::StrCat(directory_, "/given")) << "hello";
  std::ofstream(absl::StrCat(directory_, "/secret")) << "secret";
  return absl::OkStatus();
}

absl::Status AttackHost::MakeStore() {
  namespace fs = std::filesystem;
  if (store_.empty()) {
    char name[] = "/tmp/holkas-store-XXXXXX";
    if (mkdtemp(name) == nullptr) {
      return ErrnoError(errno, "make a directory");
    }
    store_ = name;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(store_)) {
    fs::remove_all(entry);
  }
  for (const char* name : {"/graph", "/run", "/outside", "/outside/victim"}) {
    fs::create_directory(store_ + name);
    fs::permissions(store_ + name, fs::perms(0755));
  }
  std::ofstream(store_ + "/outside/secret") << "secret";
  fs::permissions(store_ + "/outside/secret", fs::perms(0600));
  std::ofstream(store_ + "/graph/given-file") << "hello";
  fs::create_symlink("../outside/secret", store_ + "/graph/link-secret");
  fs::create_directory_symlink("../outside", store_ + "/graph/link-outside");
  fs::create_symlink("/etc/passwd", store_ + "/graph/link-passwd");
  // As an image that was there before may have them. 254 is nobody's disk.
  if (geteuid() == 0 &&
      (mknod((store_ + "/graph/given-disk").c_str(), S_IFBLK | 0666, makedev(254, 0)) != 0 ||
       mknod((store_ + "/graph/given-null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0)) {
    return ErrnoError(errno, "make a device");
  }
  return absl::OkStatus();
}

absl::Status AttackHost::Listen(UniqueFd& listener, int& port) {
  listener = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener.get(), 128) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoError(errno, "listen");
  }
  port = ntohs(address.sin_port);
  return absl::OkStatus();
}

void AttackHost::Echo() {
  while (true) {
    const UniqueFd peer(accept4(echo_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.valid()) {
      return;
    }
    char text[64];
    const ssize_t size = recv(peer.get(), text, sizeof(text), 0);
    if (size > 0) {
      (void)!send(peer.get(), text, static_cast<size_t>(size), MSG_NOSIGNAL);
    }
  }
}

absl::StatusOr<UniqueFd> AttackHost::ConnectToEcho() {
  UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(echo_port_));
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, "connect");
  }
  return connection;
}

absl::Status AttackHost::Start(Worker& worker, absl::string_view attack, int number,
                               const std::vector<int>& fds) {
  broker::ServiceFrame job;
  job.mutable_job()->set_threads(1);
  job.mutable_job()->set_attack(absl::StrCat(std::string(attack), ";port=", forbidden_port_,
                                             ";pid=", getpid(), ";number=", number));
  RETURN_IF_ERROR(worker.channel().Send(job));
  broker::WorkerFrame ready;
  RETURN_IF_ERROR(worker.channel().Receive(ready, absl::Now() + kTimeout).status());
  if (!ready.has_ready()) {
    return absl::InternalError("the first frame is not Ready");
  }
  broker::ServiceFrame descriptors;
  descriptors.mutable_reply()->set_fd_count(static_cast<uint32_t>(fds.size()));
  return worker.channel().Send(descriptors, fds);
}

absl::StatusOr<std::unique_ptr<Worker>> AttackHost::Begin(Launcher& launcher,
                                                          absl::string_view attack, int number) {
  ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker, launcher.Launch({.threads = 1}));
  ASSIGN_OR_RETURN(const UniqueFd connection, ConnectToEcho());
  const UniqueFd to_read = Open(absl::StrCat(directory_, "/given"), O_RDONLY);
  const UniqueFd to_write = Open(directory_, O_TMPFILE | O_RDWR);
  const UniqueFd directory = Open(directory_, O_RDONLY | O_DIRECTORY);
  RETURN_IF_ERROR(Start(*worker, attack, number,
                        {to_read.get(), to_write.get(), connection.get(), directory.get()}));
  return worker;
}

// As holkasd does it: who may write to a store gets other files through read-only mounts, and who
// may not is given a file to write elsewhere.
absl::StatusOr<std::unique_ptr<Worker>> AttackHost::BeginWithStore(Launcher& launcher,
                                                                   absl::string_view attack,
                                                                   bool writable) {
  RETURN_IF_ERROR(MakeStore());
  ASSIGN_OR_RETURN(
      const std::vector<UniqueFd> trees,
      launcher.OpenTrees({{store_ + "/graph", !writable},
                          {store_ + "/run", !writable},
                          {absl::StrCat(directory_, writable ? "/given" : ""), true}}));
  ASSIGN_OR_RETURN(
      std::unique_ptr<Worker> worker,
      launcher.Launch(
          {.threads = 1, .directories = {{trees[0].get(), writable}, {trees[1].get(), writable}}}));
  ASSIGN_OR_RETURN(const UniqueFd connection, ConnectToEcho());
  const UniqueFd to_read(writable ? fcntl(trees[2].get(), F_DUPFD_CLOEXEC, 0)
                                  : openat(trees[2].get(), "given", O_RDONLY | O_CLOEXEC));
  const UniqueFd to_write(writable ? openat(trees[0].get(), ".", O_TMPFILE | O_RDWR, 0600)
                                   : open(directory_.c_str(), O_TMPFILE | O_RDWR, 0600));
  RETURN_IF_ERROR(
      Start(*worker, attack, 0,
            {to_read.get(), to_write.get(), connection.get(), trees[0].get(), trees[1].get()}));
  return worker;
}

std::string AttackHost::End(Worker& worker) {
  broker::WorkerFrame frame;
  const auto received = worker.channel().Receive(frame, absl::Now() + kTimeout);
  if (received.ok()) {
    return frame.has_finish() ? frame.finish().message() : "an unexpected frame";
  }
  if (!absl::IsUnavailable(received.status())) {
    return absl::StatusCodeToString(received.status().code());
  }
  // An empty packet reads as the end as well: then the worker still waits.
  const auto end = worker.Wait(absl::Now() + absl::Seconds(1));
  return end.ok() ? ExitName(*end) : "UNAVAILABLE";
}

std::string AttackHost::Run(Launcher& launcher, absl::string_view attack, int number) {
  absl::StatusOr<std::unique_ptr<Worker>> worker = Begin(launcher, attack, number);
  return worker.ok() ? End(**worker) : worker.status().ToString();
}

std::string AttackHost::RunWithStore(Launcher& launcher, absl::string_view attack, bool writable) {
  absl::StatusOr<std::unique_ptr<Worker>> worker = BeginWithStore(launcher, attack, writable);
  return worker.ok() ? End(**worker) : worker.status().ToString();
}

std::string AttackHost::DamageBesideStore() {
  std::string damage;
  for (const auto& [name, mode] :
       {std::pair("/outside", S_IFDIR | 0755), std::pair("/outside/victim", S_IFDIR | 0755),
        std::pair("/outside/secret", S_IFREG | 0600)}) {
    struct stat status = {};
    if (lstat((store_ + name).c_str(), &status) != 0 ||
        status.st_mode != static_cast<mode_t>(mode) || status.st_uid != geteuid()) {
      absl::StrAppend(&damage, name, " was changed; ");
    }
  }
  if (ReadAll(store_ + "/outside/secret") != "secret") {
    absl::StrAppend(&damage, "the secret was changed; ");
  }
  if (std::distance(std::filesystem::directory_iterator(store_ + "/outside"), {}) != 2 ||
      std::distance(std::filesystem::directory_iterator(store_), {}) != 3) {
    absl::StrAppend(&damage, "something was made beside the store; ");
  }
  struct stat null = {};
  if (stat("/dev/null", &null) != 0 || (null.st_mode & 07777) != 0666) {
    absl::StrAppend(&damage, "/dev/null was changed; ");
  }
  return damage;
}

std::string AttackHost::Damage() {
  std::string damage;
  if (ReadAll(absl::StrCat(directory_, "/given")) != "hello" ||
      ReadAll(absl::StrCat(directory_, "/secret")) != "secret") {
    absl::StrAppend(&damage, "a file was changed; ");
  }
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) {
    ++entries;
  }
  if (entries != 2) {
    absl::StrAppend(&damage, "a file was made or removed; ");
  }
  pollfd listener = {forbidden_listener_.get(), POLLIN, 0};
  if (poll(&listener, 1, 0) != 0) {
    absl::StrAppend(&damage, "the forbidden port was reached; ");
  }
  if (access("/tmp/holkas-escape", F_OK) == 0) {
    absl::StrAppend(&damage, "a file was made in /tmp; ");
  }
  return damage;
}

}  // namespace holkas
