#ifndef HOLKAS_WORKER_IMAGE_DESCRIPTOR_H_
#define HOLKAS_WORKER_IMAGE_DESCRIPTOR_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/wire/digest.h"

namespace holkas {

// What a manifest says of one blob or manifest (OCI image-spec, descriptor.md).
struct Descriptor {
  std::string media_type;
  Digest digest;
  int64_t size_bytes = 0;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> urls;
};

// What an index says of the platform of one image.
struct ImagePlatform {
  std::string os;
  std::string architecture;
  std::string variant;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_DESCRIPTOR_H_
