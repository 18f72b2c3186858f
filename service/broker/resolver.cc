#include "service/broker/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// More addresses than this are not tried.
constexpr size_t kMaxAddresses = 32;
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

using LookUp = std::function<absl::StatusOr<std::vector<Endpoint>>(const std::string&, uint16_t)>;

absl::Status Unavailable(const std::string& host, absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                   absl::StrCat("dial tcp: lookup ", host, ": ", why));
}

// Whether it is an address with a dot behind it, in whatever spelling: the C library takes that for
// a name, and no name ends in a number (RFC 3696, 2).
bool IsDottedNumber(absl::string_view host) {
  if (!absl::ConsumeSuffix(&host, ".")) {
    return false;
  }
  const size_t dot = host.rfind('.');
  absl::string_view last = dot == absl::string_view::npos ? host : host.substr(dot + 1);
  if (absl::ConsumePrefix(&last, "0x") || absl::ConsumePrefix(&last, "0X")) {
    return std::all_of(last.begin(), last.end(), absl::ascii_isxdigit);
  }
  return !last.empty() && std::all_of(last.begin(), last.end(), absl::ascii_isdigit);
}

absl::StatusOr<std::vector<Endpoint>> LookUpBySystem(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  if (error != 0) {
    return Unavailable(
        host, error == EAI_NONAME || error == EAI_NODATA ? "no such host" : gai_strerror(error));
  }
  std::vector<Endpoint> endpoints;
  for (addrinfo* entry = list; entry != nullptr && endpoints.size() < kMaxAddresses;
       entry = entry->ai_next) {
    Endpoint endpoint;
    endpoint.size = entry->ai_addrlen;
    std::memcpy(&endpoint.storage, entry->ai_addr, entry->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  freeaddrinfo(list);
  return endpoints;
}

}  // namespace

// Outlives the resolver while look-ups are under way.
class Resolver::State {
 public:
  State(int limit, LookUp look_up) : limit_(limit), look_up_(std::move(look_up)) {}

  bool Begin() {
    absl::MutexLock lock(&mutex_);
    if (running_ >= limit_) {
      return false;
    }
    ++running_;
    return true;
  }
  void End() {
    absl::MutexLock lock(&mutex_);
    --running_;
  }
  const LookUp& look_up() const { return look_up_; }

 private:
  const int limit_;
  const LookUp look_up_;
  absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

namespace {

// What one look-up gives, shared by who waits and who looks.
class Answer {
 public:
  void Set(absl::StatusOr<std::vector<Endpoint>> result) {
    absl::MutexLock lock(&mutex_);
    result_ = std::move(result);
  }
  // Nothing where `wait` is over first.
  std::optional<absl::StatusOr<std::vector<Endpoint>>> Get(absl::Duration wait) {
    absl::MutexLock lock(&mutex_);
    auto there = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return result_.has_value(); };
    mutex_.AwaitWithTimeout(absl::Condition(&there), wait);
    return result_;
  }

 private:
  absl::Mutex mutex_;
  std::optional<absl::StatusOr<std::vector<Endpoint>>> result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Resolver::Resolver(int limit) : Resolver(limit, LookUpBySystem) {}

Resolver::Resolver(int limit, LookUp look_up)
    : state_(std::make_shared<State>(limit, std::move(look_up))) {}

Resolver::~Resolver() = default;

absl::StatusOr<std::vector<Endpoint>> Resolver::Resolve(const std::string& host, uint16_t port,
                                                        absl::Duration limit,
                                                        const Cancellation& cancellation) {
  if (Endpoint literal = Endpoint::FromText(host, port); literal.size > 0) {
    return std::vector<Endpoint>{literal};
  }
  if (IsDottedNumber(host)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                     absl::StrCat("connect to ", host, ": not a host"));
  }
  absl::Time deadline = absl::Now() + limit;
  while (!state_->Begin()) {
    if (cancellation.cancelled() || absl::Now() >= deadline) {
      return Unavailable(host, "too many look-ups");
    }
    absl::SleepFor(kPollInterval);
  }
  auto answer = std::make_shared<Answer>();
  std::thread([state = state_, answer, host, port] {
    answer->Set(state->look_up()(host, port));
    state->End();
  }).detach();
  while (true) {
    std::optional<absl::StatusOr<std::vector<Endpoint>>> result = answer->Get(kPollInterval);
    if (result.has_value()) {
      return result->ok() && (*result)->empty() ? Unavailable(host, "no such host")
                                                : *std::move(result);
    }
    if (cancellation.cancelled()) {
      return absl::CancelledError("connect: cancelled");
    }
    if (absl::Now() >= deadline) {
      return Unavailable(host, "i/o timeout");
    }
  }
}

}  // namespace holkas
