#include "clients/cli/certificates.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using holkas::v1::TlsCertificates;

// What a request may hold (TlsCertificates).
constexpr size_t kMaxBytes = 48 << 10;

absl::Status FileError(absl::string_view call, const std::string& path) {
  return absl::UnknownError(absl::StrCat(call, " ", path, ": ", GoErrno(errno)));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return FileError("open", path);
  }
  std::string content(kMaxBytes + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    ssize_t got = read(file.get(), content.data() + size, content.size() - size);
    if (got < 0) {
      return FileError("read", path);
    }
    if (got == 0) {
      break;
    }
    size += static_cast<size_t>(got);
  }
  content.resize(size);
  return content;
}

// The names in `directory` in order; none if it is not there.
absl::StatusOr<std::set<std::string>> ListNames(const std::string& directory) {
  std::set<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), &closedir);
  if (stream == nullptr) {
    if (errno == ENOENT) {
      return names;
    }
    return FileError("open", directory);
  }
  while (const dirent* entry = readdir(stream.get())) {
    names.insert(entry->d_name);
  }
  return names;
}

void AppendPem(const std::string& pem, std::string& all) {
  absl::StrAppend(&all, pem, absl::EndsWith(pem, "\n") ? "" : "\n");
}

absl::Status ReadClientCertificate(const std::string& directory, const std::string& stem,
                                   TlsCertificates& certificates) {
  if (!certificates.client_certificate_pem().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than one client certificate in ", directory));
  }
  ASSIGN_OR_RETURN(*certificates.mutable_client_certificate_pem(),
                   ReadFile(absl::StrCat(directory, "/", stem, ".cert")));
  ASSIGN_OR_RETURN(*certificates.mutable_client_key_pem(),
                   ReadFile(absl::StrCat(directory, "/", stem, ".key")));
  return absl::OkStatus();
}

absl::Status CheckSize(const TlsCertificates& certificates, const std::string& directory) {
  const size_t bytes = certificates.ca_pem().size() + certificates.client_certificate_pem().size() +
                       certificates.client_key_pem().size();
  return bytes <= kMaxBytes
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat("certificates in ", directory,
                                                       ": more than ", kMaxBytes, " bytes"));
}

}  // namespace

absl::StatusOr<TlsCertificates> ReadDaemonCertificates(const std::string& directory) {
  constexpr absl::string_view kNoPair = "Could not load X509 key pair";
  TlsCertificates certificates;
  const std::string ca = absl::StrCat(directory, "/ca.pem");
  absl::StatusOr<std::string> pem = ReadFile(ca);
  RETURN_IF_ERROR(
      WithContext(pem.status(), absl::StrCat("could not read CA certificate \"", ca, "\"")));
  certificates.set_ca_pem(*std::move(pem));
  pem = ReadFile(absl::StrCat(directory, "/cert.pem"));
  RETURN_IF_ERROR(WithContext(pem.status(), kNoPair));
  certificates.set_client_certificate_pem(*std::move(pem));
  pem = ReadFile(absl::StrCat(directory, "/key.pem"));
  RETURN_IF_ERROR(WithContext(pem.status(), kNoPair));
  certificates.set_client_key_pem(*std::move(pem));
  RETURN_IF_ERROR(CheckSize(certificates, directory));
  return certificates;
}

absl::StatusOr<TlsCertificates> ReadCertificates(const std::string& directory) {
  TlsCertificates certificates;
  ASSIGN_OR_RETURN(std::set<std::string> names, ListNames(directory));
  for (const std::string& name : names) {
    absl::string_view stem = name;
    if (absl::ConsumeSuffix(&stem, ".crt")) {
      ASSIGN_OR_RETURN(std::string pem, ReadFile(absl::StrCat(directory, "/", name)));
      AppendPem(pem, *certificates.mutable_ca_pem());
    } else if (absl::ConsumeSuffix(&stem, ".cert")) {
      std::string key = absl::StrCat(stem, ".key");
      if (names.count(key) == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("missing key ", key, " for client certificate ", name,
                         ". Note that CA certificates should use the extension .crt"));
      }
      RETURN_IF_ERROR(ReadClientCertificate(directory, std::string(stem), certificates));
    } else if (absl::ConsumeSuffix(&stem, ".key")) {
      std::string certificate = absl::StrCat(stem, ".cert");
      if (names.count(certificate) == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("missing client certificate ", certificate, " for key ", name));
      }
    }
    RETURN_IF_ERROR(CheckSize(certificates, directory));
  }
  return certificates;
}

}  // namespace holkas
