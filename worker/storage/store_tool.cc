// Reads and writes stores by the library alone, without a server. For tests beside peers:
//
// DRIVER is `overlay`, `overlay-user` for one that a plain user mounts, or `vfs`.
//
//   store_tool manifest DRIVER ROOT NAME      the manifest of an image to be copied
//   store_tool stored DRIVER ROOT NAME        the manifest as it is stored
//   store_tool blob DRIVER ROOT NAME DIGEST   a blob of an image
//   store_tool write DRIVER ROOT NAME DIR [THREADS]
//                                             copies the image of a `dir:` into the store
//   store_tool delete DRIVER ROOT NAME        deletes an image
//   store_tool untag DRIVER ROOT NAME         takes an image's name away

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/verifying_source.h"
#include "worker/image/manifest.h"
#include "worker/storage/delete_stored_image.h"
#include "worker/storage/directory.h"
#include "worker/storage/find_image.h"
#include "worker/storage/store.h"
#include "worker/storage/stored_image_destination.h"
#include "worker/storage/stored_image_source.h"
#include "worker/transports/files/file_source.h"

namespace holkas {
namespace {

absl::StatusOr<Directory> OpenRoot(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, path);
  }
  return Directory(std::move(fd));
}

absl::StatusOr<Store> OpenStore(const std::string& driver, const std::string& root) {
  ASSIGN_OR_RETURN(Directory graph_root, OpenRoot(root));
  return Store(std::move(graph_root), std::nullopt,
               driver == "vfs" ? StorageDriver::kVfs : StorageDriver::kOverlay);
}

// `name[@digest]`, or `@id`.
StoredImageName ParseName(const std::string& text) {
  StoredImageName name;
  const size_t at = text.find('@');
  name.name = text.substr(0, at);
  if (at != std::string::npos) {
    const absl::StatusOr<Digest> digest = Digest::Parse(text.substr(at + 1));
    if (digest.ok()) {
      name.digest = *digest;
    } else {
      name.id = text.substr(at + 1);
    }
  }
  return name;
}

absl::Status Print(ByteSource& source) {
  std::vector<char> buffer(128 << 10);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(absl::MakeSpan(buffer)));
    if (count == 0) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, absl::string_view(buffer.data(), count), "output"));
  }
}

// As the service does it for workers that may not.
absl::Status MarkOpaque(const std::string& root, const std::string& path) {
  const std::string whole = absl::StrCat(root, "/", path);
  return setxattr(whole.c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0
             ? absl::OkStatus()
             : ErrnoError(errno, absl::StrCat("mark ", whole));
}

absl::Status CopyBlob(const Directory& from, const Descriptor& blob,
                      StoredImageDestination& destination) {
  ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse, destination.ReuseBlob(blob));
  if (reuse != ImageDestination::Reuse::kAbsent) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(UniqueFd fd, from.OpenFile(blob.digest.hex(), O_RDONLY));
  VerifyingSource source(std::make_unique<FileSource>(std::move(fd)), blob.digest, blob.size_bytes);
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, destination.CreateBlob(blob));
  std::vector<char> buffer(kCopyBufferBytes);
  RETURN_IF_ERROR(CopyBytes(source, *sink, absl::MakeSpan(buffer), [](int64_t /*done_bytes*/) {
                    return absl::OkStatus();
                  }).status());
  return sink->Finish(blob.digest, blob.size_bytes);
}

absl::Status Write(Store store, const std::vector<std::string>& arguments) {
  WhiteoutForm whiteouts = WhiteoutForm::kApplied;
  if (store.driver() == StorageDriver::kOverlay) {
    whiteouts = arguments[1] == "overlay" ? WhiteoutForm::kOverlay : WhiteoutForm::kOverlayUser;
  }
  const std::string root = arguments[2];
  ASSIGN_OR_RETURN(const std::unique_ptr<StoredImageDestination> destination,
                   StoredImageDestination::Open(std::move(store),
                                                {.name = ParseName(arguments[3]),
                                                 .whiteouts = whiteouts,
                                                 .mark_opaque = [root](const std::string& path) {
                                                   return MarkOpaque(root, path);
                                                 }}));
  ASSIGN_OR_RETURN(const Directory from, OpenRoot(arguments[4]));
  ASSIGN_OR_RETURN(std::string bytes, from.ReadFile("manifest.json", kMaxManifestBytes));
  const Digest digest = Digest::Sha256Of(bytes);
  ASSIGN_OR_RETURN(const Manifest manifest, Manifest::Parse({std::move(bytes), digest, ""}));
  std::set<Digest> seen;
  std::vector<Descriptor> blobs = manifest.image().layers;
  blobs.push_back(manifest.image().config);
  std::erase_if(blobs, [&](const Descriptor& blob) { return !seen.insert(blob.digest).second; });
  std::atomic<size_t> next = 0;
  std::vector<absl::Status> results(blobs.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < (arguments.size() > 5 ? std::stoi(arguments[5]) : 2); ++i) {
    threads.emplace_back([&] {
      for (size_t mine = next++; mine < blobs.size(); mine = next++) {
        results[mine] = CopyBlob(from, blobs[mine], *destination);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const absl::Status& result : results) {
    RETURN_IF_ERROR(result);
  }
  RETURN_IF_ERROR(destination->WriteManifest(manifest, /*is_top=*/true));
  return destination->Publish(manifest);
}

absl::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4) {
    return absl::InvalidArgumentError("usage: see the source");
  }
  const std::string& command = arguments[0];
  ASSIGN_OR_RETURN(Store store, OpenStore(arguments[1], arguments[2]));
  if (command == "write" && arguments.size() >= 5) {
    return Write(std::move(store), arguments);
  }
  if (command == "delete" || command == "untag") {
    return DeleteStoredImage(store, ParseName(arguments[3]), command == "untag").status();
  }
  const auto layers = command == "stored" ? StoredImageSource::Layers::kAsStored
                                          : StoredImageSource::Layers::kAsTars;
  ASSIGN_OR_RETURN(const std::unique_ptr<StoredImageSource> source,
                   StoredImageSource::Open(std::move(store), ParseName(arguments[3]), layers));
  if (command == "blob" && arguments.size() == 5) {
    ASSIGN_OR_RETURN(Digest digest, Digest::Parse(arguments[4]));
    ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> blob,
                     source->OpenBlob({"", std::move(digest), 0, {}, {}}));
    return Print(*blob);
  }
  ASSIGN_OR_RETURN(const RawManifest manifest, source->ReadManifest(std::nullopt));
  return WriteAll(STDOUT_FILENO, manifest.bytes, "output");
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  const absl::Status status = holkas::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
