#include "clients/cli/inspect_json.h"

#include <map>
#include <vector>

#include "clients/cli/go_json.h"

namespace holkas {
namespace {

using holkas::v1::Descriptor;
using holkas::v1::InspectResponse;

std::vector<std::string> Digests(const InspectResponse& image) {
  std::vector<std::string> digests;
  for (const Descriptor& layer : image.layers()) {
    digests.push_back(layer.digest());
  }
  return digests;
}

void WriteMap(GoJsonWriter& json, const google::protobuf::Map<std::string, std::string>& map) {
  json.StringMap(std::map<std::string, std::string>(map.begin(), map.end()));
}

void WriteLayersData(GoJsonWriter& json, const InspectResponse& image) {
  json.BeginArray();
  for (const Descriptor& layer : image.layers()) {
    json.BeginObject();
    json.Key("MIMEType");
    json.String(layer.media_type());
    json.Key("Digest");
    json.String(layer.digest());
    json.Key("Size");
    json.Int(layer.size_bytes());
    json.Key("Annotations");
    if (layer.annotations().empty()) {
      json.Null();
    } else {
      WriteMap(json, layer.annotations());
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteName(GoJsonWriter& json, const InspectResponse& image) {
  if (!image.name().empty()) {
    json.Key("Name");
    json.String(image.name());
  }
  if (!image.tag().empty()) {
    json.Key("Tag");
    json.String(image.tag());
  }
  json.Key("Digest");
  json.String(image.digest());
  json.Key("RepoTags");
  json.Strings({image.repo_tags().begin(), image.repo_tags().end()});
}

void WriteConfig(GoJsonWriter& json, const InspectResponse& image) {
  json.Key("Created");
  if (image.created().empty()) {
    json.Null();
  } else {
    json.String(image.created());
  }
  json.Key("DockerVersion");
  json.String(image.docker_version());
  json.Key("Labels");
  if (image.has_labels()) {
    WriteMap(json, image.labels());
  } else {
    json.Null();
  }
  json.Key("Architecture");
  json.String(image.platform().architecture());
  json.Key("Os");
  json.String(image.platform().os());
}

}  // namespace

std::string InspectJson(const InspectResponse& image) {
  GoJsonWriter json;
  json.BeginObject();
  WriteName(json, image);
  WriteConfig(json, image);
  json.Key("Layers");
  json.Strings(Digests(image));
  json.Key("LayersData");
  WriteLayersData(json, image);
  json.Key("Env");
  if (image.has_env()) {
    json.Strings({image.env().begin(), image.env().end()});
  } else {
    json.Null();
  }
  json.EndObject();
  return json.text();
}

}  // namespace holkas
