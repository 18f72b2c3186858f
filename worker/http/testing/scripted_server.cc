#include "worker/http/testing/scripted_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace holkas {
namespace {

// Bytes of one connection, as far as they have come.
class Input {
 public:
  explicit Input(int fd) : fd_(fd) {}

  // Whether what has come and was not taken is TLS.
  bool IsHello() const { return absl::StartsWith(data_, "\x16"); }

  // Takes everything up to and with `mark`.
  std::optional<std::string> TakeThrough(absl::string_view mark) {
    size_t at;
    while ((at = data_.find(std::string(mark))) == std::string::npos) {
      if (IsHello() || !More()) {
        return std::nullopt;
      }
    }
    return TakeBytes(at + mark.size());
  }

  std::optional<std::string> TakeBytes(size_t count) {
    while (data_.size() < count) {
      if (!More()) {
        return std::nullopt;
      }
    }
    std::string result = data_.substr(0, count);
    data_.erase(0, count);
    return result;
  }

 private:
  bool More() {
    char buffer[64 << 10];
    const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
    data_.append(buffer, count > 0 ? static_cast<size_t>(count) : 0);
    return count > 0;
  }

  const int fd_;
  std::string data_;
};

std::optional<std::string> TakeChunks(Input& input) {
  std::string body;
  while (true) {
    const std::optional<std::string> line = input.TakeThrough("\r\n");
    if (!line.has_value()) {
      return std::nullopt;
    }
    const size_t size = std::strtoul(line->c_str(), nullptr, 16);
    const std::optional<std::string> chunk = input.TakeBytes(size + 2);
    if (!chunk.has_value() || size == 0) {
      return chunk.has_value() ? std::optional(body) : std::nullopt;
    }
    body.append(*chunk, 0, size);
  }
}

std::optional<std::string> TakeBody(Input& input, const ScriptedRequest& request) {
  if (const auto coding = request.headers.find("transfer-encoding");
      coding != request.headers.end()) {
    return TakeChunks(input);
  }
  const auto length = request.headers.find("content-length");
  size_t size = 0;
  if (length != request.headers.end() && !absl::SimpleAtoi(length->second, &size)) {
    return std::nullopt;
  }
  return input.TakeBytes(size);
}

std::optional<ScriptedRequest> TakeRequest(Input& input) {
  const std::optional<std::string> head = input.TakeThrough("\r\n\r\n");
  if (!head.has_value()) {
    return std::nullopt;
  }
  ScriptedRequest request;
  const std::vector<std::string> lines = absl::StrSplit(*head, "\r\n");
  const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
  if (words.size() != 3) {
    return std::nullopt;
  }
  request.method = words[0];
  request.target = words[1];
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    request.headers[absl::AsciiStrToLower(header.first)] =
        std::string(absl::StripAsciiWhitespace(header.second));
  }
  std::optional<std::string> body = TakeBody(input, request);
  if (!body.has_value()) {
    return std::nullopt;
  }
  request.body = *std::move(body);
  return request;
}

std::string Wire(const ScriptedReply& reply, bool with_body) {
  if (!reply.raw.empty()) {
    return reply.raw;
  }
  std::string wire = absl::StrCat("HTTP/1.1 ", reply.status, " Status\r\n");
  bool has_length = false;
  for (const auto& [name, value] : reply.headers) {
    has_length |= name == "Content-Length";
    absl::StrAppend(&wire, name, ": ", value, "\r\n");
  }
  if (reply.framing == ScriptedReply::Framing::kChunked) {
    absl::StrAppend(&wire, "Transfer-Encoding: chunked\r\n");
  } else if (reply.framing == ScriptedReply::Framing::kLength && !has_length) {
    absl::StrAppend(&wire, "Content-Length: ", reply.body.size(), "\r\n");
  }
  wire += "\r\n";
  if (with_body && reply.framing == ScriptedReply::Framing::kChunked) {
    absl::StrAppend(&wire, absl::Hex(reply.body.size()), "\r\n", reply.body, "\r\n0\r\n\r\n");
  } else if (with_body) {
    wire += reply.body;
  }
  return wire;
}

bool SendAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t count = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    data.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

ScriptedServer::ScriptedServer(Script script)
    : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    shutdown(listener_.get(), SHUT_RDWR);
    for (const int fd : open_) {
      shutdown(fd, SHUT_RDWR);
    }
    threads.swap(threads_);
  }
  acceptor_.join();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

std::vector<ScriptedRequest> ScriptedServer::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

int ScriptedServer::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
}

void ScriptedServer::AnswerHellosWith(ScriptedReply reply) {
  absl::MutexLock lock(&mutex_);
  to_hello_ = std::move(reply);
}

void ScriptedServer::Accept() {
  while (true) {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    absl::MutexLock lock(&mutex_);
    if (fd < 0 || stopping_) {
      close(fd);
      return;
    }
    ++connections_;
    open_.insert(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void ScriptedServer::Serve(int fd) {
  Input input(fd);
  while (true) {
    const std::optional<ScriptedRequest> request = TakeRequest(input);
    if (!request.has_value() && input.IsHello()) {
      ScriptedReply reply;
      {
        absl::MutexLock lock(&mutex_);
        reply = to_hello_;
      }
      Answer(fd, reply, true);
      break;
    }
    if (!request.has_value()) {
      break;
    }
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back(*request);
    }
    if (!Answer(fd, script_(*request), request->method != "HEAD")) {
      break;
    }
  }
  absl::MutexLock lock(&mutex_);
  open_.erase(fd);
  close(fd);
}

// Whether the connection goes on.
bool ScriptedServer::Answer(int fd, const ScriptedReply& reply, bool with_body) {
  const std::string wire = Wire(reply, with_body);
  const size_t count = std::min(wire.size(), reply.cut_after.value_or(wire.size()));
  if (!SendAll(fd, absl::string_view(wire).substr(0, count))) {
    return false;
  }
  if (reply.then == ScriptedReply::Then::kStall) {
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    return false;
  }
  if (reply.then == ScriptedReply::Then::kReset) {
    const linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  return reply.then == ScriptedReply::Then::kGoOn &&
         reply.framing != ScriptedReply::Framing::kClose;
}

}  // namespace holkas
