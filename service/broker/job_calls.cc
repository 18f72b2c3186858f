#include "service/broker/job_calls.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "service/broker/connect_first.h"
#include "service/broker/connect_through_proxy.h"
#include "service/broker/connect_unix.h"
#include "service/broker/frame_digest.h"
#include "service/broker/image_directory.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/make_device.h"
#include "service/broker/mark_opaque.h"
#include "service/broker/printable_strings.h"
#include "service/broker/violation.h"
#include "service/policy/address_policy.h"
#include "service/spool/spooled_archive.h"

namespace holkas {
namespace {

constexpr absl::Duration kLookUpLimit = absl::Seconds(5);
constexpr absl::Duration kConnectLimit = absl::Seconds(30);
constexpr size_t kMaxRedirectHosts = 8;
constexpr size_t kMaxMessageBytes = 1 << 10;
constexpr size_t kMaxMetadataEntries = 16;
constexpr size_t kMaxMetadataBytes = 256;
constexpr size_t kMaxReasonBytes = 63;
constexpr int kMaxLogLines = 1000;
constexpr size_t kMaxTagBytes = 1 << 10;
// A tag with nothing in it that is fit to be shown takes four bytes for each of its own.
constexpr size_t kMaxShownTagBytes = 4 * kMaxTagBytes;

absl::Status AddressDenied(const broker::Connect& connect, absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                   absl::StrCat("connect to ", Printable(connect.host(), kMaxMetadataBytes), ":",
                                connect.port(), ": ", why));
}

bool IsReason(absl::string_view text) {
  return text.size() <= kMaxReasonBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

bool IsGranted(const RegistryGrant& grant, const std::string& host, uint32_t port) {
  return absl::AsciiStrToLower(grant.host) == host &&
         std::find(grant.ports.begin(), grant.ports.end(), port) != grant.ports.end();
}

// A connection is asked for before anything is said over it: its port tells what it will carry, and
// another port than the usual ones tells it of registries alone that speak TLS in any case.
Carried CarriedTo(uint16_t port, bool plain_http_allowed) {
  constexpr uint16_t kHttpPort = 80;
  constexpr uint16_t kHttpsPort = 443;
  if (port == kHttpPort) {
    return Carried::kHttp;
  }
  return port == kHttpsPort || !plain_http_allowed ? Carried::kHttps : Carried::kEither;
}

// What Docker's clients say of a daemon that cannot be connected to.
absl::Status DaemonFailure(const absl::Status& status, absl::string_view daemon) {
  if (absl::IsUnavailable(status)) {
    return MakeError(status.code(), "DAEMON_UNAVAILABLE",
                     absl::StrCat("Cannot connect to the Docker daemon at ", daemon,
                                  ". Is the docker daemon running?"),
                     {{"cause", std::string(status.message())}});
  }
  return absl::IsPermissionDenied(status) && ErrorReason(status) == "DAEMON_DENIED"
             ? WithContext(status, absl::StrCat("permission denied while trying to connect to the "
                                                "Docker daemon socket at ",
                                                daemon))
             : status;
}

}  // namespace

JobCalls::JobCalls(const Grants& grants, const broker::JobSpec& job, BrokerResources& resources,
                   const Cancellation& cancellation, Listeners listeners, Stores stores)
    : grants_(grants),
      job_(job),
      resources_(resources),
      cancellation_(cancellation),
      listeners_(std::move(listeners)),
      stores_(stores),
      writer_(grants.destination_path.has_value()
                  ? NewImageWriter(*grants.destination_path, grants.max_open_files,
                                   resources.layout_locks)
                  : nullptr),
      spool_(grants.spool_directory, grants.max_spool_files, grants.max_spool_bytes),
      relays_(resources.proxy_tls) {}

absl::Status JobCalls::Check() { return writer_ == nullptr ? absl::OkStatus() : writer_->Check(); }

const RegistryGrant* JobCalls::RegistryAt(broker::Place place) const {
  const std::optional<RegistryGrant>& grant =
      place == broker::PLACE_SOURCE ? grants_.source_registry : grants_.destination_registry;
  return grant.has_value() ? &*grant : nullptr;
}

bool JobCalls::HasRegistry(broker::Place place) const {
  return (place == broker::PLACE_SOURCE || place == broker::PLACE_DESTINATION) &&
         RegistryAt(place) != nullptr;
}

const DaemonGrant* JobCalls::DaemonAt(broker::Place place) const {
  const std::optional<DaemonGrant>& grant =
      place == broker::PLACE_SOURCE ? grants_.source_daemon : grants_.destination_daemon;
  return grant.has_value() ? &*grant : nullptr;
}

bool JobCalls::HasPeer(const broker::Connect& connect) const {
  if (connect.purpose() != broker::PURPOSE_DAEMON) {
    return HasRegistry(connect.place());
  }
  return (connect.place() == broker::PLACE_SOURCE ||
          connect.place() == broker::PLACE_DESTINATION) &&
         DaemonAt(connect.place()) != nullptr;
}

bool JobCalls::HasPath(broker::Place place) const {
  return (place == broker::PLACE_SOURCE && grants_.source_path.has_value()) ||
         (place == broker::PLACE_DESTINATION && writer_ != nullptr);
}

bool JobCalls::HasLayout() const {
  return writer_ != nullptr && grants_.destination_path->kind == PathKind::kOci;
}

bool JobCalls::HasRemoval() const { return HasLayout() && grants_.destination_path->only_removes; }

bool JobCalls::HasNewFiles() const { return writer_ != nullptr && !HasRemoval(); }

bool JobCalls::HasBlobs() const {
  return HasNewFiles() && grants_.destination_path->kind != PathKind::kFile;
}

bool JobCalls::HasSpool() const { return !grants_.spool_directory.empty(); }

const StoreDirectories* JobCalls::StoreAt(broker::Place place) const {
  if (place == broker::PLACE_SOURCE) {
    return grants_.source_store.has_value() ? stores_.source : nullptr;
  }
  return place == broker::PLACE_DESTINATION && grants_.destination_store.has_value()
             ? stores_.destination
             : nullptr;
}

const StoreGrant* JobCalls::StoreGrantAt(broker::Place place) const {
  if (StoreAt(place) == nullptr) {
    return nullptr;
  }
  return place == broker::PLACE_SOURCE ? &*grants_.source_store : &*grants_.destination_store;
}

bool JobCalls::MarksOpaqueAt(broker::Place place) const {
  const StoreGrant* store = StoreGrantAt(place);
  return store != nullptr && store->mark_opaque;
}

bool JobCalls::MakesDevicesAt(broker::Place place) const {
  const StoreGrant* store = StoreGrantAt(place);
  return store != nullptr && store->make_devices;
}

bool JobCalls::HasEvents() const { return job_.has_copy(); }

bool JobCalls::HasResult() const {
  return !job_.has_copy() && !job_.has_list_tags() && !job_.has_check_credentials();
}

bool JobCalls::HasTags() const { return job_.has_list_tags(); }

bool JobCalls::HasDecryptionKeys() const {
  return job_.has_decryption_keys() && listeners_.unwrap_key != nullptr;
}

bool JobCalls::HasBlobMemory() const {
  return job_.remembers_blobs() && listeners_.blobs != nullptr;
}

bool JobCalls::HasMounts() const {
  return HasBlobMemory() && grants_.destination_registry.has_value();
}

absl::StatusOr<Answer> JobCalls::Ready(const broker::WorkerFrame&) { return Answer(); }

absl::StatusOr<Answer> JobCalls::Event(const broker::WorkerFrame& frame) {
  v1::CopyResponse event = frame.event();
  MakeStringsPrintable(event, kMaxMessageBytes);
  if (listeners_.on_event) {
    listeners_.on_event(std::move(event));
  }
  return Answer();
}

absl::StatusOr<Answer> JobCalls::ResultChunk(const broker::WorkerFrame& frame) {
  const std::string& data = frame.result_chunk().data();
  if (static_cast<int64_t>(result_.size() + data.size()) > grants_.max_result_bytes) {
    return Violation(absl::StrCat("a result of more than ", grants_.max_result_bytes, " bytes"));
  }
  result_ += data;
  return Answer();
}

absl::StatusOr<Answer> JobCalls::Tags(const broker::WorkerFrame& frame) {
  v1::ListTagsResponse tags = frame.tags();
  if (tags.tags().empty()) {
    return Violation("a part of a list without a tag");
  }
  for (const std::string& tag : tags.tags()) {
    if (tag.empty() || tag.size() > kMaxTagBytes) {
      return Violation(absl::StrCat("a tag of ", tag.size(), " bytes"));
    }
    tag_bytes_ += static_cast<int64_t>(tag.size());
  }
  tags_ += tags.tags_size();
  if (tags_ > grants_.max_tags || tag_bytes_ > grants_.max_tag_bytes) {
    return Violation(absl::StrCat("a list of more than ", grants_.max_tags, " tags or ",
                                  grants_.max_tag_bytes, " bytes"));
  }
  // The service knows better whose tags these are.
  tags.clear_repository();
  MakeStringsPrintable(tags, kMaxShownTagBytes);
  if (listeners_.on_tags) {
    listeners_.on_tags(std::move(tags));
  }
  return Answer();
}

absl::StatusOr<Answer> JobCalls::Log(const broker::WorkerFrame& frame) {
  if (listeners_.on_log && ++log_lines_ <= kMaxLogLines) {
    listeners_.on_log(std::clamp(frame.log().severity(), 0, 2),
                      Printable(frame.log().message(), kMaxMessageBytes));
  }
  return Answer();
}

absl::StatusOr<Answer> JobCalls::Finish(const broker::WorkerFrame& frame) {
  const broker::Finish& finish = frame.finish();
  constexpr int kLastCode = static_cast<int>(absl::StatusCode::kUnauthenticated);
  if (finish.code() < 0 || finish.code() > kLastCode || !IsReason(finish.reason()) ||
      finish.metadata().size() > kMaxMetadataEntries) {
    return Violation("an end of no known form");
  }
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : finish.metadata()) {
    metadata[Printable(key, kMaxMetadataBytes)] = Printable(value, kMaxMetadataBytes);
  }
  auto code = static_cast<absl::StatusCode>(finish.code());
  std::string message = Printable(finish.message(), kMaxMessageBytes);
  finished_ = code == absl::StatusCode::kOk ? absl::OkStatus()
              : finish.reason().empty()     ? absl::Status(code, message)
                                            : MakeError(code, finish.reason(), message, metadata);
  return Answer();
}

absl::Status JobCalls::CountConnection() {
  return ++connections_ > grants_.max_connections
             ? LimitExceeded("connections", grants_.max_connections)
             : absl::OkStatus();
}

absl::Status JobCalls::CountRedirectHost(const std::string& host) {
  redirect_hosts_.insert(host);
  return redirect_hosts_.size() > kMaxRedirectHosts
             ? LimitExceeded("hosts that registries redirect to", kMaxRedirectHosts)
             : absl::OkStatus();
}

const RegistryGrant* JobCalls::GrantFor(broker::Place place, const std::string& host,
                                        uint32_t port) const {
  const RegistryGrant& registry = *RegistryAt(place);
  if (IsGranted(registry, host, port)) {
    return &registry;
  }
  if (place == broker::PLACE_SOURCE) {
    for (const RegistryGrant& mirror : grants_.source_mirrors) {
      if (IsGranted(mirror, host, port)) {
        return &mirror;
      }
    }
  }
  return nullptr;
}

absl::StatusOr<JobCalls::Target> JobCalls::CheckConnect(const broker::Connect& connect) {
  if (connect.purpose() != broker::PURPOSE_REGISTRY &&
      connect.purpose() != broker::PURPOSE_REDIRECT) {
    return Violation("a connection for no purpose");
  }
  if (connect.port() == 0 || connect.port() > 65535) {
    return AddressDenied(connect, "not a port");
  }
  Target target;
  target.host = absl::AsciiStrToLower(connect.host());
  target.port = static_cast<uint16_t>(connect.port());
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CountConnection());
  const RegistryGrant* grant = GrantFor(connect.place(), target.host, target.port);
  target.carried = CarriedTo(target.port, grant != nullptr && grant->plain_http_allowed);
  if (grant != nullptr) {
    target.public_only = grant->public_only;
  } else if (connect.purpose() == broker::PURPOSE_REGISTRY || !grants_.follow_redirects) {
    return AddressDenied(connect, "the job has nothing to do there");
  }
  if (target.public_only) {
    RETURN_IF_ERROR(CheckHost(target.host, resources_.egress.denied_networks));
  }
  if (grant == nullptr) {
    RETURN_IF_ERROR(CountRedirectHost(target.host));
  }
  return target;
}

absl::StatusOr<UniqueFd> JobCalls::ConnectDirectly(const Target& target, absl::Time deadline) {
  ASSIGN_OR_RETURN(
      std::vector<Endpoint> endpoints,
      resources_.resolver.Resolve(target.host, target.port, kLookUpLimit, cancellation_));
  // One address that is not public makes the name suspicious: none is connected to.
  for (const Endpoint& endpoint : endpoints) {
    const std::optional<IpAddress> address = IpAddress::Of(endpoint.address());
    if (!address.has_value()) {
      return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                       absl::StrCat("connect to ", target.host, ": not an internet address"));
    }
    if (target.public_only) {
      RETURN_IF_ERROR(CheckAddress(*address, resources_.egress.denied_networks));
    }
  }
  return ConnectFirst(endpoints, deadline, cancellation_);
}

absl::StatusOr<UniqueFd> JobCalls::ConnectTo(const Target& target, absl::Time deadline) {
  ASSIGN_OR_RETURN(const Proxy* proxy,
                   resources_.egress.proxies.ProxyFor(target.carried, target.host, target.port));
  // Behind a proxy, names are looked up by it, and whether they lead to public addresses is its
  // business.
  return proxy == nullptr
             ? ConnectDirectly(target, deadline)
             : ConnectThroughProxy(*proxy, target.host, target.port, resources_.resolver, relays_,
                                   deadline, cancellation_);
}

absl::StatusOr<UniqueFd> JobCalls::ConnectToDaemon(const broker::Connect& connect,
                                                   absl::Time deadline) {
  const DaemonGrant& grant = *DaemonAt(connect.place());
  if (connect.host() != grant.host || connect.port() != grant.port) {
    return AddressDenied(connect, "the job has nothing to do there");
  }
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(CountConnection());
  }
  const DaemonHost& daemon = grant.daemon;
  if (!daemon.unix_path.empty()) {
    return ConnectUnix(daemon.unix_path, deadline, cancellation_);
  }
  return ConnectTo({daemon.host, daemon.port, /*public_only=*/false,
                    daemon.https ? Carried::kHttps : Carried::kHttp},
                   deadline);
}

absl::StatusOr<Answer> JobCalls::Connect(const broker::WorkerFrame& frame) {
  const broker::Connect& connect = frame.connect();
  const absl::Time deadline = absl::Now() + kConnectLimit;
  Answer answer;
  if (connect.purpose() == broker::PURPOSE_DAEMON) {
    absl::StatusOr<UniqueFd> socket = ConnectToDaemon(connect, deadline);
    RETURN_IF_ERROR(DaemonFailure(socket.status(), DaemonAt(connect.place())->daemon.ToString()));
    answer.fds.push_back(*std::move(socket));
    return answer;
  }
  ASSIGN_OR_RETURN(const Target target, CheckConnect(connect));
  ASSIGN_OR_RETURN(UniqueFd socket, ConnectTo(target, deadline));
  answer.fds.push_back(std::move(socket));
  return answer;
}

absl::StatusOr<Answer> JobCalls::Authorize(const broker::WorkerFrame& frame) {
  Answer answer;
  if (listeners_.authorize) {
    ASSIGN_OR_RETURN(*answer.reply.mutable_authorization(),
                     listeners_.authorize(frame.authorize(), cancellation_));
  }
  return answer;
}

absl::StatusOr<Answer> JobCalls::UnwrapKey(const broker::WorkerFrame& frame) {
  Answer answer;
  ASSIGN_OR_RETURN(*answer.reply.mutable_layer_key(),
                   listeners_.unwrap_key(frame.unwrap_key(), cancellation_));
  return answer;
}

absl::StatusOr<Answer> JobCalls::FindTwins(const broker::WorkerFrame& frame) {
  Answer answer;
  ASSIGN_OR_RETURN(*answer.reply.mutable_twins(), listeners_.blobs->FindTwins(frame.find_twins()));
  return answer;
}

absl::StatusOr<Answer> JobCalls::MountBlob(const broker::WorkerFrame& frame) {
  ASSIGN_OR_RETURN(const bool present,
                   listeners_.blobs->MountBlob(frame.mount_blob(), cancellation_));
  Answer answer;
  answer.reply.set_present(present);
  return answer;
}

absl::StatusOr<Answer> JobCalls::Remember(const broker::WorkerFrame& frame) {
  RETURN_IF_ERROR(listeners_.blobs->Remember(frame.remember()));
  return Answer();
}

absl::StatusOr<Answer> JobCalls::HasBlob(const broker::WorkerFrame& frame) {
  ASSIGN_OR_RETURN(Digest digest, ParseDigest(frame.has_blob().digest()));
  if (frame.has_blob().size_bytes() < 0) {
    return Violation("a blob of negative size");
  }
  Answer answer;
  ASSIGN_OR_RETURN(bool present,
                   writer_->HasBlob(digest, frame.has_blob().size_bytes(), cancellation_));
  answer.reply.set_present(present);
  return answer;
}

absl::StatusOr<Answer> JobCalls::HashFile(const broker::WorkerFrame& frame) {
  const broker::HashFile& hash = frame.hash_file();
  if (hash.size_bytes() < 0) {
    return Violation("a file of negative size");
  }
  Answer answer;
  ASSIGN_OR_RETURN(const Digest digest,
                   writer_->HashFile(hash.file_id(), hash.size_bytes(), cancellation_));
  answer.reply.set_digest(digest.ToString());
  return answer;
}

absl::StatusOr<Answer> JobCalls::CommitFile(const broker::WorkerFrame& frame) {
  const broker::CommitFile& commit = frame.commit_file();
  ASSIGN_OR_RETURN(Digest digest, ParseDigest(commit.digest()));
  RETURN_IF_ERROR(writer_->CommitFile(commit.file_id(), commit.kind(), digest, commit.size_bytes(),
                                      cancellation_));
  return Answer();
}

absl::StatusOr<Answer> JobCalls::Publish(const broker::WorkerFrame& frame) {
  RETURN_IF_ERROR(
      writer_->Publish(frame.publish().file_id(), frame.publish().size_bytes(), cancellation_));
  return Answer();
}

// A worker that writes to a store gets no file through which it could change the file's owner.
absl::StatusOr<UniqueFd> JobCalls::OpenSourceDirectory(const std::string& path, int read_only,
                                                       const std::string& shown) const {
  if (!grants_.destination_store.has_value() && !grants_.source_store.has_value()) {
    return OpenRoot(path, shown);
  }
  UniqueFd root(fcntl(read_only, F_DUPFD_CLOEXEC, 0));
  return root.valid() ? absl::StatusOr<UniqueFd>(std::move(root)) : FileError(errno, "open", shown);
}

absl::StatusOr<UniqueFd> JobCalls::OpenSourceFile(size_t index, const std::string& shown) const {
  const ReadPathGrant& granted = *grants_.source_path;
  if (granted.spooled != nullptr) {
    return granted.spooled->OpenToRead();
  }
  absl::StatusOr<UniqueFd> file =
      OpenRegularFile(index == 0 ? granted.path : granted.further_paths[index - 1], shown);
  if (!file.ok() || !grants_.destination_store.has_value()) {
    return file;
  }
  const bool known = stores_.source_files != nullptr && index < stores_.source_files->size() &&
                     (*stores_.source_files)[index].valid();
  if (!known) {
    return absl::AbortedError(absl::StrCat("open ", shown, ": it was not there before"));
  }
  // A worker that opens a file again reads it from its beginning, so each opening is its own.
  const std::string path = absl::StrCat("/proc/self/fd/", (*stores_.source_files)[index].get());
  UniqueFd read_only(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return read_only.valid() ? absl::StatusOr<UniqueFd>(std::move(read_only))
                           : FileError(errno, "open", shown);
}

absl::StatusOr<UniqueFd> JobCalls::OpenInSource(broker::FileKind kind,
                                                const std::optional<Digest>& digest) {
  const ReadPathGrant& granted = *grants_.source_path;
  ASSIGN_OR_RETURN(std::string name, FileName(granted.kind, kind, digest));
  if (digest.has_value() && !granted.blob_directory.empty()) {
    name = SharedBlobName(*digest);
    if (!source_blobs_.valid()) {
      ASSIGN_OR_RETURN(source_blobs_,
                       OpenSourceDirectory(granted.blob_directory, stores_.source_blobs, name));
    }
    return OpenRegularBeneath(source_blobs_.get(), name);
  }
  if (!source_root_.valid()) {
    ASSIGN_OR_RETURN(source_root_, OpenSourceDirectory(granted.path, stores_.source_root, name));
  }
  return OpenRegularBeneath(source_root_.get(), name);
}

absl::StatusOr<Answer> JobCalls::OpenFile(const broker::WorkerFrame& frame) {
  const broker::OpenFile& open = frame.open_file();
  std::optional<Digest> digest;
  if (!open.digest().empty()) {
    ASSIGN_OR_RETURN(digest, ParseDigest(open.digest()));
  }
  Answer answer;
  if (open.place() == broker::PLACE_DESTINATION) {
    ASSIGN_OR_RETURN(UniqueFd file, writer_->OpenFile(open.kind(), digest));
    answer.fds.push_back(std::move(file));
    return answer;
  }
  const ReadPathGrant& granted = *grants_.source_path;
  if (open.index() > granted.further_paths.size()) {
    return Violation("a file of a number that the source has not");
  }
  if (granted.kind == PathKind::kFile) {
    ASSIGN_OR_RETURN(const std::string name, FileName(granted.kind, open.kind(), digest));
    ASSIGN_OR_RETURN(
        UniqueFd file,
        OpenSourceFile(open.index(),
                       open.index() == 0 ? name : absl::StrCat(name, " ", open.index())));
    answer.fds.push_back(std::move(file));
    return answer;
  }
  ASSIGN_OR_RETURN(UniqueFd file, OpenInSource(open.kind(), digest));
  answer.fds.push_back(std::move(file));
  return answer;
}

absl::Status JobCalls::CheckSpool() const {
  RETURN_IF_ERROR(spool_.Check());
  SpooledArchive* const archive =
      grants_.destination_path.has_value() ? grants_.destination_path->spooled : nullptr;
  return archive == nullptr ? absl::OkStatus() : archive->Measure().status();
}

absl::StatusOr<Answer> JobCalls::CreateSpool(const broker::WorkerFrame& /*frame*/) {
  Answer answer;
  ASSIGN_OR_RETURN(UniqueFd file, spool_.Create());
  answer.fds.push_back(std::move(file));
  return answer;
}

absl::StatusOr<Answer> JobCalls::CreateFile(const broker::WorkerFrame& frame) {
  if (frame.create_file().size_bytes() < -1) {
    return Violation("a file of negative size");
  }
  ASSIGN_OR_RETURN(CreatedFile file, writer_->CreateFile(frame.create_file().size_bytes()));
  Answer answer;
  answer.reply.set_file_id(file.id);
  answer.fds.push_back(std::move(file.fd));
  return answer;
}

absl::StatusOr<Answer> JobCalls::DropFile(const broker::WorkerFrame& frame) {
  RETURN_IF_ERROR(writer_->DropFile(frame.drop_file().file_id()));
  return Answer();
}

absl::StatusOr<Answer> JobCalls::RemoveBlobs(const broker::WorkerFrame& frame) {
  for (const std::string& text : frame.remove_blobs().digests()) {
    ASSIGN_OR_RETURN(Digest digest, ParseDigest(text));
    RETURN_IF_ERROR(writer_->RemoveBlob(std::move(digest)));
  }
  return Answer();
}

absl::StatusOr<Answer> JobCalls::OpenStorage(const broker::WorkerFrame& frame) {
  const StoreDirectories& store = *StoreAt(frame.open_storage().place());
  Answer answer;
  for (const UniqueFd* directory : {&store.graph_root, &store.run_root}) {
    UniqueFd copy(fcntl(directory->get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) {
      return ErrnoError(errno, "open storage");
    }
    answer.fds.push_back(std::move(copy));
  }
  return answer;
}

absl::StatusOr<Answer> JobCalls::MarkOpaque(const broker::WorkerFrame& frame) {
  if (++opaque_marks_ > grants_.max_opaque_marks) {
    return LimitExceeded("opaque directories", grants_.max_opaque_marks);
  }
  RETURN_IF_ERROR(holkas::MarkOpaque(StoreAt(frame.mark_opaque().place())->graph_root.get(),
                                     frame.mark_opaque().path()));
  return Answer();
}

absl::StatusOr<Answer> JobCalls::MakeDevice(const broker::WorkerFrame& frame) {
  if (++devices_ > grants_.max_devices) {
    return LimitExceeded("devices", grants_.max_devices);
  }
  const broker::MakeDevice& node = frame.make_device();
  ASSIGN_OR_RETURN(const bool made,
                   holkas::MakeDevice(StoreAt(node.place())->graph_root.get(), node));
  Answer answer;
  answer.reply.set_present(made);
  return answer;
}

absl::StatusOr<std::optional<Answer>> JobCalls::TryLock() {
  ASSIGN_OR_RETURN(std::optional<ImageWriter::PublishStart> start, writer_->TryLock());
  if (!start.has_value()) {
    return std::optional<Answer>();
  }
  Answer answer;
  answer.reply.set_has_current(start->current.has_value());
  answer.reply.set_file_id(start->next.id);
  if (start->current.has_value()) {
    answer.fds.push_back(*std::move(start->current));
  }
  answer.fds.push_back(std::move(start->next.fd));
  return std::optional<Answer>(std::move(answer));
}

}  // namespace holkas
