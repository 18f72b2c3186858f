#include "service/auth/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace holkas {
namespace {

constexpr absl::string_view kOwnService = "/holkas.v1.ImageService/";
// What an entry of metadata counts beside its text (RFC 9113, section 6.5.2).
constexpr size_t kEntryBytes = 32;

grpc_ssl_client_certificate_request_type RequestTypeOf(TlsOptions::ClientCertificates which) {
  switch (which) {
    case TlsOptions::ClientCertificates::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case TlsOptions::ClientCertificates::kRequired:
      return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    case TlsOptions::ClientCertificates::kNone:
      break;
  }
  return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
}

absl::string_view TextOf(const grpc_slice& slice) {
  return absl::string_view(reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)),
                           GRPC_SLICE_LENGTH(slice));
}

std::vector<std::string> PropertiesOf(const grpc_auth_context* context, const char* name) {
  std::vector<std::string> values;
  grpc_auth_property_iterator iterator = grpc_auth_context_find_properties_by_name(context, name);
  while (const grpc_auth_property* property = grpc_auth_property_iterator_next(&iterator)) {
    values.emplace_back(property->value, property->value_length);
  }
  return values;
}

class TlsCredentials final : public grpc::ServerCredentials {
 public:
  TlsCredentials(FollowedFiles<TlsFiles>& files, TlsOptions options)
      : files_(files), options_(std::move(options)) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            RequestTypeOf(options_.client_certificates), &TlsCredentials::Fetch, this));
    grpc_server_credentials_set_auth_metadata_processor(credentials_,
                                                        {&TlsCredentials::Process, nullptr, this});
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }

  // What admits requests is given to the constructor.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // gRPC asks before each handshake, on several threads.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<TlsCredentials*>(self)->Fetch(*config);
  }

  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config*& config) {
    const std::shared_ptr<const TlsFiles> files = files_.Current();
    absl::MutexLock lock(&mutex_);
    if (files == given_) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair = {files->key.c_str(), files->certificate.c_str()};
    // gRPC wants some authority also where no client is asked for a certificate.
    const bool asks = options_.client_certificates != TlsOptions::ClientCertificates::kNone;
    const std::string& client_ca = asks ? files->client_ca : files->certificate;
    config = grpc_ssl_server_certificate_config_create(client_ca.c_str(), &pair, 1);
    given_ = files;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  static void Process(void* self, grpc_auth_context* context, const grpc_metadata* metadata,
                      size_t count, grpc_process_auth_metadata_done_cb done, void* data) {
    const absl::Status status = static_cast<TlsCredentials*>(self)->Admit(context, metadata, count);
    done(data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
         status.ok() ? nullptr : std::string(status.message()).c_str());
  }

  // Decides about a request of which the headers have come.
  absl::Status Admit(grpc_auth_context* context, const grpc_metadata* metadata, size_t count) {
    ShownCredentials shown;
    bool is_own = false;
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) {
      const absl::string_view key = TextOf(metadata[i].key);
      const absl::string_view value = TextOf(metadata[i].value);
      size += key.size() + value.size() + kEntryBytes;
      is_own |= key == ":path" && absl::StartsWith(value, kOwnService);
      if (key == "authorization") {
        shown.authorization.emplace_back(value);
      }
    }
    if (size > options_.max_metadata_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("admit request: its metadata is larger than ", options_.max_metadata_bytes,
                       " bytes (limits.max_metadata_bytes)"));
    }
    if (is_own) {
      return options_.pending == nullptr ? absl::OkStatus()
                                         : options_.pending->Begin(ConnectionOf(context));
    }
    shown.certificate_name = CertificateName(
        [context](const char* property) { return PropertiesOf(context, property); });
    return options_.admit == nullptr ? absl::OkStatus() : options_.admit(shown);
  }

  // The number is written before any handler of the connection can read it: each begins after its
  // own request has been here.
  uint64_t ConnectionOf(grpc_auth_context* context) {
    absl::MutexLock lock(&mutex_);
    const std::vector<std::string> known = PropertiesOf(context, kConnectionProperty);
    uint64_t connection = 0;
    if (!known.empty() && absl::SimpleAtoi(known.front(), &connection)) {
      return connection;
    }
    connection = options_.pending->NewConnection();
    grpc_auth_context_add_cstring_property(context, kConnectionProperty,
                                           absl::StrCat(connection).c_str());
    return connection;
  }

  FollowedFiles<TlsFiles>& files_;
  const TlsOptions options_;
  grpc_server_credentials* credentials_ = nullptr;
  absl::Mutex mutex_;
  // What gRPC has.
  std::shared_ptr<const TlsFiles> given_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(FollowedFiles<TlsFiles>& files,
                                                            TlsOptions options) {
  return std::make_shared<TlsCredentials>(files, std::move(options));
}

}  // namespace holkas
