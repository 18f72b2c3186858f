#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/sandbox/attacks.h"

// The network: by new sockets, and by a passed one, which keeps the network of holkasd.

namespace holkas {
namespace {

using Context = AttackContext;

int64_t Address(const void* pointer) { return reinterpret_cast<int64_t>(pointer); }

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string NewSocket(int family, int type, int protocol = 0) {
  return Outcome(socket(family, type, protocol));
}

// connect is answered without being run, so what counts is where the socket leads afterwards: the
// driver sees whether the forbidden listener is called. Says `ok` where the socket's peer changed.
std::string ConnectElsewhere(Context& c) {
  sockaddr nowhere = {};
  nowhere.sa_family = AF_UNSPEC;
  const sockaddr_in forbidden = Loopback(c.forbidden_port);
  (void)connect(c.tcp_socket, &nowhere, sizeof(nowhere));
  (void)connect(c.tcp_socket, reinterpret_cast<const sockaddr*>(&forbidden), sizeof(forbidden));
  sockaddr_in peer = {};
  socklen_t size = sizeof(peer);
  if (getpeername(c.tcp_socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return "dissolved";
  }
  return ntohs(peer.sin_port) == c.forbidden_port ? "ok" : "unchanged";
}

std::string SendTo(Context& c, int flags) {
  const sockaddr_in forbidden = Loopback(c.forbidden_port);
  return Outcome(sendto(c.tcp_socket, "x", 1, flags, reinterpret_cast<const sockaddr*>(&forbidden),
                        sizeof(forbidden)));
}

std::string SendMessageElsewhere(Context& c, int flags) {
  sockaddr_in forbidden = Loopback(c.forbidden_port);
  iovec part = {const_cast<char*>("x"), 1};
  msghdr message = {};
  message.msg_name = &forbidden;
  message.msg_namelen = sizeof(forbidden);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return Outcome(sendmsg(c.tcp_socket, &message, flags));
}

std::string SetOption(Context& c, int level, int option) {
  const int on = 1;
  return Outcome(setsockopt(c.tcp_socket, level, option, &on, sizeof(on)));
}

constexpr Attack kAttacks[] = {
    {"socket_tcp", "EACCES", [](Context&) { return NewSocket(AF_INET, SOCK_STREAM); }},
    {"socket_udp", "EACCES", [](Context&) { return NewSocket(AF_INET, SOCK_DGRAM); }},
    {"socket_tcp6", "EACCES", [](Context&) { return NewSocket(AF_INET6, SOCK_STREAM); }},
    {"socket_raw", "EACCES", [](Context&) { return NewSocket(AF_INET, SOCK_RAW, 255); }},
    {"socket_mptcp", "EACCES", [](Context&) { return NewSocket(AF_INET, SOCK_STREAM, 262); }},
    {"socket_unix", "EACCES", [](Context&) { return NewSocket(AF_UNIX, SOCK_STREAM); }},
    {"socket_netlink", "EACCES", [](Context&) { return NewSocket(AF_NETLINK, SOCK_RAW, 0); }},
    {"socket_packet", "EACCES", [](Context&) { return NewSocket(AF_PACKET, SOCK_RAW, 0); }},
    {"socket_vsock", "EACCES", [](Context&) { return NewSocket(40, SOCK_STREAM); }},
    {"socket_alg", "EACCES", [](Context&) { return NewSocket(38, SOCK_SEQPACKET); }},
    {"socket_every_family", "EACCES",
     [](Context&) {
       for (int family = 0; family < 64; ++family) {
         if (NewSocket(family, SOCK_STREAM) == "ok" || NewSocket(family, SOCK_DGRAM) == "ok") {
           return std::string("ok");
         }
       }
       return NewSocket(AF_INET, SOCK_STREAM);
     }},
    {"socketpair", "EPERM",
     [](Context&) {
       int fds[2];
       return Outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
     }},
    {"passed_socket_connect_elsewhere", "unchanged", ConnectElsewhere},
    {"passed_socket_fastopen_elsewhere", "SIGSYS",
     [](Context& c) { return SendTo(c, MSG_FASTOPEN); }},
    {"passed_socket_fastopen_flag_alone", "SIGSYS",
     [](Context& c) { return Outcome(send(c.tcp_socket, "x", 1, MSG_FASTOPEN)); }},
    {"passed_socket_sendto_elsewhere", "SIGSYS", [](Context& c) { return SendTo(c, 0); }},
    {"passed_socket_urgent_data", "SIGSYS",
     [](Context& c) { return Outcome(send(c.tcp_socket, "x", 1, MSG_OOB)); }},
    {"passed_socket_sendmsg_elsewhere", "SIGSYS",
     [](Context& c) { return SendMessageElsewhere(c, 0); }},
    {"passed_socket_sendmsg_fastopen", "SIGSYS",
     [](Context& c) { return SendMessageElsewhere(c, MSG_FASTOPEN); }},
    {"passed_socket_sendmmsg", "SIGSYS",
     [](Context& c) { return RawCall(__NR_sendmmsg, c.tcp_socket, 0, 0, 0); }},
    {"passed_socket_recvmsg", "SIGSYS",
     [](Context& c) {
       msghdr message = {};
       return Outcome(recvmsg(c.tcp_socket, &message, MSG_DONTWAIT));
     }},
    {"passed_socket_recvfrom_address", "SIGSYS",
     [](Context& c) {
       char byte;
       sockaddr_in from;
       socklen_t size = sizeof(from);
       return Outcome(recvfrom(c.tcp_socket, &byte, 1, MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from), &size));
     }},
    {"passed_socket_error_queue", "SIGSYS",
     [](Context& c) {
       char byte;
       return Outcome(recv(c.tcp_socket, &byte, 1, MSG_ERRQUEUE | MSG_DONTWAIT));
     }},
    {"passed_socket_bind", "SIGSYS",
     [](Context& c) {
       const sockaddr_in any = {AF_INET, 0, {INADDR_ANY}, {}};
       return Outcome(bind(c.tcp_socket, reinterpret_cast<const sockaddr*>(&any), sizeof(any)));
     }},
    {"passed_socket_listen", "SIGSYS", [](Context& c) { return Outcome(listen(c.tcp_socket, 1)); }},
    {"passed_socket_accept", "SIGSYS",
     [](Context& c) { return Outcome(accept(c.tcp_socket, nullptr, nullptr)); }},
    {"passed_socket_accept4", "SIGSYS",
     [](Context& c) { return Outcome(accept4(c.tcp_socket, nullptr, nullptr, 0)); }},
    {"passed_socket_list_interfaces", "ENOTTY",
     [](Context& c) {
       ifreq requests[8];
       ifconf configuration = {};
       configuration.ifc_len = sizeof(requests);
       configuration.ifc_req = requests;
       return Outcome(ioctl(c.tcp_socket, SIOCGIFCONF, &configuration));
     }},
    {"passed_socket_inject_terminal", "ENOTTY",
     [](Context&) { return Outcome(ioctl(0, TIOCSTI, "x")); }},
    {"passed_socket_bind_to_device", "SIGSYS",
     [](Context& c) { return SetOption(c, SOL_SOCKET, SO_BINDTODEVICE); }},
    {"passed_socket_reuse_port", "SIGSYS",
     [](Context& c) { return SetOption(c, SOL_SOCKET, SO_REUSEPORT); }},
    {"passed_socket_attach_filter", "SIGSYS",
     [](Context& c) { return SetOption(c, SOL_SOCKET, SO_ATTACH_FILTER); }},
    {"passed_socket_repair", "SIGSYS",
     [](Context& c) { return SetOption(c, IPPROTO_TCP, TCP_REPAIR); }},
    {"passed_socket_upper_layer", "SIGSYS",
     [](Context& c) { return SetOption(c, IPPROTO_TCP, TCP_ULP); }},
    {"passed_socket_peer_credentials", "SIGSYS",
     [](Context& c) {
       ucred credentials;
       socklen_t size = sizeof(credentials);
       return Outcome(getsockopt(c.channel.fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size));
     }},
    {"passed_socket_tcp_info", "SIGSYS",
     [](Context& c) {
       tcp_info info;
       socklen_t size = sizeof(info);
       return Outcome(getsockopt(c.tcp_socket, IPPROTO_TCP, TCP_INFO, &info, &size));
     }},
    {"splice_file_to_socket", "SIGSYS",
     [](Context& c) { return RawCall(__NR_splice, c.file_to_read, 0, c.tcp_socket, 0, 1, 0); }},
    {"sendfile", "SIGSYS",
     [](Context& c) { return RawCall(__NR_sendfile, c.tcp_socket, c.file_to_read, 0, 1); }},
    {"sethostname", "SIGSYS", [](Context&) { return RawCall(__NR_sethostname, Address("x"), 1); }},
};

}  // namespace

absl::Span<const Attack> SocketAttacks() { return kAttacks; }

}  // namespace holkas
