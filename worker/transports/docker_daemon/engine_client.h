#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ENGINE_CLIENT_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ENGINE_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "worker/blob/byte_source.h"
#include "worker/broker/broker.h"
#include "worker/http/http_client.h"
#include "worker/http/http_exchange.h"
#include "worker/http/tls_settings.h"

namespace holkas {

// An archive on its way into a daemon (ImageLoad). Not thread-safe. Destroyed before Finish, the
// daemon sees an archive that breaks off, and loads nothing of it.
class ImageLoad {
 public:
  ImageLoad(std::unique_ptr<HttpClient> client, std::unique_ptr<HttpExchange> exchange)
      : client_(std::move(client)), exchange_(std::move(exchange)) {}

  // Errors: those of the connection; what the daemon says where it gives up before the end.
  absl::Status Append(absl::string_view data);

  // Ends the archive and waits for the daemon to have loaded it.
  // Errors: those of EngineClient; FAILED_PRECONDITION (DAEMON_ERROR), or RESOURCE_EXHAUSTED
  // (DISK_FULL), with what the daemon says.
  absl::Status Finish();

 private:
  const std::unique_ptr<HttpClient> client_;
  const std::unique_ptr<HttpExchange> exchange_;
};

// What a daemon says of an image that it has.
struct EngineImage {
  // Of the configuration, but where the daemon keeps images in containerd's store.
  std::string id;
  bool id_is_config = true;
  // The digests of the layers, uncompressed, from the base up.
  std::vector<std::string> diff_ids;
};

// Docker's Engine API (docs.docker.com/engine/api), as far as images go. Each request has a
// connection of its own, of which the broker makes as many as the job is granted. Thread-safe.
//
// Errors everywhere: UNAVAILABLE (DAEMON_UNAVAILABLE) where the daemon is not reached, answers
// something else than the API, or fails (metadata `http_status`); NOT_FOUND (TAG_UNKNOWN);
// PERMISSION_DENIED (DAEMON_DENIED); FAILED_PRECONDITION (DAEMON_ERROR) for what else it refuses;
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
class EngineClient {
 public:
  // Everything referred to outlives the client.
  struct Options {
    Broker& broker;
    broker::Place place;
    const broker::DockerDaemonImage& image;
    std::string user_agent;
    // How long the daemon may be silent: it writes a whole image to its disk before the first byte
    // of an archive, and unpacks one before it answers.
    absl::Duration patience = absl::Minutes(15);
  };

  // Asks the daemon which version of the API it speaks.
  // Errors: also INVALID_ARGUMENT (INVALID_FIELD) for certificates that cannot be read.
  static absl::StatusOr<std::unique_ptr<EngineClient>> New(Options options);

  // The archive of `docker save` with the job's image, from its first byte on. The client outlives
  // it.
  absl::StatusOr<std::unique_ptr<ByteSource>> SaveImage() const;

  // Begins `docker load`. The client outlives it.
  absl::StatusOr<std::unique_ptr<ImageLoad>> LoadImage() const;

  // What the daemon has under the job's name.
  absl::StatusOr<EngineImage> InspectImage() const;

 private:
  EngineClient(Options options, TlsSettings tls)
      : options_(std::move(options)), tls_(std::move(tls)) {}

  absl::Status Ping();
  absl::StatusOr<std::unique_ptr<HttpClient>> NewHttpClient() const;
  // A request for a path of the API, without its version.
  HttpRequest Request(absl::string_view method, absl::string_view path) const;

  const Options options_;
  const TlsSettings tls_;
  // Of version 1.
  int minor_version_ = 24;
};

// What a daemon's answer of status `status` with the body `body` means.
absl::Status EngineError(int status, absl::string_view body);

// What the messages mean that a daemon sends while it works, one JSON object a line.
// Errors: as ImageLoad::Finish; UNAVAILABLE (DAEMON_UNAVAILABLE) for what is no message.
absl::Status CheckEngineMessages(absl::string_view lines);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ENGINE_CLIENT_H_
