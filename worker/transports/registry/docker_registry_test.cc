// The transport against Debian's docker-registry.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/read_to_end.h"
#include "worker/http/testing/recording_broker.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_destination.h"
#include "worker/transports/registry/registry_source.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Reuse = ImageDestination::Reuse;

constexpr char kProgram[] = "/usr/bin/docker-registry";
constexpr size_t kBlobBytes = 8 << 20;

// Runs a command of the shell; whether it succeeded.
bool Shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

uint16_t FreePort() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return 0;
  }
  return ntohs(address.sin_port);
}

class DockerRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kProgram, X_OK) != 0) {
      GTEST_SKIP() << kProgram << " is not installed";
    }
    EXPECT_OK(InitializeHttp());
    directory_ =
        absl::StrCat(testing::TempDir(), "/",
                     testing::UnitTest::GetInstance()->current_test_info()->name(), getpid());
    std::filesystem::create_directories(directory_);
    image_.set_host("localhost");
    image_.set_api_host("localhost");
    image_.set_repository("lib/app");
    image_.set_tag("1");
    image_.set_verify_certificate(true);
    image_.set_plain_http_allowed(true);
  }

  void TearDown() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  // Starts the registry with these lines in the configuration's `http` and at its end.
  void StartRegistry(const std::string& http = "", const std::string& rest = "") {
    const uint16_t port = FreePort();
    const std::string config = absl::StrCat(directory_, "/config.yml");
    std::ofstream(config) << "version: 0.1\n"
                             "log: {level: error, accesslog: {disabled: true}}\n"
                             "storage:\n  filesystem: {rootdirectory: "
                          << directory_ << "/data}\n  delete: {enabled: true}\n"
                          << "http:\n  addr: 127.0.0.1:" << port << "\n"
                          << http << rest;
    pid_ = fork();
    if (pid_ == 0) {
      const int log = open(absl::StrCat(directory_, "/log").c_str(), O_CREAT | O_WRONLY, 0600);
      dup2(log, 1);
      dup2(log, 2);
      execl(kProgram, kProgram, "serve", config.c_str(), nullptr);
      _exit(127);
    }
    image_.set_port(port);
    broker_.Route("localhost", port, port);
    for (int i = 0; i < 500; ++i) {  // until it listens
      if (broker_.Connect(broker::PLACE_SOURCE, broker::PURPOSE_REGISTRY, "localhost", port).ok()) {
        return;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    FAIL() << "docker-registry does not listen: " << Contents(directory_ + "/log");
  }

  std::unique_ptr<ImageSource> Source(const broker::RegistryImage& image) {
    broker::ImageLocation location;
    *location.mutable_registry() = image;
    job_.set_user_agent("holkas/1.0");
    locations_.push_back(std::make_unique<broker::ImageLocation>(location));
    return *OpenRegistrySource({broker_, job_}, *locations_.back());
  }
  std::unique_ptr<ImageDestination> Destination(const broker::RegistryImage& image) {
    broker::ImageLocation location;
    *location.mutable_registry() = image;
    locations_.push_back(std::make_unique<broker::ImageLocation>(location));
    return *OpenRegistryDestination({broker_, job_}, *locations_.back());
  }

  static Descriptor DescriptorOf(const std::string& bytes, absl::string_view type) {
    return {.media_type = std::string(type),
            .digest = Digest::Sha256Of(bytes),
            .size_bytes = static_cast<int64_t>(bytes.size()),
            .annotations = {},
            .urls = {}};
  }

  static std::string RandomBytes(size_t size) {
    std::mt19937_64 generator(size);
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(generator());
    }
    return bytes;
  }

  static absl::Status Upload(ImageDestination& destination, const std::string& bytes,
                             size_t piece_bytes = 256 << 10) {
    absl::StatusOr<std::unique_ptr<ByteSink>> sink =
        destination.CreateBlob(DescriptorOf(bytes, kOciLayerType));
    if (!sink.ok()) {
      return sink.status();
    }
    for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
      if (absl::Status status = (*sink)->Append(absl::string_view(bytes).substr(at, piece_bytes));
          !status.ok()) {
        return status;
      }
    }
    return (*sink)->Finish(Digest::Sha256Of(bytes), static_cast<int64_t>(bytes.size()));
  }

  static absl::StatusOr<std::string> Download(ImageSource& source, const std::string& bytes) {
    absl::StatusOr<std::unique_ptr<ByteSource>> blob =
        source.OpenBlob(DescriptorOf(bytes, kOciLayerType));
    if (!blob.ok()) {
      return blob.status();
    }
    return ReadToEnd(**blob, 256 << 10);
  }

  // An image manifest of `layer` alone.
  Manifest ManifestOf(const std::string& layer) {
    const std::string bytes = absl::StrCat(
        R"({"schemaVersion":2,"mediaType":")", kOciManifestType, R"(","config":{"mediaType":")",
        kOciConfigType, R"(","digest":")", Digest::Sha256Of("{}").ToString(),
        R"(","size":2},"layers":[{"mediaType":")", kOciLayerType, R"(","digest":")",
        Digest::Sha256Of(layer).ToString(), R"(","size":)", layer.size(), "}]}");
    return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), std::string(kOciManifestType)});
  }

  // Writes the image and reads it again.
  void RoundTrip() {
    const std::string layer = RandomBytes(kBlobBytes);
    const Manifest manifest = ManifestOf(layer);
    const auto destination = Destination(image_);
    EXPECT_THAT(destination->ReuseBlob(DescriptorOf(layer, kOciLayerType)),
                IsOkAndHolds(Reuse::kAbsent));
    ASSERT_OK(Upload(*destination, layer));
    ASSERT_OK(Upload(*destination, "{}"));
    EXPECT_THAT(destination->ReuseBlob(DescriptorOf(layer, kOciLayerType)),
                IsOkAndHolds(Reuse::kPresent));
    ASSERT_OK(destination->WriteManifest(manifest, true));
    ASSERT_OK(destination->Publish(manifest));

    const auto source = Source(image_);
    ASSERT_OK_AND_ASSIGN(const RawManifest raw, source->ReadManifest(std::nullopt));
    EXPECT_EQ(raw.bytes, manifest.bytes());
    EXPECT_EQ(raw.media_type, kOciManifestType);
    ASSERT_OK(source->ReadManifest(manifest.digest()));
    EXPECT_THAT(Download(*source, layer), IsOkAndHolds(layer));
    std::vector<std::string> warnings;
    EXPECT_THAT(source->ListTags(warnings), IsOkAndHolds(ElementsAre("1")));
  }

  std::string MakeCertificates() {
    const std::string d = directory_;
    const bool made =
        Shell("openssl req -x509 -newkey rsa:2048 -nodes -keyout " + d + "/ca.key -out " + d +
              "/ca.crt -days 2 -subj /CN=ca") &&
        Shell("openssl req -newkey rsa:2048 -nodes -keyout " + d + "/srv.key -out " + d +
              "/srv.csr -subj /CN=localhost") &&
        Shell("printf subjectAltName=DNS:localhost > " + d + "/ext && openssl x509 -req -in " + d +
              "/srv.csr -CA " + d + "/ca.crt -CAkey " + d +
              "/ca.key -CAcreateserial -days 2 -out " + d + "/srv.crt -extfile " + d + "/ext") &&
        Shell("openssl req -newkey rsa:2048 -nodes -keyout " + d + "/client.key -out " + d +
              "/client.csr -subj /CN=client") &&
        Shell("openssl x509 -req -in " + d + "/client.csr -CA " + d + "/ca.crt -CAkey " + d +
              "/ca.key -CAcreateserial -days 2 -out " + d + "/client.crt");
    return made ? "  tls: {certificate: " + d + "/srv.crt, key: " + d + "/srv.key" : "";
  }

  std::string directory_;
  pid_t pid_ = 0;
  RecordingBroker broker_;
  broker::JobSpec job_;
  broker::RegistryImage image_;
  std::vector<std::unique_ptr<broker::ImageLocation>> locations_;
};

TEST_F(DockerRegistryTest, PlainHttpRoundTrip) {
  StartRegistry();
  RoundTrip();
}

TEST_F(DockerRegistryTest, TlsWithAPrivateAuthority) {
  const std::string tls = MakeCertificates();
  if (tls.empty()) {
    GTEST_SKIP() << "openssl is not installed";
  }
  image_.set_plain_http_allowed(false);
  StartRegistry(tls + "}\n");
  EXPECT_THAT(Source(image_)->ReadManifest(std::nullopt).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("certificate")));
  image_.mutable_certificates()->set_ca_pem(Contents(directory_ + "/ca.crt"));
  RoundTrip();
  image_.clear_certificates();
  image_.set_verify_certificate(false);
  EXPECT_OK(Source(image_)->ReadManifest(std::nullopt));
}

TEST_F(DockerRegistryTest, UntrustedCertificateDoesNotLeadToPlainHttp) {
  const std::string tls = MakeCertificates();
  if (tls.empty()) {
    GTEST_SKIP() << "openssl is not installed";
  }
  StartRegistry(tls + "}\n");
  EXPECT_THAT(Source(image_)->ReadManifest(std::nullopt).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("https://")));
}

TEST_F(DockerRegistryTest, ClientCertificateIsPresented) {
  const std::string tls = MakeCertificates();
  if (tls.empty()) {
    GTEST_SKIP() << "openssl is not installed";
  }
  image_.set_plain_http_allowed(false);
  StartRegistry(absl::StrCat(tls, ", clientcas: [", directory_, "/ca.crt]}\n"));
  image_.mutable_certificates()->set_ca_pem(Contents(directory_ + "/ca.crt"));
  EXPECT_THAT(Source(image_)->ReadManifest(std::nullopt).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  image_.mutable_certificates()->set_client_certificate_pem(Contents(directory_ + "/client.crt"));
  image_.mutable_certificates()->set_client_key_pem(Contents(directory_ + "/client.key"));
  RoundTrip();
}

TEST_F(DockerRegistryTest, BasicCredentials) {
  const std::string users = directory_ + "/htpasswd";
  if (!Shell("htpasswd -Bbc " + users + " alice s3cret")) {
    GTEST_SKIP() << "htpasswd is not installed";
  }
  StartRegistry("", "auth: {htpasswd: {realm: r, path: " + users + "}}\n");
  const absl::Status anonymous = Source(image_)->ReadManifest(std::nullopt).status();
  EXPECT_THAT(anonymous, StatusIs(absl::StatusCode::kUnauthenticated,
                                  HasSubstr("unauthorized: authentication required")));
  image_.set_authorization("Basic YWxpY2U6d3Jvbmc=");  // alice:wrong
  EXPECT_EQ(ErrorReason(Source(image_)->ReadManifest(std::nullopt).status()),
            "REGISTRY_UNAUTHORIZED");
  image_.set_authorization("Basic YWxpY2U6czNjcmV0");  // alice:s3cret
  RoundTrip();
}

TEST_F(DockerRegistryTest, MountsFromTheSourcesRepository) {
  StartRegistry();
  RoundTrip();
  const std::string layer = RandomBytes(kBlobBytes);
  *job_.mutable_source()->mutable_registry() = image_;
  broker::RegistryImage other = image_;
  other.set_repository("lib/copy");
  const auto destination = Destination(other);
  EXPECT_THAT(destination->ReuseBlob(DescriptorOf(layer, kOciLayerType)),
              IsOkAndHolds(Reuse::kMounted));
  EXPECT_THAT(destination->ReuseBlob(DescriptorOf(layer, kOciLayerType)),
              IsOkAndHolds(Reuse::kPresent));
  EXPECT_THAT(destination->ReuseBlob(DescriptorOf("nowhere", kOciLayerType)),
              IsOkAndHolds(Reuse::kAbsent));
}

TEST_F(DockerRegistryTest, AbandonedUploadLeavesNothing) {
  StartRegistry();
  const std::string layer = RandomBytes(kBlobBytes);
  {
    const auto destination = Destination(image_);
    ASSERT_OK_AND_ASSIGN(auto sink, destination->CreateBlob(DescriptorOf(layer, kOciLayerType)));
    ASSERT_OK(sink->Append(absl::string_view(layer).substr(0, kBlobBytes / 2)));
  }
  // The registry keeps an empty shell of a session that was deleted, but not its bytes.
  const std::string uploads = directory_ + "/data/docker/registry/v2/repositories/lib/app/_uploads";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(uploads)) {
    EXPECT_NE(entry.path().filename(), "data") << entry.path();
  }
  const auto destination = Destination(image_);
  EXPECT_THAT(destination->ReuseBlob(DescriptorOf(layer, kOciLayerType)),
              IsOkAndHolds(Reuse::kAbsent));
}

TEST_F(DockerRegistryTest, WrongBytesAreNotStored) {
  StartRegistry();
  const auto destination = Destination(image_);
  ASSERT_OK_AND_ASSIGN(auto sink, destination->CreateBlob(DescriptorOf("right", kOciLayerType)));
  ASSERT_OK(sink->Append("wrong"));
  EXPECT_THAT(sink->Finish(Digest::Sha256Of("right"), 5), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(destination->ReuseBlob(DescriptorOf("right", kOciLayerType)),
              IsOkAndHolds(Reuse::kAbsent));
}

TEST_F(DockerRegistryTest, BlobsMoveInParallelAndStreamFromReadToWrite) {
  StartRegistry();
  const auto first = Destination(image_);
  std::vector<std::string> blobs;
  for (size_t i = 0; i < 4; ++i) {
    blobs.push_back(RandomBytes((3 << 20) + i));
    ASSERT_OK(Upload(*first, blobs.back()));
  }
  const auto source = Source(image_);
  broker::RegistryImage copy = image_;
  copy.set_repository("lib/copy");
  const auto destination = Destination(copy);
  std::vector<std::thread> threads;
  for (const std::string& blob : blobs) {
    threads.emplace_back([&] {
      const absl::StatusOr<std::string> bytes = Download(*source, blob);
      EXPECT_THAT(bytes, IsOkAndHolds(blob));
      EXPECT_OK(Upload(*destination, *bytes, 100'001));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_F(DockerRegistryTest, MissingTagAndRepositoryReadLikeSkopeos) {
  StartRegistry();
  const absl::Status status = Source(image_)->ReadManifest(std::nullopt).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                               absl::StrCat("reading manifest 1 in localhost:", image_.port(),
                                            "/lib/app: manifest unknown")));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
}

}  // namespace
}  // namespace holkas
