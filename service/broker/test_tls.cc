#include "service/broker/test_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/broker/endpoint.h"

namespace holkas {
namespace {

constexpr int kOneDaySeconds = 24 * 60 * 60;

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  EXPECT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificate::TestCertificate(const std::string& names)
    : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
  X509_set_version(certificate_, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate_), -kOneDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate_), kOneDaySeconds);
  X509_set_pubkey(certificate_, key_);
  X509_NAME* const name = X509_get_subject_name(certificate_);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate_, name);
  AddExtension(certificate_, NID_subject_alt_name, names);
  EXPECT_GT(X509_sign(certificate_, key_, EVP_sha256()), 0);
}

TestCertificate::~TestCertificate() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

void TestCertificate::Trust() const {
  const std::string path = absl::StrCat(testing::TempDir(), "/authority-", getpid(), "-",
                                        reinterpret_cast<uintptr_t>(this));
  FILE* const file = fopen(path.c_str(), "we");
  ASSERT_NE(file, nullptr) << path;
  EXPECT_EQ(PEM_write_X509(file, certificate_), 1);
  fclose(file);
  setenv("SSL_CERT_FILE", path.c_str(), 1);
}

bool TestPeer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string TestPeer::Receive(size_t max_bytes) {
  std::string bytes(max_bytes, '\0');
  const ssize_t received = ssl_ != nullptr
                               ? SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                               : recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(received > 0 ? static_cast<size_t>(received) : 0);
  return bytes;
}

std::string TestPeer::ReceiveUntil(absl::string_view end) {
  std::string bytes;
  while (!absl::EndsWith(bytes, end)) {
    const std::string more = Receive();
    if (more.empty()) {
      break;
    }
    bytes += more;
  }
  return bytes;
}

std::string TestPeer::ReceiveAll() {
  std::string bytes;
  for (std::string more = Receive(); !more.empty(); more = Receive()) {
    bytes += more;
  }
  return bytes;
}

void TestPeer::SendEnd() {
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_);
  } else {
    shutdown(fd_, SHUT_WR);
  }
}

TestServer::TestServer(Script script, const TestCertificate* certificate,
                       const std::function<void(SSL_CTX*)>& prepare)
    : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (certificate != nullptr) {
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, certificate->certificate());
    SSL_CTX_use_PrivateKey(context_, certificate->key());
    if (prepare) {
      prepare(context_);
    }
  }
  Endpoint any = Endpoint::FromText("127.0.0.1", 0);
  EXPECT_EQ(bind(listener_.get(), &any.address(), any.size), 0);
  EXPECT_EQ(listen(listener_.get(), 1), 0);
  any.size = sizeof(any.storage);
  EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any.storage), &any.size), 0);
  port_ = ntohs(reinterpret_cast<sockaddr_in&>(any.storage).sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TestServer::~TestServer() {
  // Ends the wait for a connection that nobody made, and for bytes that nobody sent.
  shutdown(listener_.get(), SHUT_RDWR);
  shutdown(connection_.get(), SHUT_RDWR);
  Join();
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

UniqueFd TestServer::Connect() const {
  UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Endpoint endpoint = Endpoint::FromText("127.0.0.1", port_);
  EXPECT_EQ(connect(connection.get(), &endpoint.address(), endpoint.size), 0);
  return connection;
}

void TestServer::Join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void TestServer::Serve() {
  // OpenSSL writes as if nobody were ever gone. This thread's signal alone: others have to do
  // without.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  connection_ = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection_.valid()) {
    return;
  }
  const int on = 1;
  setsockopt(connection_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (context_ != nullptr) {
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, connection_.get());
    if (SSL_accept(ssl_) != 1) {
      return;
    }
  }
  TestPeer peer(connection_.get(), ssl_);
  script_(peer);
}

}  // namespace holkas
