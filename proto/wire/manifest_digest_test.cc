#include "proto/wire/manifest_digest.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

const char kPayload[] = "{\n   \"schemaVersion\": 1,\n   \"name\": \"app\"\n}";
const char kTail[] = "\n}";

std::string Base64(absl::string_view text) {
  std::string escaped;
  absl::WebSafeBase64Escape(text, &escaped);
  return escaped;
}

// The length and tail of kPayload as a protected header.
std::string Format(int length, absl::string_view tail = kTail) {
  return absl::StrCat("{\"formatLength\":", length, ",\"formatTail\":\"", Base64(tail), "\"}");
}

constexpr int kLength = static_cast<int>(sizeof(kPayload) - sizeof(kTail));

std::string Signature(absl::string_view header, absl::string_view jwk = "{\"kty\":\"EC\"}") {
  return absl::StrCat("{\"header\":{\"jwk\":", jwk,
                      ",\"alg\":\"ES256\"},\"signature\":\"AAAA\",\"protected\":\"", Base64(header),
                      "\"}");
}

// kPayload with signatures in it.
std::string Signed(absl::string_view signatures) {
  return absl::StrCat(absl::string_view(kPayload, kLength), ",\n   \"signatures\": ", signatures,
                      "\n}");
}
std::string SignedBy(std::initializer_list<std::string> signatures) {
  return Signed(absl::StrCat("[", absl::StrJoin(signatures, ","), "]"));
}

TEST(ManifestDigest, BytesOfAnyKindHaveTheirOwnDigest) {
  for (const std::string bytes :
       {"", "hello", "{}", "{\"schemaVersion\":2,\"signatures\":[{}]}", "[1]", "{\"a\":\xff}",
        "{\"schemaVersion\":1,\"signatures\":null}", "{\"schemaVersion\":\"1\",\"signatures\":[]}",
        "{\"schemaVersion\":1.0,\"signatures\":[]}"}) {
    EXPECT_THAT(ManifestDigest(bytes), IsOkAndHolds(Digest::Sha256Of(bytes))) << bytes;
  }
  const std::string with_nul("{\"schemaVersion\":1,\"signatures\":[]}\0", 36);
  EXPECT_THAT(ManifestDigest(with_nul), IsOkAndHolds(Digest::Sha256Of(with_nul)));
}

TEST(ManifestDigest, SignaturesAreNotPartOfIt) {
  const std::string one = SignedBy({Signature(Format(kLength))});
  const std::string two = SignedBy({Signature(Format(kLength)), Signature(Format(kLength))});
  EXPECT_THAT(ManifestDigest(one), IsOkAndHolds(Digest::Sha256Of(kPayload)));
  EXPECT_THAT(ManifestDigest(two), IsOkAndHolds(Digest::Sha256Of(kPayload)));
}

TEST(ManifestDigest, TextsThatAreNotUtf8DoNotHideSignatures) {
  std::string manifest = SignedBy({Signature(Format(kLength))});
  const size_t name = manifest.find("app");
  manifest[name] = '\xff';
  std::string payload = kPayload;
  payload[name] = '\xff';
  EXPECT_THAT(ManifestDigest(manifest), IsOkAndHolds(Digest::Sha256Of(payload)));
}

TEST(ManifestDigest, TypesThatHaveNoSignaturesAreTakenAsTheyAre) {
  std::string manifest = SignedBy({Signature(Format(kLength))});
  manifest.insert(1, "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",");
  EXPECT_THAT(ManifestDigest(manifest), IsOkAndHolds(Digest::Sha256Of(manifest)));
}

TEST(ManifestDigest, EmptyListOfSignaturesSignsNothing) {
  EXPECT_THAT(ManifestDigest(Signed("[]")), IsOkAndHolds(Digest::Sha256Of("")));
}

TEST(ManifestDigest, PayloadMayBeTheWholeManifest) {
  // A length that holds in itself, whatever its digits: the manifest is padded to it.
  std::string manifest = SignedBy({Signature(Format(1000, ""))});
  manifest.resize(1000, ' ');
  EXPECT_THAT(ManifestDigest(manifest), IsOkAndHolds(Digest::Sha256Of(manifest)));
  manifest.resize(999);
  EXPECT_THAT(ManifestDigest(manifest).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "invalid format length"));
}

TEST(ManifestDigest, SignaturesThatSayNoPayloadAreErrors) {
  struct Case {
    std::string manifest;
    std::string says;
  };
  for (const Case& c : {
           Case{Signed("{}"), "error unmarshalling signatures"},
           Case{Signed("[1]"), "error unmarshalling signatures"},
           Case{Signed("[{\"protected\":7}]"), "error unmarshalling signatures"},
           Case{Signed("[{}]"), "error unmarshalling protected header"},
           Case{Signed("[null]"), "error unmarshalling protected header"},
           Case{SignedBy({Signature("[]")}), "error unmarshalling protected header"},
           Case{Signed("[{\"protected\":\"!!!\"}]"), "base64 decode error"},
           Case{SignedBy({Signature("{}")}), "missing formatted length"},
           Case{SignedBy({Signature("{\"formatLength\":\"3\"}")}), "missing formatted length"},
           Case{SignedBy({Signature("{\"formatLength\":3}")}), "missing formatted tail"},
           Case{SignedBy({Signature("{\"formatLength\":3,\"formatTail\":\"!\"}")}),
                "base64 decode error on tail"},
           Case{SignedBy({Signature(Format(-1))}), "invalid format length"},
           Case{SignedBy({Signature("{\"formatLength\":1e300,\"formatTail\":\"\"}")}),
                "invalid format length"},
           Case{SignedBy({Signature(Format(kLength)), Signature(Format(5))}),
                "conflicting format length"},
           Case{SignedBy({Signature(Format(kLength)), Signature(Format(kLength, "}"))}),
                "conflicting format tail"},
           Case{SignedBy({Signature(Format(kLength), "null")}), "\"kty\" value not specified"},
           Case{SignedBy({Signature(Format(kLength), "{}")}), "\"kty\" value not specified"},
           Case{SignedBy({Signature(Format(kLength), "[]")}), "error unmarshalling public key"},
           Case{SignedBy({Signature(Format(kLength), "{\"kty\":\"oct\"}")}), "not supported"},
           Case{"{\"schemaVersion\":1,\"Signatures\":[]}", "missing signature key"},
       }) {
    const absl::Status status = ManifestDigest(c.manifest).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(c.says)))
        << c.manifest;
    EXPECT_EQ(ErrorReason(status), "INVALID_MANIFEST");
  }
}

}  // namespace
}  // namespace holkas
