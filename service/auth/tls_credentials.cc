#include "service/auth/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace holkas {
namespace {

constexpr absl::string_view kOwnService = "/holkas.v1.ImageService/";

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
      : files_(files), admit_(std::move(options.admit)) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            RequestTypeOf(options.client_certificates), &TlsCredentials::Fetch, this));
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
    config = grpc_ssl_server_certificate_config_create(
        files->client_ca.empty() ? nullptr : files->client_ca.c_str(), &pair, 1);
    given_ = files;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  static void Process(void* self, grpc_auth_context* context, const grpc_metadata* metadata,
                      size_t count, grpc_process_auth_metadata_done_cb done, void* data) {
    const absl::Status status = static_cast<TlsCredentials*>(self)->Admit(context, metadata, count);
    done(data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
         status.ok() ? nullptr : std::string(status.message()).c_str());
  }

  absl::Status Admit(const grpc_auth_context* context, const grpc_metadata* metadata,
                     size_t count) const {
    ShownCredentials shown;
    for (size_t i = 0; i < count; ++i) {
      const absl::string_view key = TextOf(metadata[i].key);
      if (key == ":path" && absl::StartsWith(TextOf(metadata[i].value), kOwnService)) {
        return absl::OkStatus();
      }
      if (key == "authorization") {
        shown.authorization.emplace_back(TextOf(metadata[i].value));
      }
    }
    shown.certificate_name = CertificateName(
        [context](const char* property) { return PropertiesOf(context, property); });
    return admit_ == nullptr ? absl::OkStatus() : admit_(shown);
  }

  FollowedFiles<TlsFiles>& files_;
  const std::function<absl::Status(const ShownCredentials&)> admit_;
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
