#include "service/broker/test_files.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/status_macros.h"

namespace holkas {

namespace fs = std::filesystem;

TestDirectory::TestDirectory() {
  std::string name = absl::StrCat(testing::TempDir(), "/holkas-test-XXXXXX");
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = fs::canonical(name).string();
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TestDirectory::operator/(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

std::map<std::string, std::string> TestDirectory::Tree() const {
  std::map<std::string, std::string> tree;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_)) {
    std::string name = fs::relative(entry.path(), path_).string();
    tree[name] = entry.is_directory() ? "<dir>" : ReadTestFile(entry.path().string());
  }
  return tree;
}

void WriteTestFile(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  EXPECT_TRUE(file.good()) << path;
}

std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return "<missing>";
  }
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

std::string ReadTestFd(const UniqueFd& fd) {
  return ReadTestFile(absl::StrCat("/proc/self/fd/", fd.get()));
}

void WriteAndClose(UniqueFd fd, absl::string_view content) {
  while (!content.empty()) {
    ssize_t written = write(fd.get(), content.data(), content.size());
    ASSERT_GT(written, 0);
    content.remove_prefix(written);
  }
}

absl::Status PutFile(ImageWriter& writer, broker::FileKind kind, absl::string_view content) {
  ASSIGN_OR_RETURN(CreatedFile file, writer.CreateFile(content.size()));
  WriteAndClose(std::move(file.fd), content);
  Cancellation never;
  return writer.CommitFile(file.id, kind, Digest::Sha256Of(content), content.size(), never);
}

void MakeTestLayout(const std::string& path, absl::string_view index) {
  fs::create_directories(absl::StrCat(path, "/blobs/sha256"));
  WriteTestFile(absl::StrCat(path, "/oci-layout"), R"({"imageLayoutVersion": "1.0.0"})");
  WriteTestFile(absl::StrCat(path, "/index.json"), index);
}

}  // namespace holkas
