#include "clients/cli/streamed_copy.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "clients/cli/testing/command_line_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kApp[] = "docker://fake.example/app";
constexpr char kServer[] = "unix:/from/environment";
constexpr char kSkopeosLines[] =
    "Getting image source signatures\n"
    "Copying blob sha256:a\n"
    "Copying config sha256:c\n"
    "Writing manifest to image destination\n"
    "Storing signatures\n";

class StreamedCopyTest : public CommandLineTest {
 protected:
  StreamedCopyTest() {
    flags_.clear();
    std::filesystem::create_directory(directory_);
  }
  ~StreamedCopyTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  std::string Get(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string directory_ = absl::StrCat(testing::TempDir(), "/streamed-copy-", getpid());
};

TEST_F(StreamedCopyTest, AnArchiveIsSentAsItIs) {
  std::ofstream(Path("a.tar")) << std::string(3 << 20, 'x') << "end";
  EXPECT_EQ(
      Run({"copy", "--format=oci", absl::StrCat("docker-archive:", Path("a.tar"), ":app:1"), kApp}),
      0);
  EXPECT_EQ(out_, kSkopeosLines);
  EXPECT_THAT(addresses_, ElementsAre(kServer));
  EXPECT_EQ(service_.imported().size(), (3 << 20) + 3);
  EXPECT_THAT(service_.imported(), EndsWith("xend"));
  const holkas::v1::ImportOptions options = service_.import_options();
  EXPECT_EQ(options.format(), holkas::v1::ARCHIVE_FORMAT_DOCKER);
  EXPECT_EQ(options.image(), "app:1");
  EXPECT_EQ(options.size_bytes(), (3 << 20) + 3);
  EXPECT_EQ(options.copy().destination(), kApp);
  EXPECT_EQ(options.copy().source(), "");
  EXPECT_EQ(options.copy().format(), holkas::v1::MANIFEST_FORMAT_OCI);
}

TEST_F(StreamedCopyTest, APrivateServerMakesAnArchiveOfAnythingElse) {
  EXPECT_EQ(Run({"copy", "--all", "--src-shared-blob-dir=blobs", "--dest-compress-format=zstd",
                 "oci:layout:v1", kApp}),
            0);
  EXPECT_EQ(out_, kSkopeosLines);
  EXPECT_THAT(addresses_, ElementsAre("", kServer));
  EXPECT_EQ(service_.imported(), "archive of oci:/home/me/layout:v1");
  const holkas::v1::ExportRequest exported = service_.export_request();
  EXPECT_EQ(exported.format(), holkas::v1::ARCHIVE_FORMAT_DIRECTORY);
  EXPECT_TRUE(exported.copy().preserve_digests());
  EXPECT_EQ(exported.copy().layer_form(), holkas::v1::LAYER_FORM_AS_IS);
  EXPECT_EQ(exported.copy().multi_arch(), holkas::v1::MULTI_ARCH_ALL);
  EXPECT_EQ(exported.copy().compression_format(), holkas::v1::COMPRESSION_FORMAT_UNSPECIFIED);
  EXPECT_TRUE(exported.copy().has_source_registry());
  const holkas::v1::ImportOptions options = service_.import_options();
  EXPECT_EQ(options.format(), holkas::v1::ARCHIVE_FORMAT_DIRECTORY);
  EXPECT_EQ(options.copy().multi_arch(), holkas::v1::MULTI_ARCH_ALL);
  EXPECT_EQ(options.copy().compression_format(), holkas::v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_FALSE(options.copy().has_source_registry());
}

TEST_F(StreamedCopyTest, AnArchiveComesIntoItsFile) {
  EXPECT_EQ(Run({"copy", "--format=v2s2", absl::StrCat("--digestfile=", Path("digest")), kApp,
                 absl::StrCat("oci-archive:", Path("a.tar"), ":v1")}),
            0);
  EXPECT_EQ(out_, kSkopeosLines);
  EXPECT_THAT(addresses_, ElementsAre(kServer));
  EXPECT_EQ(Get("a.tar"), absl::StrCat("archive of ", kApp));
  EXPECT_EQ(Get("digest"), "sha256:m1");
  const holkas::v1::ExportRequest request = service_.export_request();
  EXPECT_EQ(request.format(), holkas::v1::ARCHIVE_FORMAT_OCI);
  EXPECT_EQ(request.image(), "v1");
  EXPECT_EQ(request.copy().format(), holkas::v1::MANIFEST_FORMAT_DOCKER_V2S2);
  EXPECT_EQ(request.copy().destination(), "");
}

TEST_F(StreamedCopyTest, AnArchiveThatFailsLeavesNoFile) {
  EXPECT_EQ(Run({"copy", "docker://fake.example/missing",
                 absl::StrCat("docker-archive:", Path("a.tar"), ":app:1")}),
            2);
  EXPECT_THAT(err_, HasSubstr("initializing source docker://fake.example/missing:latest: "));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(StreamedCopyTest, AnArchiveThatIsThereIsNotChanged) {
  std::ofstream(Path("a.tar")) << "old";
  const std::string name = absl::StrCat("docker-archive:", Path("a.tar"), ":app:1");
  EXPECT_EQ(Run({"copy", kApp, name}), 1);
  EXPECT_THAT(err_, HasSubstr("docker-archive doesn't support modifying existing images"));
  EXPECT_EQ(Get("a.tar"), "old");
}

TEST_F(StreamedCopyTest, APrivateServerWritesAnythingElse) {
  EXPECT_EQ(Run({"copy", "--encryption-key=jwe:/nonexistent", kApp, "oci:layout:v1"}), 1);
  EXPECT_EQ(Run({"copy", "--override-arch=arm64", kApp, "oci:layout:v1"}), 0);
  EXPECT_EQ(out_, kSkopeosLines);
  EXPECT_THAT(addresses_, ElementsAre("", kServer));
  EXPECT_EQ(service_.imported(), absl::StrCat("archive of ", kApp));
  const holkas::v1::ExportRequest exported = service_.export_request();
  EXPECT_EQ(exported.format(), holkas::v1::ARCHIVE_FORMAT_OCI);
  EXPECT_EQ(exported.copy().layer_form(), holkas::v1::LAYER_FORM_COMPRESSED);
  EXPECT_EQ(exported.copy().platform().architecture(), "arm64");
  const holkas::v1::ImportOptions options = service_.import_options();
  EXPECT_EQ(options.format(), holkas::v1::ARCHIVE_FORMAT_OCI);
  EXPECT_EQ(options.copy().destination(), "oci:/home/me/layout:v1");
  EXPECT_TRUE(options.copy().preserve_digests());
  EXPECT_EQ(options.copy().layer_form(), holkas::v1::LAYER_FORM_AS_IS);
}

TEST_F(StreamedCopyTest, TheErrorIsThatOfTheServerThatFailed) {
  EXPECT_EQ(Run({"copy", "docker://fake.example/missing", "dir:out"}), 2);
  EXPECT_THAT(err_, HasSubstr("initializing source docker://fake.example/missing:latest: "));
  EXPECT_EQ(Run({"copy", "dir:from", "docker://fake.example/missing"}), 2);
  EXPECT_THAT(err_, HasSubstr("reading manifest latest in fake.example/missing"));
  EXPECT_THAT(err_, Not(HasSubstr("nobody reads")));
}

TEST_F(StreamedCopyTest, TheDeadlineHoldsForBoth) {
  EXPECT_EQ(Run({"--command-timeout=50ms", "copy", "docker://fake.example/stall", "dir:x"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("context deadline exceeded")));
}

TEST_F(StreamedCopyTest, BetweenFilesAPrivateServerCopies) {
  EXPECT_EQ(Run({"copy", "oci:a", "dir:b"}), 1);
  EXPECT_THAT(addresses_, ElementsAre(""));
  EXPECT_EQ(service_.copy_request().source(), "oci:/home/me/a");
}

TEST_F(StreamedCopyTest, OtherCommandsReadFilesByAPrivateServer) {
  Run({"inspect", "oci:a"});
  EXPECT_THAT(addresses_, ElementsAre(""));
  Run({"delete", "oci:a"});
  EXPECT_THAT(addresses_, ElementsAre(""));
  Run({"list-tags", "docker-archive:a"});
  EXPECT_THAT(addresses_, ElementsAre(""));
  Run({"inspect", kApp});
  EXPECT_THAT(addresses_, ElementsAre(kServer));
}

TEST_F(StreamedCopyTest, StoresAndDaemonsAreTheServers) {
  Run({"copy", "containers-storage:a", "docker-daemon:a:1"});
  EXPECT_THAT(addresses_, ElementsAre(kServer));
}

TEST_F(StreamedCopyTest, WithServerPathsFilesAreTheServers) {
  EXPECT_EQ(Run({"copy", "--server-paths", kApp, "dir:out"}), 0);
  EXPECT_THAT(addresses_, ElementsAre(kServer));
  EXPECT_EQ(service_.copy_request().destination(), "dir:/home/me/out");
}

}  // namespace
}  // namespace holkas
