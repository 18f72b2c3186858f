#include "service/auth/tls_credentials.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/broker/test_tls.h"

namespace holkas {
namespace {

using ClientCertificates = TlsOptions::ClientCertificates;
using testing::ElementsAre;
using testing::IsEmpty;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string CertificatePem(const TestCertificate& pair) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, pair.certificate());
  return TextOf(bio);
}

std::string KeyPem(const TestCertificate& pair) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, pair.key(), nullptr, nullptr, 0, nullptr, nullptr);
  return TextOf(bio);
}

// A server that has health alone, and clients that ask for it over TLS.
class TlsCredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    X509_gmtime_adj(X509_getm_notAfter(expired_.certificate()), -1);
    X509_sign(expired_.certificate(), expired_.key(), EVP_sha256());
  }
  void TearDown() override {
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
    }
  }

  void Start(ClientCertificates client_certificates, std::vector<const TestCertificate*> trusted) {
    TlsFiles files = {CertificatePem(pair_), KeyPem(pair_), ""};
    for (const TestCertificate* certificate : trusted) {
      files.client_ca += CertificatePem(*certificate);
    }
    files_ = *FollowedFiles<TlsFiles>::Open(
        {}, [files] { return files; }, [](const absl::Status&) {});
    TlsOptions options;
    options.client_certificates = client_certificates;
    options.admit = [this](const ShownCredentials& shown) {
      absl::MutexLock lock(&mutex_);
      shown_.push_back(shown);
      return answer_;
    };
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    credentials_ = MakeTlsCredentials(*files_, std::move(options));
    builder.AddListeningPort("127.0.0.1:0", credentials_, &port_);
    // Not gRPC's bound, which is smaller by itself.
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 1 << 20);
    // gRPC starts no server that has health alone.
    builder.RegisterCallbackGenericService(&other_service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  // How a request for health ends of somebody who has the certificate (null: none) on a connection
  // of his own.
  grpc::Status Ask(const TestCertificate* certificate,
                   const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = CertificatePem(pair_);
    if (certificate != nullptr) {
      options.pem_private_key = KeyPem(*certificate);
      options.pem_cert_chain = CertificatePem(*certificate);
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc::GenericStub stub(grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_),
                                                     grpc::SslCredentials(options), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    for (const auto& [key, value] : metadata) {
      context.AddMetadata(key, value);
    }
    const grpc::Slice nothing("");
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                            grpc::ByteBuffer(&nothing, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, this);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  // Of the requests that `admit` was asked for since the last call.
  std::vector<ShownCredentials> Shown() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(shown_, {});
  }

  // The name that a certificate has shown; `refused` where its owner could not even ask.
  std::string NameOf(const TestCertificate* certificate) {
    const grpc::Status status = Ask(certificate);
    const std::vector<ShownCredentials> shown = Shown();
    if (!status.ok()) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
      EXPECT_THAT(shown, IsEmpty());
      return "refused";
    }
    EXPECT_EQ(shown.size(), 1u);
    return shown.empty() ? "nobody asked" : shown.front().certificate_name;
  }

  const TestCertificate pair_{"IP:127.0.0.1"};
  const TestCertificate client_{"DNS:client.test"};
  const TestCertificate expired_{"DNS:client.test"};
  const TestCertificate other_{"DNS:client.test"};
  std::unique_ptr<FollowedFiles<TlsFiles>> files_;
  absl::Mutex mutex_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<ShownCredentials> shown_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  grpc::CallbackGenericService other_service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsCredentialsTest, CertificatesThatAreNotAskedForSayNothing) {
  Start(ClientCertificates::kNone, {});
  EXPECT_EQ(NameOf(nullptr), "");
  EXPECT_EQ(NameOf(&client_), "");
  EXPECT_EQ(NameOf(&pair_), "") << "the server's own";
}

TEST_F(TlsCredentialsTest, WhereTheyAreOptionalOneThatIsShownMustBeGood) {
  Start(ClientCertificates::kOptional, {&client_, &expired_});
  EXPECT_EQ(NameOf(nullptr), "");
  EXPECT_EQ(NameOf(&client_), "client.test");
  EXPECT_EQ(NameOf(&other_), "refused");
  EXPECT_EQ(NameOf(&expired_), "refused");
  EXPECT_EQ(NameOf(&pair_), "refused") << "the server's own";
}

TEST_F(TlsCredentialsTest, WhereTheyAreRequiredNobodyConnectsWithout) {
  Start(ClientCertificates::kRequired, {&client_, &expired_});
  EXPECT_EQ(NameOf(nullptr), "refused");
  EXPECT_EQ(NameOf(&client_), "client.test");
  EXPECT_EQ(NameOf(&other_), "refused");
  EXPECT_EQ(NameOf(&expired_), "refused");
}

TEST_F(TlsCredentialsTest, WhoIsNotAdmittedIsToldWhy) {
  Start(ClientCertificates::kOptional, {&client_});
  {
    absl::MutexLock lock(&mutex_);
    answer_ = absl::UnauthenticatedError("not you");
  }
  const grpc::Status status = Ask(nullptr);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(status.error_message(), "not you");
}

TEST_F(TlsCredentialsTest, EveryAuthorizationIsShownAndNothingElseIsOne) {
  Start(ClientCertificates::kNone, {});
  EXPECT_TRUE(
      Ask(nullptr, {{"authorization", "a"}, {"x-authorization", "b"}, {"authorization", "c"}})
          .ok());
  const std::vector<ShownCredentials> shown = Shown();
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_THAT(shown.front().authorization, ElementsAre("a", "c"));
}

TEST_F(TlsCredentialsTest, AHeaderThatNamesTheServiceIsNotItsPath) {
  Start(ClientCertificates::kNone, {});
  EXPECT_TRUE(Ask(nullptr, {{"x-path", "/holkas.v1.ImageService/GetServerInfo"}}).ok());
  EXPECT_EQ(Shown().size(), 1u);
}

TEST_F(TlsCredentialsTest, MetadataHasABound) {
  Start(ClientCertificates::kNone, {});
  EXPECT_TRUE(Ask(nullptr, {{"x", std::string(8 << 10, 'x')}}).ok());
  const grpc::Status status =
      Ask(nullptr, {{"x", std::string(8 << 10, 'x')}, {"y", std::string(8 << 10, 'y')}});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace holkas
