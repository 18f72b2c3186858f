#include "service/spool/spool_quota.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

absl::Status Exceeded(absl::string_view what, absl::string_view limit, int64_t limit_bytes) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "SPOOL_QUOTA_EXCEEDED",
      absl::StrCat(what, " more than the server's limits.", limit, " of ", limit_bytes, " bytes"),
      {{"limit", std::string(limit)}, {"limit_bytes", absl::StrCat(limit_bytes)}});
}

}  // namespace

int SpoolQuota::archives() const {
  absl::MutexLock lock(&mutex_);
  return archives_;
}

SpoolQuota::Share::Share(SpoolQuota& quota, std::string caller)
    : quota_(quota), caller_(std::move(caller)) {
  absl::MutexLock lock(&quota_.mutex_);
  ++quota_.archives_;
}

SpoolQuota::Share::~Share() { Release(); }

void SpoolQuota::Share::Release() {
  absl::MutexLock lock(&quota_.mutex_);
  if (released_) {
    return;
  }
  released_ = true;
  --quota_.archives_;
  quota_.bytes_ -= bytes_;
  const auto of_caller = quota_.caller_bytes_.find(caller_);
  if (of_caller != quota_.caller_bytes_.end() && (of_caller->second -= bytes_) == 0) {
    quota_.caller_bytes_.erase(of_caller);
  }
}

absl::Status SpoolQuota::Share::GrowTo(int64_t size_bytes) {
  if (size_bytes > quota_.limits_.archive_bytes) {
    return Exceeded("the archive has", "max_archive_bytes", quota_.limits_.archive_bytes);
  }
  absl::MutexLock lock(&quota_.mutex_);
  // Who measured the archive before it was released asks after that, at times.
  if (released_ || size_bytes <= bytes_) {
    return absl::OkStatus();
  }
  const int64_t more = size_bytes - bytes_;
  if (more > quota_.limits_.spooled_bytes - quota_.bytes_) {
    return Exceeded("the archives of all requests have", "max_spooled_bytes",
                    quota_.limits_.spooled_bytes);
  }
  const auto found = quota_.caller_bytes_.find(caller_);
  const int64_t of_caller = found == quota_.caller_bytes_.end() ? 0 : found->second;
  if (more > quota_.limits_.caller_bytes - of_caller) {
    return Exceeded(absl::StrCat("the archives of ", caller_, " have"),
                    "max_spooled_bytes_per_caller", quota_.limits_.caller_bytes);
  }
  quota_.caller_bytes_[caller_] = of_caller + more;
  quota_.bytes_ += more;
  bytes_ = size_bytes;
  return absl::OkStatus();
}

}  // namespace holkas
