#include "worker/transports/registry/registry_blob_end.h"

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "worker/http/content_range.h"

namespace holkas {

std::string ReadRegistryBlobEnd(RegistryClient& client, const Descriptor& blob, size_t count) {
  const int64_t first = blob.size_bytes - static_cast<int64_t>(count);
  if (first < 0) {
    return "";
  }
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.path = absl::StrCat("blobs/", blob.digest.ToString()),
                   .headers = {{"Range", absl::StrCat("bytes=", first, "-", blob.size_bytes - 1)}},
                   .attempts = 1,
                   .is_blob = true});
  if (!answer.ok()) {
    return "";
  }
  const HttpResponse& head = (*answer)->head();
  const std::optional<ContentRange> range = ParseContentRange(head.Header("Content-Range"));
  std::string bytes;
  if (head.status == 206 && range.has_value() && range->first == first) {
    bytes.resize(count);
    for (size_t done = 0; done < count;) {
      const absl::StatusOr<size_t> more =
          (*answer)->exchange().Read(absl::MakeSpan(bytes).subspan(done));
      if (!more.ok() || *more == 0) {
        bytes.clear();
        break;
      }
      done += *more;
    }
  }
  (*answer)->Discard();
  return bytes;
}

}  // namespace holkas
