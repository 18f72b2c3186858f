#include "service/broker/proxy_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using Step = TlsStream::Step;

// What a system call on a socket did, as a step that waits for `events`. The end of what is
// received is kEnded.
Step StepOf(ssize_t result, int16_t events) {
  if (result > 0) {
    return {Step::Kind::kMoved, static_cast<size_t>(result)};
  }
  if (result == 0) {
    return {Step::Kind::kEnded};
  }
  return errno == EAGAIN || errno == EINTR ? Step{Step::Kind::kBlocked, 0, events}
                                           : Step{Step::Kind::kFailed};
}

}  // namespace

ProxyConnection::ProxyConnection(std::string name, UniqueFd socket, absl::Time deadline,
                                 const Cancellation& cancellation)
    : name_(std::move(name)),
      deadline_(deadline),
      cancellation_(cancellation),
      socket_(std::move(socket)) {}

absl::Status ProxyConnection::Failed(absl::string_view why) const {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                   absl::StrCat("proxyconnect tcp: proxy ", name_, ": ", why));
}

absl::Status ProxyConnection::Await(int16_t events) const {
  while (true) {
    const absl::Duration left = deadline_ - absl::Now();
    if (cancellation_.cancelled()) {
      return absl::CancelledError("connect: cancelled");
    }
    if (left <= absl::ZeroDuration()) {
      return Failed("i/o timeout");
    }
    pollfd entries[] = {{fd(), events, 0}, {cancellation_.fd(), POLLIN, 0}};
    const absl::Duration wait = std::min(left, absl::Minutes(1));
    poll(entries, 2, static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1);
    if (entries[0].revents != 0) {
      return absl::OkStatus();
    }
  }
}

absl::Status ProxyConnection::StartTls(TlsContext& context, const std::string& host) {
  ASSIGN_OR_RETURN(tls_, TlsStream::New(context, std::move(socket_), host));
  while (true) {
    const Step step = tls_->Handshake();
    switch (step.kind) {
      case Step::Kind::kMoved:
        return absl::OkStatus();
      case Step::Kind::kBlocked:
        RETURN_IF_ERROR(Await(step.events));
        break;
      case Step::Kind::kEnded:
        return Failed("unexpected EOF");
      case Step::Kind::kFailed:
        return Failed(tls_->error());
    }
  }
}

absl::StatusOr<Step> ProxyConnection::TrySend(absl::string_view bytes) {
  const Step step =
      tls_ != nullptr
          ? tls_->Write(bytes)
          : StepOf(send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                   POLLOUT);
  if (step.kind == Step::Kind::kMoved || step.kind == Step::Kind::kBlocked) {
    return step;
  }
  return Failed(absl::StrCat("write: ", tls_ != nullptr ? tls_->error() : std::strerror(errno)));
}

absl::StatusOr<Step> ProxyConnection::TryReceive(char* buffer, size_t size, Leave leave) {
  const bool peek = leave == Leave::kAll;
  Step step;
  if (tls_ != nullptr) {
    step = peek ? tls_->Peek(buffer, size) : tls_->Read(buffer, size);
  } else {
    step = StepOf(recv(socket_.get(), buffer, size, MSG_DONTWAIT | (peek ? MSG_PEEK : 0)), POLLIN);
  }
  switch (step.kind) {
    case Step::Kind::kMoved:
    case Step::Kind::kBlocked:
      return step;
    case Step::Kind::kEnded:
      return Failed("unexpected EOF");
    case Step::Kind::kFailed:
      break;
  }
  return Failed(tls_ != nullptr ? tls_->error() : std::strerror(errno));
}

absl::Status ProxyConnection::Send(absl::string_view bytes) {
  int16_t events = POLLOUT;
  while (!bytes.empty()) {
    RETURN_IF_ERROR(Await(events));
    ASSIGN_OR_RETURN(const Step step, TrySend(bytes));
    events = step.kind == Step::Kind::kBlocked ? step.events : POLLOUT;
    bytes.remove_prefix(step.size);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ProxyConnection::Receive(char* buffer, size_t size, Leave leave) {
  while (true) {
    // Without waiting first: what came within TLS may have left the socket.
    ASSIGN_OR_RETURN(const Step step, TryReceive(buffer, size, leave));
    if (step.kind == Step::Kind::kMoved) {
      return step.size;
    }
    RETURN_IF_ERROR(Await(step.events));
  }
}

absl::StatusOr<std::string> ProxyConnection::Read(size_t size) {
  std::string bytes(size, '\0');
  for (size_t have = 0; have < size;) {
    ASSIGN_OR_RETURN(const size_t received,
                     Receive(bytes.data() + have, size - have, Leave::kNothing));
    have += received;
  }
  return bytes;
}

absl::StatusOr<std::string> ProxyConnection::ReadThrough(absl::string_view end, size_t max_bytes) {
  std::string text;
  std::vector<char> seen(max_bytes);
  while (text.size() < max_bytes) {
    ASSIGN_OR_RETURN(const size_t there,
                     Receive(seen.data(), max_bytes - text.size(), Leave::kAll));
    // The end can stand across what came before and what is there now.
    const size_t before = text.size();
    text.append(seen.data(), there);
    const size_t found = text.find(end.data(), before - std::min(before, end.size()), end.size());
    const bool whole = found != std::string::npos;
    if (whole) {
      text.resize(found + end.size());
    }
    // What was seen is there to be taken.
    RETURN_IF_ERROR(Read(text.size() - before).status());
    if (whole) {
      return text;
    }
  }
  return Failed(absl::StrCat("the head of its answer is larger than ", max_bytes, " bytes"));
}

}  // namespace holkas
