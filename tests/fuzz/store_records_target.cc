// What a store's JSON is read with: identities are identities, chains of layers end, a tar-split's
// entries are in order.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/image/json_value.h"
#include "worker/image/manifest.h"
#include "worker/image/strict_json.h"
#include "worker/storage/big_data_name.h"
#include "worker/storage/find_image.h"
#include "worker/storage/records.h"
#include "worker/storage/store.h"
#include "worker/storage/tar_split.h"

namespace holkas {

const char* const kFuzzSeeds[] = {
    R"([{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","created":"",)"
    R"("compressed-diff-digest":)"
    R"("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",)"
    R"("diff-size":5,"compression":2,"uidset":[0],"flags":{"incomplete":true}},)"
    R"({"id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",)"
    R"("parent":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}])",
    R"([{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",)"
    R"("names":["localhost/a:1"],"layer":"","big-data-digests":{"manifest":"sha256:aa"}}])",
    R"({"type":1,"name":"./etc/hello","size":6,"payload":"YUw+7uLYEAA=","position":29})",
    R"({"type":2,"payload":"YWI=","position":0})",
    R"({"type":1,"name_raw":"/2E=","payload":null,"position":1})",
    nullptr,
};

const char* const kFuzzWords[] = {
    "\"parent\":", "\"id\":",  "\"flags\":{\"incomplete\":true}",
    "null",        "[",        "{",
    "]",           "}",        ",",
    "-1",          "1e9",      "../",
    "\"\"",        "bbbbbbbb", nullptr,
};

namespace {

void CheckLayers(const std::vector<LayerRecord>& layers) {
  for (const LayerRecord& layer : layers) {
    HOLKAS_FUZZ_CHECK(IsStoreId(layer.id));
    HOLKAS_FUZZ_CHECK(layer.parent.empty() || IsStoreId(layer.parent));
    const auto chain = LayerChain(layers, layer.id);
    HOLKAS_FUZZ_CHECK(!chain.ok() || (chain->size() <= kMaxLayers && chain->back().id == layer.id));
  }
}

void CheckImages(const std::vector<ImageRecord>& images) {
  for (const ImageRecord& image : images) {
    HOLKAS_FUZZ_CHECK(IsStoreId(image.id));
    for (const std::string& name : image.names) {
      HOLKAS_FUZZ_CHECK(FindImage(images, {name, std::nullopt, ""}).ok());
    }
    for (const auto& [key, digest] : image.data_digests) {
      const std::string file = BigDataFileName(key);
      HOLKAS_FUZZ_CHECK(file == key || absl::StartsWith(file, "="));
    }
  }
}

}  // namespace
}  // namespace holkas

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto entry = holkas::TarSplitEntry::Parse(text); entry.ok()) {
    HOLKAS_FUZZ_CHECK(entry->size_bytes >= 0);
  }
  const auto json = holkas::ParseStrictJson(text);
  if (!json.ok() || json->array() == nullptr) {
    return 0;
  }
  if (const auto layers = holkas::ParseLayerRecords(*json->array()); layers.ok()) {
    holkas::CheckLayers(*layers);
  }
  if (const auto images = holkas::ParseImageRecords(*json->array()); images.ok()) {
    holkas::CheckImages(*images);
  }
  return 0;
}
