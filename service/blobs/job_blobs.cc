#include "service/blobs/job_blobs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"
#include "service/broker/frame_digest.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

absl::StatusOr<BlobInfoCache::Form> ParseForm(const broker::BlobForm& form) {
  ASSIGN_OR_RETURN(Digest digest, ParseDigest(form.digest()));
  if (form.size_bytes() < 0 || form.compression() == broker::BLOB_COMPRESSION_UNSPECIFIED ||
      !broker::BlobCompression_IsValid(form.compression())) {
    return Violation("a blob of no known form");
  }
  return BlobInfoCache::Form{std::move(digest), form.size_bytes(), form.compression()};
}

std::string RegistryOf(const broker::RegistryImage& image) {
  return JoinHostPort(image.api_host().empty() ? image.host() : image.api_host(), image.port());
}

}  // namespace

JobBlobs::JobBlobs(BlobInfoCache& cache, uid_t user, const broker::JobSpec& job, Mount mount)
    : cache_(cache), user_(user), job_(job), mount_(std::move(mount)) {}

absl::Status JobBlobs::CountQuestion() {
  absl::MutexLock lock(&mutex_);
  return ++questions_ > kMaxQuestions ? LimitExceeded("questions about blobs", kMaxQuestions)
                                      : absl::OkStatus();
}

absl::StatusOr<broker::Twins> JobBlobs::FindTwins(const broker::FindTwins& question) {
  ASSIGN_OR_RETURN(const Digest digest, ParseDigest(question.digest()));
  RETURN_IF_ERROR(CountQuestion());
  const BlobInfoCache::Twins known = cache_.FindTwins(user_, digest);
  broker::Twins twins;
  twins.set_compression(known.compression);
  for (const BlobInfoCache::Form& form : known.forms) {
    broker::BlobForm& twin = *twins.add_forms();
    twin.set_digest(form.digest.ToString());
    twin.set_size_bytes(form.size_bytes);
    twin.set_compression(form.compression);
  }
  return twins;
}

std::vector<std::string> JobBlobs::MountSources(const Digest& digest) {
  const broker::RegistryImage& to = job_.destination().registry();
  std::vector<std::string> known =
      cache_.FindRepositories(user_, RegistryOf(to), digest, kMaxMountSources + 2);
  const broker::RegistryImage& from = job_.source().registry();
  const bool is_same_registry = job_.source().has_registry() && RegistryOf(from) == RegistryOf(to);
  std::vector<std::string> sources;
  for (std::string& repository : known) {
    const bool is_workers_own =
        repository == to.repository() || (is_same_registry && repository == from.repository());
    if (!is_workers_own && sources.size() < kMaxMountSources) {
      sources.push_back(std::move(repository));
    }
  }
  return sources;
}

absl::StatusOr<bool> JobBlobs::MountBlob(const broker::MountBlob& question,
                                         const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(const Digest digest, ParseDigest(question.digest()));
  if (question.size_bytes() < 0) {
    return Violation("a blob of negative size");
  }
  RETURN_IF_ERROR(CountQuestion());
  const std::vector<std::string> sources = MountSources(digest);
  if (sources.empty()) {
    return false;
  }
  {
    absl::MutexLock lock(&mutex_);
    if (++mounts_ > kMaxMounts) {
      return LimitExceeded("blobs to mount", kMaxMounts);
    }
  }
  broker::MountRequest request;
  request.set_digest(question.digest());
  request.set_size_bytes(question.size_bytes());
  request.mutable_repositories()->Assign(sources.begin(), sources.end());
  const absl::Status mounted = mount_(request, cancellation);
  // Of several that a token was asked for, nobody knows which was refused.
  if (absl::IsNotFound(mounted) || absl::IsPermissionDenied(mounted) ||
      absl::IsUnauthenticated(mounted)) {
    std::vector<BlobInfoCache::Place> gone;
    for (const std::string& repository : sources) {
      gone.push_back({RegistryOf(job_.destination().registry()), repository, digest});
    }
    cache_.Forget(user_, gone);
  }
  return mounted.ok();
}

void JobBlobs::AddPlace(const broker::RegistryImage& image, const Digest& digest) {
  if (findings_.places.size() < kMaxFindings) {
    findings_.places.push_back({RegistryOf(image), image.repository(), digest});
  }
}

absl::Status JobBlobs::Remember(const broker::Remember& told) {
  ASSIGN_OR_RETURN(const Digest digest, ParseDigest(told.blob().digest()));
  absl::MutexLock lock(&mutex_);
  if (told.has_twin()) {
    ASSIGN_OR_RETURN(BlobInfoCache::Form blob, ParseForm(told.blob()));
    ASSIGN_OR_RETURN(BlobInfoCache::Form twin, ParseForm(told.twin()));
    if (blob.digest != twin.digest && findings_.twins.size() < kMaxFindings) {
      findings_.twins.emplace_back(std::move(blob), std::move(twin));
    }
  }
  // Of a registry with mirrors, nobody here knows which of them the blob came from.
  if (told.at_source() && job_.source().has_registry() &&
      job_.source().registry().mirrors().empty()) {
    AddPlace(job_.source().registry(), digest);
  }
  if (told.at_destination() && job_.destination().has_registry()) {
    AddPlace(job_.destination().registry(), digest);
  }
  return absl::OkStatus();
}

void JobBlobs::Keep() {
  absl::MutexLock lock(&mutex_);
  cache_.Keep(user_, std::exchange(findings_, {}));
}

}  // namespace holkas
