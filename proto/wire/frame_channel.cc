#include "proto/wire/frame_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * kMaxFrameFds);

absl::Status PeerGone() { return absl::UnavailableError("frame channel: the peer is gone"); }

// Waits until `events` or an error is there. A confined worker may call poll.
absl::Status WaitFor(int fd, int16_t events, absl::Time deadline) {
  while (true) {
    int timeout_ms = -1;
    if (deadline != absl::InfiniteFuture()) {
      absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
      timeout_ms = static_cast<int>(std::min<int64_t>(
          absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), INT_MAX));
    }
    pollfd entry = {fd, events, 0};
    int ready = poll(&entry, 1, timeout_ms);
    if (ready > 0) {
      return absl::OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return ErrnoError(errno, "frame channel: poll");
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError("frame channel: the deadline passed");
    }
  }
}

// Takes ownership of every descriptor in the control data, so that none leaks on any path.
std::vector<UniqueFd> TakeFds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

FrameChannel::FrameChannel(UniqueFd socket, AcceptFds accept_fds)
    : socket_(std::move(socket)), accept_fds_(accept_fds), buffer_(new char[kMaxFrameBytes]) {}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> FrameChannel::NewPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return ErrnoError(errno, "socketpair");
  }
  return std::make_pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

absl::Status FrameChannel::Send(const google::protobuf::MessageLite& frame,
                                absl::Span<const int> fds, absl::Time deadline) {
  size_t size = frame.ByteSizeLong();
  if (size > kMaxFrameBytes || fds.size() > kMaxFrameFds) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("send frame: ", size, " bytes and ", fds.size(),
                                  " descriptors, at most ", kMaxFrameBytes, " and ", kMaxFrameFds));
  }
  std::string bytes = frame.SerializeAsString();
  if (bytes.empty()) {
    // An empty packet cannot be told from the end of the channel.
    return absl::InvalidArgumentError("send frame: the frame is empty");
  }
  iovec part = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kControlBytes] = {};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(socket_.get(), POLLOUT, deadline));
    } else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
      return PeerGone();
    } else if (errno != EINTR) {
      return ErrnoError(errno, "send frame");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueFd>> FrameChannel::Receive(google::protobuf::MessageLite& frame,
                                                            absl::Time deadline) {
  iovec part = {buffer_.get(), kMaxFrameBytes};
  alignas(cmsghdr) char control[kControlBytes];
  msghdr message;
  ssize_t size = 0;
  while (true) {
    message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (accept_fds_ == AcceptFds::kYes) {
      // Without room for control data, the kernel never makes descriptors in this process.
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
    }
    size = recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size >= 0) {
      break;
    }
    if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(socket_.get(), POLLIN, deadline));
    } else if (errno != EINTR && errno != ECONNRESET) {
      // ECONNRESET is told once, before the packets that the peer sent in time.
      return ErrnoError(errno, "receive frame");
    }
  }
  std::vector<UniqueFd> fds = TakeFds(message);
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return absl::InvalidArgumentError("receive frame: too many or unwanted file descriptors");
  }
  if ((message.msg_flags & MSG_TRUNC) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("receive frame: more than ", kMaxFrameBytes, " bytes"));
  }
  if (size == 0) {
    return PeerGone();
  }
  if (fds.size() > kMaxFrameFds) {
    return absl::InvalidArgumentError("receive frame: too many file descriptors");
  }
  if (!frame.ParseFromArray(buffer_.get(), static_cast<int>(size))) {
    return absl::InvalidArgumentError("receive frame: malformed");
  }
  return fds;
}

}  // namespace holkas
