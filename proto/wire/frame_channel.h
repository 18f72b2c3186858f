#ifndef HOLKAS_PROTO_WIRE_FRAME_CHANNEL_H_
#define HOLKAS_PROTO_WIRE_FRAME_CHANNEL_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "google/protobuf/message_lite.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A frame never has more bytes than this.
inline constexpr size_t kMaxFrameBytes = 64 << 10;
// A frame never has more file descriptors than this.
inline constexpr size_t kMaxFrameFds = 5;
// A job's result, of several frames, never has more bytes than this.
inline constexpr size_t kMaxResultBytes = 10 << 20;

// Sends and receives protobuf frames with file descriptors over a SOCK_SEQPACKET socket; one
// packet is one frame. Holds no buffer and no lock: one thread may send while another receives,
// two may not send (or receive) at once. All system calls are sendmsg and recvmsg (and poll), so
// that a confined worker can use it.
class FrameChannel {
 public:
  // Whether descriptors that the peer sends are taken (a worker's side) or are a violation
  // (holkasd's side: it takes no descriptor from a worker).
  enum class AcceptFds { kNo, kYes };

  FrameChannel(UniqueFd socket, AcceptFds accept_fds);

  // A connected pair of sockets, both close-on-exec.
  static absl::StatusOr<std::pair<UniqueFd, UniqueFd>> NewPair();

  // Sends `frame` and duplicates of `fds`. Blocks while the socket is full, until `deadline`.
  // Errors: RESOURCE_EXHAUSTED where the frame is too large; UNAVAILABLE where the peer is gone;
  // DEADLINE_EXCEEDED.
  absl::Status Send(const google::protobuf::MessageLite& frame, absl::Span<const int> fds = {},
                    absl::Time deadline = absl::InfiniteFuture());

  // Waits until `deadline` for a frame, parses it into `frame`, and puts the descriptors that came
  // with it (close-on-exec) into the result.
  // Errors: UNAVAILABLE where the peer closed; DEADLINE_EXCEEDED; INVALID_ARGUMENT where the
  // packet is too large, malformed, or has descriptors that are not accepted (they are closed).
  absl::StatusOr<std::vector<UniqueFd>> Receive(google::protobuf::MessageLite& frame,
                                                absl::Time deadline = absl::InfiniteFuture());

  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  AcceptFds accept_fds_;
  // Of kMaxFrameBytes, not initialised: a frame seldom touches more than its first page.
  std::unique_ptr<char[]> buffer_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_FRAME_CHANNEL_H_
