// The command line against a fake server in this process: exit codes, streams and requests.

#include "clients/cli/run.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "clients/cli/testing/command_line_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class RunTest : public CommandLineTest {};

TEST_F(RunTest, InspectPrintsJson) {
  EXPECT_EQ(Run({"inspect", "docker://fake.example/app"}), 0);
  EXPECT_THAT(out_, AllOf(StartsWith("{\n    \"Name\": \"fake.example/app\",\n"),
                          EndsWith("    \"Env\": null\n}\n")));
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, InspectRawPrintsExactBytes) {
  EXPECT_EQ(Run({"inspect", "--raw", "docker://fake.example/app"}), 0);
  EXPECT_EQ(out_, "{\"raw\": 1}");
  EXPECT_EQ(Run({"inspect", "--raw", "--config", "docker://fake.example/app"}), 0);
  EXPECT_EQ(out_, "{\"raw\":\"config\"}");
}

TEST_F(RunTest, InspectConfigIsIndentedAsGo) {
  EXPECT_EQ(Run({"inspect", "--config", "docker://fake.example/app"}), 0);
  EXPECT_EQ(out_, "{\n    \"architecture\": \"\\u003camd64\\u003e\",\n    \"config\": {}\n}\n");
}

TEST_F(RunTest, InspectSendsWhatItsFlagsSay) {
  EXPECT_EQ(Run({"--override-arch=arm64", "--override-variant", "v8", "inspect", "-n", "--creds",
                 "me:pass:word", "--tls-verify=false", "--retry-times=3", "--retry-delay=1500ms",
                 "docker://fake.example/app", "--override-os=linux"}),
            0);
  holkas::v1::InspectRequest request = service_.inspect_request();
  EXPECT_EQ(request.image(), "docker://fake.example/app");
  EXPECT_TRUE(request.skip_tags());
  EXPECT_EQ(request.platform().os(), "linux");
  EXPECT_EQ(request.platform().architecture(), "arm64");
  EXPECT_EQ(request.platform().variant(), "v8");
  EXPECT_EQ(request.registry().basic().username(), "me");
  EXPECT_EQ(request.registry().basic().password(), "pass:word");
  EXPECT_EQ(request.registry().tls_verification(), holkas::v1::TLS_VERIFICATION_DISABLED);
  EXPECT_EQ(request.retry().max_retries(), 3);
  EXPECT_EQ(request.retry().delay_seconds(), 1.5);
  EXPECT_EQ(Run({"inspect", "--registry-token=t", "--no-creds", "docker://fake.example/app"}), 0);
  EXPECT_EQ(service_.inspect_request().registry().bearer_token(), "t");
}

TEST_F(RunTest, MissingImageExitsWith2) {
  EXPECT_EQ(Run({"inspect", "docker://fake.example/missing"}), 2);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, EndsWith(Fatal(R"(Error parsing image name \"docker://fake.example/missing\": )"
                                   "reading manifest latest in fake.example/missing: "
                                   "manifest unknown")));
  EXPECT_EQ(Run({"copy", "docker://fake.example/missing", "dir:x"}), 2);
}

TEST_F(RunTest, OtherErrorsExitWith1) {
  EXPECT_EQ(Run({"inspect", "docker://fake.example/locked"}), 1);
  EXPECT_THAT(err_, HasSubstr("fake.example/locked: unauthorized"));
  EXPECT_EQ(Run({"inspect", "mistyped"}), 1);
  EXPECT_THAT(
      err_,
      EndsWith(Fatal(R"(Error parsing image name \"mistyped\": Invalid image name \"mistyped\", )"
                     "expected colon-separated transport:reference")));
  EXPECT_EQ(Run({"copy", "dir:x", "bla:y"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(Invalid destination name bla:y: Invalid image name )"
                                   R"(\"bla:y\", unknown transport \"bla\")")));
}

TEST_F(RunTest, CopyPrintsSkopeosLines) {
  EXPECT_EQ(Run({"copy", "docker://fake.example/app", "dir:out"}), 0);
  EXPECT_EQ(out_,
            "Getting image source signatures\n"
            "Copying blob sha256:a\n"
            "Copying config sha256:c\n"
            "Writing manifest to image destination\n"
            "Storing signatures\n");
  EXPECT_THAT(err_, EndsWith(" level=warning msg=\"a word of warning\"\n"));
  holkas::v1::CopyRequest request = service_.copy_request();
  EXPECT_EQ(request.source(), "docker://fake.example/app");
  EXPECT_EQ(request.destination(), "dir:/home/me/out");
  EXPECT_EQ(request.multi_arch(), holkas::v1::MULTI_ARCH_SYSTEM);
  EXPECT_TRUE(request.omit_progress());
}

TEST_F(RunTest, CopyAllCountsImages) {
  EXPECT_EQ(Run({"copy", "-a", "docker://fake.example/list", "dir:out"}), 0);
  EXPECT_THAT(out_, StartsWith("Getting image list signatures\n"
                               "Copying 2 of 2 images in list\n"
                               "Copying image sha256:m1 (1/2)\n"));
  EXPECT_THAT(out_,
              EndsWith("Writing manifest list to image destination\nStoring list signatures\n"));
  EXPECT_EQ(service_.copy_request().multi_arch(), holkas::v1::MULTI_ARCH_ALL);
}

TEST_F(RunTest, QuietAndNoneAreSilent) {
  for (const char* flag : {"-q", "--quiet", "--progress=none"}) {
    EXPECT_EQ(Run({"copy", flag, "docker://fake.example/app", "dir:out"}), 0);
    EXPECT_EQ(out_, "");
  }
}

TEST_F(RunTest, JsonProgressIsOneObjectPerLine) {
  EXPECT_EQ(Run({"copy", "--progress=json", "docker://fake.example/app", "dir:out"}), 0);
  EXPECT_THAT(out_, StartsWith("{\"imageStarted\":{\"digest\":\"sha256:m1\",\"number\":1,"
                               "\"total\":1}}\n{\"blobStarted\":{"));
  EXPECT_THAT(out_, HasSubstr("{\"blobProgress\":{\"digest\":\"sha256:a\",\"doneBytes\":\"5\","
                              "\"sizeBytes\":\"10\"}}\n"));
  EXPECT_THAT(out_, HasSubstr("\n{\"result\":{\"manifestDigest\":\"sha256:m1\""));
  EXPECT_FALSE(service_.copy_request().omit_progress());
}

TEST_F(RunTest, DigestFileHasTheDigestAlone) {
  std::string path = testing::TempDir() + "/digest";
  EXPECT_EQ(Run({"copy", "--digestfile", path, "docker://fake.example/app", "dir:out"}), 0);
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), "sha256:m1");
  EXPECT_EQ(Run({"copy", "--digestfile=/nonexistent/d", "docker://fake.example/app", "dir:o"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(Failed to write digest to file \"/nonexistent/d\": )"
                                   "open /nonexistent/d: no such file or directory")));
  EXPECT_EQ(Run({"copy", "--digestfile=/dev/full", "docker://fake.example/app", "dir:o"}), 1);
  EXPECT_THAT(err_, HasSubstr("write /dev/full: no space left on device"));
}

TEST_F(RunTest, CopySendsWhatItsFlagsSay) {
  EXPECT_EQ(
      Run({"copy", "--multi-arch=index-only", "--preserve-digests", "--remove-signatures",
           "--image-parallel-copies=99", "--screds=a:b", "--dest-username=c", "--dest-password=d",
           "--src-tls-verify", "docker://fake.example/app", "oci:layout:x"}),
      0);
  holkas::v1::CopyRequest request = service_.copy_request();
  EXPECT_EQ(request.multi_arch(), holkas::v1::MULTI_ARCH_INDEX_ONLY);
  EXPECT_TRUE(request.preserve_digests());
  EXPECT_TRUE(request.remove_signatures());
  EXPECT_EQ(request.max_parallel_blobs(), 16);
  EXPECT_EQ(request.source_registry().basic().username(), "a");
  EXPECT_EQ(request.source_registry().tls_verification(), holkas::v1::TLS_VERIFICATION_REQUIRED);
  EXPECT_EQ(request.destination_registry().basic().password(), "d");
  EXPECT_EQ(request.destination_registry().tls_verification(),
            holkas::v1::TLS_VERIFICATION_UNSPECIFIED);
  EXPECT_EQ(request.destination(), "oci:/home/me/layout:x");
}

TEST_F(RunTest, DirectoriesOfSharedBlobsAreAbsolute) {
  EXPECT_EQ(Run({"copy", "--src-shared-blob-dir=blobs", "--dest-shared-blob-dir", "/srv/blobs",
                 "docker://fake.example/app", "oci:to:x"}),
            0);
  EXPECT_EQ(service_.copy_request().source_registry().shared_blob_directory(), "/home/me/blobs");
  EXPECT_EQ(service_.copy_request().destination_registry().shared_blob_directory(), "/srv/blobs");
  EXPECT_EQ(Run({"copy", "--src-shared-blob-dir=", "docker://fake.example/app", "oci:to:x"}), 0);
  EXPECT_EQ(service_.copy_request().source_registry().shared_blob_directory(), "");
  EXPECT_EQ(Run({"inspect", "--shared-blob-dir=blobs", "docker://fake.example/app"}), 0);
  EXPECT_EQ(service_.inspect_request().registry().shared_blob_directory(), "/home/me/blobs");
}

TEST_F(RunTest, CopySaysHowLayersAreCompressed) {
  EXPECT_EQ(Run({"copy", "--dest-compress-format=zstd", "--dest-compress-level", "7",
                 "--dest-force-compress-format", "--dest-precompute-digests",
                 "docker://fake.example/app", "docker://fake.example/b"}),
            0);
  EXPECT_EQ(service_.copy_request().compression_format(), holkas::v1::COMPRESSION_FORMAT_ZSTD);
  EXPECT_EQ(service_.copy_request().compression_level(), 7);
  EXPECT_TRUE(service_.copy_request().force_compression_format());
  EXPECT_TRUE(service_.copy_request().precompute_digests());
  EXPECT_EQ(Run({"copy", "--dest-compress-format=zstd:chunked", "docker://fake.example/app",
                 "docker://fake.example/b"}),
            0);
  EXPECT_EQ(service_.copy_request().compression_format(),
            holkas::v1::COMPRESSION_FORMAT_ZSTD_CHUNKED);
  EXPECT_EQ(Run({"copy", "--dest-decompress", "docker://fake.example/app", "dir:out"}), 0);
  EXPECT_EQ(service_.copy_request().layer_form(), holkas::v1::LAYER_FORM_UNCOMPRESSED);
  EXPECT_FALSE(service_.copy_request().has_compression_level());
  EXPECT_EQ(Run({"copy", "--dest-compress", "docker://fake.example/app", "dir:out"}), 0);
  EXPECT_EQ(service_.copy_request().layer_form(), holkas::v1::LAYER_FORM_COMPRESSED);
  EXPECT_EQ(Run({"copy", "--dest-oci-accept-uncompressed-layers", "docker://fake.example/app",
                 "oci:layout:x"}),
            0);
  EXPECT_EQ(service_.copy_request().layer_form(), holkas::v1::LAYER_FORM_AS_IS);
}

TEST_F(RunTest, CopyRefusesCompressionInSkopeosWords) {
  const auto refused = [this](const std::vector<std::string>& flags, const std::string& why) {
    std::vector<std::string> args = {"copy", "docker://fake.example/app", "dir:/out"};
    args.insert(args.end(), flags.begin(), flags.end());
    EXPECT_EQ(Run(args), 1);
    EXPECT_THAT(err_, EndsWith(Fatal(std::string(why))));
  };
  refused({"--dest-compress-format=lz4"}, R"(cannot find compressor for \"lz4\")");
  refused({"--dest-compress-format=xz"}, "compression with xz is not built");
  refused({"--dest-compress", "--dest-decompress"},
          "initializing destination dir:/out: Cannot compress and decompress at the same time");
  refused({"--dest-force-compress-format"},
          "cannot use ForceCompressionFormat with undefined default compression format");
}

TEST_F(RunTest, CopyWarnsOfFlagsThatAreForDirectoriesAlone) {
  EXPECT_EQ(Run({"copy", "--dest-decompress", "docker://fake.example/app", "oci:layout:x"}), 0);
  EXPECT_THAT(err_, HasSubstr("level=warning msg=\"--dest-decompress can only be used if the "
                              "destination transport is 'dir'\"\n"));
  EXPECT_EQ(service_.copy_request().layer_form(), holkas::v1::LAYER_FORM_UNSPECIFIED);
}

TEST_F(RunTest, AliasesOfCredentialsAreTheSameFlag) {
  EXPECT_EQ(Run({"copy", "--src-creds=a:b", "--screds=c:d", "--dcreds=e:f", "--dest-creds=g:h",
                 "docker://fake.example/app", "docker://fake.example/b"}),
            0);
  EXPECT_EQ(service_.copy_request().source_registry().basic().username(), "c");
  EXPECT_EQ(service_.copy_request().destination_registry().basic().username(), "g");
  EXPECT_EQ(Run({"copy", "--dcreds=e:f", "--dest-no-creds", "docker://fake.example/app", "dir:x"}),
            1);
  EXPECT_THAT(err_, EndsWith(Fatal("creds and no-creds cannot be specified at the same time")));
}

TEST_F(RunTest, DeprecatedTlsVerifyWarnsAndWorks) {
  EXPECT_EQ(Run({"copy", "--tls-verify=false", "--dest-tls-verify", "docker://fake.example/app",
                 "docker://fake.example/b"}),
            0);
  EXPECT_THAT(err_, HasSubstr("level=warning msg=\"'--tls-verify' is deprecated, instead use: "
                              "--src-tls-verify, --dest-tls-verify\"\n"));
  EXPECT_EQ(service_.copy_request().source_registry().tls_verification(),
            holkas::v1::TLS_VERIFICATION_DISABLED);
  EXPECT_EQ(service_.copy_request().destination_registry().tls_verification(),
            holkas::v1::TLS_VERIFICATION_REQUIRED);
  EXPECT_EQ(Run({"--tls-verify=false", "inspect", "docker://fake.example/app"}), 0);
  EXPECT_THAT(err_, HasSubstr("please set this on the specific subcommand"));
  EXPECT_EQ(service_.inspect_request().registry().tls_verification(),
            holkas::v1::TLS_VERIFICATION_DISABLED);
}

TEST_F(RunTest, ConflictsHaveSkopeosText) {
  struct Case {
    std::vector<std::string> flags;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {{"--creds=a:b", "--no-creds"},
            "creds and no-creds cannot be specified at the same time"},
           {{"--username=a", "--no-creds"},
            "username and no-creds cannot be specified at the same time"},
           {{"--creds=a", "--username=b"},
            "creds and username cannot be specified at the same time"},
           {{"--username=a"}, "password must be specified when username is specified"},
           {{"--password=a"}, "username must be specified when password is specified"},
           {{"--creds="}, "credentials can't be empty"},
           {{"--creds=:b"}, "username can't be empty"},
           {{"more"}, "Exactly one argument expected"},
           {{"--manifest-digest=x"},
            "--manifest-digest is not supported by this version of holkas"},
           {{"--raw", "--format=x"}, "raw output does not support format option"},
           {{"--bogus"}, "unknown flag: --bogus"},
       }) {
    std::vector<std::string> arguments = {"inspect", "oci:x"};
    arguments.insert(arguments.end(), c.flags.begin(), c.flags.end());
    EXPECT_EQ(Run(arguments), 1);
    EXPECT_THAT(err_, EndsWith(Fatal(c.text)));
    EXPECT_EQ(out_, "");
  }
  EXPECT_EQ(Run({"copy", "--all", "--multi-arch=all", "oci:x", "dir:y"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Cannot use --all and --multi-arch flags together")));
  EXPECT_EQ(Run({"copy", "--multi-arch=some", "oci:x", "dir:y"}), 1);
  EXPECT_THAT(err_, HasSubstr(R"(unknown multi-arch option \"some\". Choose one of)"));
  for (const char* list : {"linux/amd64,", "linux/", "/amd64", "linux,arm64", "a/b/c/d", "a/b/"}) {
    EXPECT_EQ(Run({"copy", absl::StrCat("--multi-arch=", list), "oci:x", "dir:y"}), 1);
    EXPECT_THAT(err_, HasSubstr("expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT")) << list;
  }
  EXPECT_EQ(Run({"copy", "--multi-arch=linux/arm,linux/amd64,linux/arm", "oci:x", "dir:y"}), 1);
  EXPECT_THAT(err_, HasSubstr(R"(platform \"linux/arm\" is twice in multi-arch option)"));
  EXPECT_EQ(Run({"copy", "--format=v2", "oci:x", "dir:y"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(unknown format \"v2\". Choose one of the supported formats: )"
                                   "'oci', 'v2s1', or 'v2s2'")));
}

TEST_F(RunTest, WrongNumberOfImagesShowsTheHelpOnStandardError) {
  EXPECT_EQ(Run({"copy", "oci:x"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr("holkas copy [command options] SOURCE DESTINATION"));
}

TEST_F(RunTest, HelpAndVersionGoToStandardOutput) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Available Commands:"), HasSubstr("  copy "),
                          HasSubstr("  manifest-digest "), testing::Not(HasSubstr("  sync ")),
                          testing::Not(HasSubstr("--policy"))));
  EXPECT_EQ(Run({"copy", "--help"}), 0);
  std::string copy_help = out_;
  EXPECT_EQ(Run({"help", "copy"}), 0);
  EXPECT_EQ(out_, copy_help);
  EXPECT_THAT(out_, AllOf(HasSubstr("--digestfile PATH"), testing::Not(HasSubstr("--sign-by"))));
  EXPECT_EQ(Run({"-v"}), 0);
  EXPECT_THAT(out_, testing::MatchesRegex("holkas version [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(RunTest, CommandsThatAreNotThereAreNamed) {
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(err_, HasSubstr("Missing command 'holkas COMMAND'"));
  EXPECT_EQ(Run({"bogus"}), 1);
  EXPECT_THAT(err_, HasSubstr("Unrecognized command `holkas bogus`"));
  EXPECT_EQ(Run({"sync", "x"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("command sync is not supported by this version of holkas")));
}

TEST_F(RunTest, DeleteIsSilentAndSendsWhatItsFlagsSay) {
  EXPECT_EQ(Run({"delete", "docker://fake.example/app"}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "");
  EXPECT_FALSE(service_.delete_request().only_tag());
  EXPECT_EQ(Run({"delete", "--only-tag", "--creds=me:pass", "--tls-verify=false", "--retry-times=2",
                 "docker://fake.example/app:t"}),
            0);
  holkas::v1::DeleteRequest request = service_.delete_request();
  EXPECT_EQ(request.image(), "docker://fake.example/app:t");
  EXPECT_TRUE(request.only_tag());
  EXPECT_EQ(request.registry().basic().username(), "me");
  EXPECT_EQ(request.registry().tls_verification(), holkas::v1::TLS_VERIFICATION_DISABLED);
  EXPECT_EQ(request.retry().max_retries(), 2);
}

TEST_F(RunTest, DeleteFailsWithSkopeosText) {
  struct Case {
    std::vector<std::string> arguments;
    int code;
    const char* text;
  };
  for (
      const Case& c : std::vector<Case>{
          {{}, 1, "Usage: delete imageReference"},
          {{"docker://fake.example/app", "more"}, 1, "Usage: delete imageReference"},
          {{"docker://fake.example/missing"},
           2,
           "Unable to delete fake.example/missing:latest. Image may not exist or is not stored "
           "with a v2 Schema in a v2 registry"},
          {{"docker://fake.example/locked"},
           1,
           "reading manifest latest in fake.example/locked: unauthorized"},
          {{"bla:x"},
           1,
           R"(Invalid source name bla:x: Invalid image name \"bla:x\", unknown transport \"bla\")"},
          {{"docker:x"},
           1,
           "Invalid source name docker:x: docker: image reference x does not start with //"},
          {{"--creds=a:b", "--no-creds", "docker://fake.example/app"},
           1,
           "creds and no-creds cannot be specified at the same time"},
          {{"--bogus"}, 1, "unknown flag: --bogus"},
      }) {
    std::vector<std::string> arguments = {"delete"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    EXPECT_EQ(Run(arguments), c.code) << c.text;
    EXPECT_THAT(err_, EndsWith(Fatal(c.text)));
    EXPECT_EQ(out_, "");
  }
}

TEST_F(RunTest, ListTagsPrintsSkopeosJson) {
  EXPECT_EQ(Run({"list-tags", "docker://fake.example/app"}), 0);
  EXPECT_EQ(out_,
            "{\n"
            "    \"Repository\": \"fake.example/app\",\n"
            "    \"Tags\": [\n"
            "        \"b\",\n"
            "        \"a\\u003c1\\u003e\"\n"
            "    ]\n"
            "}\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Run({"list-tags", "docker://fake.example/empty"}), 0);
  EXPECT_EQ(out_, "{\n    \"Repository\": \"fake.example/app\",\n    \"Tags\": []\n}\n");
  EXPECT_EQ(Run({"list-tags", "--retry-times=3", "docker://fake.example/many"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("\n        \"t0\",\n        \"t1\",\n"),
                          EndsWith("\n        \"t2999\"\n    ]\n}\n")));
  EXPECT_EQ(service_.list_tags_request().repository(), "docker://fake.example/many");
  EXPECT_EQ(service_.list_tags_request().retry().max_retries(), 3);
}

TEST_F(RunTest, ListTagsFailsWithSkopeosText) {
  struct Case {
    std::vector<std::string> arguments;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {{"docker://fake.example/locked"},
            "Error listing repository tags: reading manifest latest in fake.example/locked: "
            "unauthorized"},
           {{"docker://fake.example/app:t"}, "No tag or digest allowed in reference"},
           {{"docker://fake.example/app:latest"}, "No tag or digest allowed in reference"},
           {{"bla"}, R"(Invalid \"bla\": does not specify a transport)"},
           {{"docker"}, R"(Invalid \"docker\": does not specify a transport)"},
           {{"bla:x"}, R"(Invalid \"bla:x\": does not specify a transport)"},
           {{"oci:x"},
            "Unsupported transport 'oci' for tag listing. Only supported: docker, docker-archive"},
           {{"containers-storage:x"},
            "Unsupported transport 'containers-storage' for tag listing. Only supported: docker, "
            "docker-archive"},
           {{"docker-archive:"},
            "docker-archive reference  isn't of the form <path>[:<reference>]"},
           {{"docker:x"}, "docker: image reference docker:x does not start with docker://"},
           {{"docker://fake.example/UPPER"},
            "invalid reference format: repository name must be lowercase"},
           {{"--creds=a:b", "--no-creds", "bla"},
            "creds and no-creds cannot be specified at the same time"},
           {{"--daemon-host=x", "docker://fake.example/app"}, "unknown flag: --daemon-host"},
       }) {
    std::vector<std::string> arguments = {"list-tags"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    EXPECT_EQ(Run(arguments), 1) << c.text;
    EXPECT_THAT(err_, EndsWith(Fatal(c.text)));
    EXPECT_EQ(out_, "") << "what came before the failure is not shown";
  }
  EXPECT_EQ(Run({"list-tags"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr("holkas list-tags [command options] REPOSITORY"));
}

TEST_F(RunTest, ManifestDigestNeedsNoServer) {
  std::string path = testing::TempDir() + "/manifest.json";
  std::ofstream(path) << "hello";
  EXPECT_EQ(Run({"manifest-digest", path}), 0);
  EXPECT_EQ(out_, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n");
  std::ofstream(path) << R"({"schemaVersion":1,"signatures":[{}]})";
  EXPECT_EQ(Run({"manifest-digest", path}), 1);
  EXPECT_THAT(err_, HasSubstr("Error computing digest: error unmarshalling protected header"));
  EXPECT_EQ(Run({"manifest-digest"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Usage: holkas manifest-digest manifest")));
  EXPECT_EQ(Run({"manifest-digest", "/nonexistent"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Error reading manifest from /nonexistent: open /nonexistent: "
                                   "no such file or directory")));
  EXPECT_EQ(Run({"manifest-digest", "/"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Error reading manifest from /: read /: is a directory")));
  EXPECT_EQ(address_, "");
}

TEST_F(RunTest, TimeoutEndsTheCommand) {
  EXPECT_EQ(Run({"--command-timeout=50ms", "copy", "docker://fake.example/stall", "dir:x"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("context deadline exceeded")));
}

TEST_F(RunTest, ServerComesFromTheFlagElseFromTheEnvironment) {
  EXPECT_EQ(Run({"inspect", "docker://fake.example/app"}), 0);
  EXPECT_EQ(address_, "unix:/from/environment");
  EXPECT_EQ(Run({"--server=unix:/from/flag", "inspect", "docker://fake.example/app"}), 0);
  EXPECT_EQ(address_, "unix:/from/flag");
}

TEST_F(RunTest, NobodyWaitsForTheEndOfTheConnection) {
  EXPECT_EQ(Run({"inspect", "docker://fake.example/app"}), 0);
  EXPECT_TRUE(kept_connection_);
}

TEST_F(RunTest, RegistriesConfGoesToThePrivateServerAlone) {
  EXPECT_EQ(Run({"--registries-conf=my.conf", "--server=", "inspect", "docker://fake.example/app"}),
            0);
  EXPECT_THAT(arguments_, testing::ElementsAre("--registries-conf=my.conf"));
  EXPECT_EQ(Run({"--server=", "inspect", "docker://fake.example/app", "--registries-conf", ""}), 0);
  EXPECT_THAT(arguments_, testing::IsEmpty());
  EXPECT_EQ(Run({"--registries-conf=my.conf", "inspect", "docker://fake.example/app"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("--registries-conf is for the private server: the server at "
                                   "unix:/from/environment has its own configuration")));
}

TEST_F(RunTest, TokenRealmsGoToThePrivateServerAlone) {
  EXPECT_EQ(Run({"--token-realms=a.test,b.test:5000", "--server=", "inspect",
                 "docker://fake.example/app"}),
            0);
  EXPECT_THAT(arguments_, testing::ElementsAre("--token-realms=a.test,b.test:5000"));
  EXPECT_EQ(Run({"--token-realms=a.test", "inspect", "docker://fake.example/app"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("--token-realms is for the private server: the server at "
                                   "unix:/from/environment has its own configuration")));
}

}  // namespace
}  // namespace holkas
