#include "service/broker/tls_stream.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_tls.h"

namespace holkas {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Step = TlsStream::Step;

void Nothing(TestPeer&) {}

class TlsStreamTest : public testing::Test {
 protected:
  TlsStreamTest() { certificate_.Trust(); }

  std::unique_ptr<TlsStream> Connect(const TestServer& server, const std::string& host) {
    absl::StatusOr<std::unique_ptr<TlsStream>> stream =
        TlsStream::New(context_, server.Connect(), host);
    EXPECT_OK(stream);
    return *std::move(stream);
  }

  // Repeats `step` until it does not block.
  template <typename Function>
  static Step Wait(TlsStream& stream, Function step) {
    while (true) {
      const Step result = step();
      if (result.kind != Step::Kind::kBlocked) {
        return result;
      }
      pollfd entry = {stream.fd(), result.events, 0};
      poll(&entry, 1, 10'000);
    }
  }
  // What the handshake with `host` ends with; empty: it is through.
  std::string Handshake(const TestServer& server, const std::string& host) {
    const std::unique_ptr<TlsStream> stream = Connect(server, host);
    const Step step = Wait(*stream, [&] { return stream->Handshake(); });
    return step.kind == Step::Kind::kMoved ? "" : absl::StrCat("failed: ", stream->error());
  }

  const TestCertificate certificate_{"DNS:proxy.test,IP:127.0.0.1"};
  TlsContext context_;
};

TEST_F(TlsStreamTest, CarriesBytesBothWaysAndTellsTheEnds) {
  std::string heard;
  TestServer server(
      [&](TestPeer& peer) {
        heard = peer.ReceiveUntil("up");
        peer.Send("down");
        peer.SendEnd();
        heard += peer.ReceiveAll();
      },
      &certificate_);
  const std::unique_ptr<TlsStream> stream = Connect(server, "proxy.test");
  ASSERT_EQ(Wait(*stream, [&] { return stream->Handshake(); }).kind, Step::Kind::kMoved);
  EXPECT_EQ(stream->Write("up").size, 2u);
  char buffer[100];
  EXPECT_EQ(Wait(*stream, [&] { return stream->Peek(buffer, 2); }).size, 2u);
  EXPECT_EQ(stream->Read(buffer, sizeof buffer).size, 4u);
  EXPECT_EQ(std::string(buffer, 4), "down");
  EXPECT_EQ(Wait(*stream, [&] { return stream->Read(buffer, sizeof buffer); }).kind,
            Step::Kind::kEnded);
  // The other direction is open still.
  EXPECT_EQ(stream->Write(" more").size, 5u);
  EXPECT_EQ(stream->SendEnd().kind, Step::Kind::kMoved);
  server.Join();
  EXPECT_EQ(heard, "up more");
}

TEST_F(TlsStreamTest, PeerProvesItsNameOrAddress) {
  EXPECT_EQ(Handshake(TestServer(Nothing, &certificate_), "proxy.test"), "");
  EXPECT_EQ(Handshake(TestServer(Nothing, &certificate_), "127.0.0.1"), "");
  EXPECT_EQ(Handshake(TestServer(Nothing, &certificate_), "other.test"),
            "failed: tls: failed to verify certificate: hostname mismatch");
  EXPECT_EQ(Handshake(TestServer(Nothing, &certificate_), "127.0.0.2"),
            "failed: tls: failed to verify certificate: IP address mismatch");
  // The subject's name does not count.
  EXPECT_THAT(Handshake(TestServer(Nothing, &certificate_), "test"), HasSubstr("mismatch"));
}

TEST_F(TlsStreamTest, PeerNeedsAnAuthoritysWord) {
  const TestCertificate stranger("DNS:proxy.test");
  EXPECT_EQ(Handshake(TestServer(Nothing, &stranger), "proxy.test"),
            "failed: tls: failed to verify certificate: self-signed certificate");
}

TEST_F(TlsStreamTest, PeerIsToldItsNameAndTheProtocol) {
  std::string name;
  std::string protocols;
  TestServer server(
      [&](TestPeer& peer) {
        name = SSL_get_servername(peer.ssl(), TLSEXT_NAMETYPE_host_name);
        const unsigned char* chosen = nullptr;
        unsigned int size = 0;
        SSL_get0_alpn_selected(peer.ssl(), &chosen, &size);
        protocols.assign(reinterpret_cast<const char*>(chosen), size);
      },
      &certificate_,
      [](SSL_CTX* context) {
        SSL_CTX_set_alpn_select_cb(
            context,
            [](SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int, void*) {
              *out = in + 1;
              *out_size = in[0];
              return SSL_TLSEXT_ERR_OK;
            },
            nullptr);
      });
  EXPECT_EQ(Handshake(server, "proxy.test"), "");
  server.Join();
  EXPECT_EQ(name, "proxy.test");
  EXPECT_EQ(protocols, "http/1.1");
}

TEST_F(TlsStreamTest, ProtocolThatWasNotOfferedIsRefused) {
  const TestServer server(Nothing, &certificate_, [](SSL_CTX* context) {
    SSL_CTX_set_alpn_select_cb(
        context,
        [](SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char*,
           unsigned int, void*) {
          *out = reinterpret_cast<const unsigned char*>("h2");
          *out_size = 2;
          return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
  });
  EXPECT_EQ(Handshake(server, "proxy.test"), "failed: tls: bad extension");
}

TEST_F(TlsStreamTest, OldVersionsAreRefused) {
  const auto only = [](int version) {
    return [version](SSL_CTX* context) {
      SSL_CTX_set_security_level(context, 0);
      SSL_CTX_set_min_proto_version(context, version);
      SSL_CTX_set_max_proto_version(context, version);
    };
  };
  EXPECT_EQ(Handshake(TestServer(Nothing, &certificate_, only(TLS1_2_VERSION)), "proxy.test"), "");
  EXPECT_THAT(Handshake(TestServer(Nothing, &certificate_, only(TLS1_1_VERSION)), "proxy.test"),
              StartsWith("failed: "));
}

TEST_F(TlsStreamTest, WhatIsNoTlsIsAnError) {
  EXPECT_EQ(Handshake(TestServer([](TestPeer& peer) { peer.Send("HTTP/1.1 400 Bad\r\n\r\n"); }),
                      "proxy.test"),
            "failed: tls: wrong version number");
  EXPECT_EQ(Handshake(TestServer([](TestPeer& peer) { peer.SendEnd(); }), "proxy.test"),
            "failed: unexpected EOF");
}

TEST_F(TlsStreamTest, EndWithoutAWordIsAnError) {
  TestServer server([](TestPeer& peer) { shutdown(peer.fd(), SHUT_WR); }, &certificate_);
  const std::unique_ptr<TlsStream> stream = Connect(server, "proxy.test");
  ASSERT_EQ(Wait(*stream, [&] { return stream->Handshake(); }).kind, Step::Kind::kMoved);
  char buffer[1];
  EXPECT_EQ(Wait(*stream, [&] { return stream->Read(buffer, 1); }).kind, Step::Kind::kFailed);
  EXPECT_EQ(stream->error(), "unexpected EOF");
}

TEST_F(TlsStreamTest, ChangesOfKeysWithoutEndAreAnError) {
  TestServer server(
      [](TestPeer& peer) {
        while (SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
               SSL_do_handshake(peer.ssl()) == 1) {
        }
      },
      &certificate_);
  const std::unique_ptr<TlsStream> stream = Connect(server, "proxy.test");
  ASSERT_EQ(Wait(*stream, [&] { return stream->Handshake(); }).kind, Step::Kind::kMoved);
  char buffer[1];
  EXPECT_EQ(Wait(*stream, [&] { return stream->Read(buffer, 1); }).kind, Step::Kind::kFailed);
  EXPECT_EQ(stream->error(), "tls: too much from the peer that is no data");
}

}  // namespace
}  // namespace holkas
