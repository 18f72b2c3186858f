#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/sandbox/attacks.h"

// What a worker must be able to do: without these, refusing everything would pass for a sandbox.

namespace holkas {
namespace {

using Context = AttackContext;

std::string Check(bool holds) { return holds ? "ok" : "failed"; }

std::string ReadFile(Context& c) {
  char text[6] = {};
  return Check(read(c.file_to_read, text, 5) == 5 && std::string(text) == "hello");
}

std::string WriteFile(Context& c) {
  char text[6] = {};
  return Check(write(c.file_to_write, "world", 5) == 5 &&
               lseek(c.file_to_write, 0, SEEK_SET) == 0 && read(c.file_to_write, text, 5) == 5 &&
               std::string(text) == "world");
}

std::string StatFile(Context& c) {
  struct stat result = {};
  return Check(fstat(c.file_to_read, &result) == 0 && result.st_size == 5);
}

// The driver's other end sends back what it gets.
std::string TalkOverSocket(Context& c) {
  char text[6] = {};
  pollfd entry = {c.tcp_socket, POLLIN, 0};
  return Check(send(c.tcp_socket, "hello", 5, MSG_NOSIGNAL) == 5 && poll(&entry, 1, 10000) == 1 &&
               recv(c.tcp_socket, text, 5, 0) == 5 && std::string(text) == "hello");
}

std::string ConnectIsAnswered(Context& c) {
  sockaddr address = {};
  return Check(connect(c.tcp_socket, &address, sizeof(address)) == 0);
}

std::string UseMemory(Context&) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 32; ++i) {
    blocks.push_back(std::make_unique<char[]>(1 << 20));
  }
  void* block = malloc(1 << 20);
  block = realloc(block, 64 << 20);
  free(block);
  return Check(block != nullptr);
}

std::string UseThread(Context& c) {
  absl::Notification done;
  std::unique_ptr<char[]> memory;
  c.pool.Schedule([&] {
    memory = std::make_unique<char[]>(1 << 20);
    done.Notify();
  });
  return Check(done.WaitForNotificationWithTimeout(absl::Seconds(10)) && memory != nullptr);
}

// absl::Mutex asks the kernel more where a thread has to wait for the first time.
std::string WaitForMutex(Context& c) {
  absl::Mutex mutex;
  absl::Notification held;
  c.pool.Schedule([&] {
    absl::MutexLock lock(&mutex);
    held.Notify();
    absl::SleepFor(absl::Milliseconds(20));
  });
  held.WaitForNotification();
  absl::MutexLock lock(&mutex);
  return "ok";
}

std::string ThrowAndCatch(Context&) {
  try {
    throw std::runtime_error("thrown");
  } catch (const std::runtime_error& error) {
    return Check(std::string(error.what()) == "thrown");
  }
}

std::string Sleep(Context&) {
  const absl::Time start = absl::Now();
  absl::SleepFor(absl::Milliseconds(5));
  return Check(absl::Now() - start >= absl::Milliseconds(5));
}

// The driver compares what many workers say.
std::string Random(Context&) {
  unsigned char bytes[32];
  if (RAND_bytes(bytes, 16) != 1 || RAND_priv_bytes(bytes + 16, 16) != 1) {
    return "failed";
  }
  return "random " +
         absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(bytes), sizeof(bytes)));
}

// Until the driver hangs up.
std::string Wait(Context& c) {
  broker::ServiceFrame frame;
  c.channel.Receive(frame).status().IgnoreError();
  return "ok";
}

constexpr Attack kControls[] = {
    {"control_read_file", "ok", ReadFile},
    {"control_write_file", "ok", WriteFile},
    {"control_fstat", "ok", StatFile},
    {"control_socket", "ok", TalkOverSocket},
    {"control_connect", "ok", ConnectIsAnswered},
    {"control_memory", "ok", UseMemory},
    {"control_thread", "ok", UseThread},
    {"control_mutex", "ok", WaitForMutex},
    {"control_exception", "ok", ThrowAndCatch},
    {"control_sleep", "ok", Sleep},
    {"control_poll", "ok",
     [](Context& c) {
       pollfd entry = {c.channel.fd(), POLLIN, 0};
       return Check(poll(&entry, 1, 1) == 0);
     }},
    {"control_clock", "ok",
     [](Context&) {
       timespec now;
       return RawCall(__NR_clock_gettime, CLOCK_REALTIME, reinterpret_cast<int64_t>(&now));
     }},
    {"random", nullptr, Random},
    {"wait", nullptr, Wait},
    {"syscall", nullptr, [](Context& c) { return RawCall(c.number); }},
};

}  // namespace

absl::Span<const Attack> Controls() { return kControls; }

}  // namespace holkas
