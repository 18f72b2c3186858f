#include "service/broker/tls_relays.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// As much as a TLS record holds: a read leaves nothing behind in OpenSSL.
constexpr size_t kBufferBytes = 16 << 10;
// Of one direction, before it is another relay's turn.
constexpr int kMaxMovesPerTurn = 16;
// How long a proxy may take for the last bytes of a worker that is gone, and to say its own end.
constexpr absl::Duration kLastBytesLimit = absl::Seconds(2);

// Bytes that one side gave and the other has not taken.
class Buffer {
 public:
  bool empty() const { return begin_ == end_; }
  absl::string_view bytes() const { return {&space_[begin_], end_ - begin_}; }
  // Room for kBufferBytes; the buffer has to be empty.
  char* space() { return space_.data(); }
  void Filled(size_t size) {
    begin_ = 0;
    end_ = size;
  }
  void Taken(size_t size) { begin_ += size; }
  void Clear() { begin_ = end_ = 0; }

 private:
  std::array<char, kBufferBytes> space_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace

// Up is from the worker to the proxy, down the other way. A direction is open until its end, or
// its failure, has been passed on.
class TlsRelays::Relay {
 public:
  using Step = TlsStream::Step;

  Relay(std::unique_ptr<TlsStream> proxy, UniqueFd worker)
      : proxy_(std::move(proxy)), worker_(std::move(worker)) {}

  // Appends two entries: what there is to wait for. An entry without a wish is none, so that an end
  // that nobody can pass on yet wakes nobody up.
  void AddTo(std::vector<pollfd>& entries) const;
  // Whether it has something to do now. `entries` are its two.
  bool IsReady(const pollfd* entries, absl::Time now) const {
    return more_ || now >= give_up_ || entries[0].revents != 0 || entries[1].revents != 0;
  }
  void TakeTurn(const pollfd* entries, absl::Time now);
  bool over() const { return !up_open_ && !down_open_; }
  // When it has to have a turn.
  absl::Time until() const { return more_ ? absl::InfinitePast() : give_up_; }
  // A last word to the proxy, where it can be said at once.
  void SayEnd() {
    if (up_open_ && up_.empty()) {
      proxy_->SendEnd();
    }
  }

 private:
  // One piece each; false where nothing moved.
  bool MoveUp();
  bool MoveDown();
  bool ReceiveFromWorker();
  bool SendToProxy();
  bool ReceiveFromProxy();
  bool SendToWorker();
  void ProxyFailed();

  const std::unique_ptr<TlsStream> proxy_;
  const UniqueFd worker_;
  Buffer up_;
  Buffer down_;
  bool up_open_ = true;
  bool down_open_ = true;
  bool worker_ended_ = false;  // sends no more
  bool worker_gone_ = false;   // nor reads
  bool proxy_ended_ = false;   // sends no more
  int16_t to_send_ = POLLOUT;  // what TLS waits for
  int16_t to_receive_ = POLLIN;
  // There may be more to do, whatever poll says. At first: TLS may have bytes already.
  bool more_ = true;
  absl::Time give_up_ = absl::InfiniteFuture();
};

void TlsRelays::Relay::AddTo(std::vector<pollfd>& entries) const {
  int16_t worker_events = 0;
  int16_t proxy_events = 0;
  if (up_open_) {
    if (up_.empty() && !worker_ended_) {
      worker_events |= POLLIN;
    } else {
      proxy_events |= to_send_;
    }
  }
  if (down_open_) {
    if (!down_.empty()) {
      worker_events |= POLLOUT;
    } else if (!proxy_ended_) {
      proxy_events |= to_receive_;
    }
  }
  // That the worker is gone is always good to know, once.
  const bool ask_worker = worker_events != 0 || !worker_gone_;
  entries.push_back({ask_worker ? worker_.get() : -1, worker_events, 0});
  entries.push_back({proxy_events != 0 ? proxy_->fd() : -1, proxy_events, 0});
}

void TlsRelays::Relay::TakeTurn(const pollfd* entries, absl::Time now) {
  if (!worker_gone_ && (entries[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
    worker_gone_ = true;
    down_.Clear();
    give_up_ = now + kLastBytesLimit;
  }
  if (now >= give_up_) {
    up_open_ = down_open_ = false;
  }
  int up = 0;
  while (up < kMaxMovesPerTurn && MoveUp()) {
    ++up;
  }
  int down = 0;
  while (down < kMaxMovesPerTurn && MoveDown()) {
    ++down;
  }
  more_ = up == kMaxMovesPerTurn || down == kMaxMovesPerTurn;
  if (worker_gone_ && !up_open_) {
    // The proxy's end is waited for: what it sent and nobody read would have the kernel take back
    // the last bytes that went up.
    shutdown(proxy_->fd(), SHUT_WR);
  }
}

bool TlsRelays::Relay::MoveUp() {
  if (!up_open_) {
    return false;
  }
  if (up_.empty() && !worker_ended_ && !ReceiveFromWorker()) {
    return false;
  }
  return SendToProxy();
}

bool TlsRelays::Relay::MoveDown() {
  if (!down_open_) {
    return false;
  }
  if (down_.empty() && !proxy_ended_ && !ReceiveFromProxy()) {
    return false;
  }
  return SendToWorker();
}

bool TlsRelays::Relay::ReceiveFromWorker() {
  const ssize_t received = recv(worker_.get(), up_.space(), kBufferBytes, MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  worker_ended_ = received <= 0;
  up_.Filled(static_cast<size_t>(std::max<ssize_t>(received, 0)));
  return true;
}

bool TlsRelays::Relay::SendToProxy() {
  const Step step = up_.empty() ? proxy_->SendEnd() : proxy_->Write(up_.bytes());
  switch (step.kind) {
    case Step::Kind::kMoved:
      up_open_ = !up_.empty();
      up_.Taken(step.size);
      to_send_ = POLLOUT;
      return true;
    case Step::Kind::kBlocked:
      to_send_ = step.events;
      return false;
    case Step::Kind::kEnded:
    case Step::Kind::kFailed:
      ProxyFailed();
      return true;
  }
  return false;
}

bool TlsRelays::Relay::ReceiveFromProxy() {
  const Step step = proxy_->Read(down_.space(), kBufferBytes);
  switch (step.kind) {
    case Step::Kind::kMoved:
      down_.Filled(step.size);
      to_receive_ = POLLIN;
      return true;
    case Step::Kind::kBlocked:
      to_receive_ = step.events;
      return false;
    case Step::Kind::kEnded:
      proxy_ended_ = true;
      return true;
    case Step::Kind::kFailed:
      ProxyFailed();
      return true;
  }
  return false;
}

bool TlsRelays::Relay::SendToWorker() {
  if (worker_gone_) {
    down_.Clear();
  }
  if (down_.empty()) {
    // Nothing came but the end; or there is nobody to tell.
    down_open_ = !proxy_ended_;
    if (!down_open_) {
      shutdown(worker_.get(), SHUT_WR);
    }
    return true;
  }
  const absl::string_view bytes = down_.bytes();
  const ssize_t sent = send(worker_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    down_.Taken(static_cast<size_t>(sent));
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) {
    return false;
  }
  // It is gone, which poll tells as well.
  down_.Clear();
  return true;
}

void TlsRelays::Relay::ProxyFailed() {
  up_.Clear();
  up_open_ = false;
  proxy_ended_ = true;
}

TlsRelays::TlsRelays(TlsContext& context) : context_(context) {}

TlsRelays::~TlsRelays() { Stop(); }

absl::StatusOr<UniqueFd> TlsRelays::Add(std::unique_ptr<TlsStream> stream) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ResourceExhaustedError("connect: no descriptor is left");
  }
  UniqueFd workers(ends[0]);
  UniqueFd own(ends[1]);
  absl::MutexLock lock(&mutex_);
  if (stopping_) {
    return absl::CancelledError("connect: cancelled");
  }
  if (size_ >= kMaxRelays) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
        absl::StrCat("connections through a proxy over TLS: more than ", kMaxRelays, " at once"));
  }
  if (!wake_.valid()) {
    wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_.valid()) {
      return absl::ResourceExhaustedError("connect: no descriptor is left");
    }
    thread_ = std::thread([this] { ThreadMain(); });
  }
  ++size_;
  added_.push_back(std::make_unique<Relay>(std::move(stream), std::move(own)));
  // Fails only where the event is there already.
  [[maybe_unused]] int ignored = eventfd_write(wake_.get(), 1);
  return workers;
}

void TlsRelays::Stop() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    thread.swap(thread_);
    if (wake_.valid()) {
      [[maybe_unused]] int ignored = eventfd_write(wake_.get(), 1);
    }
  }
  if (thread.joinable()) {
    thread.join();
  }
}

int TlsRelays::size() const {
  absl::MutexLock lock(&mutex_);
  return size_;
}

bool TlsRelays::TakeAdded(std::vector<std::unique_ptr<Relay>>& relays) {
  absl::MutexLock lock(&mutex_);
  std::move(added_.begin(), added_.end(), std::back_inserter(relays));
  added_.clear();
  size_ = static_cast<int>(relays.size());
  return !stopping_;
}

void TlsRelays::ThreadMain() {
  std::vector<std::unique_ptr<Relay>> relays;
  std::vector<pollfd> entries;
  while (TakeAdded(relays)) {
    entries.assign(1, {wake_.get(), POLLIN, 0});
    absl::Time until = absl::InfiniteFuture();
    for (const std::unique_ptr<Relay>& relay : relays) {
      relay->AddTo(entries);
      until = std::min(until, relay->until());
    }
    const absl::Duration wait =
        std::clamp(until - absl::Now(), absl::ZeroDuration(), absl::Minutes(1));
    poll(entries.data(), entries.size(),
         static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)))));
    eventfd_t ignored = 0;
    eventfd_read(wake_.get(), &ignored);
    const absl::Time now = absl::Now();
    for (size_t i = 0; i < relays.size(); ++i) {
      const pollfd* const of_relay = &entries[1 + 2 * i];
      if (relays[i]->IsReady(of_relay, now)) {
        relays[i]->TakeTurn(of_relay, now);
      }
    }
    relays.erase(std::remove_if(relays.begin(), relays.end(),
                                [](const std::unique_ptr<Relay>& relay) { return relay->over(); }),
                 relays.end());
  }
  for (const std::unique_ptr<Relay>& relay : relays) {
    relay->SayEnd();
  }
}

}  // namespace holkas
