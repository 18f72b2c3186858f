#ifndef HOLKAS_SERVICE_BROKER_TEST_FILES_H_
#define HOLKAS_SERVICE_BROKER_TEST_FILES_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/image_writer.h"

namespace holkas {

// Files for the tests of what writes and reads them.

// A new empty directory, removed with its owner.
class TestDirectory {
 public:
  TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  ~TestDirectory();

  const std::string& path() const { return path_; }
  // The path of `name` in it.
  std::string operator/(absl::string_view name) const;
  // All that is in it: the content by the path below it, `<dir>` for a directory.
  std::map<std::string, std::string> Tree() const;

 private:
  std::string path_;
};

void WriteTestFile(const std::string& path, absl::string_view content);
// `<missing>` where there is none.
std::string ReadTestFile(const std::string& path);
// All that can be read from a descriptor, from its start.
std::string ReadTestFd(const UniqueFd& fd);

// What a worker does with a file: writes all of it and closes it.
void WriteAndClose(UniqueFd fd, absl::string_view content);

// Creates, writes and commits `content` as an honest worker does.
absl::Status PutFile(ImageWriter& writer, broker::FileKind kind, absl::string_view content);

// A layout with one image index of content `index`.
void MakeTestLayout(const std::string& path, absl::string_view index);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_TEST_FILES_H_
