// What a worker may not do: each ends its job, and nothing is left of it.

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/broker_session_fixture.h"
#include "service/broker/work_pool.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Frame = broker::WorkerFrame;

// What a worker may not do: a name, the job, and what it does after (or before) Ready.
struct Misdeed {
  const char* name;
  enum class Job { kCopy, kDir, kArchive, kInspect, kList, kDelete, kStore, kDaemon, kRemoval } job;
  bool ready;
  std::function<void(TestSession&)> act;
  const char* says;
};

constexpr int kDiskThreads = 16;  // as BrokerResources has them

class MisdeedTest : public BrokerSessionTest, public testing::WithParamInterface<Misdeed> {};

TEST_P(MisdeedTest, EndsTheJob) {
  const Misdeed& misdeed = GetParam();
  BrokerSession::Options options = misdeed.job == Misdeed::Job::kCopy      ? CopyJob()
                                   : misdeed.job == Misdeed::Job::kDir     ? DirJob()
                                   : misdeed.job == Misdeed::Job::kArchive ? ArchiveJob()
                                   : misdeed.job == Misdeed::Job::kInspect ? InspectJob()
                                   : misdeed.job == Misdeed::Job::kList    ? ListJob()
                                   : misdeed.job == Misdeed::Job::kDaemon  ? DaemonJob()
                                   : misdeed.job == Misdeed::Job::kStore   ? StoreJob()
                                   : misdeed.job == Misdeed::Job::kRemoval ? RemovalJob()
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
constexpr auto kArchive = Misdeed::Job::kArchive;
constexpr auto kInspect = Misdeed::Job::kInspect;
constexpr auto kList = Misdeed::Job::kList;
constexpr auto kDelete = Misdeed::Job::kDelete;
constexpr auto kDaemon = Misdeed::Job::kDaemon;
constexpr auto kStore = Misdeed::Job::kStore;
constexpr auto kRemoval = Misdeed::Job::kRemoval;

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
void FillUnwrap(Frame& f) { f.mutable_unwrap_key()->add_jwe("{}"); }
void FillHash(Frame& f) { f.mutable_hash_file()->set_file_id(1); }
void FillFindTwins(Frame& f) { f.mutable_find_twins()->set_digest(kDigest); }
void FillMountBlob(Frame& f) { f.mutable_mount_blob()->set_digest(kDigest); }
void FillRemember(Frame& f) { f.mutable_remember()->mutable_blob()->set_digest(kDigest); }
void FillHasBlob(Frame& f) { f.mutable_has_blob()->set_digest(kDigest); }
void FillSpool(Frame& f) { f.mutable_create_spool(); }
void FillCreate(Frame& f) { f.mutable_create_file()->set_size_bytes(1); }
void FillCommit(Frame& f) { f.mutable_commit_file()->set_file_id(1); }
void FillDrop(Frame& f) { f.mutable_drop_file()->set_file_id(1); }
void FillBegin(Frame& f) { f.mutable_begin_publish(); }
void FillPublish(Frame& f) { f.mutable_publish(); }
void FillRemove(Frame& f) { f.mutable_remove_blobs()->add_digests(kDigest); }
void FillStorage(Frame& f) { f.mutable_open_storage()->set_place(broker::PLACE_SOURCE); }
void FillMark(Frame& f) {
  f.mutable_mark_opaque()->set_place(broker::PLACE_SOURCE);
  f.mutable_mark_opaque()->set_path("layer");
}
void FillDevice(Frame& f) {
  f.mutable_make_device()->set_place(broker::PLACE_SOURCE);
  f.mutable_make_device()->set_path("overlay/.holkas-0123456789abcdef/1");
  f.mutable_make_device()->set_kind(broker::DEVICE_KIND_BLOCK);
}
void FillEvent(Frame& f) { f.mutable_event()->mutable_image_started(); }
void FillChunk(Frame& f) { f.mutable_result_chunk()->set_data("x"); }
void FillTags(Frame& f) { f.mutable_tags()->add_tags("x"); }
void FillLog(Frame& f) { f.mutable_log()->set_message("x"); }
void FillReady(Frame& f) { f.mutable_ready(); }

INSTANTIATE_TEST_SUITE_P(
    BeforeReady, MisdeedTest,
    testing::Values(
        Misdeed{"Connect", kCopy, false, Calls(FillConnect), "Connect is not permitted now"},
        Misdeed{"UnwrapKey", kCopy, false, Calls(FillUnwrap), "UnwrapKey is not permitted now"},
        Misdeed{"FindTwins", kCopy, false, Calls(FillFindTwins), "FindTwins is not permitted now"},
        Misdeed{"MountBlob", kCopy, false, Calls(FillMountBlob), "MountBlob is not permitted now"},
        Misdeed{"Remember", kCopy, false, Notes(FillRemember), "Remember is not permitted now"},
        Misdeed{"OpenFile", kCopy, false, Calls(FillOpen), "OpenFile is not permitted now"},
        Misdeed{"HasBlob", kCopy, false, Calls(FillHasBlob), "HasBlob is not permitted now"},
        Misdeed{"CreateSpool", kArchive, false, Calls(FillSpool), "CreateSpool is not permitted"},
        Misdeed{"CreateFile", kCopy, false, Calls(FillCreate), "CreateFile is not permitted now"},
        Misdeed{"HashFile", kCopy, false, Calls(FillHash), "HashFile is not permitted now"},
        Misdeed{"CommitFile", kCopy, false, Calls(FillCommit), "CommitFile is not permitted now"},
        Misdeed{"DropFile", kCopy, false, Calls(FillDrop), "DropFile is not permitted now"},
        Misdeed{"BeginPublish", kCopy, false, Calls(FillBegin), "BeginPublish is not permitted"},
        Misdeed{"Publish", kCopy, false, Calls(FillPublish), "Publish is not permitted now"},
        Misdeed{"RemoveBlobs", kRemoval, false, Calls(FillRemove), "RemoveBlobs is not permitted"},
        Misdeed{"OpenStorage", kStore, false, Calls(FillStorage), "OpenStorage is not permitted"},
        Misdeed{"MarkOpaque", kStore, false, Calls(FillMark), "MarkOpaque is not permitted now"},
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
        Misdeed{"UnwrapKey", kCopy, true, Calls(FillUnwrap), "UnwrapKey is not granted"},
        Misdeed{"FindTwins", kCopy, true, Calls(FillFindTwins), "FindTwins is not granted"},
        Misdeed{"MountBlob", kCopy, true, Calls(FillMountBlob), "MountBlob is not granted"},
        Misdeed{"Remember", kCopy, true, Notes(FillRemember), "Remember is not granted"},
        Misdeed{"ConnectNowhere", kCopy, true, Calls([](Frame& f) { f.mutable_connect(); }),
                "Connect is not granted"},
        Misdeed{"ConnectUnknownPlace", kCopy, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_place(static_cast<broker::Place>(7));
                }),
                "Connect is not granted"},
        Misdeed{"ConnectToNoDaemon", kCopy, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_purpose(broker::PURPOSE_DAEMON);
                }),
                "Connect is not granted"},
        Misdeed{"ConnectToTheOtherPlacesDaemon", kDaemon, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_purpose(broker::PURPOSE_DAEMON);
                  f.mutable_connect()->set_place(broker::PLACE_DESTINATION);
                }),
                "Connect is not granted"},
        Misdeed{"ConnectToADaemonAsARegistry", kDaemon, true, Calls(FillConnect),
                "Connect is not granted"},
        Misdeed{"ConnectToWhereADaemonRedirects", kDaemon, true, Calls([](Frame& f) {
                  FillConnect(f);
                  f.mutable_connect()->set_purpose(broker::PURPOSE_REDIRECT);
                }),
                "Connect is not granted"},
        Misdeed{"AuthorizeForADaemon", kDaemon, true,
                Calls([](Frame& f) { f.mutable_authorize()->set_place(broker::PLACE_SOURCE); }),
                "Authorize is not granted"},
        Misdeed{"OpenFileOfADaemon", kDaemon, true, Calls(FillOpen), "OpenFile is not granted"},
        Misdeed{"OpenFileOfTheSource", kInspect, true, Calls(FillOpen), "OpenFile is not granted"},
        Misdeed{"OpenFileOfTheDestination", kInspect, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_place(broker::PLACE_DESTINATION);
                }),
                "OpenFile is not granted"},
        Misdeed{"OpenFileNowhere", kCopy, true, Calls([](Frame& f) { f.mutable_open_file(); }),
                "OpenFile is not granted"},
        Misdeed{"HasBlob", kInspect, true, Calls(FillHasBlob), "HasBlob is not granted"},
        Misdeed{"CreateSpool", kCopy, true, Calls(FillSpool), "CreateSpool is not granted"},
        Misdeed{"HasBlobOfAnArchive", kArchive, true, Calls(FillHasBlob), "HasBlob is not granted"},
        Misdeed{"HashFileOfAnArchive", kArchive, true, Calls(FillHash), "HashFile is not granted"},
        Misdeed{"CommitFileOfAnArchive", kArchive, true, Calls(FillCommit),
                "CommitFile is not granted"},
        Misdeed{"BeginPublishOfAnArchive", kArchive, true, Calls(FillBegin),
                "BeginPublish is not granted"},
        Misdeed{"CreateFile", kInspect, true, Calls(FillCreate), "CreateFile is not granted"},
        Misdeed{"HashFile", kInspect, true, Calls(FillHash), "HashFile is not granted"},
        Misdeed{"CommitFile", kInspect, true, Calls(FillCommit), "CommitFile is not granted"},
        Misdeed{"DropFile", kInspect, true, Calls(FillDrop), "DropFile is not granted"},
        Misdeed{"BeginPublish", kInspect, true, Calls(FillBegin), "BeginPublish is not granted"},
        Misdeed{"BeginPublishOfADirectory", kDir, true, Calls(FillBegin),
                "BeginPublish is not granted"},
        Misdeed{"Publish", kInspect, true, Calls(FillPublish), "Publish is not granted"},
        Misdeed{"RemoveBlobsOfACopy", kCopy, true, Calls(FillRemove), "RemoveBlobs is not granted"},
        Misdeed{"RemoveBlobsOfADirectory", kDir, true, Calls(FillRemove),
                "RemoveBlobs is not granted"},
        Misdeed{"RemoveBlobsOfAnArchive", kArchive, true, Calls(FillRemove),
                "RemoveBlobs is not granted"},
        Misdeed{"RemoveBlobsOfARegistry", kDelete, true, Calls(FillRemove),
                "RemoveBlobs is not granted"},
        Misdeed{"CreateFileOfADeletion", kRemoval, true, Calls(FillCreate),
                "CreateFile is not granted"},
        Misdeed{"CommitFileOfADeletion", kRemoval, true, Calls(FillCommit),
                "CommitFile is not granted"},
        Misdeed{"HasBlobOfADeletion", kRemoval, true, Calls(FillHasBlob), "HasBlob is not granted"},
        Misdeed{"OpenStorage", kCopy, true, Calls(FillStorage), "OpenStorage is not granted"},
        Misdeed{"OpenStorageElsewhere", kStore, true, Calls([](Frame& f) {
                  f.mutable_open_storage()->set_place(broker::PLACE_DESTINATION);
                }),
                "OpenStorage is not granted"},
        Misdeed{"OpenStorageNowhere", kStore, true,
                Calls([](Frame& f) { f.mutable_open_storage(); }), "OpenStorage is not granted"},
        Misdeed{"OpenFileOfAStore", kStore, true, Calls(FillOpen), "OpenFile is not granted"},
        Misdeed{"ConnectOfAStore", kStore, true, Calls(FillConnect), "Connect is not granted"},
        Misdeed{"MarkOpaque", kCopy, true, Calls(FillMark), "MarkOpaque is not granted"},
        Misdeed{"MarkOpaqueWhereTheWorkerDoes", kStore, true, Calls(FillMark),
                "MarkOpaque is not granted"},
        Misdeed{"MakeDevice", kCopy, true, Calls(FillDevice), "MakeDevice is not granted"},
        Misdeed{"MakeDeviceWhereNoneIsMade", kStore, true, Calls(FillDevice),
                "MakeDevice is not granted"},
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
                [](TestSession& s) { s.SendRaw(std::string("\x08\x01\xc2\x0c\x00", 5), 0); },
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
        Misdeed{"RemoveBlobsOutsideOfTheLayout", kRemoval, true, Calls([](Frame& f) {
                  FillRemove(f);
                  f.mutable_remove_blobs()->add_digests("sha256:../../../etc/passwd");
                }),
                "a malformed digest"},
        Misdeed{"RemoveBlobsOfNoDigest", kRemoval, true,
                Calls([](Frame& f) { f.mutable_remove_blobs()->add_digests(""); }),
                "a malformed digest"},
        Misdeed{"FinishOfADeletionWithoutPublish", kRemoval, true,
                Notes([](Frame& f) { f.mutable_finish(); }), "before Publish"},
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
        Misdeed{"VersionOfAnArchive", kArchive, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_kind(broker::FILE_KIND_VERSION);
                }),
                "a file of an archive"},
        Misdeed{"FileOfANumberTooHigh", kArchive, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_index(1);
                }),
                "a file of a number that the source has not"},
        Misdeed{"NumberedFileOfALayout", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_index(1);
                }),
                "a file of a number that the source has not"},
        Misdeed{"OpenFileOfAnArchiveToWrite", kArchive, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_place(broker::PLACE_DESTINATION);
                }),
                "no files to read"},
        Misdeed{"PublishOfNoArchive", kArchive, true, Calls(FillPublish),
                "is published that is not being written"},
        Misdeed{"OpenFileOutside", kCopy, true, Calls([](Frame& f) {
                  FillOpen(f);
                  f.mutable_open_file()->set_kind(broker::FILE_KIND_BLOB);
                  f.mutable_open_file()->set_digest("sha256:../../../../etc/passwd");
                }),
                "malformed digest"},
        Misdeed{"HasBlobOutside", kCopy, true,
                Calls([](Frame& f) { f.mutable_has_blob()->set_digest("sha256:.."); }),
                "malformed digest"},
        Misdeed{"HashFileThatIsNotWritten", kCopy, true, Calls(FillHash), "not being written"},
        Misdeed{"HashFileOfNegativeSize", kCopy, true, Calls([](Frame& f) {
                  FillHash(f);
                  f.mutable_hash_file()->set_size_bytes(-1);
                }),
                "a file of negative size"},
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

TEST_F(BrokerSessionTest, CallsWhilePublishIsUnderWayAreViolations) {
  TestSession session(RemovalJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  const broker::Reply begun = session.Call(Simple(FillBegin), &fds);
  WriteAndClose(std::move(fds.back()), "new list");
  // The threads of the disk are busy, so that Publish is under way for as long as it takes.
  absl::Notification go_on;
  WorkPool::Client busy(resources_.disk, kDiskThreads);
  for (int i = 0; i < kDiskThreads; ++i) {
    busy.Schedule([&go_on] { go_on.WaitForNotification(); });
  }
  Frame publish;
  publish.mutable_publish()->set_file_id(begun.file_id());
  session.Begin(publish);
  Frame drop;
  drop.mutable_drop_file()->set_file_id(begun.file_id());
  session.Begin(drop);
  EXPECT_EQ(session.NextReply().code(), static_cast<int>(absl::StatusCode::kInternal));
  go_on.Notify();
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kInternal,
                                                 HasSubstr("DropFile while Publish is under way")));
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

TEST_F(BrokerSessionTest, ArchiveStillOpenAtPublishIsAViolation) {
  TestSession session(ArchiveJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  Frame publish;
  publish.mutable_publish()->set_file_id(session.Call(Simple(FillCreate), &fds).file_id());
  session.Begin(publish);
  ExpectViolation(session, "still open for writing");
}

TEST_F(BrokerSessionTest, TooLargeTemporaryFilesEndTheJob) {
  BrokerSession::Options options = ArchiveJob();
  options.grants.max_spool_bytes = 100'000;
  TestSession session(std::move(options));
  session.Ready();
  std::vector<UniqueFd> fds;
  ASSERT_EQ(session.Call(Simple(FillSpool), &fds).code(), 0);
  const std::string content(200'000, 'x');
  ASSERT_EQ(write(fds[0].get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kResourceExhausted,
                                                 HasSubstr("bytes of temporary files")));
}

TEST_F(BrokerSessionTest, FileStillOpenAtCommitIsAViolation) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply = session.Call(Simple(FillCreate), &fds);
  session.Begin(CommitFrame(reply.file_id(), kDigest));
  ExpectViolation(session, "still open for writing");
}

}  // namespace
}  // namespace holkas
