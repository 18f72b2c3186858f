#include "worker/transports/tarball/tarball.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/compression.h"
#include "worker/blob/read_all.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/manifest.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class TarballTest : public testing::Test {
 protected:
  TarballTest() : directory_(testing::TempDir() + "/tarball-XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~TarballTest() override { std::filesystem::remove_all(directory_); }

  // One more file of the image, changed last at that time.
  std::string Add(const std::string& content, timespec modified) {
    std::string path = absl::StrCat(directory_, "/", paths_.size());
    std::ofstream(path, std::ios::binary) << content;
    const timespec times[] = {modified, modified};
    EXPECT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    paths_.push_back(path);
    return path;
  }

  absl::StatusOr<std::unique_ptr<ImageSource>> Open() {
    FakeBroker::Directory source{FakeBroker::Kind::kFile, paths_[0]};
    source.further_paths.assign(paths_.begin() + 1, paths_.end());
    broker_ = std::make_unique<FakeBroker>(source, FakeBroker::Directory());
    broker::TarballImage& image = *job_.mutable_source()->mutable_tarball();
    image.set_file_count(static_cast<uint32_t>(paths_.size()));
    image.set_architecture("amd64");
    return OpenTarballSource({*broker_, job_}, job_.source());
  }

  static absl::StatusOr<std::string> Read(ImageSource& source, const Descriptor& blob) {
    absl::StatusOr<std::unique_ptr<ByteSource>> bytes = source.OpenBlob(blob);
    if (!bytes.ok()) {
      return bytes.status();
    }
    return ReadAll(*std::move(bytes), blob.digest, blob.size_bytes, 1 << 20);
  }

  // The image, parsed, and its configuration.
  void ExpectImage(const std::string& config, const std::string& layers_json) {
    ASSERT_OK_AND_ASSIGN(const auto source, Open());
    ASSERT_OK_AND_ASSIGN(const RawManifest raw, source->ReadManifest(std::nullopt));
    EXPECT_EQ(raw.bytes, absl::StrCat(R"({"schemaVersion":2,"config":{"mediaType":)",
                                      R"("application/vnd.oci.image.config.v1+json","digest":")",
                                      Digest::Sha256Of(config).ToString(), R"(","size":)",
                                      config.size(), R"(},"layers":[)", layers_json, "]}"));
    ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(raw));
    EXPECT_THAT(Read(*source, manifest.image().config), IsOkAndHolds(config));
    for (const Descriptor& layer : manifest.image().layers) {
      EXPECT_OK(Read(*source, layer));
    }
  }

  std::string directory_;
  std::vector<std::string> paths_;
  broker::JobSpec job_;
  std::unique_ptr<FakeBroker> broker_;
};

TEST_F(TarballTest, FilesAreLayersAndTheNewestSaysWhenItWasMade) {
  Add("one", {1'600'000'000, 123'456'700});
  Add("two", {1'500'000'000, 0});
  const Digest one = Digest::Sha256Of("one");
  const Digest two = Digest::Sha256Of("two");
  ExpectImage(
      absl::StrCat(
          R"({"created":"2020-09-13T12:26:40.1234567Z","architecture":"amd64","os":"linux",)",
          R"("config":{},"rootfs":{"type":"layers","diff_ids":[")", one.ToString(), R"(",")",
          two.ToString(), R"("]},"history":[{"created":"2020-09-13T12:26:40.1234567Z",)",
          R"("created_by":"/bin/sh -c #(nop) ADD file:)", one.hex(),
          R"( in /","comment":"imported from tarball"},{"created":"2017-07-14T02:40:00Z",)",
          R"("created_by":"/bin/sh -c #(nop) ADD file:)", two.hex(),
          R"( in /","comment":"imported from tarball"}]})"),
      absl::StrCat(R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")",
                   one.ToString(), R"(","size":3},)",
                   R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")",
                   two.ToString(), R"(","size":3})"));
}

TEST_F(TarballTest, GzipAloneIsLookedInto) {
  const std::string content(100'000, 'x');
  for (const Compression compression :
       {Compression::kGzip, Compression::kXz, Compression::kZstd, Compression::kBzip2}) {
    paths_.clear();
    const std::string file = CompressWhole(compression, content);
    Add(file, {0, 0});
    const bool gzip = compression == Compression::kGzip;
    const Digest diff_id = Digest::Sha256Of(gzip ? content : file);
    ExpectImage(
        absl::StrCat(R"({"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux",)",
                     R"("config":{},"rootfs":{"type":"layers","diff_ids":[")", diff_id.ToString(),
                     R"("]},"history":[{"created":"1970-01-01T00:00:00Z",)",
                     R"("created_by":"/bin/sh -c #(nop) ADD file:)", diff_id.hex(),
                     R"( in /","comment":"imported from tarball"}]})"),
        absl::StrCat(R"({"mediaType":"application/vnd.oci.image.layer.v1.tar)", gzip ? "+gzip" : "",
                     R"(","digest":")", Digest::Sha256Of(file).ToString(), R"(","size":)",
                     file.size(), "}"));
  }
}

TEST_F(TarballTest, BrokenGzipIsNoLayer) {
  const std::string file = CompressWhole(Compression::kGzip, std::string(100'000, 'x'));
  Add(file.substr(0, file.size() / 2), {0, 0});
  const absl::Status status = Open().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(status), "INVALID_COMPRESSION");
}

TEST_F(TarballTest, MissingFileIsNotFound) {
  Add("one", {0, 0});
  paths_.push_back(directory_ + "/missing");
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(TarballTest, FileThatChangesIsNotCopied) {
  const std::string path = Add("one", {0, 0});
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  ASSERT_OK_AND_ASSIGN(RawManifest raw, source->ReadManifest(std::nullopt));
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(std::move(raw)));
  std::ofstream(path) << "two";
  EXPECT_THAT(Read(*source, manifest.image().layers.at(0)), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(TarballTest, HasNothingElse) {
  Add("one", {0, 0});
  ASSERT_OK_AND_ASSIGN(const auto source, Open());
  const Digest other = Digest::Sha256Of("other");
  const absl::Status manifest = source->ReadManifest(other).status();
  EXPECT_EQ(ErrorReason(manifest), "MANIFEST_UNKNOWN");
  const absl::Status blob = source->OpenBlob({"", other, 5, {}, {}}).status();
  EXPECT_EQ(ErrorReason(blob), "BLOB_UNKNOWN");
}

TEST_F(TarballTest, TimesBeyondRfc3339AreRefused) {
  Add("one", {253'402'300'800, 0});
  struct stat status = {};
  ASSERT_EQ(stat(paths_[0].c_str(), &status), 0);
  if (status.st_mtim.tv_sec != 253'402'300'800) {
    GTEST_SKIP() << "the file system has no such times";
  }
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("9999")));
}

}  // namespace
}  // namespace holkas
