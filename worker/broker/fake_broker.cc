#include "worker/broker/fake_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;

absl::Status Violation(absl::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "WORKER_VIOLATION", what);
}

absl::Status FromCode(const std::error_code& code, absl::string_view what) {
  return code ? ErrnoError(code.value(), what) : absl::OkStatus();
}

// The name of a file in its layout or image directory.
absl::StatusOr<std::string> NameOf(FakeBroker::Kind place, broker::FileKind kind,
                                   const std::optional<Digest>& digest) {
  bool oci = place == FakeBroker::Kind::kOci;
  bool by_digest = kind == broker::FILE_KIND_BLOB || kind == broker::FILE_KIND_MANIFEST;
  if (place == FakeBroker::Kind::kNone || by_digest != digest.has_value()) {
    return Violation("a file that cannot be");
  }
  if (place == FakeBroker::Kind::kFile) {
    return kind == broker::FILE_KIND_ROOT ? absl::StatusOr<std::string>("")
                                          : Violation("a file of an archive");
  }
  if (kind == broker::FILE_KIND_ROOT) {
    return std::string(oci ? "index.json" : "manifest.json");
  }
  if (kind == broker::FILE_KIND_VERSION) {
    return std::string(oci ? "oci-layout" : "version");
  }
  if (!by_digest) {
    return Violation("a file of no kind");
  }
  if (oci) {
    return absl::StrCat("blobs/", digest->algorithm(), "/", digest->hex());
  }
  if (kind == broker::FILE_KIND_MANIFEST) {
    return absl::StrCat(digest->hex(), ".manifest.json");
  }
  return digest->algorithm() == "sha256" ? std::string(digest->hex())
                                         : absl::StrCat(digest->algorithm(), "-", digest->hex());
}

absl::StatusOr<UniqueFd> OpenRegular(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) {
    return errno == ELOOP ? MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED", path)
                          : ErrnoError(errno, absl::StrCat("open ", path));
  }
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED",
                     absl::StrCat("open ", path, ": not a regular file"));
  }
  return fd;
}

// Whether the file at `path` has this digest and size.
bool IsContent(const std::string& path, const Digest& digest, int64_t size_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return false;
  }
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Digester digester(digest.algorithm());
  digester.Update(content);
  return static_cast<int64_t>(content.size()) == size_bytes && digester.Finish() == digest;
}

// Whether the destination may be written to: missing, empty, or of its kind already.
absl::Status CheckDestination(const FakeBroker::Directory& directory) {
  std::error_code code;
  if (directory.kind == FakeBroker::Kind::kFile) {
    return absl::OkStatus();
  }
  if (!fs::exists(directory.path, code) || fs::is_empty(directory.path, code)) {
    return FromCode(code.value() == ENOENT ? std::error_code() : code, directory.path);
  }
  bool known = fs::exists(
      absl::StrCat(directory.path,
                   directory.kind == FakeBroker::Kind::kOci ? "/oci-layout" : "/version"),
      code);
  return known ? absl::OkStatus()
               : MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                           "not a containers image directory, don't want to overwrite important "
                           "data");
}

void WriteText(const std::string& path, absl::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

FakeBroker::FakeBroker(Directory source, Directory destination)
    : source_(std::move(source)), destination_(std::move(destination)) {}

FakeBroker::~FakeBroker() {
  absl::MutexLock lock(&mutex_);
  std::error_code ignored;
  if (!staging_.empty()) {
    fs::remove_all(staging_, ignored);
  }
}

void FakeBroker::Route(absl::string_view host, uint16_t port, uint16_t port_here) {
  absl::MutexLock lock(&mutex_);
  routes_[{std::string(host), port}] = port_here;
}

void FakeBroker::set_fault(std::function<absl::Status(absl::string_view call)> fault) {
  absl::MutexLock lock(&mutex_);
  fault_ = std::move(fault);
}

void FakeBroker::set_authorize(
    std::function<absl::StatusOr<std::string>(const broker::Authorize& question)> authorize) {
  absl::MutexLock lock(&mutex_);
  authorize_ = std::move(authorize);
}

void FakeBroker::set_unwrap_key(
    std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys& wrapped)> unwrap) {
  absl::MutexLock lock(&mutex_);
  unwrap_key_ = std::move(unwrap);
}

void FakeBroker::set_twins(std::map<Digest, broker::Twins> twins) {
  absl::MutexLock lock(&mutex_);
  twins_ = std::move(twins);
}

void FakeBroker::set_mountable(std::set<Digest> mountable) {
  absl::MutexLock lock(&mutex_);
  mountable_ = std::move(mountable);
}

std::vector<broker::Remember> FakeBroker::remembered() const {
  absl::MutexLock lock(&mutex_);
  return remembered_;
}

void FakeBroker::set_stores(Store source, Store destination) {
  absl::MutexLock lock(&mutex_);
  source_store_ = std::move(source);
  destination_store_ = std::move(destination);
}

std::vector<v1::CopyResponse> FakeBroker::events() const {
  absl::MutexLock lock(&mutex_);
  return events_;
}

std::vector<v1::ListTagsResponse> FakeBroker::tags() const {
  absl::MutexLock lock(&mutex_);
  return tags_;
}

std::vector<std::string> FakeBroker::log() const {
  absl::MutexLock lock(&mutex_);
  return log_;
}

int FakeBroker::calls(absl::string_view call) const {
  absl::MutexLock lock(&mutex_);
  auto found = calls_.find(std::string(call));
  return found == calls_.end() ? 0 : found->second;
}

bool FakeBroker::published() const {
  absl::MutexLock lock(&mutex_);
  return published_;
}

absl::Status FakeBroker::Enter(absl::string_view call) {
  ++calls_[std::string(call)];
  const bool while_publishing =
      call == "Publish" || call == "DropFile" || call == "OpenFile" || call == "RemoveBlobs";
  if (published_ || (publishing_ && !while_publishing)) {
    return Violation(absl::StrCat(call, " is not permitted now"));
  }
  return fault_ ? fault_(call) : absl::OkStatus();
}

absl::Status FakeBroker::Stage() {
  if (destination_.kind == Kind::kNone) {
    return Violation("there is no destination to write to");
  }
  if (!staging_.empty()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckDestination(destination_));
  std::string name = absl::StrCat(destination_.path, ".fake-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return ErrnoError(errno, absl::StrCat("mkdtemp ", name));
  }
  staging_ = name;
  return absl::OkStatus();
}

absl::StatusOr<Broker::NewFile> FakeBroker::NewStagedFile() {
  uint32_t id = ++last_file_id_;
  std::string path = absl::StrCat(staging_, "/writing-", id);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("create ", path));
  }
  writing_[id] = path;
  return NewFile{id, std::move(fd)};
}

absl::StatusOr<UniqueFd> FakeBroker::Connect(broker::Place, broker::Purpose, absl::string_view host,
                                             uint16_t port) {
  uint16_t port_here = 0;
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(Enter("Connect"));
    auto found = routes_.find({std::string(host), port});
    if (found == routes_.end()) {
      return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                       absl::StrCat("connect to ", host, ":", port, ": not granted"));
    }
    port_here = found->second;
  }
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_here);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return MakeError(
        absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
        ErrnoError(errno, absl::StrCat("dial tcp ", host, ":", port, ": connect")).message());
  }
  return fd;
}

absl::StatusOr<std::string> FakeBroker::Authorize(const broker::Authorize& question) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("Authorize"));
  return authorize_ ? authorize_(question) : absl::StatusOr<std::string>(std::string());
}

absl::StatusOr<broker::LayerKey> FakeBroker::UnwrapKey(const broker::WrappedKeys& wrapped) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("UnwrapKey"));
  return unwrap_key_ ? unwrap_key_(wrapped) : Violation("UnwrapKey without decryption keys");
}

absl::StatusOr<broker::Twins> FakeBroker::FindTwins(const Digest& digest) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("FindTwins"));
  const auto found = twins_.find(digest);
  return found == twins_.end() ? broker::Twins() : found->second;
}

absl::StatusOr<bool> FakeBroker::MountBlob(const Digest& digest, int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("MountBlob"));
  return size_bytes < 0 ? absl::StatusOr<bool>(Violation("a blob of negative size"))
                        : absl::StatusOr<bool>(mountable_.contains(digest));
}

absl::Status FakeBroker::Remember(const broker::Remember& told) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("Remember"));
  remembered_.push_back(told);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> FakeBroker::OpenFile(broker::Place place, broker::FileKind kind,
                                              const std::optional<Digest>& digest) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("OpenFile"));
  const Directory& directory = place == broker::PLACE_SOURCE ? source_ : destination_;
  ASSIGN_OR_RETURN(std::string name, NameOf(directory.kind, kind, digest));
  if (place == broker::PLACE_DESTINATION && committed_.count(name) > 0) {
    return OpenRegular(absl::StrCat(staging_, "/", name));
  }
  return OpenRegular(name.empty() ? directory.path : absl::StrCat(directory.path, "/", name));
}

absl::StatusOr<UniqueFd> FakeBroker::OpenNumberedFile(uint32_t index) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("OpenFile"));
  if (source_.kind != Kind::kFile || index > source_.further_paths.size()) {
    return Violation("a file of a number that the source has not");
  }
  return OpenRegular(index == 0 ? source_.path : source_.further_paths[index - 1]);
}

absl::Status FakeBroker::CheckHasBlobs() const {
  return destination_.kind == Kind::kFile ? Violation("an archive has no blobs") : absl::OkStatus();
}

absl::StatusOr<bool> FakeBroker::HasBlob(const Digest& digest, int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("HasBlob"));
  RETURN_IF_ERROR(CheckHasBlobs());
  RETURN_IF_ERROR(Stage());
  ASSIGN_OR_RETURN(std::string name, NameOf(destination_.kind, broker::FILE_KIND_BLOB, digest));
  if (committed_.count(name) > 0) {
    return true;
  }
  std::string path = absl::StrCat(destination_.path, "/", name);
  if (!IsContent(path, digest, size_bytes)) {
    return false;
  }
  if (destination_.kind == Kind::kDir) {
    std::error_code code;
    fs::copy_file(path, absl::StrCat(staging_, "/", name), code);
    RETURN_IF_ERROR(FromCode(code, path));
    committed_.insert(name);
  }
  return true;
}

absl::StatusOr<UniqueFd> FakeBroker::CreateSpool() {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("CreateSpool"));
  std::string name = absl::StrCat(fs::temp_directory_path().string(), "/spool-XXXXXX");
  UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("create ", name));
  }
  fs::remove(name);
  return fd;
}

absl::StatusOr<Broker::NewFile> FakeBroker::CreateFile(int64_t) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("CreateFile"));
  RETURN_IF_ERROR(Stage());
  return NewStagedFile();
}

absl::StatusOr<Digest> FakeBroker::HashFile(uint32_t file_id, int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("HashFile"));
  RETURN_IF_ERROR(CheckHasBlobs());
  const auto found = writing_.find(file_id);
  if (found == writing_.end()) {
    return Violation("HashFile of a file that is not being written");
  }
  std::ifstream file(found->second, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (static_cast<int64_t>(content.size()) != size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("hash: got ", content.size(), " bytes, want ", size_bytes));
  }
  return Digest::Sha256Of(content);
}

absl::Status FakeBroker::CommitFile(uint32_t file_id, broker::FileKind kind, const Digest& digest,
                                    int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("CommitFile"));
  RETURN_IF_ERROR(CheckHasBlobs());
  auto found = writing_.find(file_id);
  if (found == writing_.end()) {
    return Violation("CommitFile of a file that is not being written");
  }
  std::string path = found->second;
  writing_.erase(found);
  bool root = kind == broker::FILE_KIND_ROOT && destination_.kind == Kind::kDir;
  ASSIGN_OR_RETURN(std::string name, NameOf(destination_.kind, kind,
                                            root ? std::nullopt : std::optional<Digest>(digest)));
  if (!IsContent(path, digest, size_bytes)) {
    fs::remove(path);
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("commit ", digest.ToString(), ": digest or size differs"));
  }
  std::error_code code;
  std::string target = absl::StrCat(staging_, "/", name);
  fs::create_directories(fs::path(target).parent_path(), code);
  fs::rename(path, target, code);
  RETURN_IF_ERROR(FromCode(code, target));
  committed_.insert(name);
  return absl::OkStatus();
}

absl::Status FakeBroker::DropFile(uint32_t file_id) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("DropFile"));
  if (file_id == 0 || file_id > last_file_id_) {
    return Violation("DropFile of a file that never was");
  }
  if (auto found = writing_.find(file_id); found != writing_.end()) {
    fs::remove(found->second);
    writing_.erase(found);
  }
  publishing_ = false;
  to_remove_.clear();
  return absl::OkStatus();
}

absl::Status FakeBroker::RemoveBlobs(absl::Span<const Digest> blobs) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("RemoveBlobs"));
  if (destination_.kind != Kind::kOci) {
    return Violation("RemoveBlobs without an OCI layout to remove from");
  }
  for (const Digest& blob : blobs) {
    ASSIGN_OR_RETURN(std::string name, NameOf(destination_.kind, broker::FILE_KIND_BLOB, blob));
    to_remove_.insert(std::move(name));
  }
  return absl::OkStatus();
}

absl::StatusOr<Broker::PublishLock> FakeBroker::BeginPublish() {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("BeginPublish"));
  if (destination_.kind != Kind::kOci) {
    return Violation("BeginPublish without an OCI layout to write to");
  }
  RETURN_IF_ERROR(Stage());
  PublishLock result;
  absl::StatusOr<UniqueFd> current = OpenRegular(absl::StrCat(destination_.path, "/index.json"));
  if (current.ok()) {
    result.current = *std::move(current);
  } else if (!absl::IsNotFound(current.status())) {
    return current.status();
  }
  ASSIGN_OR_RETURN(result.next, NewStagedFile());
  publishing_ = true;
  return result;
}

absl::Status FakeBroker::Publish(uint32_t file_id, int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("Publish"));
  publishing_ = false;
  RETURN_IF_ERROR(destination_.kind == Kind::kOci    ? PublishOci(file_id)
                  : destination_.kind == Kind::kFile ? PublishFile(file_id, size_bytes)
                                                     : PublishDir());
  published_ = true;
  return absl::OkStatus();
}

absl::Status FakeBroker::PublishOci(uint32_t file_id) {
  auto found = writing_.find(file_id);
  if (found == writing_.end()) {
    return Violation("Publish of a file that is not being written");
  }
  const std::string& to = destination_.path;
  std::error_code code;
  for (const std::string& name : committed_) {
    fs::create_directories(fs::path(absl::StrCat(to, "/", name)).parent_path(), code);
    fs::rename(absl::StrCat(staging_, "/", name), absl::StrCat(to, "/", name), code);
    RETURN_IF_ERROR(FromCode(code, name));
  }
  fs::create_directories(absl::StrCat(to, "/blobs/sha256"), code);
  WriteText(absl::StrCat(to, "/oci-layout"), R"({"imageLayoutVersion": "1.0.0"})");
  fs::rename(found->second, absl::StrCat(to, "/index.json"), code);
  RETURN_IF_ERROR(FromCode(code, to));
  for (const std::string& name : to_remove_) {
    const std::string path = absl::StrCat(to, "/", name);
    if (fs::is_regular_file(fs::symlink_status(path, code))) {
      fs::remove(path, code);
    }
  }
  to_remove_.clear();
  return absl::OkStatus();
}

absl::Status FakeBroker::PublishFile(uint32_t file_id, int64_t size_bytes) {
  auto found = writing_.find(file_id);
  if (found == writing_.end()) {
    return Violation("Publish of a file that is not being written");
  }
  std::error_code code;
  if (size_bytes != 0) {
    fs::resize_file(found->second, static_cast<uintmax_t>(size_bytes), code);
    RETURN_IF_ERROR(FromCode(code, found->second));
  }
  fs::rename(found->second, destination_.path, code);
  return FromCode(code, destination_.path);
}

absl::Status FakeBroker::PublishDir() {
  if (committed_.count("manifest.json") == 0) {
    return Violation("Publish without a manifest");
  }
  for (const auto& [id, path] : writing_) {
    fs::remove(path);
  }
  writing_.clear();
  WriteText(absl::StrCat(staging_, "/version"), "Directory Transport Version: 1.1\n");
  std::error_code code;
  fs::remove_all(destination_.path, code);
  fs::rename(staging_, destination_.path, code);
  return FromCode(code, destination_.path);
}

const FakeBroker::Store* FakeBroker::StoreAt(broker::Place place) const {
  const Store& store = place == broker::PLACE_SOURCE ? source_store_ : destination_store_;
  return store.graph_root.empty() ? nullptr : &store;
}

absl::StatusOr<Broker::Storage> FakeBroker::OpenStorage(broker::Place place) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("OpenStorage"));
  const Store* store = StoreAt(place);
  if (store == nullptr) {
    return Violation("there is no store");
  }
  Storage storage;
  storage.graph_root =
      UniqueFd(open(store->graph_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  storage.run_root = UniqueFd(open(store->run_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!storage.graph_root.valid() || !storage.run_root.valid()) {
    return ErrnoError(errno, "open storage");
  }
  return storage;
}

absl::Status FakeBroker::MarkOpaque(broker::Place place, absl::string_view path) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("MarkOpaque"));
  const Store* store = StoreAt(place);
  if (store == nullptr) {
    return Violation("there is no store");
  }
  std::error_code code;
  if (!fs::is_directory(fs::symlink_status(absl::StrCat(store->graph_root, "/", path), code))) {
    return MakeError(code ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied,
                     code ? "" : "PATH_DENIED", "mark a directory of the store: not a directory");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FakeBroker::MakeDevice(broker::Place place, absl::string_view path,
                                            mode_t type, dev_t device) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("MakeDevice"));
  const Store* store = StoreAt(place);
  if (store == nullptr) {
    return Violation("there is no store");
  }
  const fs::path node(std::string{path});
  if (!absl::StartsWith(node.parent_path().filename().string(), ".holkas-")) {
    return Violation("a device that is not in a staging directory");
  }
  const std::string whole = absl::StrCat(store->graph_root, "/", path);
  if (mknod(whole.c_str(), type | 0600, device) == 0) {
    return true;
  }
  return errno == EPERM ? absl::StatusOr<bool>(false) : ErrnoError(errno, "make a device");
}

absl::Status FakeBroker::SendEvent(const v1::CopyResponse& event) {
  absl::MutexLock lock(&mutex_);
  events_.push_back(event);
  return absl::OkStatus();
}

absl::Status FakeBroker::SendTags(const v1::ListTagsResponse& tags) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Enter("SendTags"));
  tags_.push_back(tags);
  return absl::OkStatus();
}

void FakeBroker::Log(int, absl::string_view message) {
  absl::MutexLock lock(&mutex_);
  log_.emplace_back(message);
}

}  // namespace holkas
