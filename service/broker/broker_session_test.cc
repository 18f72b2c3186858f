#include "service/broker/broker_session.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
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
#include "proto/broker/job_frames.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/broker_session_fixture.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(BrokerSessionTest, JobWithManyCertificatesArrivesWhole) {
  BrokerSession::Options options = InspectJob();
  broker::RegistryImage& image = *options.job.mutable_source()->mutable_registry();
  for (int i = 0; i < 20; ++i) {
    image.add_mirrors()->mutable_certificates()->set_ca_pem(std::string(48 << 10, 'x'));
  }
  const std::string sent = options.job.SerializeAsString();
  TestSession session(std::move(options));
  EXPECT_EQ(session.job().SerializeAsString(), sent);
  session.Ready();
  session.Finish();
  EXPECT_OK(session.Outcome().status);
}

TEST_F(BrokerSessionTest, TooLargeJobIsNotBegun) {
  BrokerSession::Options options = InspectJob();
  options.job.mutable_source()->mutable_registry()->mutable_certificates()->set_ca_pem(
      std::string(kMaxJobBytes, 'x'));
  TestSession session(std::move(options));
  const JobOutcome& outcome = session.Outcome();
  EXPECT_THAT(outcome.status,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("the certificates of all its registries and mirrors")));
  EXPECT_EQ(ErrorReason(outcome.status), "LIMIT_EXCEEDED");
  EXPECT_FALSE(outcome.worker_is_suspect);
  EXPECT_TRUE(killed_);
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

TEST_F(BrokerSessionTest, SingleFileBesideAStoreIsReadFromItsBeginningEachTime) {
  BrokerSession::Options options = ArchiveJob();
  options.grants.destination_path.reset();
  options.grants.destination_store.emplace();
  std::vector<UniqueFd> files;
  files.emplace_back(open(archive_.c_str(), O_RDONLY | O_CLOEXEC));
  options.source_files = &files;
  TestSession session(std::move(options));
  session.Ready();
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<UniqueFd> fds;
    ASSERT_EQ(
        session.Call(OpenFrame(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, ""), &fds).code(), 0);
    char content[100];
    EXPECT_EQ(read(fds.at(0).get(), content, sizeof(content)), 7);
  }
  session.Finish();
  EXPECT_OK(session.Outcome().status);
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

TEST_F(BrokerSessionTest, ResultIsTakenUpToItsBound) {
  for (const size_t beyond : {0, 1}) {
    BrokerSession::Options options = InspectJob();
    options.grants.max_result_bytes = 100;
    TestSession session(std::move(options));
    session.Ready();
    for (const size_t bytes : {size_t{60}, 40 + beyond}) {
      session.Send(Simple(
          [bytes](Frame& f) { f.mutable_result_chunk()->set_data(std::string(bytes, 'x')); }));
    }
    if (beyond == 0) {
      session.Finish();
      EXPECT_OK(session.Outcome().status);
      EXPECT_EQ(session.Outcome().result, std::string(100, 'x'));
    } else {
      ExpectViolation(session, "a result of more than 100 bytes");
    }
  }
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

TEST_F(BrokerSessionTest, DeletionFromALayoutReadsUnderTheLockAndRemovesWhatItNamed) {
  TestSession session(RemovalJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  const broker::Reply begun =
      session.Call(Simple([](Frame& f) { f.mutable_begin_publish(); }), &fds);
  ASSERT_EQ(begun.code(), 0) << begun.message();
  ASSERT_TRUE(begun.has_current());
  EXPECT_EQ(ReadTestFd(fds[0]), "old list");
  const std::string layer = Digest::Sha256Of("layer").ToString();
  std::vector<UniqueFd> files;
  ASSERT_EQ(
      session.Call(OpenFrame(broker::PLACE_DESTINATION, broker::FILE_KIND_BLOB, layer), &files)
          .code(),
      0);
  EXPECT_EQ(ReadTestFd(files.at(0)), "layer");
  EXPECT_EQ(session.Call(RemoveFrame(layer)).code(), 0);
  EXPECT_TRUE(fs::exists(BlobInLayout("layer")));
  WriteAndClose(std::move(fds[1]), "new list");
  Frame publish;
  publish.mutable_publish()->set_file_id(begun.file_id());
  ASSERT_EQ(session.Call(publish).code(), 0);
  session.Send(Simple([](Frame& f) { f.mutable_result_chunk()->set_data("deleted"); }));
  session.Finish();
  EXPECT_OK(session.Outcome().status);
  EXPECT_EQ(session.Outcome().result, "deleted");
  EXPECT_EQ(ReadTestFile(layout_ + "/index.json"), "new list");
  EXPECT_FALSE(fs::exists(BlobInLayout("layer")));
  EXPECT_EQ(ReadTestFile(BlobInLayout("other")), "other");
}

TEST_F(BrokerSessionTest, DeletionInALayoutThatIsNotThereMakesNone) {
  BrokerSession::Options options = RemovalJob();
  fs::remove_all(layout_);
  TestSession session(std::move(options));
  session.Ready();
  EXPECT_EQ(session.Call(OpenFrame(broker::PLACE_DESTINATION, broker::FILE_KIND_ROOT, "")).code(),
            kNotFound);
  EXPECT_EQ(session.Call(Simple([](Frame& f) { f.mutable_begin_publish(); })).code(), kNotFound);
  EXPECT_FALSE(fs::exists(layout_));
  session.Finish(kNotFound, "no layout");
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kNotFound, "no layout"));
  EXPECT_FALSE(fs::exists(layout_));
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

TEST_F(BrokerSessionTest, MismatchIsAReplyNotAViolation) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply =
      session.Call(Simple([](Frame& f) { f.mutable_create_file()->set_size_bytes(1); }), &fds);
  WriteAndClose(std::move(fds.at(0)), "x");
  reply = session.Call(CommitFrame(reply.file_id(), kDigest));
  EXPECT_EQ(reply.code(), static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_EQ(reply.reason(), "CONTENT_MISMATCH");
  session.Finish(static_cast<int>(absl::StatusCode::kDataLoss), "gone");
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kDataLoss));
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

TEST_F(BrokerSessionTest, SharedBlobsOfTheSourceAreOpenedInTheirDirectoryAlone) {
  const std::string shared = directory_ / "shared";
  fs::create_directories(shared + "/sha256");
  const Digest blob = Digest::Sha256Of("blob");
  WriteTestFile(absl::StrCat(shared, "/sha256/", blob.hex()), "blob");
  BrokerSession::Options options = CopyJob();
  options.grants.source_path->blob_directory = shared;
  TestSession session(std::move(options));
  session.Ready();
  const auto open = [&session](broker::FileKind kind, const std::string& digest) {
    std::vector<UniqueFd> fds;
    const broker::Reply reply = session.Call(OpenFrame(broker::PLACE_SOURCE, kind, digest), &fds);
    return fds.empty() ? reply.message() : ReadTestFd(fds.at(0));
  };
  EXPECT_EQ(open(broker::FILE_KIND_ROOT, ""), "list of the source");
  EXPECT_EQ(open(broker::FILE_KIND_BLOB, blob.ToString()), "blob");
  EXPECT_EQ(open(broker::FILE_KIND_MANIFEST, blob.ToString()), "blob");
  EXPECT_THAT(open(broker::FILE_KIND_BLOB, Digest::Sha256Of("layer").ToString()),
              HasSubstr("no such file"));
}

TEST_F(BrokerSessionTest, StoresDirectoriesAreGivenAsOftenAsTheyAreAskedFor) {
  TestSession session(StoreJob());
  session.Ready();
  for (int i = 0; i < 2; ++i) {
    std::vector<UniqueFd> fds;
    const broker::Reply reply = session.Call(
        Simple([](Frame& f) { f.mutable_open_storage()->set_place(broker::PLACE_SOURCE); }), &fds);
    ASSERT_EQ(reply.code(), 0) << reply.message();
    ASSERT_EQ(fds.size(), 2u);
    struct stat given = {};
    struct stat there = {};
    for (const auto& [fd, name] :
         {std::pair(fds[0].get(), "graph"), std::pair(fds[1].get(), "run")}) {
      ASSERT_EQ(fstat(fd, &given), 0);
      ASSERT_EQ(stat((directory_ / name).c_str(), &there), 0);
      EXPECT_EQ(given.st_ino, there.st_ino) << name;
    }
  }
}

TEST_F(BrokerSessionTest, OpaqueDirectoriesAreMarkedUpToALimit) {
  BrokerSession::Options options = StoreJob();
  options.grants.source_store->mark_opaque = true;
  options.grants.max_opaque_marks = 2;
  ASSERT_EQ(mkdir((directory_ / "graph/layer").c_str(), 0700), 0);
  TestSession session(std::move(options));
  session.Ready();
  const auto mark = [&session](const std::string& path) {
    return session.Call(Simple([&path](Frame& f) {
      f.mutable_mark_opaque()->set_place(broker::PLACE_SOURCE);
      f.mutable_mark_opaque()->set_path(path);
    }));
  };
  EXPECT_EQ(mark("layer").code(), geteuid() == 0 ? 0 : kPermissionDenied);
  EXPECT_EQ(mark("../graph").code(), kPermissionDenied);
  EXPECT_EQ(mark("layer").reason(), "LIMIT_EXCEEDED");
}

TEST_F(BrokerSessionTest, DevicesAreMadeUpToALimit) {
  BrokerSession::Options options = StoreJob();
  options.grants.source_store->make_devices = true;
  options.grants.max_devices = 2;
  const std::string staging = "overlay/.holkas-0123456789abcdef";
  ASSERT_EQ(mkdir((directory_ / "graph/overlay").c_str(), 0700), 0);
  ASSERT_EQ(mkdir((directory_ / ("graph/" + staging)).c_str(), 0700), 0);
  TestSession session(std::move(options));
  session.Ready();
  const auto make = [&session](const std::string& path) {
    return session.Call(Simple([&path](Frame& f) {
      f.mutable_make_device()->set_place(broker::PLACE_SOURCE);
      f.mutable_make_device()->set_path(path);
      f.mutable_make_device()->set_kind(broker::DEVICE_KIND_CHARACTER);
      f.mutable_make_device()->set_device_major(1);
      f.mutable_make_device()->set_device_minor(3);
    }));
  };
  const broker::Reply made = make(staging + "/1");
  EXPECT_EQ(made.code(), 0);
  EXPECT_EQ(made.present(), geteuid() == 0);
  EXPECT_EQ(make("overlay/.holkas-fedcba9876543210/1").code(), kNotFound);
  EXPECT_EQ(make(staging + "/2").reason(), "LIMIT_EXCEEDED");
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
  ASSERT_EQ(session.Call(Simple([](Frame& f) { f.mutable_begin_publish(); })).code(), 0);
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

// When it is answered, the session has heard that the worker is ready.
void AskForSomething(TestSession& session) {
  broker::WorkerFrame frame;
  frame.mutable_open_file()->set_place(broker::PLACE_SOURCE);
  frame.mutable_open_file()->set_kind(broker::FILE_KIND_ROOT);
  session.Call(std::move(frame));
}

TEST_F(BrokerSessionTest, CancelledCopyToARegistryMayEndItsUploads) {
  TestSession session(CopyToRegistry());
  session.Ready();
  AskForSomething(session);
  cancelled_ = true;
  EXPECT_TRUE(session.NextIsCancel());
  EXPECT_FALSE(killed_);
  session.Finish(static_cast<int>(absl::StatusCode::kCancelled), "ended");
  EXPECT_THAT(session.Outcome().status,
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("the caller cancelled")));
  EXPECT_FALSE(session.Outcome().worker_is_suspect);
}

TEST_F(BrokerSessionTest, CancelledCopyToARegistryEndsASecondLater) {
  TestSession session(CopyToRegistry());
  session.Ready();
  AskForSomething(session);
  const absl::Time start = absl::Now();
  cancelled_ = true;
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_GT(absl::Now() - start, absl::Milliseconds(900));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(2000));
  EXPECT_TRUE(killed_);
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

TEST_F(BrokerSessionTest, FloodOfNotesIsSlowedDownAndNoneIsLost) {
  TestSession session(CopyJob());
  session.Ready();
  constexpr int kEvents = 3000;
  for (int i = 0; i < kEvents; ++i) {
    session.Send(Simple([](Frame& f) { f.mutable_event()->mutable_image_started(); }));
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
