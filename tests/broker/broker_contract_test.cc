#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/store_directories.h"
#include "tests/broker/served_broker.h"
#include "worker/broker/fake_broker.h"

// What every Broker does, the real one (client, frames, session, writers) and the transports' fake.

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Which { kReal, kFake };
enum class Layout { kOci, kDir };

std::string ReadFd(const UniqueFd& fd) {
  std::ifstream file(absl::StrCat("/proc/self/fd/", fd.get()), std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

class BrokerContract : public testing::TestWithParam<std::tuple<Which, Layout>> {
 protected:
  BrokerContract() {
    fs::remove_all(root_);
    fs::remove_all(root_ + "-store");
    fs::create_directories(root_ + "/source");
    fs::create_directories(root_ + "-store/graph");
    fs::create_directories(root_ + "-store/run");
    if (is_oci()) {
      fs::create_directories(root_ + "/source/blobs/sha256");
    }
    Write("source/" + std::string(is_oci() ? "index.json" : "manifest.json"), "root");
    Write("source/" + NameOf("layer"), "layer");
    Open();
  }

  bool is_oci() const { return std::get<1>(GetParam()) == Layout::kOci; }
  bool is_fake() const { return std::get<0>(GetParam()) == Which::kFake; }
  Broker& broker() { return is_fake() ? *fake_ : served_->broker(); }

  void Open(bool only_removes = false) {
    std::string source = root_ + "/source";
    std::string destination = root_ + "/destination";
    if (is_fake()) {
      auto kind = is_oci() ? FakeBroker::Kind::kOci : FakeBroker::Kind::kDir;
      fake_ = std::make_unique<FakeBroker>(FakeBroker::Directory{kind, source},
                                           FakeBroker::Directory{kind, destination});
      fake_->Route("127.0.0.1", port_, port_);
      fake_->set_stores({}, {root_ + "-store/graph", root_ + "-store/run"});
      return;
    }
    BrokerSession::Options options;
    auto kind = is_oci() ? ReadPathGrant::Kind::kOci : ReadPathGrant::Kind::kDir;
    options.grants.source_registry = RegistryGrant{"127.0.0.1", {port_}};
    options.grants.source_path = ReadPathGrant{kind, source};
    options.grants.destination_path = WritePathGrant{kind, destination};
    options.grants.destination_path->only_removes = only_removes;
    options.grants.destination_store = StoreGrant{.graph_root = root_ + "-store/graph",
                                                  .run_root = root_ + "-store/run",
                                                  .mark_opaque = true,
                                                  .make_devices = true};
    store_.graph_root = UniqueFd(open((root_ + "-store/graph").c_str(), O_RDONLY | O_CLOEXEC));
    store_.run_root = UniqueFd(open((root_ + "-store/run").c_str(), O_RDONLY | O_CLOEXEC));
    options.destination_store = &store_;
    source_root_ = UniqueFd(open(source.c_str(), O_RDONLY | O_CLOEXEC));
    options.source_root = source_root_.get();
    options.job.mutable_copy();
    options.deadline = absl::Now() + absl::Seconds(60);
    served_ = std::make_unique<ServedBroker>(std::move(options));
  }
  // Ends the job as one that failed, or whose worker died.
  void Close() {
    fake_.reset();
    served_.reset();
  }

  std::string NameOf(absl::string_view content) const {
    return absl::StrCat(is_oci() ? "blobs/sha256/" : "", Digest::Sha256Of(content).hex());
  }
  void Write(const std::string& name, absl::string_view content) {
    std::ofstream(root_ + "/" + name, std::ios::binary) << content;
  }
  std::string Read(const std::string& name) {
    std::ifstream file(root_ + "/" + name, std::ios::binary);
    return file ? std::string((std::istreambuf_iterator<char>(file)),
                              std::istreambuf_iterator<char>())
                : "<missing>";
  }

  absl::Status Put(broker::FileKind kind, absl::string_view content, absl::string_view claimed) {
    absl::StatusOr<Broker::NewFile> file = broker().CreateFile(-1);
    if (!file.ok()) {
      return file.status();
    }
    EXPECT_EQ(write(file->fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    file->fd.reset();
    return broker().CommitFile(file->id, kind, Digest::Sha256Of(claimed),
                               static_cast<int64_t>(claimed.size()));
  }
  absl::Status Put(broker::FileKind kind, absl::string_view content) {
    return Put(kind, content, content);
  }

  // Publishes an image whose list, or manifest, is `root`.
  absl::Status PublishImage(absl::string_view root) {
    if (!is_oci()) {
      absl::Status put = Put(broker::FILE_KIND_ROOT, root);
      return put.ok() ? broker().Publish(0, 0) : put;
    }
    absl::StatusOr<Broker::PublishLock> lock = broker().BeginPublish();
    if (!lock.ok()) {
      return lock.status();
    }
    EXPECT_EQ(write(lock->next.fd.get(), root.data(), root.size()),
              static_cast<ssize_t>(root.size()));
    lock->next.fd.reset();
    return broker().Publish(lock->next.id, 0);
  }
  std::string RootName() const {
    return is_oci() ? "destination/index.json" : "destination/manifest.json";
  }

  const uint16_t port_ = 1;
  const std::string root_ = testing::TempDir() + "/broker_contract";
  StoreDirectories store_;
  UniqueFd source_root_;
  std::unique_ptr<FakeBroker> fake_;
  std::unique_ptr<ServedBroker> served_;
};

TEST_P(BrokerContract, FilesOfTheSourceAreRead) {
  ASSERT_OK_AND_ASSIGN(
      UniqueFd root, broker().OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, std::nullopt));
  EXPECT_EQ(ReadFd(root), "root");
  ASSERT_OK_AND_ASSIGN(
      UniqueFd blob,
      broker().OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_BLOB, Digest::Sha256Of("layer")));
  EXPECT_EQ(ReadFd(blob), "layer");
}

TEST_P(BrokerContract, MissingFileIsNotFound) {
  EXPECT_THAT(
      broker()
          .OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_BLOB, Digest::Sha256Of("missing"))
          .status(),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(
      broker().OpenFile(broker::PLACE_DESTINATION, broker::FILE_KIND_ROOT, std::nullopt).status(),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(BrokerContract, LinkInABlobsPlaceIsDenied) {
  fs::create_symlink("/etc/passwd", root_ + "/source/" + NameOf("link"));
  absl::Status status =
      broker()
          .OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_BLOB, Digest::Sha256Of("link"))
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(ErrorReason(status), "PATH_DENIED");
}

TEST_P(BrokerContract, PublishedImageIsThere) {
  ASSERT_OK(Put(broker::FILE_KIND_BLOB, "layer"));
  ASSERT_OK(Put(broker::FILE_KIND_MANIFEST, "manifest"));
  EXPECT_EQ(Read(RootName()), "<missing>");
  ASSERT_OK(PublishImage("new"));
  if (served_ != nullptr) {
    EXPECT_OK(served_->Finish(absl::OkStatus()).status);
  }
  EXPECT_EQ(Read(RootName()), "new");
  EXPECT_EQ(Read("destination/" + NameOf("layer")), "layer");
}

TEST_P(BrokerContract, RemovedBlobsGoWithThePublishThatFollows) {
  if (!is_oci()) {
    GTEST_SKIP() << "of layouts alone";
  }
  for (const char* blob : {"gone", "kept"}) {
    ASSERT_OK(Put(broker::FILE_KIND_BLOB, blob));
  }
  ASSERT_OK(PublishImage("old"));
  Close();
  Open(/*only_removes=*/true);
  ASSERT_OK_AND_ASSIGN(Broker::PublishLock dropped, broker().BeginPublish());
  ASSERT_OK(broker().RemoveBlobs({Digest::Sha256Of("kept")}));
  dropped.next.fd.reset();
  ASSERT_OK(broker().DropFile(dropped.next.id));
  ASSERT_OK_AND_ASSIGN(Broker::PublishLock lock, broker().BeginPublish());
  EXPECT_OK(
      broker()
          .OpenFile(broker::PLACE_DESTINATION, broker::FILE_KIND_BLOB, Digest::Sha256Of("gone"))
          .status());
  std::vector<Digest> removed = {Digest::Sha256Of("gone"), Digest::Sha256Of("never there")};
  for (int i = 0; i < 1000; ++i) {  // more than one frame has room for
    removed.push_back(Digest::Sha256Of(absl::StrCat(i)));
  }
  ASSERT_OK(broker().RemoveBlobs(removed));
  EXPECT_EQ(Read("destination/" + NameOf("gone")), "gone");
  ASSERT_EQ(write(lock.next.fd.get(), "new", 3), 3);
  lock.next.fd.reset();
  ASSERT_OK(broker().Publish(lock.next.id, 0));
  EXPECT_EQ(Read(RootName()), "new");
  EXPECT_EQ(Read("destination/" + NameOf("gone")), "<missing>");
  EXPECT_EQ(Read("destination/" + NameOf("kept")), "kept");
}

TEST_P(BrokerContract, ImageThatWasNotPublishedLeavesNothing) {
  ASSERT_OK(Put(broker::FILE_KIND_BLOB, "layer"));
  ASSERT_OK(broker().CreateFile(5).status());
  Close();
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1);
}

TEST_P(BrokerContract, ContentThatDiffersIsDataLoss) {
  for (const char* content : {"lAyer", "laye", "layers", ""}) {
    absl::Status status = Put(broker::FILE_KIND_BLOB, content, "layer");
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                                 HasSubstr(Digest::Sha256Of("layer").ToString())));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
}

TEST_P(BrokerContract, CommittedBlobIsPresentAndCanBeRead) {
  Digest digest = Digest::Sha256Of("layer");
  EXPECT_THAT(broker().HasBlob(digest, 5), IsOkAndHolds(false));
  ASSERT_OK(Put(broker::FILE_KIND_BLOB, "layer"));
  EXPECT_THAT(broker().HasBlob(digest, 5), IsOkAndHolds(true));
  ASSERT_OK_AND_ASSIGN(
      UniqueFd blob, broker().OpenFile(broker::PLACE_DESTINATION, broker::FILE_KIND_BLOB, digest));
  EXPECT_EQ(ReadFd(blob), "layer");
}

TEST_P(BrokerContract, CorruptBlobAtTheDestinationIsAbsentAndRepaired) {
  ASSERT_OK(Put(broker::FILE_KIND_BLOB, "layer"));
  ASSERT_OK(PublishImage("old"));
  Close();
  Write("destination/" + NameOf("layer"), "lAyer");
  Open();
  EXPECT_THAT(broker().HasBlob(Digest::Sha256Of("layer"), 5), IsOkAndHolds(false));
  ASSERT_OK(Put(broker::FILE_KIND_BLOB, "layer"));
  ASSERT_OK(PublishImage("new"));
  EXPECT_EQ(Read("destination/" + NameOf("layer")), "layer");
  EXPECT_EQ(Read(RootName()), "new");
}

TEST_P(BrokerContract, DigestOfAFileIsToldBeforeItIsCommitted) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(-1));
  ASSERT_EQ(write(file.fd.get(), "layer", 5), 5);
  file.fd.reset();
  EXPECT_THAT(broker().HashFile(file.id, 5), IsOkAndHolds(Digest::Sha256Of("layer")));
  ASSERT_OK(broker().CommitFile(file.id, broker::FILE_KIND_BLOB, Digest::Sha256Of("layer"), 5));
  ASSERT_OK(PublishImage("new"));
  EXPECT_EQ(Read("destination/" + NameOf("layer")), "layer");
}

TEST_P(BrokerContract, FileOfAnotherSizeIsNotHashed) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(-1));
  ASSERT_EQ(write(file.fd.get(), "layer", 5), 5);
  file.fd.reset();
  EXPECT_THAT(broker().HashFile(file.id, 4), StatusIs(absl::StatusCode::kDataLoss, testing::_));
}

TEST_P(BrokerContract, DroppedFileCanBeDroppedAgainAndNotCommitted) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(5));
  file.fd.reset();
  EXPECT_OK(broker().DropFile(file.id));
  EXPECT_OK(broker().DropFile(file.id));
  EXPECT_FALSE(broker().CommitFile(file.id, broker::FILE_KIND_BLOB, Digest::Sha256Of(""), 0).ok());
}

TEST_P(BrokerContract, ConnectionElsewhereIsDeniedAndRefusedOneIsUnavailable) {
  absl::Status status =
      broker()
          .Connect(broker::PLACE_SOURCE, broker::PURPOSE_REGISTRY, "elsewhere.example", 443)
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
  status =
      broker().Connect(broker::PLACE_SOURCE, broker::PURPOSE_REGISTRY, "127.0.0.1", port_).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("dial tcp 127.0.0.1:1: connect")));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
}

TEST_P(BrokerContract, StoreIsGivenWhereItIs) {
  ASSERT_OK_AND_ASSIGN(Broker::Storage storage, broker().OpenStorage(broker::PLACE_DESTINATION));
  struct stat there = {};
  struct stat given = {};
  ASSERT_EQ(stat((root_ + "-store/graph").c_str(), &there), 0);
  ASSERT_EQ(fstat(storage.graph_root.get(), &given), 0);
  EXPECT_EQ(given.st_ino, there.st_ino);
  ASSERT_EQ(stat((root_ + "-store/run").c_str(), &there), 0);
  ASSERT_EQ(fstat(storage.run_root.get(), &given), 0);
  EXPECT_EQ(given.st_ino, there.st_ino);
}

TEST_P(BrokerContract, OnlyADirectoryOfTheStoreIsMarked) {
  fs::create_directory_symlink("..", root_ + "-store/graph/link");
  EXPECT_THAT(broker().MarkOpaque(broker::PLACE_DESTINATION, "nothing"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(broker().MarkOpaque(broker::PLACE_DESTINATION, "link"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_P(BrokerContract, DevicesAreMadeInAStagingDirectory) {
  const std::string staging = "overlay/.holkas-0123456789abcdef";
  fs::create_directories(root_ + "-store/graph/" + staging);
  fs::permissions(root_ + "-store/graph/overlay", fs::perms::owner_all);
  const auto make = [this](const std::string& path) {
    return broker().MakeDevice(broker::PLACE_DESTINATION, path, S_IFBLK, makedev(259, 70'000));
  };
  EXPECT_THAT(make(staging + "/1"), IsOkAndHolds(geteuid() == 0));
  if (geteuid() == 0) {
    struct stat info = {};
    ASSERT_EQ(stat((root_ + "-store/graph/" + staging + "/1").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode, S_IFBLK | 0600u);
    EXPECT_EQ(info.st_rdev, makedev(259, 70'000));
    EXPECT_THAT(make(staging + "/1").status(), StatusIs(absl::StatusCode::kAlreadyExists));
  }
  EXPECT_THAT(make("overlay/.holkas-fedcba9876543210/1").status(),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(BrokerContract, DeviceInALayerIsAViolation) {
  fs::create_directories(root_ + "-store/graph/overlay/layer");
  const absl::Status status =
      broker()
          .MakeDevice(broker::PLACE_DESTINATION, "overlay/layer/null", S_IFCHR, makedev(1, 3))
          .status();
  if (is_fake()) {
    EXPECT_EQ(ErrorReason(status), "WORKER_VIOLATION");
  } else {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(served_->Finish(absl::OkStatus()).status), "WORKER_VIOLATION");
  }
  EXPECT_TRUE(fs::is_empty(root_ + "-store/graph/overlay/layer"));
}

TEST_P(BrokerContract, StoreThatIsNotThereIsAViolation) {
  const absl::Status status = broker().OpenStorage(broker::PLACE_SOURCE).status();
  if (is_fake()) {
    EXPECT_EQ(ErrorReason(status), "WORKER_VIOLATION");
  } else {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(served_->Finish(absl::OkStatus()).status), "WORKER_VIOLATION");
  }
}

TEST_P(BrokerContract, EventsArriveInTheirOrder) {
  for (int i = 0; i < 3; ++i) {
    v1::CopyResponse event;
    event.mutable_image_started()->set_number(i);
    ASSERT_OK(broker().SendEvent(event));
  }
  if (served_ != nullptr) {
    served_->Finish(absl::UnknownError("done"));
  }
  const auto& events = is_fake() ? fake_->events() : served_->events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[2].image_started().number(), 2);
}

INSTANTIATE_TEST_SUITE_P(All, BrokerContract,
                         testing::Combine(testing::Values(Which::kReal, Which::kFake),
                                          testing::Values(Layout::kOci, Layout::kDir)),
                         [](const auto& info) {
                           return absl::StrCat(
                               std::get<0>(info.param) == Which::kReal ? "Real" : "Fake",
                               std::get<1>(info.param) == Layout::kOci ? "Oci" : "Dir");
                         });

// A job from an archive to an archive.
class ArchiveBrokerContract : public testing::TestWithParam<Which> {
 protected:
  ArchiveBrokerContract() {
    fs::remove_all(root_);
    fs::create_directories(root_);
    std::ofstream(root_ + "/source", std::ios::binary) << "archive";
    if (GetParam() == Which::kFake) {
      fake_ = std::make_unique<FakeBroker>(
          FakeBroker::Directory{FakeBroker::Kind::kFile, root_ + "/source"},
          FakeBroker::Directory{FakeBroker::Kind::kFile, root_ + "/destination"});
      return;
    }
    BrokerSession::Options options;
    options.grants.source_path = ReadPathGrant{ReadPathGrant::Kind::kFile, root_ + "/source"};
    options.grants.destination_path =
        WritePathGrant{ReadPathGrant::Kind::kFile, root_ + "/destination"};
    options.grants.spool_directory = root_;
    options.job.mutable_copy();
    options.deadline = absl::Now() + absl::Seconds(60);
    served_ = std::make_unique<ServedBroker>(std::move(options));
  }

  Broker& broker() { return fake_ != nullptr ? *fake_ : served_->broker(); }

  const std::string root_ = testing::TempDir() + "/archive_broker_contract";
  std::unique_ptr<FakeBroker> fake_;
  std::unique_ptr<ServedBroker> served_;
};

TEST_P(ArchiveBrokerContract, ArchiveIsReadAndHasNoOtherFiles) {
  ASSERT_OK_AND_ASSIGN(
      UniqueFd root, broker().OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, std::nullopt));
  EXPECT_EQ(ReadFd(root), "archive");
  EXPECT_THAT(broker().OpenFile(broker::PLACE_SOURCE, broker::FILE_KIND_VERSION, std::nullopt),
              Not(IsOk()));
}

TEST_P(ArchiveBrokerContract, TemporaryFileIsWrittenAndReadBack) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd spool, broker().CreateSpool());
  ASSERT_EQ(pwrite(spool.get(), "content", 7, 0), 7);
  EXPECT_EQ(ReadFd(spool), "content");
}

TEST_P(ArchiveBrokerContract, ArchiveIsThereAfterPublish) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(-1));
  ASSERT_EQ(write(file.fd.get(), "new", 3), 3);
  file.fd.reset();
  EXPECT_FALSE(fs::exists(root_ + "/destination"));
  ASSERT_OK(broker().Publish(file.id, 0));
  std::ifstream published(root_ + "/destination", std::ios::binary);
  EXPECT_EQ(
      std::string((std::istreambuf_iterator<char>(published)), std::istreambuf_iterator<char>()),
      "new");
}

TEST_P(ArchiveBrokerContract, WhatIsBehindTheArchivesEndIsCutOff) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(-1));
  ASSERT_EQ(write(file.fd.get(), "new and old", 11), 11);
  file.fd.reset();
  ASSERT_OK(broker().Publish(file.id, 3));
  EXPECT_EQ(fs::file_size(root_ + "/destination"), 3u);
}

TEST_P(ArchiveBrokerContract, WhatIsNotPublishedIsGone) {
  ASSERT_OK_AND_ASSIGN(Broker::NewFile file, broker().CreateFile(-1));
  file.fd.reset();
  EXPECT_OK(broker().DropFile(file.id));
  fake_.reset();
  served_.reset();
  EXPECT_FALSE(fs::exists(root_ + "/destination"));
}

INSTANTIATE_TEST_SUITE_P(All, ArchiveBrokerContract, testing::Values(Which::kReal, Which::kFake),
                         [](const auto& info) {
                           return info.param == Which::kReal ? "Real" : "Fake";
                         });

}  // namespace
}  // namespace holkas
