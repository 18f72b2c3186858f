#ifndef HOLKAS_CLIENTS_CLI_INSPECT_JSON_H_
#define HOLKAS_CLIENTS_CLI_INSPECT_JSON_H_

#include <string>

#include "holkas/v1/image_service.pb.h"

namespace holkas {

// What `inspect` prints of an image: Skopeo's JSON to the byte, without a final newline. Skopeo
// 1.10 added LayersData between Layers and Env; the rest is the same in all its releases.
std::string InspectJson(const holkas::v1::InspectResponse& image);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_INSPECT_JSON_H_
