#ifndef HOLKAS_TESTS_SANDBOX_ATTACKS_H_
#define HOLKAS_TESTS_SANDBOX_ATTACKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"
#include "worker/jobs/job.h"

namespace holkas {

// What a hostile worker has: what any worker gets from holkasd, and knowledge of what would be
// worth attacking.
struct AttackContext {
  FrameChannel& channel;
  ThreadPool& pool;  // of one thread
  int file_to_read = -1;
  int file_to_write = -1;
  int tcp_socket = -1;
  int host_directory = -1;  // holkasd never passes one; should it ever
  int graph_root = -1;      // the two of a store, in the storage profile
  int run_root = -1;
  int forbidden_port = 0;  // of a listener on the host's loopback
  int driver_pid = 0;      // as the host sees it
  int number = 0;          // of the attack `syscall`
};

// One attempt to do what a worker must not do, or (a control) what it must be able to do.
struct Attack {
  const char* name;
  // How it must end: `SIGSYS` where the kernel kills the worker; the name of an error number where
  // it is refused; `INVALID_ARGUMENT` where holkasd's end refuses the frame; `ok` for controls.
  const char* expected;
  // Makes the attempt; the result is `ok` or the name of an error number.
  std::string (*run)(AttackContext& context);
  // How it must end in the storage profile, where that differs. `host_directory` is the store
  // there, `file_to_write` a file in it.
  const char* expected_with_store = nullptr;
};

// By what is attacked.
absl::Span<const Attack> FileAttacks();
absl::Span<const Attack> SocketAttacks();
absl::Span<const Attack> ProcessAttacks();
absl::Span<const Attack> KernelAttacks();
absl::Span<const Attack> MemoryAttacks();
absl::Span<const Attack> ChannelAttacks();
absl::Span<const Attack> Controls();
// For workers with a store alone: those that may write to it, and those that may not.
absl::Span<const Attack> StoreAttacks();
absl::Span<const Attack> StoreReaderAttacks();

// All but those with a store.
std::vector<Attack> AllAttacks();

// `ok` where `result` is not negative, else the name of errno.
std::string Outcome(int64_t result);

// Makes the raw system call.
std::string RawCall(int64_t number, int64_t a = 0, int64_t b = 0, int64_t c = 0, int64_t d = 0,
                    int64_t e = 0, int64_t f = 0);

}  // namespace holkas

#endif  // HOLKAS_TESTS_SANDBOX_ATTACKS_H_
