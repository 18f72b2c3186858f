#include "worker/jobs/other_types.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_sink.h"
#include "worker/jobs/image_form.h"
#include "worker/jobs/layer_policy.h"
#include "worker/jobs/manifest_types.h"

namespace holkas {
namespace {

// The configuration where a conversion made it, so that the source does not have it.
std::optional<std::string> MadeConfig(const PlannedImage& image) {
  for (const PlannedBlob& blob : image.blobs) {
    if (blob.kind == v1::BLOB_KIND_CONFIG && blob.content.has_value()) {
      return blob.content;
    }
  }
  return std::nullopt;
}

absl::Status WriteBlob(ImageDestination& to, const ImageForm::MadeBlob& blob) {
  const Descriptor& descriptor = blob.descriptor;
  ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse, to.ReuseBlob(descriptor));
  if (reuse != ImageDestination::Reuse::kAbsent) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, to.CreateBlob(descriptor));
  RETURN_IF_ERROR(sink->Append(blob.content));
  return sink->Finish(descriptor.digest, descriptor.size_bytes);
}

absl::Status WriteForm(ImageDestination& to, const ImageForm& form, ProgressReporter& progress) {
  for (const ImageForm::MadeBlob& blob : form.made) {
    RETURN_IF_ERROR(WriteBlob(to, blob));
  }
  RETURN_IF_ERROR(progress.ManifestStarted(form.manifest));
  RETURN_IF_ERROR(to.WriteManifest(form.manifest, /*is_top=*/true));
  return to.Publish(form.manifest);
}

}  // namespace

absl::Status WriteInOtherTypes(ImageSource& from, ImageDestination& to,
                               const v1::CopyRequest& options, const absl::Status& refusal,
                               CopyPlan& plan, ProgressReporter& progress) {
  if (!IsTypeRefused(refusal) || plan.index.has_value() || plan.layers.NeedsOci() ||
      plan.recipients.has_value() || !ReasonNotToModify(options, to).empty()) {
    return refusal;
  }
  PlannedImage& image = plan.images.front();
  const std::string first_type = image.manifest.media_type();
  const std::vector<absl::string_view> types = ManifestTypesFor(first_type, options.format(), to);
  if (types.size() < 2) {
    return refusal;
  }
  std::vector<std::string> answers = {absl::StrCat(first_type, "(", refusal.message(), ")")};
  for (absl::string_view type : types) {
    if (type == first_type) {
      continue;
    }
    absl::StatusOr<ImageForm> form =
        ConvertImage(from, image.manifest, MadeConfig(image), type, to);
    const absl::Status status = form.ok() ? WriteForm(to, *form, progress) : form.status();
    if (status.ok()) {
      image.manifest = std::move(form->manifest);
      return absl::OkStatus();
    }
    answers.push_back(absl::StrCat(type, "(", status.message(), ")"));
  }
  return MakeError(refusal.code(), ErrorReason(refusal),
                   absl::StrCat("Uploading manifest failed, attempted the following formats: ",
                                absl::StrJoin(answers, ", ")),
                   ErrorMetadata(refusal));
}

}  // namespace holkas
