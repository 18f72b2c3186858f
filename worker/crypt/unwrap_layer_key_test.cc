#include "worker/crypt/unwrap_layer_key.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/crypt/layer_recipients.h"
#include "worker/crypt/layer_secret.h"
#include "worker/crypt/pgp_key.h"
#include "worker/crypt/pgp_key_file.h"
#include "worker/crypt/pgp_message.h"
#include "worker/crypt/pgp_packets.h"
#include "worker/crypt/testing/pgp_test_keys.h"
#include "worker/crypt/testing/test_keys.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

LayerSecret SomeSecret() {
  return {{std::string(LayerKey::kKeyBytes, 'k'), std::string(LayerKey::kNonceBytes, 'n')},
          Digest::Sha256Of("layer")};
}

struct Recipient {
  v1::KeyWrapping wrapping;
  std::string key;
};

// The secret's wrapped keys for them, as a manifest would have them.
broker::UnwrapRequest WrapFor(const std::vector<Recipient>& recipients) {
  v1::LayerEncryption encryption;
  for (const Recipient& recipient : recipients) {
    v1::LayerRecipient& added = *encryption.add_recipients();
    added.set_wrapping(recipient.wrapping);
    added.set_key(recipient.key);
  }
  const auto annotations =
      LayerRecipients::Parse(encryption)->Annotate(SomeSecret(), std::string(32, 'h'));
  const auto parsed = ParseEncryptionAnnotations(*annotations);
  broker::UnwrapRequest request;
  request.mutable_wrapped()->mutable_jwe()->Assign(parsed->jwe.begin(), parsed->jwe.end());
  request.mutable_wrapped()->mutable_pkcs7()->Assign(parsed->pkcs7.begin(), parsed->pkcs7.end());
  request.mutable_wrapped()->mutable_pgp()->Assign(parsed->pgp.begin(), parsed->pgp.end());
  return request;
}

void AddKey(const std::string& key, const std::string& password, broker::UnwrapRequest& request) {
  request.add_keys()->set_key(key);
  request.mutable_keys()->rbegin()->set_password(password);
}

TEST(UnwrapLayerKey, EachRecipientHasTheSecret) {
  const UniquePkey rsa = NewRsaKey();
  const UniquePkey ec = NewEcKey("secp384r1");
  const UniquePkey certified = NewRsaKey();
  const broker::UnwrapRequest wrapped =
      WrapFor({{v1::KEY_WRAPPING_JWE, PublicPem(rsa.get())},
               {v1::KEY_WRAPPING_PKCS7, CertificatePem(certified.get())},
               {v1::KEY_WRAPPING_JWE, PublicDer(ec.get())}});
  for (const UniquePkey* key : {&rsa, &ec, &certified}) {
    broker::UnwrapRequest request = wrapped;
    AddKey(CertificatePem(NewRsaKey().get()), "", request);
    AddKey(PrivatePem(NewRsaKey().get()), "", request);
    AddKey(PrivatePem(key->get(), "secret"), "secret", request);
    ASSERT_OK_AND_ASSIGN(const broker::LayerKey layer_key, UnwrapLayerKey(request));
    EXPECT_EQ(layer_key.key(), SomeSecret().key.key);
    EXPECT_EQ(layer_key.nonce(), SomeSecret().key.nonce);
    EXPECT_EQ(layer_key.plain_digest(), SomeSecret().plain_digest.ToString());
  }
}

TEST(UnwrapLayerKey, RecipientsOfOpenpgpShareOneMessage) {
  const UniquePkey ec = NewEcKey("prime256v1");
  const broker::UnwrapRequest wrapped =
      WrapFor({{v1::KEY_WRAPPING_PGP, kPgpRsaReader.public_key},
               {v1::KEY_WRAPPING_JWE, PublicPem(ec.get())},
               {v1::KEY_WRAPPING_PGP, kPgpLockedReader.public_key}});
  EXPECT_EQ(wrapped.wrapped().pgp_size(), 1);
  for (const std::string& key : {std::string(kPgpRsaReader.secret_key),
                                 std::string(kPgpLockedReader.secret_key), PrivatePem(ec.get())}) {
    broker::UnwrapRequest request = wrapped;
    AddKey(kPgpCurveReader.secret_key, "", request);
    AddKey(key, "secret", request);
    ASSERT_OK_AND_ASSIGN(const broker::LayerKey layer_key, UnwrapLayerKey(request));
    EXPECT_EQ(layer_key.key(), SomeSecret().key.key);
  }
}

TEST(UnwrapLayerKey, OpenpgpKeysThatDoNotFitAreUnsuitable) {
  broker::UnwrapRequest request = WrapFor({{v1::KEY_WRAPPING_PGP, kPgpLockedReader.public_key}});
  AddKey(kPgpLockedReader.public_key, "", request);
  EXPECT_EQ(ErrorReason(UnwrapLayerKey(request).status()), "KEY_MISSING");
  AddKey(kPgpRsaReader.secret_key, "", request);
  EXPECT_EQ(ErrorReason(UnwrapLayerKey(request).status()), "KEY_UNSUITABLE");
  AddKey(kPgpLockedReader.secret_key, "wrong", request);
  EXPECT_EQ(ErrorReason(UnwrapLayerKey(request).status()), "PASSWORD_WRONG");
}

// So that a stranger's messages cost no more than one.
TEST(UnwrapLayerKey, MessagesOfOpenpgpShareTheAttempts) {
  broker::UnwrapRequest request = WrapFor({{v1::KEY_WRAPPING_PGP, kPgpCurveReader.public_key}});
  AddKey(kPgpCurveReader.secret_key, "", request);
  const std::string nobody =
      WritePgpPacket(kPgpSessionKey, "\x03" + std::string(PgpKey::kIdBytes, '\0'));
  std::string message = WritePgpPacket(kPgpProtected, "");
  for (size_t i = 0; i < kMaxPgpRecipients; ++i) {
    message = nobody + message;
  }
  EXPECT_OK(UnwrapLayerKey(request));
  request.mutable_wrapped()->add_pgp(message);
  request.mutable_wrapped()->mutable_pgp()->SwapElements(0, 1);
  EXPECT_EQ(ErrorReason(UnwrapLayerKey(request).status()), "KEY_UNSUITABLE");
}

TEST(UnwrapLayerKey, OpenpgpMessageThatIsNoSecretLeavesTheOthers) {
  std::vector<PgpKey> recipient;
  recipient.push_back(
      *ParsePgpRecipient(kPgpCurveReader.public_key, absl::FromUnixSeconds(1'800'000'000)));
  broker::UnwrapRequest request;
  AddKey(kPgpCurveReader.secret_key, "", request);
  request.mutable_wrapped()->add_pgp(*EncryptPgp("no secret of a layer", recipient));
  EXPECT_EQ(ErrorReason(UnwrapLayerKey(request).status()), "KEY_UNSUITABLE");
  request.mutable_wrapped()->add_pgp(*EncryptPgp(WriteLayerSecret(SomeSecret()), recipient));
  ASSERT_OK_AND_ASSIGN(const broker::LayerKey layer_key, UnwrapLayerKey(request));
  EXPECT_EQ(layer_key.key(), SomeSecret().key.key);
}

TEST(UnwrapLayerKey, OtherKeysAreUnsuitable) {
  broker::UnwrapRequest request = WrapFor({{v1::KEY_WRAPPING_JWE, PublicPem(NewRsaKey().get())}});
  AddKey(CertificatePem(NewRsaKey().get()), "", request);
  const absl::Status missing = UnwrapLayerKey(request).status();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kFailedPrecondition,
                                "missing private key needed for decryption"));
  EXPECT_EQ(ErrorReason(missing), "KEY_MISSING");
  AddKey(PrivatePem(NewRsaKey().get()), "", request);
  const absl::Status status = UnwrapLayerKey(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("none of the private keys could be used")));
  EXPECT_EQ(ErrorReason(status), "KEY_UNSUITABLE");
}

TEST(UnwrapLayerKey, KeysThatCannotBeOpenedAreInvalid) {
  const UniquePkey key = NewRsaKey();
  broker::UnwrapRequest request = WrapFor({{v1::KEY_WRAPPING_JWE, PublicPem(key.get())}});
  AddKey(PrivatePem(key.get(), "secret"), "", request);
  EXPECT_THAT(UnwrapLayerKey(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Invalid decryption keys: Missing password for encrypted private key"));
}

TEST(LayerRecipients, OtherFilesAreInvalidInSkopeosWords) {
  v1::LayerEncryption encryption;
  encryption.add_recipients()->set_wrapping(v1::KEY_WRAPPING_JWE);
  EXPECT_THAT(LayerRecipients::Parse(encryption).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Invalid encryption keys: File provided is not a public key"));
  encryption.mutable_recipients(0)->set_wrapping(v1::KEY_WRAPPING_PKCS7);
  EXPECT_THAT(LayerRecipients::Parse(encryption).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Invalid encryption keys: File provided is not an x509 cert"));
  encryption.mutable_recipients(0)->set_wrapping(v1::KEY_WRAPPING_PGP);
  EXPECT_THAT(LayerRecipients::Parse(encryption).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Invalid encryption keys: PGP: not one public key"));
  encryption.mutable_recipients(0)->set_wrapping(v1::KEY_WRAPPING_UNSPECIFIED);
  EXPECT_THAT(LayerRecipients::Parse(encryption).status(),
              StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace holkas
