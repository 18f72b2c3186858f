#include "worker/storage/test_store.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/compress_whole.h"
#include "worker/blob/compression.h"
#include "worker/image/media_types.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_rights.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;

std::string ConfigOf(const TestStore::Image& image) {
  std::vector<std::string> diff_ids;
  for (const std::string& tar : image.tars) {
    diff_ids.push_back(absl::StrCat("\"", Digest::Sha256Of(tar).ToString(), "\""));
  }
  return absl::StrCat("{\"created\":\"", image.created,
                      "\",\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
                      "\"layers\",\"diff_ids\":[",
                      absl::StrJoin(diff_ids, ","), "]}}");
}

std::string BlobOf(const TestStore::Image& image, const std::string& tar) {
  return image.gzip ? CompressWhole(Compression::kGzip, tar) : tar;
}

absl::Status Send(const Descriptor& blob, const std::string& bytes,
                  StoredImageDestination& destination) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, destination.CreateBlob(blob));
  RETURN_IF_ERROR(sink->Append(absl::string_view(bytes).substr(0, 3)));
  RETURN_IF_ERROR(sink->Append(absl::string_view(bytes).substr(3)));
  return sink->Finish(blob.digest, blob.size_bytes);
}

}  // namespace

TestStore::TestStore(const std::string& path, StorageDriver driver) : path_(path), driver_(driver) {
  fs::remove_all(path);
  fs::create_directories(path);
}

Store TestStore::Open() const {
  return Store(Directory(UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY))), std::nullopt,
               driver_);
}

std::string TestStore::ListPath(absl::string_view name) const {
  return absl::StrCat(Open().driver_name(), "-", name, "/", name, ".json");
}

std::string TestStore::ReadFile(const std::string& path) const {
  std::ifstream file(absl::StrCat(path_, "/", path), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void TestStore::WriteFile(const std::string& path, const std::string& content) const {
  const fs::path whole = absl::StrCat(path_, "/", path);
  fs::create_directories(whole.parent_path());
  std::ofstream(whole, std::ios::binary) << content;
}

Manifest TestStore::ManifestOf(const Image& image) {
  const auto descriptor = [](absl::string_view type, const std::string& bytes) {
    return absl::StrCat("{\"mediaType\":\"", type, "\",\"digest\":\"",
                        Digest::Sha256Of(bytes).ToString(), "\",\"size\":", bytes.size(), "}");
  };
  std::vector<std::string> layers;
  for (const std::string& tar : image.tars) {
    layers.push_back(
        descriptor(image.gzip ? kOciLayerGzipType : kOciLayerType, BlobOf(image, tar)));
  }
  std::string bytes = absl::StrCat("{\"schemaVersion\":2,\"mediaType\":\"", kOciManifestType,
                                   "\",\"config\":", descriptor(kOciConfigType, ConfigOf(image)),
                                   ",\"layers\":[", absl::StrJoin(layers, ","), "]}");
  const Digest digest = Digest::Sha256Of(bytes);
  return Manifest::Parse({std::move(bytes), digest, ""}).value();
}

absl::StatusOr<std::unique_ptr<StoredImageDestination>> TestStore::OpenDestination(
    const StoredImageName& name) const {
  StoredImageDestination::Options options;
  options.name = name;
  options.whiteouts =
      driver_ == StorageDriver::kOverlay ? WhiteoutForm::kOverlay : WhiteoutForm::kApplied;
  options.mark_opaque = [](const std::string& /*path*/) { return absl::OkStatus(); };
  if (makes_devices_) {
    options.make_device = [this](const std::string& path, mode_t type, dev_t device) {
      ++made_devices_;
      return MakeOwnDevice(AT_FDCWD, absl::StrCat(path_, "/", path), type, device);
    };
  }
  return StoredImageDestination::Open(Open(), std::move(options));
}

absl::StatusOr<int> TestStore::SendBlobs(const Image& image, StoredImageDestination& destination) {
  const Manifest manifest = ManifestOf(image);
  std::vector<size_t> order(image.tars.size());
  std::iota(order.begin(), order.end(), 0);
  if (image.sent_backwards) {
    std::reverse(order.begin(), order.end());
  }
  std::set<Digest> seen;
  int sent = 0;
  for (const size_t i : order) {
    const Descriptor& blob = manifest.image().layers[i];
    if (!seen.insert(blob.digest).second) {
      continue;
    }
    destination.ExpectBlob(blob);
    ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse, destination.ReuseBlob(blob));
    if (reuse == ImageDestination::Reuse::kAbsent) {
      RETURN_IF_ERROR(Send(blob, BlobOf(image, image.tars[i]), destination));
      ++sent;
    }
  }
  RETURN_IF_ERROR(Send(manifest.image().config, ConfigOf(image), destination));
  return sent;
}

absl::Status TestStore::Write(const Image& image, const std::string& name) const {
  ASSIGN_OR_RETURN(const auto destination, OpenDestination({name, std::nullopt, ""}));
  RETURN_IF_ERROR(SendBlobs(image, *destination).status());
  const Manifest manifest = ManifestOf(image);
  RETURN_IF_ERROR(destination->WriteManifest(manifest, /*is_top=*/true));
  return destination->Publish(manifest);
}

std::vector<std::string> TestStore::Leftovers() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(absl::StrCat(path_, "/", Open().driver_name()))) {
    if (absl::StartsWith(entry.path().filename().string(), ".holkas-")) {
      names.push_back(entry.path().filename());
    }
  }
  return names;
}

}  // namespace holkas
