#include "service/rpc/certificate_directories.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "service/rpc/validate.h"

namespace holkas {
namespace {

// A directory with more entries than this holds something else than certificates.
constexpr size_t kMaxEntries = 1000;

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_CERTIFICATES", what);
}

// One registry's directory, with the names of its files in order.
struct Directory {
  std::string path;
  UniqueFd fd;
  std::set<std::string> names;
};

absl::Status ListNames(Directory& directory) {
  UniqueFd fd(openat(directory.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fd.valid() ? fdopendir(fd.get()) : nullptr, &closedir);
  if (stream == nullptr) {
    return Invalid(absl::StrCat("read ", directory.path, ": ", strerror(errno)));
  }
  (void)fd.release();  // the stream closes it
  while (const dirent* entry = readdir(stream.get())) {
    if (directory.names.size() >= kMaxEntries) {
      return Invalid(absl::StrCat(directory.path, " has more than ", kMaxEntries, " entries"));
    }
    directory.names.insert(entry->d_name);
  }
  return absl::OkStatus();
}

// Adds the file's bytes to `text`, of which `budget` bytes are left for all files.
absl::Status AppendFile(const Directory& directory, const std::string& name, size_t& budget,
                        std::string& text) {
  const std::string path = absl::StrCat(directory.path, "/", name);
  UniqueFd fd(openat(directory.fd.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) {
    return Invalid(absl::StrCat("open ", path, ": ", strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return Invalid(absl::StrCat(path, " is not a regular file"));
  }
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return Invalid(absl::StrCat("read ", path, ": ", strerror(errno)));
    }
    if (size == 0) {
      break;
    }
    if (static_cast<size_t>(size) > budget) {
      return Invalid(absl::StrCat("the certificates in ", directory.path, " are larger than ",
                                  kMaxCertificateBytes, " bytes"));
    }
    budget -= static_cast<size_t>(size);
    text.append(buffer, static_cast<size_t>(size));
  }
  if (!text.empty() && text.back() != '\n') {
    text.push_back('\n');
    budget -= budget > 0 ? 1 : 0;
  }
  return absl::OkStatus();
}

// The name with another ending.
std::string Partner(absl::string_view name, absl::string_view ending, absl::string_view other) {
  return absl::StrCat(absl::StripSuffix(name, ending), other);
}

absl::StatusOr<v1::TlsCertificates> ReadDirectory(Directory& directory) {
  RETURN_IF_ERROR(ListNames(directory));
  v1::TlsCertificates certificates;
  size_t budget = kMaxCertificateBytes;
  for (const std::string& name : directory.names) {
    if (absl::EndsWith(name, ".crt")) {
      RETURN_IF_ERROR(AppendFile(directory, name, budget, *certificates.mutable_ca_pem()));
    } else if (absl::EndsWith(name, ".cert")) {
      const std::string key = Partner(name, ".cert", ".key");
      if (directory.names.count(key) == 0) {
        return Invalid(absl::StrCat("missing key ", directory.path, "/", key,
                                    " for client certificate ", name,
                                    ": certificate authorities have the ending .crt"));
      }
      // One client certificate is presented: the first one by name.
      if (certificates.client_key_pem().empty()) {
        RETURN_IF_ERROR(
            AppendFile(directory, name, budget, *certificates.mutable_client_certificate_pem()));
        RETURN_IF_ERROR(AppendFile(directory, key, budget, *certificates.mutable_client_key_pem()));
      }
    } else if (absl::EndsWith(name, ".key") &&
               directory.names.count(Partner(name, ".key", ".cert")) == 0) {
      return Invalid(absl::StrCat("missing client certificate ", Partner(name, ".key", ".cert"),
                                  " for key ", directory.path, "/", name));
    }
  }
  return certificates;
}

}  // namespace

absl::StatusOr<v1::TlsCertificates> FindCertificates(const std::vector<std::string>& directories,
                                                     const std::string& host_port) {
  for (const std::string& parent : directories) {
    Directory directory;
    directory.path = absl::StrCat(parent, "/", host_port);
    directory.fd.reset(open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (directory.fd.valid()) {
      return ReadDirectory(directory);
    }
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return Invalid(absl::StrCat("open ", directory.path, ": ", strerror(errno)));
    }
  }
  return v1::TlsCertificates();
}

}  // namespace holkas
