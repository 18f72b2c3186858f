#include "service/broker/broker_session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_files.h"
#include "service/broker/test_session.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Frame = broker::WorkerFrame;

const char kDigest[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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

class BrokerSessionTest : public testing::Test {
 protected:
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
  // An inspection of a registry: no path, no destination.
  BrokerSession::Options InspectJob() {
    BrokerSession::Options options = CopyJob();
    options.grants.source_path.reset();
    options.grants.destination_path.reset();
    options.job.clear_copy();
    options.job.mutable_inspect();
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
    EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kInternal, HasSubstr(what)));
    EXPECT_EQ(ErrorReason(outcome.status), "WORKER_VIOLATION");
    EXPECT_TRUE(outcome.worker_is_suspect);
    EXPECT_TRUE(killed_);
    EXPECT_FALSE(fs::exists(layout_));
  }

  static constexpr int kPermissionDenied = static_cast<int>(absl::StatusCode::kPermissionDenied);
  static constexpr int kNotFound = static_cast<int>(absl::StatusCode::kNotFound);

  TestDirectory directory_;
  std::string source_ = directory_ / "source";
  std::string layout_ = directory_ / "layout";
  TestListener listener_;
  BrokerResources resources_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> killed_ = false;
  std::vector<v1::CopyResponse> events_;
  std::vector<v1::ListTagsResponse> tags_;
  std::vector<std::string> log_;
};

TEST_F(BrokerSessionTest, CopyOfAnHonestWorkerSucceeds) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  ASSERT_EQ(session.Call(OpenFrame(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, ""), &fds).code(),
            0);
  EXPECT_EQ(ReadTestFd(fds.at(0)), "list of the source");
  EXPECT_FALSE(session.Call(HasBlobFrame(Digest::Sha256Of("layer").ToString(), 5)).present());
  EXPECT_EQ(session.Put(broker::FILE_KIND_BLOB, "layer").code(), 0);
  EXPECT_TRUE(session.Call(HasBlobFrame(Digest::Sha256Of("layer").ToString(), 5)).present());
  EXPECT_EQ(session.Put(broker::FILE_KIND_MANIFEST, "manifest").code(), 0);
  PublishList(session, "list");
  session.Send(Simple([](Frame& f) {
    f.mutable_event()->mutable_result()->set_manifest_digest("sha256:1\x1b[31m");
  }));
  session.Finish();
  const JobOutcome& outcome = session.Outcome();
  EXPECT_OK(outcome.status);
  EXPECT_FALSE(outcome.worker_is_suspect);
  EXPECT_FALSE(killed_);
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "list");
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].result().manifest_digest(), "sha256:1\\x1b[31m");
}

TEST_F(BrokerSessionTest, CopyToADirectorySucceeds) {
  TestSession session(DirJob());
  session.Ready();
  EXPECT_EQ(session.Put(broker::FILE_KIND_BLOB, "layer").code(), 0);
  EXPECT_EQ(session.Put(broker::FILE_KIND_ROOT, "manifest").code(), 0);
  EXPECT_EQ(session.Call(Simple([](Frame& f) { f.mutable_publish(); })).code(), 0);
  session.Finish();
  EXPECT_OK(session.Outcome().status);
  EXPECT_EQ(ReadTestFile(layout_ + "/manifest.json"), "manifest");
}

TEST_F(BrokerSessionTest, ResultOfAnInspectionIsGivenWhole) {
  TestSession session(InspectJob());
  session.Ready();
  for (const char* part : {"one ", "two"}) {
    session.Send(Simple([part](Frame& f) { f.mutable_result_chunk()->set_data(part); }));
  }
  session.Finish();
  EXPECT_OK(session.Outcome().status);
  EXPECT_EQ(session.Outcome().result, "one two");
}

TEST_F(BrokerSessionTest, TagsAreGivenInTheirOrderAndPrintable) {
  TestSession session(ListJob());
  session.Ready();
  session.Send(Simple([](Frame& f) {
    f.mutable_tags()->add_tags("b");
    f.mutable_tags()->add_tags("a\x1b[31m");
    f.mutable_tags()->set_repository("somebody.example/elses");
  }));
  session.Send(Simple([](Frame& f) { f.mutable_tags()->add_tags("c"); }));
  session.Finish();
  EXPECT_OK(session.Outcome().status);
  ASSERT_EQ(tags_.size(), 2u);
  EXPECT_THAT(tags_[0].tags(), ElementsAre("b", "a\\x1b[31m"));
  EXPECT_EQ(tags_[0].repository(), "");
  EXPECT_THAT(tags_[1].tags(), ElementsAre("c"));
}

TEST_F(BrokerSessionTest, ResultOfADeletionIsGiven) {
  TestSession session(DeleteJob());
  session.Ready();
  session.Send(Simple([](Frame& f) { f.mutable_result_chunk()->set_data("deleted"); }));
  session.Finish();
  EXPECT_OK(session.Outcome().status);
  EXPECT_EQ(session.Outcome().result, "deleted");
}

TEST_F(BrokerSessionTest, WorkerWaitsWhileTheReaderIsBehind) {
  std::atomic<bool> behind = true;
  std::atomic<int> asked = 0;
  absl::Notification held;
  std::atomic<size_t> given = 0;
  BrokerSession::Options options = ListJob();
  options.reader_is_behind = [&] {
    // A few ticks without a frame.
    if (behind && ++asked == 5) {
      held.Notify();
    }
    return behind.load();
  };
  options.on_tags = [&](const v1::ListTagsResponse&) { ++given; };
  TestSession session(std::move(options));
  session.Ready();
  session.Send(Simple([](Frame& f) { f.mutable_tags()->add_tags("a"); }));
  session.Finish();
  held.WaitForNotification();
  EXPECT_EQ(given, 0u);
  behind = false;
  EXPECT_OK(session.Outcome().status);
  EXPECT_EQ(given, 1u);
}

TEST_F(BrokerSessionTest, CancelledCallDoesNotWaitForAReaderWhoIsBehind) {
  BrokerSession::Options options = ListJob();
  options.reader_is_behind = [] { return true; };
  TestSession session(std::move(options));
  session.Ready();
  const absl::Time start = absl::Now();
  cancelled_ = true;
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
}

TEST_F(BrokerSessionTest, ListsAreBoundedToTheLastTag) {
  const auto send = [](TestSession& session, int count, size_t size) {
    session.Send(Simple([&](Frame& f) {
      for (int i = 0; i < count; ++i) {
        f.mutable_tags()->add_tags(std::string(size, 'x'));
      }
    }));
  };
  BrokerSession::Options options = ListJob();
  options.grants.max_tags = 10;
  options.grants.max_tag_bytes = 100;
  {
    TestSession session(options);
    session.Ready();
    send(session, 5, 10);
    send(session, 5, 10);
    session.Finish();
    EXPECT_OK(session.Outcome().status);
  }
  {
    TestSession session(options);
    session.Ready();
    send(session, 10, 1);
    send(session, 1, 1);
    ExpectViolation(session, "a list of more than 10 tags or 100 bytes");
  }
  {
    TestSession session(options);
    session.Ready();
    send(session, 1, 101);
    ExpectViolation(session, "a list of more than 10 tags or 100 bytes");
  }
}

TEST_F(BrokerSessionTest, FailureIsTheWorkersCutAndPrintable) {
  TestSession session(InspectJob());
  session.Ready();
  Frame frame;
  frame.mutable_finish()->set_code(static_cast<int>(absl::StatusCode::kNotFound));
  frame.mutable_finish()->set_message("no such\x07 image " + std::string(5000, 'x'));
  frame.mutable_finish()->set_reason("MANIFEST_UNKNOWN");
  (*frame.mutable_finish()->mutable_metadata())["tag"] = "a\nb";
  session.Send(frame);
  const absl::Status& status = session.Outcome().status;
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such\\x07 image")));
  EXPECT_LE(status.message().size(), 1024u);
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorMetadata(status)["tag"], "a\\nb");
  EXPECT_FALSE(session.Outcome().worker_is_suspect);
}

TEST_F(BrokerSessionTest, WorkerThatCannotConfineItselfMaySayWhy) {
  TestSession session(InspectJob());
  session.Finish(static_cast<int>(absl::StatusCode::kInternal), "no seccomp");
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kInternal, "no seccomp"));
}

TEST_F(BrokerSessionTest, WorkersLogIsPrintableAndLimited) {
  TestSession session(InspectJob());
  session.Ready();
  for (int i = 0; i < 1100; ++i) {
    session.Send(Simple([](Frame& f) { f.mutable_log()->set_message("line\n2"); }));
  }
  session.Finish(2);
  session.Outcome();
  EXPECT_EQ(log_.size(), 1000u);
  EXPECT_EQ(log_[0], "line\\n2");
}

// What a worker may not do: a name, the job, and what it does after (or before) Ready.
struct Misdeed {
  const char* name;
  enum class Job { kCopy, kDir, kInspect, kList, kDelete } job;
  bool ready;
  std::function<void(TestSession&)> act;
  const char* says;
};

class MisdeedTest : public BrokerSessionTest, public testing::WithParamInterface<Misdeed> {};

TEST_P(MisdeedTest, EndsTheJob) {
  const Misdeed& misdeed = GetParam();
  BrokerSession::Options options = misdeed.job == Misdeed::Job::kCopy      ? CopyJob()
                                   : misdeed.job == Misdeed::Job::kDir     ? DirJob()
                                   : misdeed.job == Misdeed::Job::kInspect ? InspectJob()
                                   : misdeed.job == Misdeed::Job::kList    ? ListJob()
                                                                           : DeleteJob();
  TestSession session(std::move(options));
  if (misdeed.ready) {
    session.Ready();
  }
  misdeed.act(session);
  ExpectViolation(session, misdeed.says);
}

std::function<void(TestSession&)> Calls(const std::function<void(Frame&)>& fill) {
  return [fill](TestSession& session) {
    Frame frame;
    fill(frame);
    session.Begin(frame);
  };
}
std::function<void(TestSession&)> Notes(const std::function<void(Frame&)>& fill) {
  return [fill](TestSession& session) {
    Frame frame;
    fill(frame);
    session.Send(frame);
  };
}

constexpr auto kCopy = Misdeed::Job::kCopy;
constexpr auto kDir = Misdeed::Job::kDir;
constexpr auto kInspect = Misdeed::Job::kInspect;
constexpr auto kList = Misdeed::Job::kList;
constexpr auto kDelete = Misdeed::Job::kDelete;

void FillConnect(Frame& f) {
  f.mutable_connect()->set_place(broker::PLACE_SOURCE);
  f.mutable_connect()->set_purpose(broker::PURPOSE_REGISTRY);
  f.mutable_connect()->set_host("127.0.0.1");
  f.mutable_connect()->set_port(1);
}
void FillOpen(Frame& f) {
  f.mutable_open_file()->set_place(broker::PLACE_SOURCE);
  f.mutable_open_file()->set_kind(broker::FILE_KIND_ROOT);
}
void FillHasBlob(Frame& f) { f.mutable_has_blob()->set_digest(kDigest); }
void FillCreate(Frame& f) { f.mutable_create_file()->set_size_bytes(1); }
void FillCommit(Frame& f) { f.mutable_commit_file()->set_file_id(1); }
void FillDrop(Frame& f) { f.mutable_drop_file()->set_file_id(1); }
void FillBegin(Frame& f) { f.mutable_begin_publish(); }
void FillPublish(Frame& f) { f.mutable_publish(); }
void FillEvent(Frame& f) { f.mutable_event()->mutable_image_started(); }
void FillChunk(Frame& f) { f.mutable_result_chunk()->set_data("x"); }
void FillTags(Frame& f) { f.mutable_tags()->add_tags("x"); }
void FillLog(Frame& f) { f.mutable_log()->set_message("x"); }
void FillReady(Frame& f) { f.mutable_ready(); }

INSTANTIATE_TEST_SUITE_P(
    BeforeReady, MisdeedTest,
    testing::Values(
        Misdeed{"Connect", kCopy, false, Calls(FillConnect), "Connect is not permitted now"},
        Misdeed{"OpenFile", kCopy, false, Calls(FillOpen), "OpenFile is not permitted now"},
        Misdeed{"HasBlob", kCopy, false, Calls(FillHasBlob), "HasBlob is not permitted now"},
        Misdeed{"CreateFile", kCopy, false, Calls(FillCreate), "CreateFile is not permitted now"},
        Misdeed{"CommitFile", kCopy, false, Calls(FillCommit), "CommitFile is not permitted now"},
        Misdeed{"DropFile", kCopy, false, Calls(FillDrop), "DropFile is not permitted now"},
        Misdeed{"BeginPublish", kCopy, false, Calls(FillBegin), "BeginPublish is not permitted"},
        Misdeed{"Publish", kCopy, false, Calls(FillPublish), "Publish is not permitted now"},
        Misdeed{"Event", kCopy, false, Notes(FillEvent), "Event is not permitted now"},
        Misdeed{"ResultChunk", kInspect, false, Notes(FillChunk), "ResultChunk is not permitted"},
        Misdeed{"Tags", kList, false, Notes(FillTags), "Tags is not permitted now"},
        Misdeed{"Log", kCopy, false, Notes(FillLog), "Log is not permitted now"},
        Misdeed{"FinishOk", kInspect, false, Notes([](Frame& f) { f.mutable_finish(); }),
                "before Ready"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    WithoutGrant, MisdeedTest,
    testing::Values(
        Misdeed{"Connect", kCopy, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_place(broker::PLACE_DESTINATION);
                }),
                "Connect is not granted"},
        Misdeed{"ConnectNowhere", kCopy, true, Calls([](Frame& f) { f.mutable_connect(); }),
                "Connect is not granted"},
        Misdeed{"ConnectUnknownPlace", kCopy, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_place(static_cast<broker::Place>(7));
                }),
                "Connect is not granted"},
        Misdeed{"OpenFileOfTheSource", kInspect, true, Calls(FillOpen), "OpenFile is not granted"},
        Misdeed{"OpenFileOfTheDestination", kInspect, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_place(broker::PLACE_DESTINATION);
                }),
                "OpenFile is not granted"},
        Misdeed{"OpenFileNowhere", kCopy, true, Calls([](Frame& f) { f.mutable_open_file(); }),
                "OpenFile is not granted"},
        Misdeed{"HasBlob", kInspect, true, Calls(FillHasBlob), "HasBlob is not granted"},
        Misdeed{"CreateFile", kInspect, true, Calls(FillCreate), "CreateFile is not granted"},
        Misdeed{"CommitFile", kInspect, true, Calls(FillCommit), "CommitFile is not granted"},
        Misdeed{"DropFile", kInspect, true, Calls(FillDrop), "DropFile is not granted"},
        Misdeed{"BeginPublish", kInspect, true, Calls(FillBegin), "BeginPublish is not granted"},
        Misdeed{"BeginPublishOfADirectory", kDir, true, Calls(FillBegin),
                "BeginPublish is not granted"},
        Misdeed{"Publish", kInspect, true, Calls(FillPublish), "Publish is not granted"},
        Misdeed{"Event", kInspect, true, Notes(FillEvent), "Event is not granted"},
        Misdeed{"EventOfADeletion", kDelete, true, Notes(FillEvent), "Event is not granted"},
        Misdeed{"EventOfAList", kList, true, Notes(FillEvent), "Event is not granted"},
        Misdeed{"ResultChunk", kCopy, true, Notes(FillChunk), "ResultChunk is not granted"},
        Misdeed{"ResultChunkOfAList", kList, true, Notes(FillChunk), "ResultChunk is not granted"},
        Misdeed{"Tags", kCopy, true, Notes(FillTags), "Tags is not granted"},
        Misdeed{"TagsOfAnInspection", kInspect, true, Notes(FillTags), "Tags is not granted"},
        Misdeed{"TagsOfADeletion", kDelete, true, Notes(FillTags), "Tags is not granted"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Malformed, MisdeedTest,
    testing::Values(
        Misdeed{"ReadyTwice", kCopy, true, Notes(FillReady), "Ready is not permitted now"},
        Misdeed{"EmptyBody", kCopy, true, Calls([](Frame&) {}), "an unknown call"},
        Misdeed{"UnknownCall", kCopy, true,
                [](TestSession& s) { s.SendRaw(std::string("\x08\x01\xfa\x01\x00", 5), 0); },
                "an unknown call"},
        Misdeed{"Garbage", kCopy, true, [](TestSession& s) { s.SendRaw("\xff\xff\xff", 0); },
                "malformed"},
        Misdeed{"InvalidUtf8", kCopy, true,
                [](TestSession& s) { s.SendRaw("\x6a\x03\x12\x01\xff", 0); }, "malformed"},
        Misdeed{"TooLarge", kCopy, true,
                [](TestSession& s) { s.SendRaw(std::string(65537, 'x'), 0); }, "65536"},
        Misdeed{"Descriptor", kCopy, true,
                [](TestSession& s) { s.SendRaw(std::string("\x12\x00", 2), 1); },
                "descriptors"},
        Misdeed{"ManyDescriptors", kCopy, true, [](TestSession& s) { s.SendRaw("x", 16); },
                "descriptors"},
        Misdeed{"CallWithoutNumber", kCopy, true, Notes(FillHasBlob), "the call number 0"},
        Misdeed{"NoteWithNumber", kCopy, true, Calls(FillLog), "Log with the call number 1"},
        Misdeed{"ConnectForNoPurpose", kCopy, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->clear_purpose();
                }),
                "no purpose"},
        Misdeed{"OpenFileOfNoKind", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->clear_kind();
                }),
                "of no kind"},
        Misdeed{"BlobWithoutDigest", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_kind(broker::FILE_KIND_BLOB);
                }),
                "without one"},
        Misdeed{"ListWithDigest", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_digest(kDigest);
                }),
                "too many"},
        Misdeed{"OpenFileOutside", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_kind(broker::FILE_KIND_BLOB);
                  f.mutable_open_file()->set_digest("sha256:../../../../etc/passwd");
                }),
                "malformed digest"},
        Misdeed{"HasBlobOutside", kCopy, true,
                Calls([](Frame& f) { f.mutable_has_blob()->set_digest("sha256:.."); }),
                "malformed digest"},
        Misdeed{"HasBlobOfNegativeSize", kCopy, true, Calls([](Frame& f) {
                  FillHasBlob(f);
                  f.mutable_has_blob()->set_size_bytes(-1);
                }),
                "negative size"},
        Misdeed{"CreateFileOfNegativeSize", kCopy, true,
                Calls([](Frame& f) { f.mutable_create_file()->set_size_bytes(-2); }),
                "negative size"},
        Misdeed{"CommitOfNoDigest", kCopy, true, Calls(FillCommit), "malformed digest"},
        Misdeed{"CommitOfNoFile", kCopy, true, Calls([](Frame& f) {
                  FillCommit(f);
                  f.mutable_commit_file()->set_kind(broker::FILE_KIND_BLOB);
                  f.mutable_commit_file()->set_digest(kDigest);
                }),
                "not being written"},
        Misdeed{"CommitOfTheListOfImages", kCopy, true, Calls([](Frame& f) {
                  FillCommit(f);
                  f.mutable_commit_file()->set_kind(broker::FILE_KIND_ROOT);
                  f.mutable_commit_file()->set_digest(kDigest);
                }),
                "as what it cannot be"},
        Misdeed{"CommitOfTheVersion", kDir, true, Calls([](Frame& f) {
                  FillCommit(f);
                  f.mutable_commit_file()->set_kind(broker::FILE_KIND_VERSION);
                  f.mutable_commit_file()->set_digest(kDigest);
                }),
                "as what it cannot be"},
        Misdeed{"DropOfNoFile", kCopy, true, Calls(FillDrop), "never was"},
        Misdeed{"PublishWithoutBegin", kCopy, true, Calls(FillPublish), "without BeginPublish"},
        Misdeed{"PublishWithoutManifest", kDir, true, Calls(FillPublish), "without a manifest"},
        Misdeed{"FinishWithoutPublish", kCopy, true, Notes([](Frame& f) { f.mutable_finish(); }),
                "before Publish"},
        Misdeed{"FinishOfNoCode", kInspect, true,
                Notes([](Frame& f) { f.mutable_finish()->set_code(17); }), "no known form"},
        Misdeed{"FinishOfNegativeCode", kInspect, true,
                Notes([](Frame& f) { f.mutable_finish()->set_code(-1); }), "no known form"},
        Misdeed{"FinishOfNoReason", kInspect, true, Notes([](Frame& f) {
                  f.mutable_finish()->set_code(5);
                  f.mutable_finish()->set_reason("not a reason");
                }),
                "no known form"},
        Misdeed{"FinishWithMuchMetadata", kInspect, true, Notes([](Frame& f) {
                  for (int i = 0; i < 17; ++i) {
                    (*f.mutable_finish()->mutable_metadata())[absl::StrCat(i)] = "x";
                  }
                }),
                "no known form"},
        Misdeed{"TagsWithNumber", kList, true, Calls(FillTags), "Tags with the call number 1"},
        Misdeed{"TagsWithoutATag", kList, true, Notes([](Frame& f) { f.mutable_tags(); }),
                "a part of a list without a tag"},
        Misdeed{"EmptyTag", kList, true, Notes([](Frame& f) { f.mutable_tags()->add_tags(""); }),
                "a tag of 0 bytes"},
        Misdeed{"LongTag", kList, true,
                Notes([](Frame& f) { f.mutable_tags()->add_tags(std::string(1025, 'x')); }),
                "a tag of 1025 bytes"},
        Misdeed{"ResultTooLarge", kInspect, true,
                [](TestSession& s) {
                  Frame frame;
                  frame.mutable_result_chunk()->set_data(std::string(64000, 'x'));
                  for (int i = 0; i < 164; ++i) {
                    s.Send(frame);
                  }
                },
                "a result of more than 10485760 bytes"}),
    [](const auto& info) { return info.param.name; });

TEST_F(BrokerSessionTest, SameCallNumberTwiceIsAViolation) {
  TestSession session(CopyJob());
  session.Ready();
  Frame begin;
  begin.set_call_id(5);
  begin.mutable_begin_publish();
  // Somebody else has the lock, so that the call stays under way.
  fs::create_directory(layout_);
  UniqueFd directory(open(layout_.c_str(), O_RDONLY | O_DIRECTORY));
  LayoutLock lock(resources_.layout_locks, std::move(directory), [] {});
  ASSERT_THAT(lock.TryAcquire(), IsOkAndHolds(true));
  session.Send(begin);
  Frame drop;
  drop.set_call_id(5);
  drop.mutable_drop_file()->set_file_id(1);
  session.Send(drop);
  EXPECT_THAT(session.Outcome().status,
              StatusIs(absl::StatusCode::kInternal, HasSubstr("the call number 5 is in use")));
}

TEST_F(BrokerSessionTest, MoreThan64CallsAtOnceAreAViolation) {
  BrokerSession::Options options = CopyJob();
  options.grants.max_connections = 1000;
  // A network of our own whose look-ups never end.
  BrokerResources slow;
  // Outlives the test where a look-up is left behind.
  auto done = std::make_shared<absl::Notification>();
  slow.resolver = Resolver(100, [done](const std::string&, uint16_t) {
    done->WaitForNotification();
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>());
  });
  options.grants.source_registry = RegistryGrant{"slow.example", {443}};
  options.resources = &slow;
  {
    TestSession session(std::move(options));
    session.Ready();
    for (int i = 0; i < 65; ++i) {
      session.Begin(ConnectFrame(broker::PURPOSE_REGISTRY, "slow.example", 443));
    }
    ExpectViolation(session, "more than 64 calls");
  }
  done->Notify();
}

TEST_F(BrokerSessionTest, CallsWhilePublishingAreViolations) {
  TestSession session(CopyJob());
  session.Ready();
  ASSERT_EQ(session.Call(Simple(FillBegin)).code(), 0);
  session.Begin(HasBlobFrame(kDigest, 0));
  ExpectViolation(session, "HasBlob is not permitted now");
}

TEST_F(BrokerSessionTest, CallsAfterPublishAreViolationsAndWhatWasPublishedStays) {
  TestSession session(CopyJob());
  session.Ready();
  PublishList(session, "list");
  session.Begin(Simple(FillBegin));
  EXPECT_THAT(session.Outcome().status,
              StatusIs(absl::StatusCode::kInternal, HasSubstr("BeginPublish is not permitted")));
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "list");
}

TEST_F(BrokerSessionTest, DroppedListEndsPublishing) {
  TestSession session(CopyJob());
  session.Ready();
  broker::Reply reply = session.Call(Simple(FillBegin));
  Frame drop;
  drop.mutable_drop_file()->set_file_id(reply.file_id());
  EXPECT_EQ(session.Call(drop).code(), 0);
  EXPECT_EQ(session.Call(HasBlobFrame(kDigest, 0)).code(), 0);
  PublishList(session, "list");
  session.Finish();
  EXPECT_OK(session.Outcome().status);
}

TEST_F(BrokerSessionTest, FileStillOpenAtCommitIsAViolation) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply = session.Call(Simple(FillCreate), &fds);
  session.Begin(CommitFrame(reply.file_id(), kDigest));
  ExpectViolation(session, "still open for writing");
}

TEST_F(BrokerSessionTest, MismatchIsAReplyNotAViolation) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply = session.Call(Simple(FillCreate), &fds);
  WriteAndClose(std::move(fds.at(0)), "x");
  reply = session.Call(CommitFrame(reply.file_id(), kDigest));
  EXPECT_EQ(reply.code(), static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_EQ(reply.reason(), "CONTENT_MISMATCH");
  session.Finish(static_cast<int>(absl::StatusCode::kDataLoss), "gone");
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(BrokerSessionTest, ConnectGivesASocketThatWorks) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply =
      session.Call(ConnectFrame(broker::PURPOSE_REGISTRY, "127.0.0.1", listener_.port()), &fds);
  ASSERT_EQ(reply.code(), 0) << reply.message();
  int flags = fcntl(fds.at(0).get(), F_GETFL);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(getsockopt(fds[0].get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
  EXPECT_FALSE(listener_.Untouched());
}

TEST_F(BrokerSessionTest, ConnectionsElsewhereAreDeniedWithoutBeingTried) {
  TestListener other;
  TestSession session(CopyJob());
  session.Ready();
  struct Row {
    broker::Purpose purpose;
    std::string host;
    uint32_t port;
  };
  for (const Row& row : std::vector<Row>{
           {broker::PURPOSE_REGISTRY, "127.0.0.1", other.port()},
           {broker::PURPOSE_REGISTRY, "127.0.0.2", listener_.port()},
           {broker::PURPOSE_REGISTRY, "localhost", listener_.port()},
           {broker::PURPOSE_REGISTRY, "", listener_.port()},
           {broker::PURPOSE_REGISTRY, "127.0.0.1", 0},
           {broker::PURPOSE_REGISTRY, "127.0.0.1", 65536u + listener_.port()},
           {broker::PURPOSE_REDIRECT, "127.0.0.1", other.port()},
           {broker::PURPOSE_REDIRECT, "localhost", other.port()},
           {broker::PURPOSE_REDIRECT, "2130706433", other.port()},
           {broker::PURPOSE_REDIRECT, "127.1", other.port()},
           {broker::PURPOSE_REDIRECT, "::1", other.port()},
           {broker::PURPOSE_REDIRECT, "::ffff:127.0.0.1", other.port()},
           {broker::PURPOSE_REDIRECT, "169.254.169.254", 80},
           {broker::PURPOSE_REDIRECT, std::string(300, 'a'), 443},
       }) {
    broker::Reply reply = session.Call(ConnectFrame(row.purpose, row.host, row.port));
    EXPECT_EQ(reply.code(), kPermissionDenied) << row.host << " " << reply.message();
    EXPECT_EQ(reply.reason(), "ADDRESS_DENIED") << row.host;
  }
  EXPECT_TRUE(other.Untouched());
  EXPECT_TRUE(listener_.Untouched());
  EXPECT_EQ(
      session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "127.0.0.1", listener_.port())).code(),
      0);
}

TEST_F(BrokerSessionTest, NameThatLeadsInsideIsDeniedEvenWhereOneAddressIsPublic) {
  BrokerResources rebinding;
  rebinding.resolver = Resolver(4, [this](const std::string&, uint16_t) {
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>{
        Endpoint::FromText("8.8.8.8", 443), Endpoint::FromText("127.0.0.1", listener_.port())});
  });
  BrokerSession::Options options = CopyJob();
  options.resources = &rebinding;
  TestSession session(std::move(options));
  session.Ready();
  broker::Reply reply =
      session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "cdn.example", listener_.port()));
  EXPECT_EQ(reply.code(), kPermissionDenied);
  EXPECT_THAT(reply.message(), HasSubstr("127.0.0.1: a loopback address"));
  EXPECT_TRUE(listener_.Untouched());
}

TEST_F(BrokerSessionTest, RedirectsCanBeForbidden) {
  BrokerSession::Options options = CopyJob();
  options.grants.follow_redirects = false;
  TestSession session(std::move(options));
  session.Ready();
  EXPECT_EQ(session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "cdn.example", 443)).code(),
            kPermissionDenied);
}

TEST_F(BrokerSessionTest, ConnectionsAndRedirectHostsAreLimited) {
  BrokerResources nowhere;
  nowhere.resolver = Resolver(4, [](const std::string&, uint16_t) {
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>());
  });
  BrokerSession::Options options = CopyJob();
  options.grants.max_connections = 10;
  options.resources = &nowhere;
  TestSession session(std::move(options));
  session.Ready();
  constexpr int kExhausted = static_cast<int>(absl::StatusCode::kResourceExhausted);
  for (int i = 1; i <= 11; ++i) {
    broker::Reply reply = session.Call(
        ConnectFrame(broker::PURPOSE_REDIRECT, absl::StrCat("cdn", i, ".example"), 443));
    EXPECT_EQ(reply.code(), i <= 8 ? static_cast<int>(absl::StatusCode::kUnavailable) : kExhausted)
        << i << reply.message();
  }
}

TEST_F(BrokerSessionTest, FilesOfTheSourceAreOpenedAndLinksAndDevicesAreNot) {
  std::string blobs = source_ + "/blobs/sha256/";
  WriteTestFile(directory_ / "outside", "secret");
  fs::create_symlink(directory_ / "outside", blobs + std::string(64, 'a'));
  ASSERT_EQ(mkfifo((blobs + std::string(64, 'b')).c_str(), 0600), 0);
  fs::create_directory(blobs + std::string(64, 'c'));
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  auto open = [&](const std::string& hex) {
    return session.Call(OpenFrame(broker::PLACE_SOURCE, broker::FILE_KIND_BLOB, "sha256:" + hex),
                        &fds);
  };
  for (char name : {'a', 'b', 'c'}) {
    broker::Reply reply = open(std::string(64, name));
    EXPECT_EQ(reply.code(), kPermissionDenied) << name << reply.message();
    EXPECT_EQ(reply.reason(), "PATH_DENIED") << name;
  }
  EXPECT_EQ(open(std::string(64, 'd')).code(), kNotFound);
  ASSERT_EQ(open(std::string(Digest::Sha256Of("layer").hex())).code(), 0);
  EXPECT_EQ(ReadTestFd(fds.at(0)), "layer");
}

TEST_F(BrokerSessionTest, MessagesDoNotTellTheWorkerThePath) {
  fs::remove_all(source_);
  TestSession session(CopyJob());
  session.Ready();
  broker::Reply reply = session.Call(OpenFrame(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, ""));
  EXPECT_EQ(reply.code(), kNotFound);
  EXPECT_THAT(reply.message(), Not(HasSubstr(directory_.path())));
}

TEST_F(BrokerSessionTest, DestinationThatCannotBeWrittenToEndsTheJobBeforeItBegins) {
  fs::create_directory(layout_);
  WriteTestFile(layout_ + "/thesis.tex", "important");
  TestSession session(CopyJob());
  EXPECT_EQ(ErrorReason(session.Outcome().status), "DESTINATION_CONFLICT");
  EXPECT_FALSE(session.Outcome().worker_is_suspect);
}

TEST_F(BrokerSessionTest, DeathOfTheWorkerIsToldAndItsWorkUndone) {
  MakeTestLayout(layout_, "old");
  auto before = directory_.Tree();
  TestSession session(CopyJob());
  session.Ready();
  EXPECT_EQ(session.Put(broker::FILE_KIND_BLOB, "new layer").code(), 0);
  ASSERT_EQ(session.Call(Simple(FillBegin)).code(), 0);
  session.Die();
  EXPECT_EQ(ErrorReason(session.Outcome().status), "WORKER_DIED");
  EXPECT_TRUE(session.Outcome().worker_is_suspect);
  EXPECT_EQ(directory_.Tree(), before);
}

TEST_F(BrokerSessionTest, CancelledCallEndsTheJobSoon) {
  TestSession session(CopyJob());
  session.Ready();
  EXPECT_EQ(session.Put(broker::FILE_KIND_BLOB, "layer").code(), 0);
  absl::Time start = absl::Now();
  cancelled_ = true;
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
  EXPECT_FALSE(session.Outcome().worker_is_suspect);
  EXPECT_TRUE(killed_);
  EXPECT_FALSE(fs::exists(layout_));
}

TEST_F(BrokerSessionTest, CancelledCallDoesNotWaitForALookUp) {
  BrokerResources slow;
  // Outlives the test where a look-up is left behind.
  auto done = std::make_shared<absl::Notification>();
  slow.resolver = Resolver(4, [done](const std::string&, uint16_t) {
    done->WaitForNotification();
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>());
  });
  BrokerSession::Options options = CopyJob();
  options.resources = &slow;
  options.grants.source_registry = RegistryGrant{"slow.example", {443}};
  {
    TestSession session(std::move(options));
    session.Ready();
    session.Begin(ConnectFrame(broker::PURPOSE_REGISTRY, "slow.example", 443));
    absl::Time start = absl::Now();
    cancelled_ = true;
    EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kCancelled));
    EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
  }
  done->Notify();
}

TEST_F(BrokerSessionTest, DeadlineAndTimeLimitEndTheJob) {
  BrokerSession::Options options = CopyJob();
  options.deadline = absl::Now() + absl::Milliseconds(20);
  TestSession late(std::move(options));
  EXPECT_THAT(late.Outcome().status,
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("caller")));
  options = CopyJob();
  options.grants.max_run_time = absl::Milliseconds(20);
  TestSession slow(std::move(options));
  EXPECT_THAT(slow.Outcome().status,
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("limit of 20ms")));
}

TEST_F(BrokerSessionTest, JobThatDoesNotFitIntoAFrameIsRefused) {
  BrokerSession::Options options = CopyJob();
  options.job.set_user_agent(std::string(70000, 'x'));
  TestSession session(std::move(options));
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(session.Outcome().worker_is_suspect);
}

TEST_F(BrokerSessionTest, FloodOfNotesIsSlowedDownAndNoneIsLost) {
  TestSession session(CopyJob());
  session.Ready();
  constexpr int kEvents = 3000;
  for (int i = 0; i < kEvents; ++i) {
    session.Send(Simple(FillEvent));
  }
  session.Finish(2);
  session.Outcome();
  EXPECT_EQ(events_.size(), static_cast<size_t>(kEvents));
}

TEST_F(BrokerSessionTest, WorkerThatReadsNoRepliesCannotHoldUpItsSession) {
  TestSession session(CopyJob());
  session.Ready();
  for (int i = 0; i < 20000; ++i) {
    // Unread replies fill the socket long before the last call.
    session.Begin(OpenFrame(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, ""));
  }
  ExpectViolation(session, "replies are not read");
}

}  // namespace
}  // namespace holkas
