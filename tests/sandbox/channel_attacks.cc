#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/attacks.h"

// holkasd itself, by what is sent to it.

namespace holkas {
namespace {

using Context = AttackContext;

// Waits for holkasd to have judged, which ends in its closing the channel or killing the worker.
std::string AwaitJudgement(Context& c) {
  char byte;
  return Outcome(recv(c.channel.fd(), &byte, 1, 0));
}

std::string SendBytes(Context& c, const std::string& bytes) {
  if (send(c.channel.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return Outcome(-1);
  }
  return AwaitJudgement(c);
}

std::string SendFds(Context& c, const std::string& bytes, int count) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * static_cast<size_t>(count));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    memcpy(CMSG_DATA(header) + sizeof(int) * static_cast<size_t>(i), &c.file_to_read, sizeof(int));
  }
  if (sendmsg(c.channel.fd(), &message, MSG_NOSIGNAL) < 0) {
    return Outcome(-1);
  }
  return AwaitJudgement(c);
}

std::string ValidFrame() {
  broker::WorkerFrame frame;
  frame.mutable_log()->set_message("hello");
  return frame.SerializeAsString();
}

constexpr Attack kAttacks[] = {
    {"send_descriptor", "INVALID_ARGUMENT", [](Context& c) { return SendFds(c, ValidFrame(), 1); }},
    {"send_many_descriptors", "INVALID_ARGUMENT",
     [](Context& c) { return SendFds(c, ValidFrame(), 253); }},
    {"send_descriptor_without_frame", "INVALID_ARGUMENT",
     [](Context& c) { return SendFds(c, "\xff", 1); }},
    {"forge_credentials", "refused",
     [](Context& c) {
       const std::string bytes = ValidFrame();
       iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
       alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
       msghdr message = {};
       message.msg_iov = &part;
       message.msg_iovlen = 1;
       message.msg_control = control;
       message.msg_controllen = sizeof(control);
       cmsghdr* header = CMSG_FIRSTHDR(&message);
       header->cmsg_level = SOL_SOCKET;
       header->cmsg_type = SCM_CREDENTIALS;
       header->cmsg_len = CMSG_LEN(sizeof(ucred));
       const ucred root = {c.driver_pid, 0, 0};
       memcpy(CMSG_DATA(header), &root, sizeof(root));
       // Which error depends on what the worker's namespaces know of the host's ids.
       const bool sent = sendmsg(c.channel.fd(), &message, MSG_NOSIGNAL) >= 0;
       return std::string(sent ? "ok" : "refused");
     }},
    {"frame_one_byte_too_long", "INVALID_ARGUMENT",
     [](Context& c) { return SendBytes(c, std::string(kMaxFrameBytes + 1, '\0')); }},
    {"frame_far_too_long", "EMSGSIZE",
     [](Context& c) { return SendBytes(c, std::string(8 << 20, '\0')); }},
    {"frame_malformed", "INVALID_ARGUMENT",
     [](Context& c) { return SendBytes(c, std::string(100, '\xff')); }},
    {"frame_truncated", "INVALID_ARGUMENT",
     [](Context& c) {
       const std::string frame = ValidFrame();
       return SendBytes(c, frame.substr(0, frame.size() - 2));
     }},
    {"frame_empty", "UNAVAILABLE", [](Context& c) { return SendBytes(c, ""); }},
    {"close_channel", "SIGSYS", [](Context&) { return Outcome(close(3)); }},
    {"sendmsg_with_flags", "SIGSYS",
     [](Context& c) {
       msghdr message = {};
       return Outcome(sendmsg(c.channel.fd(), &message, MSG_OOB));
     }},
    {"exit_71", "exited with status 71", [](Context&) -> std::string { _exit(71); }},
    {"exit_without_finish", "exited with status 0", [](Context&) -> std::string { _exit(0); }},
};

}  // namespace

absl::Span<const Attack> ChannelAttacks() { return kAttacks; }

}  // namespace holkas
