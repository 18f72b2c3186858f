// An image on its way into a store, out of it, and away.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/read_all.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"
#include "worker/storage/delete_stored_image.h"
#include "worker/storage/find_image.h"
#include "worker/storage/layer_budget.h"
#include "worker/storage/layer_table.h"
#include "worker/storage/store.h"
#include "worker/storage/stored_image_destination.h"
#include "worker/storage/stored_image_source.h"
#include "worker/storage/tar_builder.h"
#include "worker/storage/test_store.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
namespace fs = std::filesystem;

using Layers = StoredImageSource::Layers;

std::string Tar(const std::string& name, const std::string& content) {
  return TarBuilder().Directory("d").File("d/" + name, content).Build();
}

class StoredImageTest : public testing::TestWithParam<StorageDriver> {
 protected:
  StoredImageTest()
      : store_(absl::StrCat(testing::TempDir(), "/store", static_cast<int>(GetParam())),
               GetParam()) {}

  absl::StatusOr<std::unique_ptr<StoredImageSource>> Source(const std::string& name,
                                                            Layers layers = Layers::kAsTars) {
    return StoredImageSource::Open(store_.Open(), {name, std::nullopt, ""}, layers);
  }
  absl::StatusOr<std::vector<std::string>> ReadTars(const std::string& name) {
    ASSIGN_OR_RETURN(const auto source, Source(name));
    ASSIGN_OR_RETURN(RawManifest raw, source->ReadManifest(std::nullopt));
    ASSIGN_OR_RETURN(const Manifest manifest, Manifest::Parse(std::move(raw)));
    std::vector<std::string> tars;
    for (const Descriptor& layer : manifest.image().layers) {
      ASSIGN_OR_RETURN(auto blob, source->OpenBlob(layer));
      ASSIGN_OR_RETURN(std::string tar,
                       ReadAll(std::move(blob), layer.digest, layer.size_bytes, 1 << 20));
      tars.push_back(std::move(tar));
    }
    return tars;
  }
  std::vector<LayerRecord> LayerRecords() { return store_.Open().ReadLayers().value(); }
  std::vector<ImageRecord> ImageRecords() { return store_.Open().ReadImages().value(); }
  std::string FilePath(const LayerRecord& layer, const std::string& name) {
    return absl::StrCat(store_.path(), "/", store_.Open().LayerFilesPath(layer.id), "/", name);
  }
  absl::Status Delete(const std::string& name, bool only_name = false) {
    return DeleteStoredImage(store_.Open(), {name, std::nullopt, ""}, only_name).status();
  }

  TestStore store_;
  const std::string base_ = Tar("base", "base");
  const std::string upper_ = Tar("upper", "upper");
  const std::string other_ = Tar("other", "other");
};

INSTANTIATE_TEST_SUITE_P(Drivers, StoredImageTest,
                         testing::Values(StorageDriver::kOverlay, StorageDriver::kVfs),
                         [](const auto& driver) {
                           return driver.param == StorageDriver::kVfs ? "Vfs" : "Overlay";
                         });

TEST_P(StoredImageTest, WhatIsWrittenIsReadAgain) {
  const TestStore::Image image{.tars = {base_, upper_}};
  ASSERT_OK(store_.Write(image, "localhost/a:1"));
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(ElementsAre(base_, upper_)));
  ASSERT_OK_AND_ASSIGN(const auto stored, Source("localhost/a:1", Layers::kAsStored));
  ASSERT_OK_AND_ASSIGN(const RawManifest raw, stored->ReadManifest(std::nullopt));
  EXPECT_EQ(raw.bytes, TestStore::ManifestOf(image).bytes());
  EXPECT_THAT(store_.Leftovers(), IsEmpty());

  const std::vector<LayerRecord> layers = LayerRecords();
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_EQ(layers[0].id, Digest::Sha256Of(base_).hex());
  EXPECT_EQ(layers[1].id, LayerId(layers[0].id, Digest::Sha256Of(upper_)));
  EXPECT_EQ(layers[1].parent, layers[0].id);
  EXPECT_EQ(layers[1].diff_size_bytes, static_cast<int64_t>(upper_.size()));
  EXPECT_EQ(layers[0].compression, Compression::kGzip);
  EXPECT_TRUE(fs::exists(FilePath(layers[1], "d/upper")));
  EXPECT_EQ(fs::exists(FilePath(layers[1], "d/base")), GetParam() == StorageDriver::kVfs);
  const std::vector<ImageRecord> images = ImageRecords();
  ASSERT_THAT(images, SizeIs(1));
  EXPECT_EQ(images[0].layer, layers[1].id);
  EXPECT_EQ(images[0].id, TestStore::ManifestOf(image).image().config.digest.hex());
}

TEST_P(StoredImageTest, ImageWithPlainLayersKeepsItsManifest) {
  const TestStore::Image image{.tars = {base_}, .gzip = false};
  ASSERT_OK(store_.Write(image, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto source, Source("localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const RawManifest raw, source->ReadManifest(std::nullopt));
  EXPECT_EQ(raw.bytes, TestStore::ManifestOf(image).bytes());
}

TEST_P(StoredImageTest, CompressedBlobsAreRemembered) {
  const TestStore::Image image{.tars = {base_}};
  ASSERT_OK(store_.Write(image, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto source, Source("localhost/a:1"));
  const Descriptor compressed = TestStore::ManifestOf(image).image().layers[0];
  Descriptor plain = compressed;
  plain.digest = Digest::Sha256Of(base_);
  const auto twin = source->FindCompressedTwin(plain);
  ASSERT_TRUE(twin.has_value());
  EXPECT_EQ(twin->digest, compressed.digest);
  EXPECT_EQ(twin->size_bytes, compressed.size_bytes);
  EXPECT_EQ(twin->compression, Compression::kGzip);
  EXPECT_EQ(source->FindCompressedTwin(compressed), std::nullopt);
}

TEST_P(StoredImageTest, CompressedBlobsAreNotThere) {
  const TestStore::Image image{.tars = {base_}};
  ASSERT_OK(store_.Write(image, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto source, Source("localhost/a:1"));
  const absl::Status status =
      source->OpenBlob(TestStore::ManifestOf(image).image().layers[0]).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(status), "BLOB_UNKNOWN");
}

TEST_P(StoredImageTest, ImagesShareLayersAndOnlyNewOnesAreSent) {
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/b:1", std::nullopt, ""}));
  const TestStore::Image second{.tars = {base_, other_}};
  EXPECT_THAT(TestStore::SendBlobs(second, *destination), IsOkAndHolds(1));
  ASSERT_OK(destination->Publish(TestStore::ManifestOf(second)));
  EXPECT_THAT(LayerRecords(), SizeIs(3));
  EXPECT_THAT(ReadTars("localhost/b:1"), IsOkAndHolds(ElementsAre(base_, other_)));
}

TEST_P(StoredImageTest, LayerOnAnotherOneIsUnpackedAgain) {
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/b:1", std::nullopt, ""}));
  const TestStore::Image second{.tars = {other_, upper_, upper_}};
  EXPECT_THAT(TestStore::SendBlobs(second, *destination), IsOkAndHolds(1));
  ASSERT_OK(destination->Publish(TestStore::ManifestOf(second)));
  EXPECT_THAT(ReadTars("localhost/b:1"), IsOkAndHolds(ElementsAre(other_, upper_, upper_)));
  // What is known of the blob is known of the new layer.
  EXPECT_EQ(LayerRecords().back().compressed_digest,
            TestStore::ManifestOf(second).image().layers[1].digest);
}

// vfs copies the layers below, and a file of one block can say that it has a gibibyte.
TEST_P(StoredImageTest, HolesOfALayerBelowStayHoles) {
  constexpr int64_t kSizeBytes = int64_t{1} << 30;
  const std::string sparse =
      TarBuilder()
          .Pax({{"GNU.sparse.size", absl::StrCat(kSizeBytes)}, {"GNU.sparse.map", "4096,3"}})
          .File("holes", "abc")
          .Build();
  ASSERT_OK(store_.Write({.tars = {sparse, upper_}}, "localhost/a:1"));
  const std::vector<LayerRecord> layers = LayerRecords();
  ASSERT_THAT(layers, SizeIs(2));
  const std::string path = FilePath(layers[GetParam() == StorageDriver::kVfs ? 1 : 0], "holes");
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, kSizeBytes);
  EXPECT_LE(info.st_blocks, 64);
  std::string read(3, '\0');
  const UniqueFd file(open(path.c_str(), O_RDONLY));
  EXPECT_EQ(pread(file.get(), read.data(), read.size(), 4096), 3);
  EXPECT_EQ(read, "abc");
}

// vfs copies what is in the store already, too: of that there may be more than is free.
TEST_P(StoredImageTest, LayersInTheStoreCountAsThoughTheyHadCome) {
  TarBuilder many;
  many.File("file", "x");
  for (int64_t i = 1; i < LayerBudget::kFreeEntries / 2; ++i) {
    many.HardLink(absl::StrCat("link", i), "file");
  }
  const std::string base = many.Build();
  ASSERT_OK(store_.Write({.tars = {base}, .gzip = false}, "localhost/base:1"));
  EXPECT_OK(store_.Write({.tars = {base, upper_, other_}, .gzip = false}, "localhost/a:1"));
  EXPECT_THAT(LayerRecords(), SizeIs(3));
}

TEST_P(StoredImageTest, LayersMayComeInAnyOrder) {
  const TestStore::Image image{.tars = {base_, upper_, other_}, .sent_backwards = true};
  ASSERT_OK(store_.Write(image, "localhost/a:1"));
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(ElementsAre(base_, upper_, other_)));
  const std::vector<LayerRecord> layers = LayerRecords();
  ASSERT_THAT(layers, SizeIs(3));
  for (const char* name : {"d/base", "d/upper"}) {
    EXPECT_EQ(fs::exists(FilePath(layers[2], name)), GetParam() == StorageDriver::kVfs);
  }
  EXPECT_TRUE(fs::exists(FilePath(layers[2], "d/other")));
  EXPECT_FALSE(fs::exists(FilePath(layers[0], "d/other")));
}

// Of vfs, a layer above waits as a tar.
TEST_P(StoredImageTest, WhatIsReadBackAsSomethingElseIsNoLayer) {
  if (GetParam() != StorageDriver::kVfs) {
    GTEST_SKIP() << "overlay unpacks at once";
  }
  const TestStore::Image image{.tars = {base_, upper_}};
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/a:1", std::nullopt, ""}));
  ASSERT_OK(TestStore::SendBlobs(image, *destination).status());
  int changed = 0;
  for (const auto& entry : fs::recursive_directory_iterator(store_.path())) {
    if (entry.path().filename() == "layer.tar") {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(upper_.rfind("upper")));
      file.put('x');
      ++changed;
    }
  }
  ASSERT_EQ(changed, 1);
  const Manifest manifest = TestStore::ManifestOf(image);
  ASSERT_OK(destination->WriteManifest(manifest, /*is_top=*/true));
  EXPECT_THAT(destination->Publish(manifest),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("read back as something else")));
  EXPECT_THAT(LayerRecords(), IsEmpty());
}

TEST_P(StoredImageTest, LayerTwiceInAnImageIsSentOnce) {
  ASSERT_OK(store_.Write({.tars = {base_, upper_, base_, upper_}}, "localhost/a:1"));
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(ElementsAre(base_, upper_, base_, upper_)));
  EXPECT_THAT(LayerRecords(), SizeIs(4));
}

TEST_P(StoredImageTest, NameMovesToTheNewImage) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:2"));
  ASSERT_OK(store_.Write({.tars = {upper_}}, "localhost/a:1"));
  const std::vector<ImageRecord> images = ImageRecords();
  ASSERT_THAT(images, SizeIs(2));
  EXPECT_THAT(images[0].names, ElementsAre("localhost/a:2"));
  EXPECT_THAT(images[1].names, ElementsAre("localhost/a:1"));
}

TEST_P(StoredImageTest, WhatIsNotKnownIsKept) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  for (const char* list : {"images", "layers"}) {
    const std::string path = store_.ListPath(list);
    store_.WriteFile(path,
                     absl::StrReplaceAll(store_.ReadFile(path), {{"\"created\"",
                                                                  "\"new-member\":{\"a\":[1.50]},"
                                                                  "\"created\""}}));
  }
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/b:1"));
  EXPECT_THAT(store_.ReadFile(store_.ListPath("images")), HasSubstr("{\"a\":[1.50]}"));
  EXPECT_THAT(store_.ReadFile(store_.ListPath("layers")), HasSubstr("{\"a\":[1.50]}"));
}

TEST_P(StoredImageTest, UnfinishedCopyLeavesNothing) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  const std::string before = store_.ReadFile(store_.ListPath("layers"));
  {
    ASSERT_OK_AND_ASSIGN(const auto destination,
                         store_.OpenDestination({"localhost/a:1", std::nullopt, ""}));
    ASSERT_OK(TestStore::SendBlobs({.tars = {upper_}}, *destination));
    EXPECT_THAT(store_.Leftovers(), SizeIs(1));
  }
  EXPECT_THAT(store_.Leftovers(), IsEmpty());
  EXPECT_EQ(store_.ReadFile(store_.ListPath("layers")), before);
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(ElementsAre(base_)));
}

TEST_P(StoredImageTest, LeftoversOfTheKilledAreRemovedAndOthersAreNot) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  const std::string driver(store_.Open().driver_name());
  store_.WriteFile(driver + "/.holkas-0123456789abcdef/0/files/x", "x");
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/b:1", std::nullopt, ""}));
  EXPECT_THAT(store_.Leftovers(), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const auto second,
                       store_.OpenDestination({"localhost/c:1", std::nullopt, ""}));
  EXPECT_THAT(store_.Leftovers(), SizeIs(2));
}

TEST_P(StoredImageTest, IncompleteLayersAreRemovedByTheNextWriter) {
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/a:1"));
  const std::string path = store_.ListPath("layers");
  const std::string top = LayerRecords()[1].id;
  store_.WriteFile(
      path, absl::StrReplaceAll(store_.ReadFile(path),
                                {{"\"parent\"", "\"flags\":{\"incomplete\":true},\"parent\""}}));
  EXPECT_THAT(ReadTars("localhost/a:1").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is incomplete")));
  ASSERT_OK(store_.Write({.tars = {other_}}, "localhost/b:1"));
  EXPECT_THAT(store_.ReadFile(path), Not(HasSubstr(top)));
  EXPECT_FALSE(fs::exists(absl::StrCat(store_.path(), "/", store_.Open().LayerFilesPath(top))));
  // It is there again when it is sent again.
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/a:1"));
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(ElementsAre(base_, upper_)));
}

TEST_P(StoredImageTest, LayerThatVanishedMeanwhileIsAborted) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/b:1", std::nullopt, ""}));
  const TestStore::Image second{.tars = {base_, upper_}};
  EXPECT_THAT(TestStore::SendBlobs(second, *destination), IsOkAndHolds(1));
  ASSERT_OK(Delete("localhost/a:1"));
  EXPECT_THAT(destination->Publish(TestStore::ManifestOf(second)),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(ImageRecords(), IsEmpty());
}

TEST_P(StoredImageTest, ImageWithoutAConfigurationIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/b:1", std::nullopt, ""}));
  const absl::Status status = destination->Publish(TestStore::ManifestOf({.tars = {}}));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not copied")));
}

TEST_P(StoredImageTest, ImageWithoutLayersHasNone) {
  ASSERT_OK(store_.Write({.tars = {}}, "localhost/a:1"));
  EXPECT_THAT(ReadTars("localhost/a:1"), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoredImageTest, LayerThatIsNoTarFailsTheCopy) {
  EXPECT_THAT(store_.Write({.tars = {std::string(2000, 'x')}}, "localhost/a:1"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read tar")));
  EXPECT_THAT(LayerRecords(), IsEmpty());
}

TEST_P(StoredImageTest, DeletedImageTakesItsOwnLayersAlong) {
  ASSERT_OK(store_.Write({.tars = {base_, upper_}}, "localhost/a:1"));
  ASSERT_OK(store_.Write({.tars = {base_, other_}}, "localhost/b:1"));
  const LayerRecord top = LayerRecords()[1];
  ASSERT_OK(Delete("localhost/a:1"));
  EXPECT_THAT(LayerRecords(), SizeIs(2));
  EXPECT_FALSE(fs::exists(FilePath(top, "")));
  EXPECT_THAT(ReadTars("localhost/b:1"), IsOkAndHolds(ElementsAre(base_, other_)));
  ASSERT_OK(Delete("localhost/b:1"));
  EXPECT_THAT(LayerRecords(), IsEmpty());
  EXPECT_THAT(ImageRecords(), IsEmpty());
  EXPECT_THAT(store_.Leftovers(), IsEmpty());
  if (GetParam() == StorageDriver::kOverlay) {
    EXPECT_TRUE(fs::is_empty(store_.path() + "/overlay/l"));
  }
}

TEST_P(StoredImageTest, OnlyTheNameIsDeletedWhereThereAreOthers) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:2"));
  ASSERT_OK(Delete("localhost/a:1", /*only_name=*/true));
  EXPECT_THAT(ImageRecords()[0].names, ElementsAre("localhost/a:2"));
  ASSERT_OK(Delete("localhost/a:2", /*only_name=*/true));
  EXPECT_THAT(ImageRecords(), IsEmpty());
}

TEST_P(StoredImageTest, ImageOfAContainerIsNotDeleted) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  store_.WriteFile(
      store_.ListPath("containers"),
      absl::StrCat("[{\"id\":\"c\",\"image\":\"", ImageRecords()[0].id, "\",\"layer\":\"l\"}]"));
  const absl::Status status = Delete("localhost/a:1");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("image is in use by a container")));
  EXPECT_THAT(ImageRecords(), SizeIs(1));
}

TEST_P(StoredImageTest, MissingImageIsNotFound) {
  for (const absl::Status& status : {Source("localhost/a:1").status(), Delete("localhost/a:1")}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
                                 HasSubstr("does not resolve to an image ID")));
    EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  }
  // Reading makes nothing.
  EXPECT_TRUE(fs::is_empty(store_.path()));
}

TEST_P(StoredImageTest, HostileListsAreRefused) {
  const std::string layer =
      R"([{"id":"../../../../../../../../../../../../../../../../../../../../etc/passwd0"}])";
  for (const std::string& json :
       {std::string("{"), std::string("{}"), std::string("[1]"), layer,
        std::string(R"([{"id":"a"}])"), std::string("[{}]"), std::string(100, '[')}) {
    store_.WriteFile(store_.ListPath("images"), json);
    EXPECT_FALSE(Source("localhost/a:1").ok()) << json;
    EXPECT_FALSE(store_.Write({.tars = {base_}}, "localhost/a:1").ok()) << json;
    EXPECT_EQ(store_.ReadFile(store_.ListPath("images")), json);
  }
}

TEST_P(StoredImageTest, Schema1IsShownAndNotCopied) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  const Digest digest = Digest::Sha256Of(base_);
  const std::string schema1 = absl::StrCat(
      R"({"schemaVersion":1,"name":"a","tag":"1","architecture":"amd64","fsLayers":[{"blobSum":")",
      digest.ToString(), R"("}],"history":[{"v1Compatibility":"{\"id\":\")", digest.hex(),
      R"(\"}"}]})");
  store_.WriteFile(
      absl::StrCat(store_.Open().driver_name(), "-images/", ImageRecords()[0].id, "/manifest"),
      schema1);
  ASSERT_OK_AND_ASSIGN(const auto stored, Source("localhost/a:1", Layers::kAsStored));
  ASSERT_OK_AND_ASSIGN(const RawManifest raw, stored->ReadManifest(std::nullopt));
  EXPECT_EQ(raw.bytes, schema1);
  ASSERT_OK_AND_ASSIGN(const auto source, Source("localhost/a:1"));
  EXPECT_THAT(source->ReadManifest(std::nullopt),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("schema 1")));
}

TEST_P(StoredImageTest, LayersThatGoRoundAreRefused) {
  ASSERT_OK(store_.Write({.tars = {base_}}, "localhost/a:1"));
  const std::string path = store_.ListPath("layers");
  const std::string id = LayerRecords()[0].id;
  store_.WriteFile(path,
                   absl::StrReplaceAll(store_.ReadFile(path),
                                       {{"\"created\"", "\"parent\":\"" + id + "\",\"created\""}}));
  EXPECT_THAT(Source("localhost/a:1").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("more than 1000")));
}

TEST_P(StoredImageTest, LayersThatTheConfigurationContradictsAreNotStored) {
  const TestStore::Image named{.tars = {base_}};
  const TestStore::Image sent{.tars = {upper_}};
  const Manifest honest = TestStore::ManifestOf(sent);
  const std::string text = absl::StrReplaceAll(
      honest.bytes(), {{honest.image().config.digest.ToString(),
                        TestStore::ManifestOf(named).image().config.digest.ToString()}});
  ASSERT_OK_AND_ASSIGN(const Manifest mixed,
                       Manifest::Parse({text, Digest::Sha256Of(text), honest.media_type()}));
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/a:1", std::nullopt, ""}));
  ASSERT_OK(TestStore::SendBlobs(named, *destination).status());
  ASSERT_OK(TestStore::SendBlobs(sent, *destination).status());
  ASSERT_OK(destination->WriteManifest(mixed, true));
  EXPECT_THAT(
      destination->Publish(mixed),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr(mixed.image().layers[0].digest.ToString())));
  EXPECT_THAT(ImageRecords(), IsEmpty());
}

TEST_P(StoredImageTest, WhatTheSourcesNameStoodForIsKeptBesideTheImage) {
  const TestStore::Image image{.tars = {base_}};
  const Manifest manifest = TestStore::ManifestOf(image);
  const std::string text =
      absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kOciIndexType,
                   R"(","manifests":[{"mediaType":")", manifest.media_type(), R"(","digest":")",
                   manifest.digest().ToString(), R"(","size":)", manifest.bytes().size(), "}]}");
  ASSERT_OK_AND_ASSIGN(const Manifest index,
                       Manifest::Parse({text, Digest::Sha256Of(text), std::string(kOciIndexType)}));
  ASSERT_OK_AND_ASSIGN(const auto destination,
                       store_.OpenDestination({"localhost/a", index.digest(), ""}));
  destination->NoteSource(index);
  ASSERT_OK(TestStore::SendBlobs(image, *destination).status());
  ASSERT_OK(destination->WriteManifest(manifest, true));
  ASSERT_OK(destination->Publish(manifest));
  const std::vector<ImageRecord> images = ImageRecords();
  ASSERT_THAT(images, SizeIs(1));
  EXPECT_TRUE(images[0].HasManifest(index.digest()));
  EXPECT_TRUE(images[0].HasManifest(manifest.digest()));
  EXPECT_THAT(images[0].names, ElementsAre("localhost/a@" + index.digest().ToString()));
}

TEST_P(StoredImageTest, DigestAndIdentityNameAnImage) {
  const TestStore::Image image{.tars = {base_}};
  const Digest digest = TestStore::ManifestOf(image).digest();
  const std::string id = std::string(TestStore::ManifestOf(image).image().config.digest.hex());
  const auto write = [&](const StoredImageName& name) -> absl::Status {
    ASSIGN_OR_RETURN(const auto destination, store_.OpenDestination(name));
    RETURN_IF_ERROR(TestStore::SendBlobs(image, *destination).status());
    RETURN_IF_ERROR(destination->WriteManifest(TestStore::ManifestOf(image), true));
    return destination->Publish(TestStore::ManifestOf(image));
  };
  EXPECT_THAT(write({"localhost/a", Digest::Sha256Of("other"), ""}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("does not match")));
  EXPECT_THAT(write({"", std::nullopt, "abc"}), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(write({"localhost/a", digest, ""}));
  ASSERT_OK(write({"", std::nullopt, id.substr(0, 12)}));
  const std::string own_id(64, '1');
  ASSERT_OK(write({"localhost/b:1", std::nullopt, own_id}));
  const std::vector<ImageRecord> images = ImageRecords();
  ASSERT_THAT(images, SizeIs(2));
  EXPECT_THAT(images[0].names, ElementsAre("localhost/a@" + digest.ToString()));
  EXPECT_EQ(images[1].id, own_id);
}

}  // namespace
}  // namespace holkas
