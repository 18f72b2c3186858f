#include "worker/storage/tar_builder.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace holkas {
namespace {

constexpr size_t kBlockBytes = 512;

void Put(std::string& block, size_t offset, absl::string_view bytes) {
  block.replace(offset, bytes.size(), bytes.data(), bytes.size());
}

std::string Octal(int64_t value, int digits) { return absl::StrFormat("%0*o", digits, value); }

}  // namespace

std::string TarBuilder::Block(const Header& header) {
  std::string block(kBlockBytes, '\0');
  Put(block, 0, absl::string_view(header.name).substr(0, 100));
  Put(block, 100, Octal(header.mode, 7));
  Put(block, 108, Octal(geteuid(), 7));
  Put(block, 116, Octal(getegid(), 7));
  Put(block, 124, Octal(header.size_bytes, 11));
  Put(block, 136, Octal(header.mtime_seconds, 11));
  Put(block, 148, "        ");
  block[156] = header.type;
  Put(block, 157, absl::string_view(header.link_name).substr(0, 100));
  Put(block, 257, absl::string_view("ustar\00000", 8));
  Put(block, 345, header.prefix);
  for (const auto& [offset, bytes] : header.patches) {
    Put(block, offset, bytes);
  }
  int64_t sum = 0;
  for (const char c : block) {
    sum += static_cast<uint8_t>(c);
  }
  Put(block, 148, Octal(sum, 6));
  block[154] = '\0';
  return block;
}

TarBuilder& TarBuilder::Add(const Header& header, absl::string_view content) {
  absl::StrAppend(&tar_, Block(header), content);
  tar_.append((kBlockBytes - content.size() % kBlockBytes) % kBlockBytes, '\0');
  return *this;
}

TarBuilder& TarBuilder::File(absl::string_view name, absl::string_view content, uint32_t mode) {
  Header header;
  header.name = std::string(name);
  header.size_bytes = static_cast<int64_t>(content.size());
  header.mode = mode;
  return Add(header, content);
}

TarBuilder& TarBuilder::Directory(absl::string_view name, uint32_t mode) {
  Header header;
  header.name = absl::StrCat(name, "/");
  header.type = '5';
  header.mode = mode;
  return Add(header);
}

TarBuilder& TarBuilder::Symlink(absl::string_view name, absl::string_view target) {
  Header header;
  header.name = std::string(name);
  header.type = '2';
  header.link_name = std::string(target);
  return Add(header);
}

TarBuilder& TarBuilder::HardLink(absl::string_view name, absl::string_view target) {
  Header header;
  header.name = std::string(name);
  header.type = '1';
  header.link_name = std::string(target);
  return Add(header);
}

TarBuilder& TarBuilder::Pax(const std::vector<std::pair<std::string, std::string>>& records) {
  std::string content;
  for (const auto& [key, value] : records) {
    const std::string rest = absl::StrCat(" ", key, "=", value, "\n");
    size_t length = rest.size() + 1;
    while (absl::StrCat(length).size() + rest.size() != length) {
      ++length;
    }
    absl::StrAppend(&content, length, rest);
  }
  Header header;
  header.name = "PaxHeaders/x";
  header.type = 'x';
  header.size_bytes = static_cast<int64_t>(content.size());
  return Add(header, content);
}

TarBuilder& TarBuilder::LongName(absl::string_view name, char type) {
  const std::string content = absl::StrCat(name, absl::string_view("\0", 1));
  Header header;
  header.name = "././@LongLink";
  header.type = type;
  header.size_bytes = static_cast<int64_t>(content.size());
  return Add(header, content);
}

std::string TarBuilder::Build() const { return tar_ + std::string(2 * kBlockBytes, '\0'); }

}  // namespace holkas
