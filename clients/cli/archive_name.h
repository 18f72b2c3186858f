#ifndef HOLKAS_CLIENTS_CLI_ARCHIVE_NAME_H_
#define HOLKAS_CLIENTS_CLI_ARCHIVE_NAME_H_

#include <optional>
#include <string>

#include "holkas/v1/image_service.pb.h"

namespace holkas {

// What the names of archives say, `docker-archive:PATH[:IMAGE]` and `oci-archive:PATH[:IMAGE]`.

// An archive's path and the image in it.
struct ArchiveName {
  std::string path;
  std::string image;
  holkas::v1::ArchiveFormat format = holkas::v1::ARCHIVE_FORMAT_UNSPECIFIED;
};

// Nothing for other images.
std::optional<ArchiveName> ParseArchive(const std::string& image);
// The same image of an archive at another path.
std::string WithPath(const std::string& image, const std::string& path);

// Whether the name is that of an archive, be it a valid one or not.
bool IsArchive(const std::string& image);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ARCHIVE_NAME_H_
