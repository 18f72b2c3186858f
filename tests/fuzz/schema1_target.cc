// Docker's schema 1: what is taken is written so that it is read back as the same, and what it is
// converted to is a manifest.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/image/convert_schema1.h"
#include "worker/image/manifest.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    R"({"schemaVersion":1,"name":"n","tag":"t","architecture":"arm","fsLayers":[{"blobSum":)"
    R"("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}],"history":[)"
    R"({"v1Compatibility":"{\"id\":)"
    R"(\"1111111111111111111111111111111111111111111111111111111111111111\"}"}]})",
    R"({"name":"n","fsLayers":[{"blobSum":)"
    R"("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},{"blobSum":)"
    R"("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"}],"history":[)"
    R"({"v1Compatibility":"{\"id\":)"
    R"(\"2222222222222222222222222222222222222222222222222222222222222222\",\"parent\":)"
    R"(\"1111111111111111111111111111111111111111111111111111111111111111\",\"created\":)"
    R"(\"2015-01-01T00:00:00.5Z\",\"docker_version\":\"1.8.2\",\"config\":{\"Env\":[\"A=<\"],)"
    R"(\"Volumes\":{\"/a\":{}}},\"x\":1.50,\"throwaway\":true}"},{"v1Compatibility":"{\"id\":)"
    R"(\"1111111111111111111111111111111111111111111111111111111111111111\",\"container_config\":)"
    R"({\"Cmd\":[\"a\",\"b\"]}}"}],"schemaVersion":1})",
    // Signed, with the payload `{"schemaVersion":1}`.
    R"({"schemaVersion":1,"signatures":[{"header":{"jwk":{"kty":"EC"},"alg":"ES256"},"signature":)"
    R"("AAAA","protected":"eyJmb3JtYXRMZW5ndGgiOjE4LCJmb3JtYXRUYWlsIjoiZlEifQ"}]})",
    nullptr,
};

const char* const kFuzzWords[] = {
    "\"schemaVersion\":1",
    "\"fsLayers\":[",
    "\"history\":[",
    "\\\"id\\\":",
    "\\\"parent\\\":",
    "\"signatures\":[",
    "\"protected\":",
    "\\\"throwaway\\\":true",
    "\\\"docker_version\\\":\\\"1.7\\\"",
    "\\\"config\\\":{",
    "\\u0022",
    "\xe2\x80\xa8",
    "\\\\",
    "null",
    "1111",
    "{}",
    "[]",
    ",",
    "1e400",
    nullptr,
};

namespace {

void CheckWrittenAgain(const Schema1Manifest& image) {
  const std::string bytes = image.ToJson();
  const auto again = Manifest::Parse({bytes, Digest::Sha256Of(bytes), ""});
  HOLKAS_FUZZ_CHECK(again.ok() && again->is_schema1());
  HOLKAS_FUZZ_CHECK(again->schema1().ToJson() == bytes);
}

void CheckConverted(const Schema1Manifest& image) {
  const std::vector<ReadLayer> layers(image.layers.size(), {1, Digest::Sha256Of("")});
  const auto docker = ConvertSchema1ToDocker(image, layers);
  if (!docker.ok()) {
    return;
  }
  HOLKAS_FUZZ_CHECK(!docker->manifest.is_schema1());
  HOLKAS_FUZZ_CHECK(docker->manifest.image().config.digest == Digest::Sha256Of(docker->config));
  // There and back the layers are the same, whatever the history says.
  const auto back = ConvertToSchema1(docker->manifest, docker->config);
  if (back.ok()) {
    HOLKAS_FUZZ_CHECK(back->layers.size() == image.layers.size());
    CheckWrittenAgain(*back);
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto manifest = holkas::Manifest::Parse({bytes, holkas::Digest::Sha256Of(bytes), ""});
  if (manifest.ok() && manifest->is_schema1()) {
    holkas::CheckWrittenAgain(manifest->schema1());
    holkas::CheckConverted(manifest->schema1());
  }
  return 0;
}
