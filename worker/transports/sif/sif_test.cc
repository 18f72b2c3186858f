#include "worker/transports/sif/sif.h"

#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/tar_header.h"
#include "worker/blob/read_all.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/manifest.h"
#include "worker/squashfs/test_squashfs.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr size_t kTableAt = 128;
constexpr size_t kDescriptorBytes = 585;
constexpr int64_t kTime = 1'600'000'000;

struct Object {
  int32_t type = 0x4004;
  std::string content;
  int32_t file_system = 1;
  int32_t partition = 2;
  bool is_used = true;
};

template <typename T>
void Put(std::string& bytes, size_t at, T value) {
  memcpy(&bytes.at(at), &value, sizeof(value));
}

// A SIF file with `objects`, and room for no others.
std::string SifOf(const std::vector<Object>& objects) {
  std::string header(kTableAt, '\0');
  header.replace(32, 16,
                 std::string("SIF_MAGIC\0"
                             "01\0"
                             "02\0",
                             16));
  header.replace(48, 16, "0123456789abcdef");
  Put(header, 72, kTime);
  Put(header, 88, static_cast<int64_t>(objects.size()));
  Put(header, 96, static_cast<int64_t>(kTableAt));
  Put(header, 104, static_cast<int64_t>(objects.size() * kDescriptorBytes));
  // None are free; where there are none at all, all are.
  std::string table;
  std::string data;
  const size_t data_at = kTableAt + objects.size() * kDescriptorBytes;
  for (const Object& object : objects) {
    std::string descriptor(kDescriptorBytes, '\0');
    Put(descriptor, 0, object.type);
    descriptor[4] = object.is_used ? 1 : 0;
    Put(descriptor, 17, static_cast<int64_t>(data_at + data.size()));
    Put(descriptor, 25, static_cast<int64_t>(object.content.size()));
    Put(descriptor, 201, object.file_system);
    Put(descriptor, 205, object.partition);
    table += descriptor;
    data += object.content;
  }
  return header + table + data;
}

Object Definition(const std::string& text) { return {0x4001, text, 0, 0, true}; }

class SifTest : public testing::Test {
 protected:
  SifTest() : directory_(testing::TempDir() + "/sif-XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    TestSquashfs squashfs;
    squashfs.AddFile(0, "file", "content");
    root_.content = squashfs.Build();
  }
  ~SifTest() override { std::filesystem::remove_all(directory_); }

  absl::StatusOr<std::unique_ptr<ImageSource>> Open(const std::string& bytes) {
    const std::string path = directory_ + "/image.sif";
    std::ofstream(path, std::ios::binary) << bytes;
    broker_ = std::make_unique<FakeBroker>(FakeBroker::Directory{FakeBroker::Kind::kFile, path},
                                           FakeBroker::Directory());
    job_.mutable_source()->mutable_sif();
    return OpenSifSource({*broker_, job_}, job_.source());
  }

  static absl::StatusOr<std::string> Read(ImageSource& source, const Descriptor& blob) {
    absl::StatusOr<std::unique_ptr<ByteSource>> bytes = source.OpenBlob(blob);
    if (!bytes.ok()) {
      return bytes.status();
    }
    return ReadAll(*std::move(bytes), blob.digest, blob.size_bytes, 1 << 20);
  }

  void ExpectInvalid(const std::string& bytes, const std::string& message) {
    const absl::Status status = Open(bytes).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, message));
    EXPECT_EQ(ErrorReason(status), "INVALID_ARCHIVE");
  }

  std::string directory_;
  Object root_;
  broker::JobSpec job_;
  std::unique_ptr<FakeBroker> broker_;
};

constexpr char kLooking[] =
    "converting rootfs from SquashFS to Tarball: looking up rootfs from SIF file: ";

TEST_F(SifTest, PartitionIsTheLayerAndTheScriptIsInIt) {
  ASSERT_OK_AND_ASSIGN(
      const auto source,
      Open(SifOf({root_, Definition("%environment\n A=1 \n#\n%runscript\n run\n%help\nx")})));
  ASSERT_OK_AND_ASSIGN(const RawManifest raw, source->ReadManifest(std::nullopt));
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(raw));
  ASSERT_EQ(manifest.image().layers.size(), 1u);
  const Descriptor& layer = manifest.image().layers[0];
  ASSERT_OK_AND_ASSIGN(const std::string tar, Read(*source, layer));
  TarAttributes script;
  script.mode = 0755;
  script.mtime_seconds = kTime;
  TarAttributes plain;
  plain.mode = 0644;
  const auto file = [](const std::string& name, const std::string& content,
                       const TarAttributes& attributes) {
    const int64_t size_bytes = static_cast<int64_t>(content.size());
    return absl::StrCat(FormatTarHeader({kTarFile, name, "", size_bytes, false}, attributes),
                        content, std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
  };
  EXPECT_EQ(tar,
            absl::StrCat(FormatTarHeader({kTarDirectory, "./", "", 0, false}, 0755),
                         FormatTarHeader({kTarDirectory, "./podman/", "", 0, false}, script),
                         file("./podman/runscript", "#!/bin/bash\nA=1\nrun\n", script),
                         file("./file", "content", plain), std::string(2 * kTarBlockBytes, '\0')));
  EXPECT_THAT(
      Read(*source, manifest.image().config),
      IsOkAndHolds(absl::StrCat(
          R"({"created":"2020-09-13T12:26:40Z","architecture":"amd64","os":"linux","config":)",
          R"({"Cmd":["/podman/runscript"]},"rootfs":{"type":"layers","diff_ids":[")",
          layer.digest.ToString(), R"("]},"history":[{"created":"2020-09-13T12:26:40Z",)",
          R"("created_by":"/bin/sh -c #(nop) ADD file:)", layer.digest.hex(),
          R"( in /","comment":"imported from SIF, uuid: 30313233-3435-3637-3839-616263646566"},)",
          R"({"created":"2020-09-13T12:26:40Z","created_by":)",
          R"("/bin/sh -c #(nop) CMD [\"bash\"]","empty_layer":true}]})")));
  EXPECT_EQ(raw.bytes,
            absl::StrCat(R"({"schemaVersion":2,"mediaType":)",
                         R"("application/vnd.oci.image.manifest.v1+json","config":{"mediaType":)",
                         R"("application/vnd.oci.image.config.v1+json","digest":")",
                         manifest.image().config.digest.ToString(), R"(","size":)",
                         manifest.image().config.size_bytes, R"(},"layers":[{"mediaType":)",
                         R"("application/vnd.oci.image.layer.v1.tar","digest":")",
                         layer.digest.ToString(), R"(","size":)", tar.size(), "}]}"));
}

// By which a store judges what it becomes.
TEST_F(SifTest, CameAsTheFile) {
  const std::string bytes = SifOf({root_});
  ASSERT_OK_AND_ASSIGN(const auto source, Open(bytes));
  EXPECT_EQ(source->CameAs(), static_cast<int64_t>(bytes.size()));
}

TEST_F(SifTest, WithoutADefinitionBashIsRun) {
  for (const std::vector<Object>& objects : {
           std::vector<Object>{root_},
           std::vector<Object>{Definition("%post\nx"), root_},
           // Of several Skopeo takes none.
           std::vector<Object>{Definition("%runscript\nx"), Definition("%runscript\nx"), root_},
       }) {
    ASSERT_OK_AND_ASSIGN(const auto source, Open(SifOf(objects)));
    ASSERT_OK_AND_ASSIGN(const RawManifest raw, source->ReadManifest(std::nullopt));
    ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(raw));
    EXPECT_THAT(Read(*source, manifest.image().config),
                IsOkAndHolds(HasSubstr(R"("config":{"Cmd":["bash"]})")));
  }
}

TEST_F(SifTest, WhatIsMissingIsSaidInSkopeosWords) {
  const std::string whole = SifOf({root_});
  ExpectInvalid("", "loading SIF file: reading global header: EOF");
  ExpectInvalid(whole.substr(0, 100), "loading SIF file: reading global header: unexpected EOF");
  ExpectInvalid(whole.substr(0, 500), "loading SIF file: reading descriptors: unexpected EOF");
  ExpectInvalid(whole.substr(0, whole.size() - 1),
                "converting rootfs from SquashFS to Tarball: EOF");
  ExpectInvalid(SifOf({Definition("")}), absl::StrCat(kLooking, "object not found"));
  ExpectInvalid(SifOf({root_, root_}), absl::StrCat(kLooking, "multiple objects found"));
  ExpectInvalid(SifOf({}), absl::StrCat(kLooking, "no objects in image"));
  Object unused = root_;
  unused.is_used = false;
  ExpectInvalid(SifOf({unused}), absl::StrCat(kLooking, "object not found"));
  Object data = root_;
  data.partition = 3;
  ExpectInvalid(SifOf({data}), absl::StrCat(kLooking, "object not found"));
}

TEST_F(SifTest, EncryptedPartitionIsRefused) {
  Object encrypted = root_;
  encrypted.content = std::string(4096, 'x');
  ExpectInvalid(SifOf({encrypted}),
                "converting rootfs from SquashFS to Tarball: malformed squashfs: there is no "
                "superblock");
  encrypted.file_system = 5;
  ExpectInvalid(SifOf({encrypted}),
                "converting rootfs from SquashFS to Tarball: the partition is encrypted");
}

TEST_F(SifTest, NumbersThatAreTooLargeAreRefused) {
  std::string sif = SifOf({root_});
  Put(sif, 88, int64_t{-1});
  ExpectInvalid(sif, "loading SIF file: reading descriptors: a negative number");
  Put(sif, 88, int64_t{1} << 40);
  EXPECT_EQ(ErrorReason(Open(sif).status()), "LIMIT_EXCEEDED");
  for (const size_t at : {kTableAt + 17, kTableAt + 25}) {
    for (const int64_t value : {int64_t{-1}, int64_t{1} << 62}) {
      sif = SifOf({root_});
      Put(sif, at, value);
      ExpectInvalid(sif, "converting rootfs from SquashFS to Tarball: EOF");
    }
  }
  sif = SifOf({root_});
  Put(sif, 72, int64_t{1} << 60);
  EXPECT_THAT(Open(sif).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("9999")));
}

TEST_F(SifTest, MissingFileIsNotFound) {
  broker_ = std::make_unique<FakeBroker>(
      FakeBroker::Directory{FakeBroker::Kind::kFile, directory_ + "/missing"},
      FakeBroker::Directory());
  EXPECT_THAT(OpenSifSource({*broker_, job_}, job_.source()).status(),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SifTest, FileThatChangesIsNotCopied) {
  ASSERT_OK_AND_ASSIGN(const auto source, Open(SifOf({root_})));
  ASSERT_OK_AND_ASSIGN(RawManifest raw, source->ReadManifest(std::nullopt));
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Manifest::Parse(std::move(raw)));
  std::string other = SifOf({root_});
  other.replace(other.find("content"), 7, "CONTENT");
  std::ofstream(directory_ + "/image.sif") << other;
  EXPECT_THAT(Read(*source, manifest.image().layers.at(0)), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SifTest, HasNothingElse) {
  ASSERT_OK_AND_ASSIGN(const auto source, Open(SifOf({root_})));
  const Digest other = Digest::Sha256Of("other");
  EXPECT_EQ(ErrorReason(source->ReadManifest(other).status()), "MANIFEST_UNKNOWN");
  EXPECT_EQ(ErrorReason(source->OpenBlob({"", other, 5, {}, {}}).status()), "BLOB_UNKNOWN");
}

}  // namespace
}  // namespace holkas
