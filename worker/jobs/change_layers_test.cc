// Copies that change layers, from plan to publication.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"
#include "worker/jobs/copy_image.h"
#include "worker/jobs/known_blobs.h"
#include "worker/jobs/thread_pool.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;
using Form = ImageDestination::LayerForm;

constexpr char kChunked[] = "io.github.containers.zstd-chunked.";
constexpr char kConfig[] = R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}})";

std::string Content() {
  std::string content;
  for (int i = 0; i < 200'000; ++i) {
    absl::StrAppend(&content, i * 7919 % 1000, ",");
  }
  return content;
}

std::string Decompress(const std::string& bytes) {
  const Compression compression = CompressionOf(bytes);
  if (compression == Compression::kNone) {
    return bytes;
  }
  auto source = DecompressingSource::New(std::make_unique<StringSource>(bytes), compression);
  const absl::StatusOr<std::string> all = ReadToEnd(**source, 1 << 20);
  return all.ok() ? *all : std::string(all.status().message());
}

class ChangeLayersTest : public testing::Test {
 protected:
  ChangeLayersTest() {
    platform_.set_os("linux");
    platform_.set_architecture("amd64");
    options_.set_omit_progress(true);
    to_.layer_form = Form::kCompressed;
  }

  // An OCI image of one layer, which says that it is of the type.
  Descriptor AddImage(absl::string_view layer_type, const std::string& layer) {
    return from_.AddManifest(kOciManifestType,
                             OciManifestJson(from_.AddBlob(kOciConfigType, kConfig),
                                             {from_.AddBlob(layer_type, layer)}));
  }
  Descriptor AddDockerImage(absl::string_view layer_type, const std::string& layer) {
    return from_.AddManifest(
        kDockerManifestType,
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kDockerManifestType, R"(","config":)",
                     DescriptorJson(from_.AddBlob(kDockerConfigType, kConfig)), R"(,"layers":[)",
                     DescriptorJson(from_.AddBlob(layer_type, layer)), "]}"));
  }

  // Its layer is not looked into.
  Descriptor AddChunkedImage() {
    Descriptor layer =
        from_.AddBlob(kOciLayerZstdType, CompressWhole(Compression::kZstd, content_));
    const std::string json = DescriptorJson(layer);
    return from_.AddManifest(
        kOciManifestType,
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kOciManifestType, R"(","config":)",
                     DescriptorJson(from_.AddBlob(kOciConfigType, kConfig)), R"(,"layers":[)",
                     json.substr(0, json.size() - 1), R"(,"annotations":{")", kChunked,
                     R"(manifest-checksum":"sha256:1"}}]})"));
  }

  // As what the layer of content_ came.
  void Remember(const Digest& digest, int64_t size_bytes, Compression compression) {
    from_.twins.emplace(Digest::Sha256Of(content_),
                        ImageSource::CompressedTwin{digest, size_bytes, compression});
  }

  absl::Status Copy() {
    ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(3));
    broker::JobSpec job;
    job.mutable_source()->mutable_registry();
    job.mutable_destination()->mutable_registry();
    const KnownBlobs known(broker_, job);
    return CopyImage(from_, to_, options_, platform_, broker_, *pool, /*decrypts=*/false,
                     remembers_ ? &known : nullptr);
  }

  // What holkasd says of a blob.
  void Know(const Digest& digest, broker::BlobCompression compression,
            const std::vector<std::pair<Digest, broker::BlobCompression>>& forms) {
    remembers_ = true;
    broker::Twins twins;
    twins.set_compression(compression);
    for (const auto& [other, its_compression] : forms) {
      broker::BlobForm& form = *twins.add_forms();
      form.set_digest(other.ToString());
      form.set_size_bytes(4321);
      form.set_compression(its_compression);
    }
    broker_.set_twins({{digest, twins}});
  }

  const Descriptor& Layer() const { return to_.published().image().layers.front(); }
  std::string LayerBytes() const {
    const std::map<Digest, std::string> blobs = to_.blobs();
    const auto found = blobs.find(Layer().digest);
    return found == blobs.end() ? "it is not there" : found->second;
  }
  v1::BlobFinished LayerEvent() const {
    for (const v1::CopyResponse& event : broker_.events()) {
      if (event.has_blob_finished() && event.blob_finished().kind() == v1::BLOB_KIND_LAYER) {
        return event.blob_finished();
      }
    }
    return {};
  }

  bool remembers_ = false;
  FakeSource from_;
  FakeDestination to_;
  EventBroker broker_;
  v1::CopyRequest options_;
  v1::Platform platform_;
  const std::string content_ = Content();
  const std::string gzip_ = CompressWhole(Compression::kGzip, content_);
};

TEST_F(ChangeLayersTest, UncompressedLayerIsCompressedAndItsManifestSaysSo) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().media_type, kOciLayerGzipType);
  EXPECT_EQ(CompressionOf(LayerBytes()), Compression::kGzip);
  EXPECT_EQ(Decompress(LayerBytes()), content_);
  EXPECT_EQ(Layer().digest, Digest::Sha256Of(LayerBytes()));
  EXPECT_EQ(Layer().size_bytes, static_cast<int64_t>(LayerBytes().size()));
  EXPECT_EQ(to_.published().image().config.digest, Digest::Sha256Of(kConfig));
  EXPECT_EQ(broker_.result().manifest_digest(), to_.published().digest().ToString());
}

TEST_F(ChangeLayersTest, BlobThatTheSourceRemembersIsNotMadeAgain) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest remembered = Digest::Sha256Of(gzip_);
  Remember(remembered, static_cast<int64_t>(gzip_.size()), Compression::kGzip);
  to_.present.insert(remembered);
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().media_type, kOciLayerGzipType);
  EXPECT_EQ(Layer().digest, remembered);
  EXPECT_EQ(Layer().size_bytes, static_cast<int64_t>(gzip_.size()));
  EXPECT_EQ(LayerEvent().outcome(), v1::BLOB_OUTCOME_ALREADY_PRESENT);
  EXPECT_THAT(from_.opened(), Not(testing::Contains(Digest::Sha256Of(content_))));
}

TEST_F(ChangeLayersTest, RememberedBlobThatIsNotThereIsMadeAgain) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  Remember(Digest::Sha256Of("x"), 1, Compression::kGzip);
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, RememberedBlobOfAnotherCompressionIsNotTaken) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  Remember(Digest::Sha256Of("x"), 1, Compression::kZstd);
  to_.present.insert(Digest::Sha256Of("x"));
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, EventsTellWhatWasMade) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  ASSERT_OK(Copy());
  const v1::BlobFinished event = LayerEvent();
  EXPECT_EQ(event.digest(), Digest::Sha256Of(content_).ToString());
  EXPECT_EQ(event.size_bytes(), static_cast<int64_t>(content_.size()));
  EXPECT_EQ(event.outcome(), v1::BLOB_OUTCOME_COPIED);
  EXPECT_EQ(event.change(), v1::LAYER_CHANGE_COMPRESSED);
  EXPECT_EQ(event.destination_digest(), Layer().digest.ToString());
  EXPECT_EQ(event.destination_size_bytes(), Layer().size_bytes);
}

TEST_F(ChangeLayersTest, ProgressCountsTheBytesOfTheSource) {
  options_.set_omit_progress(false);
  from_.SetTop(AddImage(kOciLayerGzipType, gzip_));
  options_.set_layer_form(v1::LAYER_FORM_UNCOMPRESSED);
  from_.on_read = [waited = false](const Digest&) mutable {
    // So long that the reporter looks.
    if (!std::exchange(waited, true)) {
      absl::SleepFor(absl::Milliseconds(300));
    }
    return absl::OkStatus();
  };
  ASSERT_OK(Copy());
  for (const v1::CopyResponse& event : broker_.events()) {
    if (event.has_blob_progress()) {
      EXPECT_LE(event.blob_progress().done_bytes(), event.blob_progress().size_bytes());
    }
  }
  EXPECT_EQ(broker_.result().copied_bytes(),
            static_cast<int64_t>(gzip_.size() + sizeof(kConfig) - 1));
}

TEST_F(ChangeLayersTest, TheBytesDecideAndNotTheTypeThatTheManifestGives) {
  from_.SetTop(AddImage(kOciLayerGzipType, content_));
  ASSERT_OK(Copy());
  EXPECT_EQ(CompressionOf(LayerBytes()), Compression::kGzip);
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, CompressedLayerStaysWhereNoFormatIsAskedFor) {
  for (const Compression compression : {Compression::kGzip, Compression::kZstd, Compression::kXz}) {
    const Descriptor image =
        AddImage(kOciLayerGzipType, CompressWhole(compression, absl::StrCat(content_, "x")));
    from_.SetTop(image);
    ASSERT_OK(Copy());
    EXPECT_EQ(to_.published().digest(), image.digest);
  }
}

TEST_F(ChangeLayersTest, AnotherFormatIsMadeWhereItIsAskedFor) {
  from_.SetTop(AddImage(kOciLayerGzipType, gzip_));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().media_type, kOciLayerZstdType);
  EXPECT_EQ(CompressionOf(LayerBytes()), Compression::kZstd);
  EXPECT_EQ(Decompress(LayerBytes()), content_);
  EXPECT_EQ(LayerEvent().change(), v1::LAYER_CHANGE_RECOMPRESSED);
}

TEST_F(ChangeLayersTest, ZstdMakesOciOfDockersManifests) {
  from_.SetTop(AddDockerImage(kDockerLayerGzipType, gzip_));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().media_type(), kOciManifestType);
  EXPECT_EQ(Layer().media_type, kOciLayerZstdType);
}

TEST_F(ChangeLayersTest, DockersManifestsStayDockers) {
  from_.SetTop(AddDockerImage(kDockerLayerType, content_));
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().media_type(), kDockerManifestType);
  EXPECT_EQ(Layer().media_type, kDockerLayerGzipType);
}

TEST_F(ChangeLayersTest, EveryCompressionIsDecompressed) {
  to_.layer_form = Form::kUncompressed;
  for (const Compression compression :
       {Compression::kGzip, Compression::kBzip2, Compression::kXz, Compression::kZstd}) {
    from_.SetTop(AddImage(kOciLayerGzipType, CompressWhole(compression, content_)));
    ASSERT_OK(Copy());
    EXPECT_EQ(Layer().media_type, kOciLayerType);
    EXPECT_EQ(Layer().digest, Digest::Sha256Of(content_));
    EXPECT_EQ(LayerBytes(), content_);
    EXPECT_EQ(LayerEvent().change(), v1::LAYER_CHANGE_DECOMPRESSED);
  }
}

TEST_F(ChangeLayersTest, UncompressedLayerStaysWhereUncompressedOnesAreWanted) {
  to_.layer_form = Form::kUncompressed;
  const Descriptor image = AddImage(kOciLayerType, content_);
  from_.SetTop(image);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), image.digest);
}

TEST_F(ChangeLayersTest, PreservedDigestsForbidEveryChange) {
  options_.set_preserve_digests(true);
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  const Descriptor image = AddImage(kOciLayerType, content_);
  from_.SetTop(image);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), image.digest);
  EXPECT_THAT(broker_.result().warnings(),
              ElementsAre(HasSubstr("Instructed to preserve digests")));
}

TEST_F(ChangeLayersTest, EncryptedAndUnknownLayersAreNeverTouched) {
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  for (const std::string& type :
       {absl::StrCat(std::string(kOciLayerGzipType), "+encrypted"), std::string("text/plain")}) {
    const Descriptor image = AddImage(type, gzip_);
    from_.SetTop(image);
    ASSERT_OK(Copy());
    EXPECT_EQ(to_.published().digest(), image.digest);
  }
}

TEST_F(ChangeLayersTest, ArtifactsAreNeverTouched) {
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  const Descriptor image = from_.AddManifest(
      kOciManifestType, OciManifestJson(from_.AddBlob("application/vnd.test.config", "{}"),
                                        {from_.AddBlob(kOciLayerGzipType, gzip_)}));
  from_.SetTop(image);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), image.digest);
}

TEST_F(ChangeLayersTest, BlobThatSomethingElseNamesTooStaysForAll) {
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  const Descriptor image = AddImage(kOciLayerGzipType, gzip_);
  const Descriptor artifact = from_.AddManifest(
      kOciManifestType, OciManifestJson(from_.AddBlob("application/vnd.test.config", "{}"),
                                        {from_.AddBlob("text/plain", gzip_)}));
  const Descriptor index = from_.AddManifest(
      kOciIndexType, OciIndexJson({image, artifact}, {"linux/amd64", "unknown/unknown"}));
  from_.SetTop(index);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), index.digest);
}

TEST_F(ChangeLayersTest, IndexNamesWhatItsImagesBecame) {
  options_.set_multi_arch(v1::MULTI_ARCH_ALL);
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  const Descriptor changed = AddImage(kOciLayerType, content_);
  const Descriptor kept = AddImage(kOciLayerZstdType, CompressWhole(Compression::kZstd, "kept"));
  from_.SetTop(from_.AddManifest(kOciIndexType,
                                 OciIndexJson({changed, kept}, {"linux/amd64", "linux/s390x"})));
  ASSERT_OK(Copy());
  const std::vector<ImageIndex::Entry>& entries = to_.published().index().manifests;
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(to_.log()[to_.log().size() - 4],
            absl::StrCat("manifest ", entries[0].descriptor.digest.ToString()));
  EXPECT_NE(entries[0].descriptor.digest, changed.digest);
  EXPECT_EQ(entries[0].platform->architecture, "amd64");
  EXPECT_THAT(entries[0].descriptor.annotations,
              ElementsAre(testing::Pair("io.github.containers.compression.zstd", "true")));
  EXPECT_EQ(entries[1].descriptor.digest, kept.digest);
}

TEST_F(ChangeLayersTest, WhatTheDestinationHasIsTakenAsItIsUnlessForced) {
  from_.SetTop(AddImage(kOciLayerGzipType, gzip_));
  to_.present.insert(Digest::Sha256Of(gzip_));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().digest, Digest::Sha256Of(gzip_));
  EXPECT_EQ(LayerEvent().outcome(), v1::BLOB_OUTCOME_ALREADY_PRESENT);
  options_.set_force_compression_format(true);
  ASSERT_OK(Copy());
  EXPECT_EQ(CompressionOf(LayerBytes()), Compression::kZstd);
}

TEST_F(ChangeLayersTest, PrecomputedDigestSavesSending) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  ASSERT_OK(Copy());
  const Descriptor made = Layer();
  FakeDestination second;
  second.layer_form = Form::kCompressed;
  second.present.insert(made.digest);
  options_.set_precompute_digests(true);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(2));
  EventBroker events;
  ASSERT_OK(CopyImage(from_, second, options_, platform_, events, *pool));
  EXPECT_EQ(second.published().digest(), to_.published().digest());
  EXPECT_EQ(second.blobs().count(made.digest), 0u);
  EXPECT_EQ(events.result().reused_blobs(), 1);
}

TEST_F(ChangeLayersTest, PrecomputedDigestIsSentWhereItIsMissing) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  options_.set_precompute_digests(true);
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), content_);
  // Else what has places in order would wait for one that nobody writes to.
  const std::vector<std::string> turns = to_.turns();
  const auto ended =
      std::find(turns.begin(), turns.end(), "end " + Digest::Sha256Of(content_).ToString());
  EXPECT_NE(std::find(ended, turns.end(), "create " + Layer().digest.ToString()), turns.end());
}

TEST_F(ChangeLayersTest, LostBytesAreMadeAgain) {
  from_.SetTop(AddImage(kOciLayerGzipType, gzip_));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  to_.losses = 2;
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), content_);
  EXPECT_EQ(to_.abandoned(), 0);
}

TEST_F(ChangeLayersTest, WrongBytesAreDataLossWhateverTheyDecompressTo) {
  const Descriptor image = AddImage(kOciLayerGzipType, gzip_);
  from_.SetTop(image);
  to_.layer_form = Form::kUncompressed;
  std::string other = CompressWhole(Compression::kGzip, Content());
  other[4] = static_cast<char>(other[4] ^ 1);  // the time, which changes no content
  from_.Replace(Digest::Sha256Of(gzip_), other);
  absl::Status status = Copy();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  // Also where the decompressor stops first.
  other = gzip_;
  other[30] = static_cast<char>(~other[30]);
  from_.Replace(Digest::Sha256Of(gzip_), other);
  status = Copy();
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  EXPECT_THAT(to_.log(), Not(testing::Contains(testing::StartsWith("publish"))));
}

TEST_F(ChangeLayersTest, DestinationThatUsesSizesIsToldWhatGzipEndsIn) {
  std::mt19937 random(3);
  std::string content(3 << 19, '\0');
  std::generate(content.begin(), content.end(), [&random] { return static_cast<char>(random()); });
  const std::string large = CompressWhole(Compression::kGzip, content);
  to_.layer_form = Form::kUncompressed;
  to_.uses_sizes = true;
  from_.SetTop(AddImage(kOciLayerGzipType, large));
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.guessed, ElementsAre(testing::Pair(Digest::Sha256Of(large), 3 << 19)));
  // Not of small layers, nor of those that stay as they are.
  to_.guessed.clear();
  from_.SetTop(AddImage(kOciLayerGzipType, gzip_));
  ASSERT_OK(Copy());
  to_.layer_form = Form::kAsTheyAre;
  from_.SetTop(AddImage(kOciLayerGzipType, large));
  ASSERT_OK(Copy());
  EXPECT_THAT(to_.guessed, IsEmpty());
}

TEST_F(ChangeLayersTest, LayerThatIsNotWhatItBeginsLikeIsNamed) {
  const std::string truncated = gzip_.substr(0, gzip_.size() - 1);
  from_.SetTop(AddImage(kOciLayerGzipType, truncated));
  to_.layer_form = Form::kUncompressed;
  const absl::Status status = Copy();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr(Digest::Sha256Of(truncated).ToString())));
  EXPECT_EQ(ErrorReason(status), "INVALID_COMPRESSION");
}

TEST_F(ChangeLayersTest, ABombIsRefused) {
  const std::string block = CompressWhole(Compression::kZstd, std::string(64 << 20, '\0'));
  std::string bomb;
  for (int i = 0; i < 9; ++i) {
    bomb += block;
  }
  from_.SetTop(AddImage(kOciLayerZstdType, bomb));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_GZIP);
  const absl::Status status = Copy();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_THAT(to_.blobs(), SizeIs(testing::Le(1)));
}

TEST_F(ChangeLayersTest, ChunkedLayerSaysWhereItsTableOfContentsIs) {
  const std::string tar = TarBuilder().File("a", content_).Build();
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  for (const bool precompute : {false, true}) {
    options_.set_precompute_digests(precompute);
    from_.SetTop(AddImage(kOciLayerGzipType, CompressWhole(Compression::kGzip, tar)));
    ASSERT_OK(Copy());
    EXPECT_EQ(Layer().media_type, kOciLayerZstdType);
    EXPECT_EQ(Decompress(LayerBytes()), tar);
    EXPECT_THAT(Layer().annotations, Contains(Key(absl::StrCat(kChunked, "manifest-checksum"))));
    EXPECT_THAT(Layer().annotations, Contains(Key(absl::StrCat(kChunked, "tarsplit-position"))));
    to_.present.insert(Layer().digest);
  }
  EXPECT_EQ(LayerEvent().change(), v1::LAYER_CHANGE_RECOMPRESSED);
}

TEST_F(ChangeLayersTest, ChunkedLayerStaysWithItsAnnotations) {
  const Descriptor image = AddChunkedImage();
  from_.SetTop(image);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), image.digest);
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  options_.set_force_compression_format(true);
  ASSERT_OK(Copy());
  EXPECT_EQ(to_.published().digest(), image.digest);
  options_.set_compression_format(v1::COMPRESSION_FORMAT_GZIP);
  ASSERT_OK(Copy());
  EXPECT_THAT(Layer().annotations, IsEmpty());
}

TEST_F(ChangeLayersTest, ZstdWithoutATableOfContentsIsCompressedAgain) {
  const std::string tar = TarBuilder().File("a", content_).Build();
  from_.SetTop(AddImage(kOciLayerZstdType, CompressWhole(Compression::kZstd, tar)));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), tar);
  EXPECT_THAT(Layer().annotations, Contains(Key(absl::StrCat(kChunked, "manifest-checksum"))));
  EXPECT_EQ(LayerEvent().change(), v1::LAYER_CHANGE_RECOMPRESSED);
}

TEST_F(ChangeLayersTest, LayerThatIsNoTarCannotBeChunked) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  const absl::Status status = Copy();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr(Digest::Sha256Of(content_).ToString())));
  EXPECT_EQ(ErrorReason(status), "INVALID_LAYER");
  EXPECT_THAT(to_.log(), Not(testing::Contains(testing::StartsWith("publish"))));
}

constexpr auto kNone = broker::BLOB_COMPRESSION_NONE;
constexpr auto kGzip = broker::BLOB_COMPRESSION_GZIP;
constexpr auto kZstd = broker::BLOB_COMPRESSION_ZSTD;

TEST_F(ChangeLayersTest, AKnownFormThatTheDestinationHasIsNotMadeAgain) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(content_), kNone, {{Digest::Sha256Of("zstd"), kZstd}, {twin, kGzip}});
  to_.present = {twin, Digest::Sha256Of("zstd")};
  ASSERT_OK(Copy());
  EXPECT_THAT(from_.opened(), Not(testing::Contains(Digest::Sha256Of(content_))));
  EXPECT_EQ(Layer().digest, twin);
  EXPECT_EQ(Layer().size_bytes, 4321);
  EXPECT_EQ(Layer().media_type, kOciLayerGzipType);
  EXPECT_EQ(LayerEvent().outcome(), v1::BLOB_OUTCOME_ALREADY_PRESENT);
  EXPECT_EQ(LayerEvent().change(), v1::LAYER_CHANGE_COMPRESSED);
}

TEST_F(ChangeLayersTest, AKnownFormThatTheDestinationHasNotIsMade) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(content_), kNone, {{twin, kGzip}});
  ASSERT_OK(Copy());
  EXPECT_NE(Layer().digest, twin);
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, AKnownFormIsMountedFromAnotherRepository) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(content_), kNone, {{twin, kGzip}});
  broker_.set_mountable({twin});
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().digest, twin);
  EXPECT_EQ(LayerEvent().outcome(), v1::BLOB_OUTCOME_MOUNTED);
}

TEST_F(ChangeLayersTest, AKnownFormInAnotherCompressionIsNotTaken) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(content_), kNone, {{twin, kGzip}});
  to_.present = {twin};
  options_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD);
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().media_type, kOciLayerZstdType);
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, ABrokerThatFailsKnowsNothing) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  Know(Digest::Sha256Of(content_), kNone, {});
  broker_.set_fault([](absl::string_view call) {
    return call == "FindTwins" || call == "MountBlob" || call == "Remember"
               ? absl::ResourceExhaustedError("too often")
               : absl::OkStatus();
  });
  ASSERT_OK(Copy());
  EXPECT_EQ(Decompress(LayerBytes()), content_);
}

TEST_F(ChangeLayersTest, AnotherFormTakesThePlaceOfOneThatIsNotThere) {
  const std::string gzip = CompressWhole(Compression::kGzip, content_);
  from_.SetTop(AddImage(kOciLayerGzipType, gzip));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(gzip), kGzip, {{twin, kGzip}});
  to_.present = {twin};
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().digest, twin);
  EXPECT_EQ(LayerEvent().outcome(), v1::BLOB_OUTCOME_ALREADY_PRESENT);
}

TEST_F(ChangeLayersTest, NoOtherFormTakesThePlaceOfOneThatIsThere) {
  const std::string gzip = CompressWhole(Compression::kGzip, content_);
  from_.SetTop(AddImage(kOciLayerGzipType, gzip));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(gzip), kGzip, {{twin, kGzip}});
  to_.present = {twin, Digest::Sha256Of(gzip)};
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().digest, Digest::Sha256Of(gzip));
}

TEST_F(ChangeLayersTest, NoOtherFormTakesThePlaceOfOneWhoseDigestMustStay) {
  const std::string gzip = CompressWhole(Compression::kGzip, content_);
  from_.SetTop(AddImage(kOciLayerGzipType, gzip));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(gzip), kGzip, {{twin, kGzip}});
  to_.present = {twin};
  options_.set_preserve_digests(true);
  ASSERT_OK(Copy());
  EXPECT_EQ(Layer().digest, Digest::Sha256Of(gzip));
}

TEST_F(ChangeLayersTest, WhatBothEndsWereReadOfIsRemembered) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  Know(Digest::Sha256Of(content_), kNone, {});
  ASSERT_OK(Copy());
  std::vector<broker::Remember> twins;
  for (const broker::Remember& told : broker_.remembered()) {
    if (told.has_twin()) {
      twins.push_back(told);
    }
  }
  ASSERT_THAT(twins, SizeIs(1));
  EXPECT_EQ(twins[0].blob().digest(), Digest::Sha256Of(content_).ToString());
  EXPECT_EQ(twins[0].blob().size_bytes(), static_cast<int64_t>(content_.size()));
  EXPECT_EQ(twins[0].blob().compression(), kNone);
  EXPECT_EQ(twins[0].twin().digest(), Layer().digest.ToString());
  EXPECT_EQ(twins[0].twin().size_bytes(), Layer().size_bytes);
  EXPECT_EQ(twins[0].twin().compression(), kGzip);
}

TEST_F(ChangeLayersTest, WhatWasNotReadIsNotRememberedAsATwin) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  const Digest twin = Digest::Sha256Of("made earlier");
  Know(Digest::Sha256Of(content_), kNone, {{twin, kGzip}});
  to_.present = {twin};
  ASSERT_OK(Copy());
  for (const broker::Remember& told : broker_.remembered()) {
    EXPECT_FALSE(told.has_twin());
    EXPECT_FALSE(told.at_source() && told.blob().digest() == Layer().digest.ToString());
  }
}

TEST_F(ChangeLayersTest, ALayerThatIsNotWhatItsDigestSaysIsNotRemembered) {
  from_.SetTop(AddImage(kOciLayerType, content_));
  from_.Replace(Digest::Sha256Of(content_), std::string(content_.size(), 'x'));
  Know(Digest::Sha256Of(content_), kNone, {});
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kDataLoss));
  for (const broker::Remember& told : broker_.remembered()) {
    EXPECT_FALSE(told.has_twin());
    EXPECT_NE(told.blob().digest(), Digest::Sha256Of(content_).ToString());
  }
}

}  // namespace
}  // namespace holkas
