// Copies that encrypt and decrypt layers.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/testing/test_keys.h"
#include "worker/crypt/unwrap_layer_key.h"
#include "worker/image/media_types.h"
#include "worker/jobs/copy_fakes.h"
#include "worker/jobs/copy_image.h"
#include "worker/jobs/thread_pool.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kEncryptedType[] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";

// What `to` was given, as a source.
std::unique_ptr<FakeSource> SourceOf(const FakeDestination& to) {
  auto source = std::make_unique<FakeSource>();
  for (const auto& [digest, content] : to.blobs()) {
    source->AddBlob(kOciLayerGzipType, content);
  }
  source->SetTop(source->AddManifest(to.published().media_type(), to.published().bytes()));
  return source;
}

std::vector<std::string> LayerTypes(const FakeDestination& to) {
  std::vector<std::string> types;
  for (const Descriptor& layer : to.published().image().layers) {
    types.push_back(layer.media_type);
  }
  return types;
}

class CopyEncryptedTest : public ::testing::Test {
 protected:
  CopyEncryptedTest() : key_(NewEcKey("prime256v1")) {
    platform_.set_os("linux");
    platform_.set_architecture("amd64");
    from_.SetTop(from_.AddImage({"base", "middle", "top"}, "{}"));
    v1::LayerRecipient& recipient = *encrypt_.mutable_encryption()->add_recipients();
    recipient.set_wrapping(v1::KEY_WRAPPING_JWE);
    recipient.set_key(PublicPem(key_.get()));
    broker_.set_unwrap_key([this](const broker::WrappedKeys& wrapped) {
      broker::UnwrapRequest request;
      *request.mutable_wrapped() = wrapped;
      request.add_keys()->set_key(PrivatePem(key_.get()));
      return UnwrapLayerKey(request);
    });
  }

  absl::Status Copy(FakeSource& from, FakeDestination& to, const v1::CopyRequest& options,
                    bool decrypts) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(4));
    return CopyImage(from, to, options, platform_, broker_, *pool, decrypts);
  }
  absl::Status Encrypt() { return Copy(from_, to_, encrypt_, false); }
  absl::Status Decrypt(FakeSource& from) { return Copy(from, plain_, {}, true); }

  const UniquePkey key_;
  FakeSource from_;
  FakeDestination to_;
  FakeDestination plain_;
  EventBroker broker_;
  v1::CopyRequest encrypt_;
  v1::Platform platform_;
};

TEST_F(CopyEncryptedTest, WhatIsEncryptedIsDecryptedToTheSameLayers) {
  ASSERT_OK(Encrypt());
  EXPECT_THAT(LayerTypes(to_), ElementsAre(kEncryptedType, kEncryptedType, kEncryptedType));
  for (const auto& [digest, content] : to_.blobs()) {
    EXPECT_TRUE(content != "base" && content != "middle" && content != "top");
  }
  ASSERT_OK(Decrypt(*SourceOf(to_)));
  EXPECT_THAT(LayerTypes(plain_),
              ElementsAre(kOciLayerGzipType, kOciLayerGzipType, kOciLayerGzipType));
  for (const char* layer : {"base", "middle", "top"}) {
    EXPECT_EQ(plain_.blobs().count(Digest::Sha256Of(layer)), 1u) << layer;
  }
  EXPECT_FALSE(absl::StrContains(plain_.published().bytes(), "image.enc."));
}

TEST_F(CopyEncryptedTest, TableOfContentsIsStillThereWhenALayerIsDecrypted) {
  constexpr char kChecksum[] = "io.github.containers.zstd-chunked.manifest-checksum";
  const std::string tar = TarBuilder().File("a", "1").Build();
  from_.SetTop(from_.AddManifest(
      kOciManifestType,
      OciManifestJson(from_.AddBlob(kOciConfigType, "{}"), {from_.AddBlob(kOciLayerType, tar)})));
  to_.layer_form = plain_.layer_form = ImageDestination::LayerForm::kCompressed;
  encrypt_.set_compression_format(v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  ASSERT_OK(Encrypt());
  const std::string checksum = to_.published().image().layers[0].annotations.at(kChecksum);
  ASSERT_OK(Decrypt(*SourceOf(to_)));
  EXPECT_EQ(plain_.published().image().layers[0].annotations.at(kChecksum), checksum);
  // One that is chunked already.
  encrypt_.clear_compression_format();
  FakeDestination again;
  ASSERT_OK(Copy(*SourceOf(plain_), again, encrypt_, false));
  EXPECT_EQ(again.published().image().layers[0].annotations.at(kChecksum), checksum);
}

TEST_F(CopyEncryptedTest, ASinkThatBeginsAgainGetsTheSameBytes) {
  to_.losses = 1;
  ASSERT_OK(Encrypt());
  ASSERT_OK(Decrypt(*SourceOf(to_)));
  EXPECT_EQ(plain_.blobs().count(Digest::Sha256Of("middle")), 1u);
}

TEST_F(CopyEncryptedTest, DecryptedLayersThatAreThereAreNotRead) {
  ASSERT_OK(Encrypt());
  plain_.present = {Digest::Sha256Of("base")};
  const std::unique_ptr<FakeSource> source = SourceOf(to_);
  ASSERT_OK(Decrypt(*source));
  EXPECT_EQ(source->opened().size(), 3u);  // two layers and the configuration
}

TEST_F(CopyEncryptedTest, LayersThatAreNamedAlone) {
  encrypt_.mutable_encryption()->add_layers(-1);
  encrypt_.mutable_encryption()->add_layers(0);
  ASSERT_OK(Encrypt());
  EXPECT_THAT(LayerTypes(to_), ElementsAre(kEncryptedType, kOciLayerGzipType, kEncryptedType));
}

TEST_F(CopyEncryptedTest, LayersThatAreNotThereAreUnknown) {
  for (const int layer : {3, -4}) {
    encrypt_.mutable_encryption()->clear_layers();
    encrypt_.mutable_encryption()->add_layers(layer);
    const absl::Status status = Encrypt();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("3 layers")));
    EXPECT_EQ(ErrorReason(status), "LAYER_UNKNOWN");
  }
}

TEST_F(CopyEncryptedTest, EncryptedLayersAreNotEncryptedAgain) {
  encrypt_.mutable_encryption()->add_layers(0);
  ASSERT_OK(Encrypt());
  const Descriptor first = to_.published().image().layers[0];
  encrypt_.mutable_encryption()->clear_layers();
  FakeDestination again;
  ASSERT_OK(Copy(*SourceOf(to_), again, encrypt_, false));
  EXPECT_EQ(again.published().image().layers[0].digest, first.digest);
  EXPECT_THAT(LayerTypes(again), ElementsAre(kEncryptedType, kEncryptedType, kEncryptedType));
}

TEST_F(CopyEncryptedTest, WithoutAKeyLayersStayEncrypted) {
  ASSERT_OK(Encrypt());
  ASSERT_OK(Copy(*SourceOf(to_), plain_, {}, false));
  EXPECT_EQ(plain_.published().digest(), to_.published().digest());
}

TEST_F(CopyEncryptedTest, AnotherPlainDigestIsDataLoss) {
  ASSERT_OK(Encrypt());
  broker_.set_unwrap_key([this](const broker::WrappedKeys& wrapped) {
    broker::UnwrapRequest request;
    *request.mutable_wrapped() = wrapped;
    request.add_keys()->set_key(PrivatePem(key_.get()));
    absl::StatusOr<broker::LayerKey> key = UnwrapLayerKey(request);
    key->set_plain_digest(Digest::Sha256Of(key->plain_digest()).ToString());
    return key;
  });
  EXPECT_THAT(Decrypt(*SourceOf(to_)), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(CopyEncryptedTest, DamagedLayersAreDataLoss) {
  ASSERT_OK(Encrypt());
  const std::unique_ptr<FakeSource> source = SourceOf(to_);
  source->Replace(to_.published().image().layers[1].digest, "mIddle");
  EXPECT_THAT(Decrypt(*source), StatusIs(absl::StatusCode::kDataLoss));
}

// What fails while it is hashed leaves the hash its bytes.
TEST_F(CopyEncryptedTest, LargeLayersThatFailOnTheirWayAreDataLoss) {
  const std::string large(300'000, 'l');
  from_.SetTop(from_.AddImage({large, large + "2", large + "3"}, "{}"));
  for (int i = 0; i < 20; ++i) {
    FakeDestination encrypted;
    ASSERT_OK(Copy(from_, encrypted, encrypt_, false));
    const std::unique_ptr<FakeSource> source = SourceOf(encrypted);
    const Digest damaged = encrypted.published().image().layers[1].digest;
    std::string bytes = encrypted.blobs().at(damaged);
    bytes[static_cast<size_t>(i) * 10'000] ^= 1;
    source->Replace(damaged, bytes);
    EXPECT_THAT(Decrypt(*source), StatusIs(absl::StatusCode::kDataLoss));
    FakeDestination other;
    from_.Replace(Digest::Sha256Of(large + "2"), std::string(300'001, 'x'));
    EXPECT_THAT(Copy(from_, other, encrypt_, false), StatusIs(absl::StatusCode::kDataLoss));
    from_.Replace(Digest::Sha256Of(large + "2"), large + "2");
  }
}

TEST_F(CopyEncryptedTest, KeysThatDoNotFitAreToldWithTheLayer) {
  ASSERT_OK(Encrypt());
  broker_.set_unwrap_key([](const broker::WrappedKeys&) -> absl::StatusOr<broker::LayerKey> {
    return MakeError(absl::StatusCode::kFailedPrecondition, "KEY_UNSUITABLE", "none fits");
  });
  EXPECT_THAT(Decrypt(*SourceOf(to_)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "decrypting layer " + to_.published().image().layers[0].digest.ToString() +
                           ": none fits"));
}

TEST_F(CopyEncryptedTest, MalformedAnnotationsAreInvalidEncryption) {
  ASSERT_OK(Encrypt());
  const std::unique_ptr<FakeSource> source = SourceOf(to_);
  source->SetTop(source->AddManifest(
      kOciManifestType, absl::StrReplaceAll(to_.published().bytes(), {{"pubopts", "other"}})));
  EXPECT_EQ(ErrorReason(Decrypt(*source)), "INVALID_ENCRYPTION");
}

TEST_F(CopyEncryptedTest, WaysOfWrappingThatAreNotHereAreNamed) {
  ASSERT_OK(Encrypt());
  const std::unique_ptr<FakeSource> source = SourceOf(to_);
  source->SetTop(source->AddManifest(
      kOciManifestType,
      absl::StrReplaceAll(to_.published().bytes(), {{"keys.jwe", "keys.pkcs11"}})));
  EXPECT_THAT(Decrypt(*source), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("pkcs11")));
}

TEST_F(CopyEncryptedTest, DigestsThatMustStayAreAConflict) {
  v1::CopyRequest preserving = encrypt_;
  preserving.set_preserve_digests(true);
  EXPECT_EQ(ErrorReason(Copy(from_, to_, preserving, false)), "DESTINATION_CONFLICT");
  ASSERT_OK(Encrypt());
  preserving.clear_encryption();
  EXPECT_EQ(ErrorReason(Copy(*SourceOf(to_), plain_, preserving, true)), "DESTINATION_CONFLICT");
  // Where nothing is encrypted, nothing changes.
  FakeDestination same;
  EXPECT_OK(Copy(from_, same, preserving, true));
}

TEST_F(CopyEncryptedTest, DockerManifestsBecomeOcis) {
  const Descriptor layer = from_.AddBlob(kDockerLayerGzipType, "layer");
  const Descriptor config = from_.AddBlob(
      kDockerConfigType,
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
  std::string json = OciManifestJson(config, {layer});
  from_.SetTop(from_.AddManifest(
      kDockerManifestType, absl::StrReplaceAll(json, {{kOciManifestType, kDockerManifestType}})));
  ASSERT_OK(Encrypt());
  EXPECT_EQ(to_.published().media_type(), kOciManifestType);
  EXPECT_THAT(LayerTypes(to_), ElementsAre(kEncryptedType));
}

}  // namespace
}  // namespace holkas
