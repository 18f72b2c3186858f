#include "worker/jobs/inspect.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/read_all.h"
#include "worker/image/choose_platform.h"
#include "worker/image/convert_schema1.h"
#include "worker/image/image_config.h"
#include "worker/image/manifest.h"
#include "worker/image/media_types.h"
#include "worker/image/schema1_manifest.h"
#include "worker/jobs/job.h"
#include "worker/jobs/retry_job.h"
#include "worker/transports/transport.h"

namespace holkas {
namespace {

// An index in an index in an index: nobody builds deeper.
constexpr int kMaxIndexDepth = 4;
// How much of a foreign media type an error shows.
constexpr size_t kMaxShownBytes = 128;
// What Skopeo shows for a Docker image that does not say when it was created: Go's zero time.
constexpr absl::string_view kGoZeroTime = "0001-01-01T00:00:00Z";

absl::Status InvalidManifest(const Manifest& manifest, absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("manifest ", manifest.digest().ToString(), ": ", why));
}

// A registry's Content-Type may be any bytes; a proto string may not.
std::string PrintableType(const std::string& type) {
  return std::all_of(type.begin(), type.end(), absl::ascii_isprint) ? type : std::string();
}

// The manifest that an index lists.
absl::StatusOr<Manifest> ReadListed(ImageSource& source, const Descriptor& listed) {
  ASSIGN_OR_RETURN(RawManifest raw, source.ReadManifest(listed.digest));
  if (static_cast<int64_t>(raw.bytes.size()) != listed.size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read manifest ", listed.digest.ToString(), ": got ",
                                  raw.bytes.size(), " bytes, want ", listed.size_bytes));
  }
  if (raw.media_type.empty()) {
    raw.media_type = listed.media_type;
  }
  ASSIGN_OR_RETURN(Manifest manifest, Manifest::Parse(std::move(raw)));
  if (!listed.media_type.empty() && manifest.media_type() != listed.media_type) {
    return InvalidManifest(manifest, absl::StrCat("its index says that it is of another type than ",
                                                  manifest.media_type()));
  }
  return manifest;
}

// `manifest`, or of an index the image for the platform.
absl::StatusOr<Manifest> ChooseImage(ImageSource& source, Manifest manifest,
                                     const v1::Platform& platform) {
  const ImagePlatform wanted{platform.os(), platform.architecture(), platform.variant()};
  for (int depth = 0; manifest.is_index(); ++depth) {
    if (depth == kMaxIndexDepth) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("more than ", kMaxIndexDepth, " indexes in one another"));
    }
    auto entry = ChoosePlatform(manifest, wanted);
    RETURN_IF_ERROR(WithContext(entry.status(), "choosing image instance"));
    const Descriptor listed = (*entry)->descriptor;
    ASSIGN_OR_RETURN(manifest, ReadListed(source, listed));
  }
  return manifest;
}

// An OCI manifest may hold anything, a Docker one images alone.
absl::Status CheckIsImage(const Manifest& manifest) {
  if (manifest.is_schema1()) {
    return absl::OkStatus();
  }
  const ImageManifest& image = manifest.image();
  if (manifest.media_type() != kOciManifestType || image.config.media_type == kOciConfigType) {
    return absl::OkStatus();
  }
  std::string type = image.artifact_type.value_or("");
  if (type.empty()) {
    type = image.config.media_type;
  }
  return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("unsupported image-specific operation on artifact with type \"",
                                absl::CHexEscape(type.substr(0, kMaxShownBytes)), "\""));
}

// `host[:port]/path` of an image that has such a name, else empty. Of a registry's as the user
// named it; the registry itself may be somewhere else.
absl::StatusOr<std::string> NameOf(const broker::ImageLocation& location) {
  if (location.has_docker_daemon()) {
    return location.docker_daemon().repository();
  }
  const std::string& name = location.has_registry() ? location.registry().display_name()
                                                    : location.containers_storage().name();
  if (name.empty()) {
    return std::string();
  }
  ASSIGN_OR_RETURN(const ImageReference reference,
                   ImageReference::Parse(absl::StrCat("docker://", name)));
  return reference.registry()->Repository();
}

void SetCreated(const Manifest& image, const ImageConfig& config, v1::InspectResponse& response) {
  if (config.created.has_value()) {
    response.set_created(config.created->text);
    // google.protobuf.Timestamp begins with the year 1.
    const absl::Time time = config.created->time;
    if (time >= absl::FromCivil(absl::CivilSecond(1), absl::UTCTimeZone()) &&
        time < absl::FromCivil(absl::CivilSecond(10000), absl::UTCTimeZone())) {
      const int64_t seconds = absl::ToUnixSeconds(time);
      response.mutable_create_time()->set_seconds(seconds);
      response.mutable_create_time()->set_nanos(
          static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
    }
  } else if (image.media_type() != kOciManifestType) {
    response.set_created(std::string(kGoZeroTime));
  }
}

void SetConfig(const Manifest& image, const ImageConfig& config, v1::InspectResponse& response) {
  SetCreated(image, config, response);
  response.set_docker_version(config.docker_version);
  if (config.config.labels.has_value()) {
    response.set_has_labels(true);
    response.mutable_labels()->insert(config.config.labels->begin(), config.config.labels->end());
  }
  response.mutable_platform()->set_os(config.os);
  response.mutable_platform()->set_architecture(config.architecture);
  response.mutable_platform()->set_variant(config.variant);
  if (config.config.env.has_value()) {
    response.set_has_env(true);
    response.mutable_env()->Assign(config.config.env->begin(), config.config.env->end());
  }
}

void SetSchema1Layers(const Schema1Manifest& image, v1::InspectResponse& response) {
  for (const Schema1Manifest::Layer& layer : image.layers) {
    v1::Descriptor* described = response.add_layers();
    described->set_digest(layer.digest.ToString());
    // Skopeo's word for a size that is not known.
    described->set_size_bytes(-1);
  }
}

void SetLayers(const Manifest& image, v1::InspectResponse& response) {
  if (image.is_schema1()) {
    SetSchema1Layers(image.schema1(), response);
    return;
  }
  for (const Descriptor& layer : image.image().layers) {
    v1::Descriptor* described = response.add_layers();
    described->set_media_type(layer.media_type);
    described->set_digest(layer.digest.ToString());
    described->set_size_bytes(layer.size_bytes);
    described->mutable_annotations()->insert(layer.annotations.begin(), layer.annotations.end());
  }
}

absl::Status SetTags(const broker::JobSpec& job, ImageSource& source,
                     v1::InspectResponse& response) {
  if (job.inspect().skip_tags()) {
    return absl::OkStatus();
  }
  std::vector<std::string> warnings;
  auto tags = source.ListTags(warnings);
  RETURN_IF_ERROR(WithContext(tags.status(), "determine repository tags"));
  response.mutable_repo_tags()->Assign(tags->begin(), tags->end());
  response.mutable_warnings()->Assign(warnings.begin(), warnings.end());
  return absl::OkStatus();
}

// The verified bytes of the image's configuration; schema 1 has none.
absl::StatusOr<std::string> ReadConfig(ImageSource& source, const Manifest& image) {
  if (image.is_schema1()) {
    return std::string();
  }
  const Descriptor& config = image.image().config;
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, source.OpenBlob(config));
  return ReadAll(std::move(bytes), config.digest, config.size_bytes, kMaxConfigBytes);
}

// Of schema 1 it is what Skopeo makes of it where the layers are not read.
absl::StatusOr<std::string> OciConfigOf(const Manifest& image, const std::string& config) {
  if (!image.is_schema1()) {
    ASSIGN_OR_RETURN(const ImageConfig parsed, ImageConfig::Parse(config));
    return parsed.ToOciJson();
  }
  const std::vector<ReadLayer> unread(image.schema1().layers.size());
  ASSIGN_OR_RETURN(ConvertedImage converted, ConvertSchema1ToOci(image.schema1(), unread));
  return std::move(converted.config);
}

}  // namespace

absl::StatusOr<v1::InspectResponse> InspectImage(const broker::JobSpec& job, ImageSource& source) {
  ASSIGN_OR_RETURN(RawManifest raw, source.ReadManifest(std::nullopt));
  v1::InspectResponse response;
  response.set_digest(raw.digest.ToString());
  response.set_media_type(PrintableType(raw.media_type));

  const v1::InspectView view = job.inspect().view();
  if (view == v1::INSPECT_VIEW_MANIFEST) {
    response.set_manifest(raw.bytes);
  }
  absl::StatusOr<Manifest> top = Manifest::Parse(std::move(raw));
  if (top.ok()) {
    response.set_media_type(top->media_type());
  }
  if (view == v1::INSPECT_VIEW_MANIFEST) {
    // The bytes are what was asked for, whatever they are.
    return response;
  }
  RETURN_IF_ERROR(top.status());
  ASSIGN_OR_RETURN(const Manifest image, ChooseImage(source, *std::move(top), job.platform()));
  RETURN_IF_ERROR(CheckIsImage(image));

  ASSIGN_OR_RETURN(std::string config_bytes, ReadConfig(source, image));
  if (view == v1::INSPECT_VIEW_CONFIG) {
    ASSIGN_OR_RETURN(*response.mutable_oci_config(), OciConfigOf(image, config_bytes));
    response.set_config(std::move(config_bytes));
    return response;
  }

  if (image.is_schema1()) {
    response.set_tag(image.schema1().tag);
    config_bytes = image.schema1().top().v1_compatibility;
  }
  ASSIGN_OR_RETURN(const ImageConfig config, ImageConfig::Parse(config_bytes));
  ASSIGN_OR_RETURN(*response.mutable_name(), NameOf(job.source()));
  SetConfig(image, config, response);
  SetLayers(image, response);
  RETURN_IF_ERROR(SetTags(job, source, response));
  return response;
}

absl::StatusOr<v1::InspectResponse> RunInspect(const broker::JobSpec& job, Broker& broker) {
  return RunWithRetries("inspect", job.inspect().retry(), broker,
                        [&]() -> absl::StatusOr<v1::InspectResponse> {
                          ASSIGN_OR_RETURN(const Transport* transport, FindTransport(job.source()));
                          const TransportContext context{broker, job};
                          ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source,
                                           transport->open_source(context, job.source()));
                          return InspectImage(job, *source);
                        });
}

}  // namespace holkas
