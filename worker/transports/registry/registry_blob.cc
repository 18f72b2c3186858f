#include "worker/transports/registry/registry_blob.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/registry/registry_upload.h"

namespace holkas {
namespace {

std::string QueryEscape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{":", "%3A"}, {"/", "%2F"}, {"+", "%2B"}});
}

}  // namespace

absl::StatusOr<bool> HasRegistryBlob(RegistryClient& client, const Descriptor& blob) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<RegistryAnswer> answer,
      client.Send({.method = "HEAD", .path = absl::StrCat("blobs/", blob.digest.ToString())}));
  const HttpResponse& head = answer->head();
  if (head.status == 404) {
    return false;
  }
  if (head.status != 200) {
    return answer->Error(RegistryObject::kBlob);
  }
  // A blob of another size under the digest is not intact: writing it again repairs it.
  return head.content_length < 0 || blob.size_bytes < 0 || head.content_length == blob.size_bytes;
}

absl::StatusOr<bool> MountRegistryBlob(RegistryClient& client, const Descriptor& blob,
                                       const std::string& from) {
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer,
                   client.Send({.method = "POST",
                                .path = absl::StrCat(
                                    "blobs/uploads/?mount=", QueryEscape(blob.digest.ToString()),
                                    "&from=", QueryEscape(from)),
                                .body = ""}));
  const int status = answer->head().status;
  answer->Discard();
  if (status == 202) {
    // Not mounted, but an upload was begun, whose session nobody will use.
    if (absl::StatusOr<Url> session = client.ResolveLocation(*answer); session.ok()) {
      answer.reset();
      DeleteUploadSession(client, *session);
    }
  }
  // A registry that does not mount for other reasons may still take the blob.
  return status == 201;
}

}  // namespace holkas
