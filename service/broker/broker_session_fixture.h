#ifndef HOLKAS_SERVICE_BROKER_BROKER_SESSION_FIXTURE_H_
#define HOLKAS_SERVICE_BROKER_BROKER_SESSION_FIXTURE_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/broker_session.h"
#include "service/broker/test_files.h"
#include "service/broker/test_session.h"
#include "service/sandbox/store_directories.h"

namespace holkas {

// Of nothing.
inline constexpr char kDigest[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// Listens on 127.0.0.1.
class TestListener {
 public:
  TestListener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }
  // Whether nobody has connected so far.
  bool Untouched() {
    UniqueFd peer(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return !peer.valid();
  }

 private:
  UniqueFd socket_;
  uint16_t port_ = 0;
};

// Listens on a unix socket: TEST_TMPDIR is too long for its address.
class TestUnixListener {
 public:
  TestUnixListener() : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    char directory[] = "/tmp/unix-listener-XXXXXX";
    path_ = absl::StrCat(mkdtemp(directory), "/socket");
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
  }
  ~TestUnixListener() { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }
  const std::string& path() const { return path_; }
  // The end of the next connection; none where nobody has connected.
  UniqueFd Accept() { return UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  UniqueFd socket_;
  std::string path_;
};

// A session with a worker that the test plays (TestSession).
class BrokerSessionTest : public testing::Test {
 protected:
  using Frame = broker::WorkerFrame;

  BrokerSessionTest() {
    MakeTestLayout(source_, "list of the source");
    Digest layer = Digest::Sha256Of("layer");
    WriteTestFile(absl::StrCat(source_, "/blobs/sha256/", layer.hex()), "layer");
  }

  // A copy from a registry and a layout to a layout, so that every call is granted.
  BrokerSession::Options CopyJob() {
    BrokerSession::Options options;
    options.grants.source_registry = RegistryGrant{"127.0.0.1", {listener_.port()}};
    options.grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kOci, source_};
    options.grants.destination_path = WritePathGrant{ReadPathGrant::Kind::kOci, layout_};
    options.job.mutable_copy();
    options.deadline = absl::Now() + absl::Seconds(60);
    options.cancelled = [this] { return cancelled_.load(); };
    options.on_event = [this](v1::CopyResponse event) { events_.push_back(std::move(event)); };
    options.on_log = [this](int, std::string line) { log_.push_back(std::move(line)); };
    options.kill = [this] { killed_ = true; };
    options.resources = &resources_;
    return options;
  }
  BrokerSession::Options DirJob() {
    BrokerSession::Options options = CopyJob();
    options.grants.destination_path = WritePathGrant{ReadPathGrant::Kind::kDir, layout_};
    return options;
  }
  BrokerSession::Options CopyToRegistry() {
    BrokerSession::Options options = CopyJob();
    options.grants.destination_path.reset();
    options.grants.destination_registry = RegistryGrant{"127.0.0.1", {listener_.port()}};
    return options;
  }
  // A copy from an archive to an archive.
  BrokerSession::Options ArchiveJob() {
    BrokerSession::Options options = CopyJob();
    WriteTestFile(archive_, "archive");
    options.grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kFile, archive_};
    options.grants.destination_path = WritePathGrant{ReadPathGrant::Kind::kFile, layout_};
    options.grants.spool_directory = directory_.path();
    return options;
  }
  // An inspection of a registry: no path, no destination.
  BrokerSession::Options InspectJob() {
    BrokerSession::Options options = CopyJob();
    options.grants.source_path.reset();
    options.grants.destination_path.reset();
    options.job.clear_copy();
    options.job.mutable_inspect();
    return options;
  }
  // An inspection of an image in a daemon, which the worker knows as localhost:80.
  BrokerSession::Options DaemonJob() {
    BrokerSession::Options options = InspectJob();
    options.grants.source_registry.reset();
    DaemonHost daemon;
    daemon.unix_path = daemon_.path();
    options.grants.source_daemon = DaemonGrant{daemon, "localhost", 80};
    return options;
  }

  // An inspection of an image in a store, whose directories are `graph` and `run`.
  BrokerSession::Options StoreJob() {
    for (const auto& [name, fd] :
         {std::pair("graph", &store_.graph_root), std::pair("run", &store_.run_root)}) {
      std::filesystem::create_directories(directory_ / name);
      *fd = UniqueFd(open((directory_ / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    BrokerSession::Options options = InspectJob();
    options.grants.source_registry.reset();
    options.grants.source_store =
        StoreGrant{.graph_root = directory_ / "graph", .run_root = directory_ / "run"};
    options.source_store = &store_;
    return options;
  }

  BrokerSession::Options ListJob() {
    BrokerSession::Options options = InspectJob();
    options.job.mutable_list_tags();
    options.on_tags = [this](v1::ListTagsResponse tags) { tags_.push_back(std::move(tags)); };
    return options;
  }
  BrokerSession::Options DeleteJob() {
    BrokerSession::Options options = InspectJob();
    options.job.mutable_delete_();
    return options;
  }

  // A deletion from a layout that lists and has `layer` and `other`.
  BrokerSession::Options RemovalJob() {
    MakeTestLayout(layout_, "old list");
    for (const char* content : {"layer", "other"}) {
      WriteTestFile(BlobInLayout(content), content);
    }
    BrokerSession::Options options = DeleteJob();
    options.grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kOci, layout_};
    options.grants.destination_path = WritePathGrant{ReadPathGrant::Kind::kOci, layout_};
    options.grants.destination_path->only_removes = true;
    return options;
  }
  std::string BlobInLayout(absl::string_view content) const {
    return absl::StrCat(layout_, "/blobs/sha256/", Digest::Sha256Of(content).hex());
  }

  Frame ConnectFrame(broker::Purpose purpose, const std::string& host, uint32_t port) {
    Frame frame;
    frame.mutable_connect()->set_place(broker::PLACE_SOURCE);
    frame.mutable_connect()->set_purpose(purpose);
    frame.mutable_connect()->set_host(host);
    frame.mutable_connect()->set_port(port);
    return frame;
  }
  static Frame OpenFrame(broker::Place place, broker::FileKind kind, const std::string& digest) {
    Frame frame;
    frame.mutable_open_file()->set_place(place);
    frame.mutable_open_file()->set_kind(kind);
    frame.mutable_open_file()->set_digest(digest);
    return frame;
  }
  static Frame HasBlobFrame(const std::string& digest, int64_t size_bytes) {
    Frame frame;
    frame.mutable_has_blob()->set_digest(digest);
    frame.mutable_has_blob()->set_size_bytes(size_bytes);
    return frame;
  }
  static Frame RemoveFrame(const std::string& digest) {
    Frame frame;
    frame.mutable_remove_blobs()->add_digests(digest);
    return frame;
  }
  static Frame CommitFrame(uint32_t id, const std::string& digest) {
    Frame frame;
    frame.mutable_commit_file()->set_file_id(id);
    frame.mutable_commit_file()->set_kind(broker::FILE_KIND_BLOB);
    frame.mutable_commit_file()->set_digest(digest);
    return frame;
  }
  static Frame Simple(const std::function<void(Frame&)>& fill) {
    Frame frame;
    fill(frame);
    return frame;
  }

  // Publishes a list of images.
  void PublishList(TestSession& session, absl::string_view list) {
    std::vector<UniqueFd> fds;
    broker::Reply reply = session.Call(Simple([](Frame& f) { f.mutable_begin_publish(); }), &fds);
    ASSERT_EQ(reply.code(), 0) << reply.message();
    ASSERT_FALSE(fds.empty());
    WriteAndClose(std::move(fds.back()), list);
    Frame publish;
    publish.mutable_publish()->set_file_id(reply.file_id());
    reply = session.Call(publish);
    EXPECT_EQ(reply.code(), 0) << reply.message();
  }

  // That the session ended because the worker did what it may not, and left nothing behind.
  void ExpectViolation(TestSession& session, const std::string& what) {
    const JobOutcome& outcome = session.Outcome();
    EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kInternal, testing::HasSubstr(what)));
    EXPECT_EQ(ErrorReason(outcome.status), "WORKER_VIOLATION");
    EXPECT_TRUE(outcome.worker_is_suspect);
    EXPECT_TRUE(killed_);
    if (std::filesystem::exists(layout_)) {  // of a deletion: as it was
      EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "old list");
      EXPECT_EQ(ReadTestFile(BlobInLayout("layer")), "layer");
      EXPECT_EQ(ReadTestFile(BlobInLayout("other")), "other");
    }
  }

  static constexpr int kPermissionDenied = static_cast<int>(absl::StatusCode::kPermissionDenied);
  static constexpr int kNotFound = static_cast<int>(absl::StatusCode::kNotFound);

  TestDirectory directory_;
  std::string source_ = directory_ / "source";
  std::string archive_ = directory_ / "archive.tar";
  std::string layout_ = directory_ / "layout";
  TestListener listener_;
  TestUnixListener daemon_;
  StoreDirectories store_;
  BrokerResources resources_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> killed_ = false;
  std::vector<v1::CopyResponse> events_;
  std::vector<v1::ListTagsResponse> tags_;
  std::vector<std::string> log_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_BROKER_SESSION_FIXTURE_H_
