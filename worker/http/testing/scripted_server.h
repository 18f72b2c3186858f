#ifndef HOLKAS_WORKER_HTTP_TESTING_SCRIPTED_SERVER_H_
#define HOLKAS_WORKER_HTTP_TESTING_SCRIPTED_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// What a scripted server was asked.
struct ScriptedRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// What it answers.
struct ScriptedReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  // Sent as it is, in place of head and body.
  std::string raw = {};
  // How the body ends: by Content-Length, by chunks, or with the connection.
  enum class Framing { kLength, kChunked, kClose } framing = Framing::kLength;
  // How many bytes of the head and body are sent at all...
  std::optional<size_t> cut_after = std::nullopt;
  // ...and what follows: the connection is closed, reset, or nothing ever comes.
  enum class Then { kGoOn, kClose, kReset, kStall } then = Then::kGoOn;
};

// An HTTP/1.1 server in this process, on 127.0.0.1, for tests: it does what its script says, bad
// manners included. Runs the script on one thread for each connection.
class ScriptedServer {
 public:
  using Script = std::function<ScriptedReply(const ScriptedRequest&)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();

  uint16_t port() const { return port_; }
  // All requests so far, in order; requests that speak no HTTP are not among them.
  std::vector<ScriptedRequest> requests() const;
  // How many connections were made, TLS hellos among them.
  int connections() const;

  // What is answered to a TLS hello, always with the end of the connection; by default nothing.
  void AnswerHellosWith(ScriptedReply reply);

 private:
  void Accept();
  void Serve(int fd);
  bool Answer(int fd, const ScriptedReply& reply, bool with_body);

  const Script script_;
  UniqueFd listener_;
  uint16_t port_ = 0;
  std::thread acceptor_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  ScriptedReply to_hello_ ABSL_GUARDED_BY(mutex_) = {.cut_after = 0,
                                                     .then = ScriptedReply::Then::kClose};
  std::set<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<ScriptedRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_TESTING_SCRIPTED_SERVER_H_
