#include "service/rpc/validate.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

v1::CopyRequest GoodCopy() {
  v1::CopyRequest request;
  request.set_source("docker://localhost/a");
  request.set_destination("oci:/b:c");
  return request;
}

void ExpectInvalid(const absl::Status& status, const std::string& field) {
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr(field)));
  EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
  EXPECT_EQ(ErrorMetadata(status)["field"], field);
}

void ExpectUnimplemented(const absl::Status& status, const std::string& field) {
  EXPECT_THAT(status, StatusIs(StatusCode::kUnimplemented, HasSubstr(field)));
  EXPECT_EQ(ErrorReason(status), "OPTION_UNIMPLEMENTED");
  EXPECT_EQ(ErrorMetadata(status)["field"], field);
}

TEST(ValidateRequest, CompleteRequestsAreOk) {
  v1::CopyRequest copy = GoodCopy();
  copy.mutable_source_registry()->mutable_basic()->set_username("u");
  copy.mutable_destination_registry()->set_bearer_token("t");
  copy.set_max_parallel_blobs(16);
  copy.mutable_retry()->set_max_retries(100);
  copy.set_multi_arch(v1::MULTI_ARCH_INDEX_ONLY);
  EXPECT_OK(ValidateRequest(copy));
  v1::InspectRequest inspect;
  inspect.set_image("dir:/x");
  EXPECT_OK(ValidateRequest(inspect));
}

TEST(ValidateRequest, DeletionsAndListsAreCheckedLikeInspections) {
  v1::DeleteRequest deletion;
  ExpectInvalid(ValidateRequest(deletion), "image");
  deletion.set_image("docker://localhost/a");
  deletion.set_only_tag(true);
  EXPECT_OK(ValidateRequest(deletion));
  deletion.mutable_retry()->set_max_retries(-1);
  ExpectInvalid(ValidateRequest(deletion), "retry.max_retries");
  deletion.clear_retry();
  deletion.mutable_registry()->set_bearer_token("a\nb");
  ExpectInvalid(ValidateRequest(deletion), "registry.bearer_token");
  deletion.clear_registry();
  deletion.set_request_id("0b9a3a9e-6c1f-4d0c-9a52-11111111111");
  ExpectInvalid(ValidateRequest(deletion), "request_id");

  v1::ListTagsRequest list;
  ExpectInvalid(ValidateRequest(list), "repository");
  list.set_repository("docker://localhost/a");
  EXPECT_OK(ValidateRequest(list));
  list.mutable_retry()->set_delay_seconds(-1);
  ExpectInvalid(ValidateRequest(list), "retry.delay_seconds");
  list.clear_retry();
  list.mutable_registry()->mutable_basic()->set_username("a:b");
  ExpectInvalid(ValidateRequest(list), "registry.basic.username");
}

TEST(ValidateRequest, ReferencesAreRequired) {
  ExpectInvalid(ValidateRequest(v1::InspectRequest()), "image");
  ExpectInvalid(ValidateRequest(v1::CopyRequest()), "source");
  v1::CopyRequest copy = GoodCopy();
  copy.clear_destination();
  ExpectInvalid(ValidateRequest(copy), "destination");
}

TEST(ValidateRequest, StringsAreBounded) {
  v1::InspectRequest request;
  request.set_image(std::string(kMaxStringBytes, 'x'));
  EXPECT_OK(ValidateRequest(request));
  request.set_image(std::string(kMaxStringBytes + 1, 'x'));
  ExpectInvalid(ValidateRequest(request), "image");
  request.set_image(std::string("dir:/a\0b", 8));
  ExpectInvalid(ValidateRequest(request), "image");
  request.set_image("dir:/a");
  request.mutable_platform()->set_variant(std::string(5000, 'v'));
  ExpectInvalid(ValidateRequest(request), "platform.variant");
}

TEST(ValidateRequest, CredentialsCannotBreakAHeader) {
  v1::CopyRequest request = GoodCopy();
  request.mutable_source_registry()->mutable_basic()->set_username("a:b");
  ExpectInvalid(ValidateRequest(request), "source_registry.basic.username");
  request.mutable_source_registry()->mutable_basic()->set_username("");
  ExpectInvalid(ValidateRequest(request), "source_registry.basic.username");
  request.mutable_source_registry()->mutable_basic()->set_username("a");
  request.mutable_source_registry()->mutable_basic()->set_password("x\r\ny");
  ExpectInvalid(ValidateRequest(request), "source_registry.basic.password");
  request.mutable_source_registry()->set_bearer_token("x\ny");
  ExpectInvalid(ValidateRequest(request), "source_registry.bearer_token");
  request.mutable_source_registry()->set_identity_token("x\ny");
  ExpectInvalid(ValidateRequest(request), "source_registry.identity_token");
  request.mutable_source_registry()->set_identity_token("");
  ExpectInvalid(ValidateRequest(request), "source_registry.identity_token");
  request.mutable_source_registry()->set_bearer_token("");
  ExpectInvalid(ValidateRequest(request), "source_registry.bearer_token");
}

TEST(ValidateRequest, CertificatesAreBoundedAndPaired) {
  v1::CopyRequest request = GoodCopy();
  v1::TlsCertificates& certificates =
      *request.mutable_destination_registry()->mutable_certificates();
  certificates.set_ca_pem(std::string(kMaxCertificateBytes, 'x'));
  EXPECT_OK(ValidateRequest(request));
  certificates.set_ca_pem(std::string(kMaxCertificateBytes + 1, 'x'));
  ExpectInvalid(ValidateRequest(request), "destination_registry.certificates");
  certificates.set_ca_pem("");
  certificates.set_client_key_pem("k");
  ExpectInvalid(ValidateRequest(request), "destination_registry.certificates");
}

TEST(ValidateRequest, KeysOfLayersAreBoundedAndForOneDirection) {
  v1::CopyRequest encrypting = GoodCopy();
  encrypting.mutable_encryption();
  ExpectInvalid(ValidateRequest(encrypting), "encryption.recipients");
  v1::LayerRecipient& recipient = *encrypting.mutable_encryption()->add_recipients();
  ExpectInvalid(ValidateRequest(encrypting), "encryption.recipients.wrapping");
  recipient.set_wrapping(v1::KEY_WRAPPING_JWE);
  ExpectInvalid(ValidateRequest(encrypting), "encryption.recipients.key");
  recipient.set_key(std::string(16 << 10, 'k'));
  EXPECT_OK(ValidateRequest(encrypting));
  recipient.mutable_key()->push_back('k');
  ExpectInvalid(ValidateRequest(encrypting), "encryption.recipients.key");

  v1::CopyRequest decrypting = GoodCopy();
  for (int i = 0; i < 16; ++i) {
    decrypting.add_decryption_keys()->set_key(std::string(16 << 10, 'k'));
  }
  EXPECT_OK(ValidateRequest(decrypting));
  decrypting.mutable_decryption_keys(0)->set_password(std::string((4 << 10) + 1, 'p'));
  EXPECT_FALSE(ValidateRequest(decrypting).ok());
  decrypting.mutable_decryption_keys(0)->clear_password();
  decrypting.add_decryption_keys()->set_key("k");
  ExpectInvalid(ValidateRequest(decrypting), "decryption_keys");
  decrypting.mutable_decryption_keys()->RemoveLast();
  decrypting.mutable_encryption();
  ExpectInvalid(ValidateRequest(decrypting), "decryption_keys");
}

TEST(ValidateRequest, NumbersAreBounded) {
  v1::CopyRequest request = GoodCopy();
  request.set_max_parallel_blobs(17);
  ExpectInvalid(ValidateRequest(request), "max_parallel_blobs");
  request.set_max_parallel_blobs(-1);
  ExpectInvalid(ValidateRequest(request), "max_parallel_blobs");
  request = GoodCopy();
  request.mutable_retry()->set_max_retries(101);
  ExpectInvalid(ValidateRequest(request), "retry.max_retries");
  for (double delay : {-1.0, 3601.0, std::numeric_limits<double>::quiet_NaN(),
                       std::numeric_limits<double>::infinity()}) {
    request = GoodCopy();
    request.mutable_retry()->set_delay_seconds(delay);
    ExpectInvalid(ValidateRequest(request), "retry.delay_seconds");
  }
}

TEST(ValidateRequest, IdsAreUuids) {
  v1::CopyRequest request = GoodCopy();
  for (const char* id :
       {"0b9a3a9e-6c1f-4d0c-9a52-1111111111ff", "0B9A3A9E-6C1F-4D0C-9A52-1111111111FF"}) {
    request.set_request_id(id);
    EXPECT_OK(ValidateRequest(request));
  }
  for (const char* id :
       {"1", "0b9a3a9e6c1f4d0c9a521111111111ff", "0b9a3a9e-6c1f-4d0c-9a52-1111111111fg",
        "0b9a3a9e-6c1f-4d0c-9a52_1111111111ff", "{0b9a3a9e-6c1f-4d0c-9a52-1111111111ff}",
        "0b9a3a9e-6c1f-4d0c-9a52-1111111111ff0", "0b9a3a9e-6c1f-4d0c-9a5-21111111111ff"}) {
    request.set_request_id(id);
    ExpectInvalid(ValidateRequest(request), "request_id");
  }
}

TEST(ValidateRequest, PlatformsAreListedOnce) {
  v1::CopyRequest request = GoodCopy();
  request.set_multi_arch(v1::MULTI_ARCH_PLATFORMS);
  ExpectInvalid(ValidateRequest(request), "platforms");
  v1::Platform* platform = request.add_platforms();
  platform->set_os("linux");
  ExpectInvalid(ValidateRequest(request), "platforms");
  platform->set_architecture("arm");
  EXPECT_OK(ValidateRequest(request));
  v1::Platform* another = request.add_platforms();
  *another = *platform;
  ExpectInvalid(ValidateRequest(request), "platforms");
  another->set_variant("v7");
  EXPECT_OK(ValidateRequest(request));
  request.set_multi_arch(v1::MULTI_ARCH_ALL);
  ExpectInvalid(ValidateRequest(request), "platforms");
}

TEST(ValidateRequest, PlatformsHaveALimit) {
  v1::CopyRequest request = GoodCopy();
  request.set_multi_arch(v1::MULTI_ARCH_PLATFORMS);
  for (int i = 0; i < 101; ++i) {
    EXPECT_EQ(ValidateRequest(request).ok(), i > 0);
    v1::Platform* platform = request.add_platforms();
    platform->set_os("linux");
    platform->set_architecture(absl::StrCat("a", i));
  }
  ExpectInvalid(ValidateRequest(request), "platforms");
}

TEST(ValidateRequest, WhatOnlyANewerClientKnowsIsUnimplemented) {
  v1::CopyRequest request = GoodCopy();
  request.set_multi_arch(static_cast<v1::MultiArch>(99));
  ExpectUnimplemented(ValidateRequest(request), "multi_arch");
  request = GoodCopy();
  // Field 200, varint 1.
  ASSERT_TRUE(request.mutable_source_registry()->MergeFromString("\xc0\x0c\x01"));
  ExpectUnimplemented(ValidateRequest(request), "source_registry.200");
}

TEST(ValidateRequest, AnImportHasItsArchiveAsItsSource) {
  v1::ImportOptions options;
  ExpectInvalid(ValidateRequest(options), "options.copy.destination");
  options.mutable_copy()->set_destination("oci:/b:c");
  EXPECT_OK(ValidateRequest(options));
  options.set_size_bytes(-1);
  ExpectInvalid(ValidateRequest(options), "options.size_bytes");
  options.clear_size_bytes();
  options.mutable_copy()->mutable_retry()->set_max_retries(-1);
  ExpectInvalid(ValidateRequest(options), "options.copy.retry.max_retries");
  options.mutable_copy()->clear_retry();
  options.mutable_copy()->set_source("dir:/x");
  ExpectInvalid(ValidateRequest(options), "options.copy.source");
  options.mutable_copy()->clear_source();
  options.mutable_copy()->mutable_source_registry();
  ExpectInvalid(ValidateRequest(options), "options.copy.source_registry");
  options.mutable_copy()->clear_source_registry();
  options.set_format(static_cast<v1::ArchiveFormat>(99));
  ExpectUnimplemented(ValidateRequest(options), "options.format");
}

TEST(ValidateRequest, AnExportHasItsArchiveAsItsDestination) {
  v1::ExportRequest request;
  ExpectInvalid(ValidateRequest(request), "copy.source");
  request.mutable_copy()->set_source("oci:/b:c");
  EXPECT_OK(ValidateRequest(request));
  request.mutable_copy()->set_max_parallel_blobs(-1);
  ExpectInvalid(ValidateRequest(request), "copy.max_parallel_blobs");
  request.mutable_copy()->clear_max_parallel_blobs();
  request.mutable_copy()->set_destination("dir:/x");
  ExpectInvalid(ValidateRequest(request), "copy.destination");
  request.mutable_copy()->clear_destination();
  request.mutable_copy()->mutable_destination_registry();
  ExpectInvalid(ValidateRequest(request), "copy.destination_registry");
  request.mutable_copy()->clear_destination_registry();
  request.mutable_copy()->set_request_id("0b9a3a9e-6c1f-4d0c-9a52-111111111111");
  ExpectInvalid(ValidateRequest(request), "copy.request_id");
}

}  // namespace
}  // namespace holkas
