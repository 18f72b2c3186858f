#include "worker/jobs/copy_fakes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/string_source.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

constexpr size_t kFakeChunkBytes = 4;

class HookedSource : public ByteSource {
 public:
  HookedSource(const std::string& content, const Digest& digest,
               const std::function<absl::Status(const Digest&)>& on_read)
      : bytes_(content, kFakeChunkBytes), digest_(digest), on_read_(on_read) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    if (on_read_) {
      RETURN_IF_ERROR(on_read_(digest_));
    }
    return bytes_.Read(buffer);
  }

 private:
  StringSource bytes_;
  const Digest digest_;
  const std::function<absl::Status(const Digest&)>& on_read_;
};

}  // namespace

Descriptor DescriptorOf(absl::string_view media_type, absl::string_view content) {
  return {std::string(media_type),
          Digest::Sha256Of(content),
          static_cast<int64_t>(content.size()),
          {},
          {}};
}

std::string DescriptorJson(const Descriptor& descriptor, absl::string_view more) {
  return absl::StrCat(R"({"mediaType":")", descriptor.media_type, R"(","digest":")",
                      descriptor.digest.ToString(), R"(","size":)", descriptor.size_bytes, more,
                      "}");
}

std::string OciManifestJson(const Descriptor& config, const std::vector<Descriptor>& layers) {
  std::string list;
  for (const Descriptor& layer : layers) {
    std::string urls;
    for (const std::string& url : layer.urls) {
      absl::StrAppend(&urls, R"(,"urls":[")", url, R"("])");
    }
    absl::StrAppend(&list, list.empty() ? "" : ",", DescriptorJson(layer, urls));
  }
  return absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kOciManifestType, R"(","config":)",
                      DescriptorJson(config), R"(,"layers":[)", list, "]}");
}

std::string OciIndexJson(const std::vector<Descriptor>& images,
                         const std::vector<std::string>& platforms) {
  std::string list;
  for (size_t i = 0; i < images.size(); ++i) {
    const size_t slash = platforms[i].find('/');
    absl::StrAppend(
        &list, list.empty() ? "" : ",",
        DescriptorJson(
            images[i],
            absl::StrCat(R"(,"platform":{"os":")", platforms[i].substr(0, slash),
                         R"(","architecture":")", platforms[i].substr(slash + 1), R"("})")));
  }
  return absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kOciIndexType, R"(","manifests":[)",
                      list, "]}");
}

Descriptor FakeSource::AddBlob(absl::string_view media_type, const std::string& content) {
  Descriptor descriptor = DescriptorOf(media_type, content);
  blobs_.emplace(descriptor.digest, content);
  return descriptor;
}

Descriptor FakeSource::AddManifest(absl::string_view media_type, const std::string& json) {
  Descriptor descriptor = DescriptorOf(media_type, json);
  manifests_.emplace(descriptor.digest,
                     RawManifest{json, descriptor.digest, std::string(media_type)});
  return descriptor;
}

Descriptor FakeSource::AddImage(const std::vector<std::string>& layers, const std::string& config) {
  std::vector<Descriptor> descriptors;
  for (const std::string& layer : layers) {
    descriptors.push_back(AddBlob(kOciLayerGzipType, layer));
  }
  return AddManifest(kOciManifestType,
                     OciManifestJson(AddBlob(kOciConfigType, config), descriptors));
}

std::vector<Digest> FakeSource::opened() const {
  absl::MutexLock lock(&mutex_);
  return opened_;
}

absl::StatusOr<RawManifest> FakeSource::ReadManifest(const std::optional<Digest>& instance) {
  const std::optional<Digest>& wanted = instance.has_value() ? instance : top_;
  const auto found = wanted.has_value() ? manifests_.find(*wanted) : manifests_.end();
  if (found == manifests_.end()) {
    return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN", "there is no such manifest");
  }
  return found->second;
}

absl::StatusOr<std::unique_ptr<ByteSource>> FakeSource::OpenBlob(const Descriptor& blob) {
  {
    absl::MutexLock lock(&mutex_);
    opened_.push_back(blob.digest);
  }
  if (on_open) {
    RETURN_IF_ERROR(on_open(blob.digest));
  }
  const auto found = blobs_.find(blob.digest);
  if (found == blobs_.end()) {
    return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                     absl::StrCat("blob ", blob.digest.ToString(), " is not there"));
  }
  return std::make_unique<HookedSource>(found->second, blob.digest, on_read);
}

std::string FakeSource::ReadBlobEnd(const Descriptor& blob, size_t count) {
  const std::string& bytes = blobs_.at(blob.digest);
  return bytes.substr(bytes.size() - count);
}

absl::Status FakeDestination::GuessBlobSize(const Descriptor& blob, int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  guessed[blob.digest] = size_bytes;
  return absl::OkStatus();
}

class FakeDestination::Sink : public ByteSink {
 public:
  explicit Sink(FakeDestination& destination) : destination_(destination) {}
  ~Sink() override {
    absl::MutexLock lock(&destination_.mutex_);
    --destination_.open_;
    destination_.abandoned_ += finished_ ? 0 : 1;
  }

  absl::Status Append(absl::string_view data) override {
    bytes_.append(data.data(), data.size());
    return absl::OkStatus();
  }

  absl::Status Rewind() override {
    bytes_.clear();
    return lost_ ? absl::OkStatus() : absl::FailedPreconditionError("nothing is lost");
  }

  absl::Status Finish(const Digest& digest, int64_t size_bytes) override {
    lost_ = losses_++ < destination_.losses;
    if (lost_) {
      return absl::UnavailableError("the bytes are lost");
    }
    if (destination_.verifies &&
        (Digest::Sha256Of(bytes_) != digest || static_cast<int64_t>(bytes_.size()) != size_bytes)) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", "the file is wrong");
    }
    finished_ = true;
    absl::MutexLock lock(&destination_.mutex_);
    destination_.blobs_[digest] = bytes_;
    destination_.log_.push_back(absl::StrCat("blob ", digest.ToString()));
    return absl::OkStatus();
  }

  bool VerifiesContent() const override { return destination_.verifies; }

 private:
  FakeDestination& destination_;
  std::string bytes_;
  int losses_ = 0;
  bool lost_ = false;
  bool finished_ = false;
};

std::vector<std::string> FakeDestination::turns() const {
  absl::MutexLock lock(&mutex_);
  return turns_;
}

absl::Status FakeDestination::EndBlob(const Descriptor& blob) {
  absl::MutexLock lock(&mutex_);
  turns_.push_back(absl::StrCat("end ", blob.digest.ToString()));
  return absl::OkStatus();
}

std::vector<std::string> FakeDestination::log() const {
  absl::MutexLock lock(&mutex_);
  return log_;
}

std::map<Digest, std::string> FakeDestination::blobs() const {
  absl::MutexLock lock(&mutex_);
  return blobs_;
}

int FakeDestination::abandoned() const {
  absl::MutexLock lock(&mutex_);
  return abandoned_;
}

int FakeDestination::most_open() const {
  absl::MutexLock lock(&mutex_);
  return most_open_;
}

bool FakeDestination::AcceptsManifestType(absl::string_view media_type) const {
  return refused_types.count(std::string(media_type)) == 0;
}

absl::StatusOr<ImageDestination::Reuse> FakeDestination::ReuseBlob(const Descriptor& blob) {
  if (present.count(blob.digest) > 0) {
    return Reuse::kPresent;
  }
  return mountable.count(blob.digest) > 0 ? Reuse::kMounted : Reuse::kAbsent;
}

absl::StatusOr<std::unique_ptr<ByteSink>> FakeDestination::CreateBlob(const Descriptor& blob) {
  absl::MutexLock lock(&mutex_);
  turns_.push_back(absl::StrCat("create ", blob.digest.ToString()));
  most_open_ = std::max(most_open_, ++open_);
  return std::make_unique<Sink>(*this);
}

absl::Status FakeDestination::WriteManifest(const Manifest& manifest, bool is_top) {
  absl::MutexLock lock(&mutex_);
  log_.push_back(absl::StrCat(is_top ? "top " : "manifest ", manifest.digest().ToString()));
  return absl::OkStatus();
}

absl::Status FakeDestination::Publish(const Manifest& top) {
  if (on_publish != nullptr) {
    RETURN_IF_ERROR(on_publish(top));
  }
  published_ = top;
  absl::MutexLock lock(&mutex_);
  log_.push_back(absl::StrCat("publish ", top.digest().ToString()));
  return absl::OkStatus();
}

v1::CopyResult EventBroker::result() const {
  const std::vector<v1::CopyResponse> all = events();
  return all.empty() ? v1::CopyResult() : all.back().result();
}

absl::Status EventBroker::SendEvent(const v1::CopyResponse& event) {
  RETURN_IF_ERROR(FakeBroker::SendEvent(event));
  return on_event ? on_event(event) : absl::OkStatus();
}

}  // namespace holkas
