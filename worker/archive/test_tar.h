#ifndef HOLKAS_WORKER_ARCHIVE_TEST_TAR_H_
#define HOLKAS_WORKER_ARCHIVE_TEST_TAR_H_

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "worker/archive/tar_header.h"

// Makes archives for tests, right and wrong ones, piece by piece.

namespace holkas {

// Writes the checksum of `block`, as it is now, into it.
inline std::string WithChecksum(std::string block) {
  int sum = 0;
  block.replace(148, 8, 8, ' ');
  for (const char byte : block) {
    sum += static_cast<unsigned char>(byte);
  }
  block.replace(148, 6, absl::StrFormat("%06o", sum));
  block[154] = '\0';
  return block;
}

// A header alone, whose field at `offset` is `bytes`.
inline std::string TarBlock(const TarHeader& header, size_t offset = 0,
                            absl::string_view bytes = "") {
  std::string block = FormatTarHeader(header, 0644);
  block.replace(offset, bytes.size(), bytes.data(), bytes.size());
  return WithChecksum(std::move(block));
}

inline std::string Padded(absl::string_view content) {
  return absl::StrCat(content, std::string(TarPadding(content.size()), '\0'));
}

inline std::string TarFileBytes(absl::string_view name, absl::string_view content,
                                char type = kTarFile) {
  return absl::StrCat(
      TarBlock({type, std::string(name), "", static_cast<int64_t>(content.size()), false}),
      Padded(content));
}

inline std::string TarLinkBytes(char type, absl::string_view name, absl::string_view target) {
  return TarBlock({type, std::string(name), std::string(target), 0, false});
}

// `length key=value\n`.
inline std::string TarRecord(absl::string_view key, absl::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest;
  while (absl::StrCat(length).size() + rest != length) {
    length = absl::StrCat(length).size() + rest;
  }
  return absl::StrCat(length, " ", key, "=", value, "\n");
}

inline std::string TarEnd() { return std::string(2 * kTarBlockBytes, '\0'); }

// A file without a name that has `content`.
inline UniqueFd FileWith(absl::string_view content) {
  std::string name = absl::StrCat(
      ::getenv("TEST_TMPDIR") == nullptr ? "/tmp" : ::getenv("TEST_TMPDIR"), "/archive-XXXXXX");
  UniqueFd fd(mkstemp(name.data()));
  unlink(name.c_str());
  if (write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    abort();
  }
  return fd;
}

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TEST_TAR_H_
