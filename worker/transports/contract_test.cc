// What every transport promises (image_source.h, image_destination.h), on real files and, where it
// is installed, a real registry.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "broker/broker.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/test_tar.h"
#include "worker/blob/read_all.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"
#include "worker/transports/docker_registry.h"
#include "worker/transports/transport.h"

namespace holkas {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using Reuse = ImageDestination::Reuse;

Descriptor DescriptorOf(absl::string_view media_type, const std::string& content) {
  return {std::string(media_type),
          Digest::Sha256Of(content),
          static_cast<int64_t>(content.size()),
          {},
          {}};
}

std::string Json(const Descriptor& descriptor, absl::string_view more = "") {
  return absl::StrCat(R"({"mediaType":")", descriptor.media_type, R"(","digest":")",
                      descriptor.digest.ToString(), R"(","size":)", descriptor.size_bytes, more,
                      "}");
}

Manifest Parse(const std::string& bytes) {
  return *Manifest::Parse({bytes, Digest::Sha256Of(bytes), ""});
}

// An image with two layers that `seed` makes different from others.
struct TestImage {
  explicit TestImage(const std::string& seed)
      : contents{absl::StrCat("base layer of ", seed), absl::StrCat("second layer of ", seed),
                 absl::StrCat(R"({"architecture":"amd64","os":"linux","author":")", seed, "\"}")},
        blobs{DescriptorOf(kOciLayerGzipType, contents[0]),
              DescriptorOf(kOciLayerGzipType, contents[1]),
              DescriptorOf(kOciConfigType, contents[2])},
        manifest(Parse(absl::StrCat(
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)",
            R"("config":)", Json(blobs[2]), R"(,"layers":[)", Json(blobs[0]), ",", Json(blobs[1]),
            "]}"))) {}

  std::vector<std::string> contents;
  std::vector<Descriptor> blobs;
  Manifest manifest;
};

Manifest IndexOf(const TestImage& first, const TestImage& second) {
  return Parse(absl::StrCat(
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)",
      Json(first.manifest.ToDescriptor(), R"(,"platform":{"os":"linux","architecture":"amd64"})"),
      ",",
      Json(second.manifest.ToDescriptor(), R"(,"platform":{"os":"linux","architecture":"arm64"})"),
      "]}"));
}

// One place of the transport under test, where one image has its name. Each session is what one
// worker does: it has its own broker.
class Place {
 public:
  virtual ~Place() = default;
  virtual broker::ImageLocation Location() const = 0;
  virtual std::unique_ptr<FakeBroker> NewBroker() const = 0;
  // The file that holds the bytes of a blob that was published.
  virtual std::string BlobPath(const Digest& digest) const = 0;
  virtual std::string ManifestPath(const Digest& digest) const { return BlobPath(digest); }
  // Puts `content` in the place of a blob's.
  virtual void Overwrite(const Digest& digest, const std::string& content) const {
    OverwriteFile(BlobPath(digest), content);
  }

 protected:
  static void OverwriteFile(const std::string& path, const std::string& content);
};

void Place::OverwriteFile(const std::string& path, const std::string& content) {
  ASSERT_TRUE(std::filesystem::exists(path)) << path;
  std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class OciPlace : public Place {
 public:
  explicit OciPlace(std::string path) : path_(std::move(path)) {}
  broker::ImageLocation Location() const override {
    broker::ImageLocation location;
    location.mutable_oci()->set_reference("name");
    return location;
  }
  std::unique_ptr<FakeBroker> NewBroker() const override {
    FakeBroker::Directory directory{FakeBroker::Kind::kOci, path_};
    return std::make_unique<FakeBroker>(directory, directory);
  }
  std::string BlobPath(const Digest& digest) const override {
    return absl::StrCat(path_, "/blobs/sha256/", digest.hex());
  }

 private:
  const std::string path_;
};

class DirPlace : public Place {
 public:
  explicit DirPlace(std::string path) : path_(std::move(path)) {}
  broker::ImageLocation Location() const override {
    broker::ImageLocation location;
    location.mutable_dir();
    return location;
  }
  std::unique_ptr<FakeBroker> NewBroker() const override {
    FakeBroker::Directory directory{FakeBroker::Kind::kDir, path_};
    return std::make_unique<FakeBroker>(directory, directory);
  }
  std::string BlobPath(const Digest& digest) const override {
    return absl::StrCat(path_, "/", digest.hex());
  }
  std::string ManifestPath(const Digest& digest) const override {
    return absl::StrCat(path_, "/", digest.hex(), ".manifest.json");
  }

 private:
  const std::string path_;
};

class ArchivePlace : public Place {
 public:
  explicit ArchivePlace(std::string path) : path_(std::move(path)) {}
  std::unique_ptr<FakeBroker> NewBroker() const override {
    FakeBroker::Directory file{FakeBroker::Kind::kFile, path_};
    return std::make_unique<FakeBroker>(file, file);
  }
  std::string BlobPath(const Digest& /*digest*/) const override { return path_; }
  void Overwrite(const Digest& digest, const std::string& content) const override {
    std::ifstream file(path_, std::ios::binary);
    const std::string old((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::string changed;
    for (size_t at = 0; !IsZeroBlock(absl::string_view(old).substr(at, kTarBlockBytes));) {
      ASSERT_OK_AND_ASSIGN(const TarHeader header,
                           ParseTarHeader(absl::string_view(old).substr(at, kTarBlockBytes)));
      const bool is_it = absl::StrContains(header.name, digest.hex());
      changed += TarFileBytes(header.name,
                              is_it ? content : old.substr(at + kTarBlockBytes, header.size_bytes));
      at += kTarBlockBytes + header.size_bytes + TarPadding(header.size_bytes);
    }
    OverwriteFile(path_, changed + TarEnd());
  }

 private:
  const std::string path_;
};

class OciArchivePlace : public ArchivePlace {
 public:
  using ArchivePlace::ArchivePlace;
  broker::ImageLocation Location() const override {
    broker::ImageLocation location;
    location.mutable_oci_archive()->set_reference("name");
    return location;
  }
};

class DirArchivePlace : public ArchivePlace {
 public:
  using ArchivePlace::ArchivePlace;
  broker::ImageLocation Location() const override {
    broker::ImageLocation location;
    location.mutable_dir_archive();
    return location;
  }
};

class RegistryPlace : public Place {
 public:
  explicit RegistryPlace(std::unique_ptr<DockerRegistry> registry)
      : registry_(std::move(registry)) {}
  broker::ImageLocation Location() const override {
    broker::ImageLocation location;
    broker::RegistryImage& image = *location.mutable_registry();
    image.set_host("127.0.0.1");
    image.set_api_host("127.0.0.1");
    image.set_port(registry_->port());
    image.set_repository("some/image");
    image.set_tag("name");
    image.set_plain_http_allowed(true);
    image.set_display_name(absl::StrCat("127.0.0.1:", registry_->port(), "/some/image:name"));
    return location;
  }
  std::unique_ptr<FakeBroker> NewBroker() const override {
    auto broker = std::make_unique<FakeBroker>(FakeBroker::Directory{}, FakeBroker::Directory{});
    broker->Route("127.0.0.1", registry_->port(), registry_->port());
    return broker;
  }
  std::string BlobPath(const Digest& digest) const override { return registry_->BlobPath(digest); }

 private:
  const std::unique_ptr<DockerRegistry> registry_;
};

// What one worker does with the place.
class Session {
 public:
  explicit Session(const Place& place) : broker_(place.NewBroker()), location_(place.Location()) {
    *job_.mutable_source() = location_;
    *job_.mutable_destination() = location_;
    job_.set_threads(1);
  }

  absl::StatusOr<std::unique_ptr<ImageSource>> Source() {
    ASSIGN_OR_RETURN(const Transport* transport, FindTransport(location_));
    return transport->open_source({*broker_, job_}, location_);
  }
  absl::StatusOr<std::unique_ptr<ImageDestination>> Destination() {
    ASSIGN_OR_RETURN(const Transport* transport, FindTransport(location_));
    return transport->open_destination({*broker_, job_}, location_);
  }

 private:
  std::unique_ptr<FakeBroker> broker_;
  broker::ImageLocation location_;
  broker::JobSpec job_;
};

absl::Status WriteBlob(ImageDestination& to, const Descriptor& blob, const std::string& content) {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSink> sink, to.CreateBlob(blob));
  RETURN_IF_ERROR(sink->Append(content));
  return sink->Finish(blob.digest, blob.size_bytes);
}

absl::Status WriteBlobs(ImageDestination& to, const TestImage& image) {
  for (size_t i = 0; i < image.blobs.size(); ++i) {
    RETURN_IF_ERROR(WriteBlob(to, image.blobs[i], image.contents[i]));
  }
  return absl::OkStatus();
}

absl::Status WriteImage(const Place& place, const TestImage& image) {
  Session session(place);
  ASSIGN_OR_RETURN(auto to, session.Destination());
  RETURN_IF_ERROR(WriteBlobs(*to, image));
  RETURN_IF_ERROR(to->WriteManifest(image.manifest, /*is_top=*/true));
  return to->Publish(image.manifest);
}

absl::StatusOr<RawManifest> ReadTop(const Place& place) {
  Session session(place);
  ASSIGN_OR_RETURN(auto from, session.Source());
  return from->ReadManifest(std::nullopt);
}

absl::StatusOr<std::string> ReadBlob(const Place& place, const Descriptor& blob) {
  Session session(place);
  ASSIGN_OR_RETURN(auto from, session.Source());
  ASSIGN_OR_RETURN(auto bytes, from->OpenBlob(blob));
  return ReadAll(std::move(bytes), blob.digest, blob.size_bytes, kMaxConfigBytes);
}

class TransportContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::string path =
        absl::StrCat(testing::TempDir(), "/", name.substr(0, name.find('/')), "-", GetParam());
    std::filesystem::remove_all(path);
    if (GetParam() == "oci") {
      place_ = std::make_unique<OciPlace>(path);
    } else if (GetParam() == "dir") {
      place_ = std::make_unique<DirPlace>(path);
    } else if (GetParam() == "oci-archive") {
      place_ = std::make_unique<OciArchivePlace>(path);
    } else if (GetParam() == "dir-archive") {
      place_ = std::make_unique<DirArchivePlace>(path);
    } else if (!DockerRegistry::Installed()) {
      GTEST_SKIP() << "docker-registry is not installed";
    } else {
      std::filesystem::create_directories(path);
      ASSERT_OK_AND_ASSIGN(auto registry, DockerRegistry::Start(path));
      place_ = std::make_unique<RegistryPlace>(std::move(registry));
    }
  }

  const Place& place() { return *place_; }

  const TestImage image_{"image"};
  const TestImage other_{"other"};

 private:
  std::unique_ptr<Place> place_;
};

// What only a transport without a registry's own care for its content can show.
class FileTransportContract : public TransportContract {};

INSTANTIATE_TEST_SUITE_P(Transports, FileTransportContract, testing::Values("oci", "dir"),
                         [](const auto& info) { return info.param; });

// What only transports show that keep what is there. An archive is written anew each time.
class KeepingTransportContract : public TransportContract {};

INSTANTIATE_TEST_SUITE_P(Transports, KeepingTransportContract,
                         testing::Values("oci", "dir", "docker"),
                         [](const auto& info) { return info.param; });

// docker-archive: has no place for the manifests of this test; docker_archive_test is its own.
INSTANTIATE_TEST_SUITE_P(Transports, TransportContract,
                         testing::Values("oci", "dir", "docker", "oci-archive", "dir-archive"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

TEST_P(TransportContract, RoundTripKeepsBytesAndDigests) {
  ASSERT_OK(WriteImage(place(), image_));
  ASSERT_OK_AND_ASSIGN(RawManifest top, ReadTop(place()));
  EXPECT_EQ(top.bytes, image_.manifest.bytes());
  EXPECT_EQ(top.digest, image_.manifest.digest());
  for (size_t i = 0; i < image_.blobs.size(); ++i) {
    EXPECT_THAT(ReadBlob(place(), image_.blobs[i]), IsOkAndHolds(image_.contents[i]));
  }
}

TEST_P(TransportContract, RoundTripOfAnIndexKeepsItsImages) {
  Manifest index = IndexOf(image_, other_);
  Session writing(place());
  ASSERT_OK_AND_ASSIGN(auto to, writing.Destination());
  for (const TestImage* image : {&image_, &other_}) {
    ASSERT_OK(WriteBlobs(*to, *image));
    ASSERT_OK(to->WriteManifest(image->manifest, /*is_top=*/false));
  }
  ASSERT_OK(to->WriteManifest(index, /*is_top=*/true));
  ASSERT_OK(to->Publish(index));

  Session reading(place());
  ASSERT_OK_AND_ASSIGN(auto from, reading.Source());
  ASSERT_OK_AND_ASSIGN(RawManifest top, from->ReadManifest(std::nullopt));
  EXPECT_EQ(top.bytes, index.bytes());
  for (const TestImage* image : {&image_, &other_}) {
    ASSERT_OK_AND_ASSIGN(RawManifest member, from->ReadManifest(image->manifest.digest()));
    EXPECT_EQ(member.bytes, image->manifest.bytes());
    EXPECT_EQ(member.digest, image->manifest.digest());
  }
}

TEST_P(TransportContract, WhatIsMissingIsNotFound) {
  EXPECT_THAT(ReadTop(place()), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(WriteImage(place(), image_));
  absl::Status blob = ReadBlob(place(), other_.blobs[0]).status();
  EXPECT_THAT(blob, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(blob), "BLOB_UNKNOWN");
  Session session(place());
  ASSERT_OK_AND_ASSIGN(auto from, session.Source());
  absl::Status manifest = from->ReadManifest(other_.manifest.digest()).status();
  EXPECT_THAT(manifest, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(manifest), "MANIFEST_UNKNOWN");
}

TEST_P(TransportContract, ABlobThatIsShortAtTheSourceIsDataLoss) {
  ASSERT_OK(WriteImage(place(), image_));
  place().Overwrite(image_.blobs[0].digest, image_.contents[0].substr(1));
  absl::Status status = ReadBlob(place(), image_.blobs[0]).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST_P(TransportContract, ABlobThatIsLongAtTheSourceIsRefused) {
  ASSERT_OK(WriteImage(place(), image_));
  place().Overwrite(image_.blobs[0].digest, image_.contents[0] + "x");
  EXPECT_THAT(
      ReadBlob(place(), image_.blobs[0]),
      AnyOf(StatusIs(absl::StatusCode::kDataLoss), StatusIs(absl::StatusCode::kResourceExhausted)));
}

TEST_P(TransportContract, AnAlteredBlobIsDataLoss) {
  ASSERT_OK(WriteImage(place(), image_));
  std::string altered = image_.contents[0];
  altered[0] ^= 1;
  place().Overwrite(image_.blobs[0].digest, altered);
  EXPECT_THAT(ReadBlob(place(), image_.blobs[0]), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(FileTransportContract, AnAlteredManifestIsDataLoss) {
  Manifest index = IndexOf(image_, other_);
  Session writing(place());
  ASSERT_OK_AND_ASSIGN(auto to, writing.Destination());
  for (const TestImage* image : {&image_, &other_}) {
    ASSERT_OK(WriteBlobs(*to, *image));
    ASSERT_OK(to->WriteManifest(image->manifest, /*is_top=*/false));
  }
  ASSERT_OK(to->WriteManifest(index, /*is_top=*/true));
  ASSERT_OK(to->Publish(index));
  std::string altered = image_.manifest.bytes();
  altered.back() = ' ';
  std::ofstream(place().ManifestPath(image_.manifest.digest()), std::ios::binary) << altered;

  Session reading(place());
  ASSERT_OK_AND_ASSIGN(auto from, reading.Source());
  absl::Status status = from->ReadManifest(image_.manifest.digest()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr(image_.manifest.digest().ToString())));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

// What goes into an archive is verified by who reads it for the archive.
TEST_P(KeepingTransportContract, ABlobOfAnotherDigestIsNotTaken) {
  Session session(place());
  ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
  std::string altered = image_.contents[0];
  altered[0] ^= 1;
  absl::Status status = WriteBlob(*to, image_.blobs[0], altered);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  EXPECT_THAT(to->ReuseBlob(image_.blobs[0]), IsOkAndHolds(Reuse::kAbsent));
}

TEST_P(TransportContract, AnAbandonedBlobLeavesNothing) {
  Session session(place());
  ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
  ASSERT_OK_AND_ASSIGN(auto sink, to->CreateBlob(image_.blobs[0]));
  ASSERT_OK(sink->Append(image_.contents[0]));
  sink.reset();
  EXPECT_THAT(to->ReuseBlob(image_.blobs[0]), IsOkAndHolds(Reuse::kAbsent));
  to.reset();
  EXPECT_THAT(ReadTop(place()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(TransportContract, ACopyThatWasNotPublishedKeepsTheOldImage) {
  ASSERT_OK(WriteImage(place(), image_));
  {
    Session session(place());
    ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
    ASSERT_OK(WriteBlobs(*to, other_));
    ASSERT_OK(to->WriteManifest(other_.manifest, /*is_top=*/true));
  }
  ASSERT_OK_AND_ASSIGN(RawManifest top, ReadTop(place()));
  EXPECT_EQ(top.digest, image_.manifest.digest());
  for (size_t i = 0; i < image_.blobs.size(); ++i) {
    EXPECT_THAT(ReadBlob(place(), image_.blobs[i]), IsOkAndHolds(image_.contents[i]));
  }
}

TEST_P(TransportContract, PublishMovesTheName) {
  ASSERT_OK(WriteImage(place(), image_));
  ASSERT_OK(WriteImage(place(), other_));
  ASSERT_OK_AND_ASSIGN(RawManifest top, ReadTop(place()));
  EXPECT_EQ(top.digest, other_.manifest.digest());
  EXPECT_THAT(ReadBlob(place(), other_.blobs[0]), IsOkAndHolds(other_.contents[0]));
}

TEST_P(KeepingTransportContract, ABlobThatIsThereNeedsNotBeSent) {
  ASSERT_OK(WriteImage(place(), image_));
  Session session(place());
  ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
  EXPECT_THAT(to->ReuseBlob(image_.blobs[0]), IsOkAndHolds(Reuse::kPresent));
  EXPECT_THAT(to->ReuseBlob(other_.blobs[0]), IsOkAndHolds(Reuse::kAbsent));
}

TEST_P(FileTransportContract, ADamagedBlobIsRepaired) {
  ASSERT_OK(WriteImage(place(), image_));
  std::string altered = image_.contents[0];
  altered[0] ^= 1;
  place().Overwrite(image_.blobs[0].digest, altered);
  {
    Session session(place());
    ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
    EXPECT_THAT(to->ReuseBlob(image_.blobs[0]), IsOkAndHolds(Reuse::kAbsent));
  }
  ASSERT_OK(WriteImage(place(), image_));
  EXPECT_THAT(ReadBlob(place(), image_.blobs[0]), IsOkAndHolds(image_.contents[0]));
}

TEST_P(TransportContract, OciManifestsAreTaken) {
  Session session(place());
  ASSERT_OK_AND_ASSIGN(auto to, session.Destination());
  EXPECT_TRUE(to->AcceptsManifestType(kOciManifestType));
  EXPECT_TRUE(to->AcceptsManifestType(kOciIndexType));
  const bool takes_all = !absl::StartsWith(GetParam(), "oci");
  EXPECT_EQ(to->AcceptsManifestType(kDockerManifestType), takes_all);
  EXPECT_EQ(to->AcceptsManifestType(kDockerListType), takes_all);
}

TEST(FindTransport, LocationOfNoTransportIsUnimplemented) {
  absl::Status status = FindTransport(broker::ImageLocation()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(ErrorReason(status), "TRANSPORT_UNIMPLEMENTED");
}

}  // namespace
}  // namespace holkas
