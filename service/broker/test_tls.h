#ifndef HOLKAS_SERVICE_BROKER_TEST_TLS_H_
#define HOLKAS_SERVICE_BROKER_TEST_TLS_H_

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A key, and a certificate that it has signed itself.
class TestCertificate {
 public:
  // `names`: as subjectAltName has them, `DNS:proxy.test,IP:127.0.0.1`.
  explicit TestCertificate(const std::string& names);
  TestCertificate(const TestCertificate&) = delete;
  ~TestCertificate();

  // Makes it the one authority for contexts that are made later (SSL_CERT_FILE).
  void Trust() const;
  X509* certificate() const { return certificate_; }
  EVP_PKEY* key() const { return key_; }

 private:
  EVP_PKEY* key_;
  X509* certificate_;
};

// One end of a connection as a test plays it: blocking, and over TLS where `ssl` is there.
class TestPeer {
 public:
  explicit TestPeer(int fd, SSL* ssl = nullptr) : fd_(fd), ssl_(ssl) {}

  // False where the other side is gone.
  bool Send(absl::string_view bytes);
  // What is there, up to `max_bytes`; empty: the other side sends no more.
  std::string Receive(size_t max_bytes = 64 << 10);
  // All until it ends with `end`, or nothing more comes.
  std::string ReceiveUntil(absl::string_view end);
  std::string ReceiveAll();
  // Says that nothing more comes.
  void SendEnd();
  SSL* ssl() const { return ssl_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  SSL* const ssl_;
};

// Takes one connection on 127.0.0.1, and plays the peer by `script`, on a thread of its own. After
// the script it keeps the connection until its end. With `certificate` it speaks TLS, after
// `prepare` has had its way with the server's context; where the handshake fails, the script is not
// played.
class TestServer {
 public:
  using Script = std::function<void(TestPeer& peer)>;

  explicit TestServer(Script script, const TestCertificate* certificate = nullptr,
                      const std::function<void(SSL_CTX*)>& prepare = nullptr);
  TestServer(const TestServer&) = delete;
  ~TestServer();

  uint16_t port() const { return port_; }
  // A connection to it, where nothing else makes one.
  UniqueFd Connect() const;
  // Waits for the end of the script.
  void Join();

 private:
  void Serve();

  const Script script_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  UniqueFd listener_;
  UniqueFd connection_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_TEST_TLS_H_
