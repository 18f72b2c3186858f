#include "clients/cli/error_context.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

TEST(WithInspectContext, TellsTheStepThatFailed) {
  absl::Status missing = MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "manifest unknown");
  absl::Status status = WithInspectContext(missing, "docker://a.example/b");
  EXPECT_THAT(status,
              StatusIs(StatusCode::kNotFound,
                       "Error parsing image name \"docker://a.example/b\": manifest unknown"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(
      WithInspectContext(missing, "dir:/x"),
      StatusIs(StatusCode::kNotFound, "Error retrieving manifest for image: manifest unknown"));
  EXPECT_THAT(
      WithInspectContext(MakeError(StatusCode::kNotFound, "PLATFORM_NOT_FOUND", "no image found"),
                         "oci:x"),
      StatusIs(StatusCode::kNotFound, "Error parsing manifest for image: no image found"));
}

TEST(WithDeleteContext, MissingImageIsToldInSkopeosWords) {
  absl::Status missing = MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "manifest unknown");
  absl::Status status = WithDeleteContext(missing, "docker://busybox");
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound,
                               "Unable to delete docker.io/library/busybox:latest. Image may not "
                               "exist or is not stored with a v2 Schema in a v2 registry"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  absl::Status other = MakeError(StatusCode::kFailedPrecondition, "DELETE_DISABLED", "no");
  EXPECT_THAT(WithDeleteContext(other, "docker://busybox"),
              StatusIs(StatusCode::kFailedPrecondition, "no"));
  EXPECT_OK(WithDeleteContext(absl::OkStatus(), "docker://busybox"));
}

TEST(WithListTagsContext, RegistrysFailuresHaveTheStep) {
  EXPECT_THAT(
      WithListTagsContext(MakeError(StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "refused"),
                          "docker://a"),
      StatusIs(StatusCode::kUnavailable, "Error listing repository tags: refused"));
  EXPECT_THAT(WithListTagsContext(absl::UnavailableError("no server"), "docker://a"),
              StatusIs(StatusCode::kUnavailable, "no server"));
}

// The texts of Skopeo 1.9.3.
TEST(WithListTagsContext, ArchivesHaveTheirPath) {
  EXPECT_THAT(WithListTagsContext(absl::NotFoundError("open archive: no such file or directory"),
                                  "docker-archive:nope"),
              StatusIs(StatusCode::kNotFound,
                       "opening file \"nope\": open nope: no such file or directory"));
}

TEST(WithInspectContext, ArchivesHaveTheirPath) {
  absl::Status missing =
      MakeError(StatusCode::kPermissionDenied, "PATH_DENIED", "open archive: permission denied");
  EXPECT_THAT(WithInspectContext(missing, "docker-archive:x"),
              StatusIs(StatusCode::kPermissionDenied,
                       "Error parsing image name \"docker-archive:x\": opening file \"x\": open x: "
                       "permission denied"));
  EXPECT_THAT(WithInspectContext(missing, "oci-archive:x"),
              StatusIs(StatusCode::kPermissionDenied,
                       "Error parsing image name \"oci-archive:x\": creating temp directory: open "
                       "x: permission denied"));
  EXPECT_THAT(
      WithInspectContext(MakeError(StatusCode::kNotFound, "TAG_UNKNOWN",
                                   "Tag \"docker.io/library/x:latest\" not found"),
                         "docker-archive:a:x"),
      StatusIs(StatusCode::kNotFound,
               "Error retrieving manifest for image: Tag \"docker.io/library/x:latest\" not "
               "found"));
  EXPECT_THAT(
      WithInspectContext(MakeError(StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                                   "loading tar component manifest.json: file does not exist"),
                         "docker-archive:a"),
      StatusIs(
          StatusCode::kFailedPrecondition,
          "Error parsing image name \"docker-archive:a\": loading tar component manifest.json: "
          "file does not exist"));
}

TEST(WithCopyContext, ArchivesHaveTheStep) {
  EXPECT_THAT(WithCopyContext(absl::NotFoundError("open archive: no such file or directory"),
                              "docker-archive:nope", "dir:x"),
              StatusIs(StatusCode::kNotFound,
                       "initializing source docker-archive:nope: opening file \"nope\": open nope: "
                       "no such file or directory"));
  EXPECT_THAT(
      WithCopyContext(MakeError(StatusCode::kNotFound, "TAG_UNKNOWN", "Tag \"x\" not found"),
                      "docker-archive:a:nope", "dir:x"),
      StatusIs(StatusCode::kNotFound,
               "determining manifest MIME type for docker-archive:a:docker.io/library/nope:latest: "
               "Tag \"x\" not found"));
  EXPECT_THAT(
      WithCopyContext(MakeError(StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                                "docker-archive doesn't support modifying existing images"),
                      "dir:a", "docker-archive:b.tar:a:b"),
      StatusIs(
          StatusCode::kFailedPrecondition,
          "initializing destination docker-archive:b.tar:docker.io/library/a:b: docker-archive "
          "doesn't support modifying existing images"));
}

TEST(WithInspectContext, OtherFailuresStandAlone) {
  EXPECT_OK(WithInspectContext(absl::OkStatus(), "oci:x"));
  EXPECT_THAT(
      WithInspectContext(MakeError(StatusCode::kInternal, "WORKER_DIED", "killed"), "oci:x"),
      StatusIs(StatusCode::kInternal, "killed"));
}

TEST(WithInspectContext, FilesHaveTheirDirectory) {
  absl::Status missing = MakeError(StatusCode::kPermissionDenied, "PATH_DENIED",
                                   "open index.json: no such file or directory");
  EXPECT_THAT(WithInspectContext(missing, "oci:layout:app"),
              StatusIs(StatusCode::kPermissionDenied,
                       "Error parsing image name \"oci:layout:app\": open layout/index.json: "
                       "no such file or directory"));
  EXPECT_EQ(ErrorReason(WithInspectContext(missing, "oci:layout:app")), "PATH_DENIED");
}

TEST(WithCopyContext, FilesHaveTheirDirectoryAndStep) {
  EXPECT_THAT(WithCopyContext(absl::NotFoundError("open manifest.json: gone"), "dir:in", "dir:out"),
              StatusIs(StatusCode::kNotFound,
                       "determining manifest MIME type for dir:in: open in/manifest.json: gone"));
  EXPECT_THAT(
      WithCopyContext(absl::NotFoundError("open index.json: gone"), "oci:in:x", "dir:out"),
      StatusIs(StatusCode::kNotFound, "initializing source oci:in:x: open in/index.json: gone"));
  EXPECT_THAT(WithCopyContext(absl::FailedPreconditionError(
                                  "not a containers image directory, don't want to overwrite"),
                              "oci:in:x", "dir:/tmp"),
              StatusIs(StatusCode::kFailedPrecondition,
                       "initializing destination dir:/tmp: not a containers image directory, "
                       "don't want to overwrite"));
}

TEST(WithCopyContext, TellsWhoseDaemonItIs) {
  const absl::Status none = MakeError(StatusCode::kNotFound, "TAG_UNKNOWN",
                                      "loading image from docker engine: Error response from "
                                      "daemon: reference does not exist");
  EXPECT_EQ(WithCopyContext(none, "docker-daemon:docker.io/library/a:1", "dir:/b").message(),
            absl::StrCat("initializing source docker-daemon:a:1: ", none.message()));
  EXPECT_EQ(WithInspectContext(none, "docker-daemon:a:1").message(),
            absl::StrCat("Error parsing image name \"docker-daemon:a:1\": ", none.message()));
  const absl::Status host = MakeError(StatusCode::kInvalidArgument, "INVALID_FIELD",
                                      "initializing docker engine client: unable to parse docker "
                                      "host `x`");
  EXPECT_EQ(WithCopyContext(host, "dir:/b", "docker-daemon:a:1").message(),
            absl::StrCat("initializing destination docker-daemon:a:1: ", host.message()));
}

TEST(WithCopyContext, NamesTheFileOfASif) {
  const absl::Status missing = absl::NotFoundError("open archive: no such file or directory");
  EXPECT_EQ(WithInspectContext(missing, "sif:a:b").message(),
            "Error parsing image name \"sif:a:b\": loading SIF file: open a:b: no such file or "
            "directory");
  EXPECT_EQ(WithCopyContext(missing, "sif:a", "dir:/x").message(),
            "initializing source sif:a: loading SIF file: open a: no such file or directory");
}

TEST(WithCopyContext, NamesTheFileOfATarballAsTheUserDid) {
  const absl::Status first = absl::NotFoundError("open archive: no such file or directory");
  const absl::Status third = absl::NotFoundError("open archive 2: no such file or directory");
  const absl::Status fifth = absl::NotFoundError("open archive 4: no such file or directory");
  const std::string name = "tarball:a:/b:c";
  EXPECT_THAT(
      WithInspectContext(first, name),
      StatusIs(StatusCode::kNotFound,
               "Error parsing image name \"tarball:a:/b:c\": error opening \"a\": open a: no "
               "such file or directory"));
  EXPECT_THAT(
      WithCopyContext(third, name, "dir:/x"),
      StatusIs(StatusCode::kNotFound,
               "Invalid source name tarball:a:/b:c: error opening \"c\": open c: no such file "
               "or directory"));
  EXPECT_EQ(WithCopyContext(fifth, name, "dir:/x"), fifth);
  EXPECT_EQ(WithInspectContext(first, "docker://a/b"), first);
  EXPECT_THAT(WithInspectContext(first, "oci-archive:a"),
              StatusIs(StatusCode::kNotFound,
                       "Error parsing image name \"oci-archive:a\": creating temp directory: open "
                       "a: no such file or directory"));
}

TEST(WithCopyContext, NamesTheSourceInFull) {
  EXPECT_THAT(WithCopyContext(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "unknown"),
                              "docker://busybox", "dir:/x"),
              StatusIs(StatusCode::kNotFound,
                       "initializing source docker://docker.io/library/busybox:latest: unknown"));
  EXPECT_THAT(
      WithCopyContext(MakeError(StatusCode::kNotFound, "PLATFORM_NOT_FOUND", "none"), "oci:/l:x",
                      "dir:/x"),
      StatusIs(StatusCode::kNotFound, "choosing an image from manifest list oci:/l:x: none"));
}

TEST(WithCopyContext, SaysThatCredentialsWereLookedUp) {
  absl::Status failed =
      MakeError(StatusCode::kUnauthenticated, "CREDENTIALS_UNAVAILABLE", "it is not JSON");
  const std::string looking = "getting username and password: it is not JSON";
  EXPECT_THAT(WithInspectContext(failed, "docker://a.example/b"),
              StatusIs(StatusCode::kUnauthenticated,
                       "Error parsing image name \"docker://a.example/b\": " + looking));
  EXPECT_THAT(WithCopyContext(failed, "docker://a.example/b", "dir:/x"),
              StatusIs(StatusCode::kUnauthenticated,
                       "initializing source docker://a.example/b:latest: " + looking));
  EXPECT_THAT(WithCopyContext(failed, "dir:/x", "docker://a.example/b"),
              StatusIs(StatusCode::kUnauthenticated,
                       "initializing destination docker://a.example/b:latest: " + looking));
  EXPECT_THAT(WithCopyContext(failed, "docker://a.example/b", "docker://a.example/c"),
              StatusIs(StatusCode::kUnauthenticated, looking));
}

TEST(WithCopyContext, SaysWhichImageIsBlocked) {
  const char kBlocked[] = "registry a.example is blocked in r.conf";
  const absl::Status blocked =
      MakeError(StatusCode::kPermissionDenied, "REGISTRY_BLOCKED", kBlocked);
  EXPECT_EQ(WithInspectContext(blocked, "docker://a.example/b").message(),
            absl::StrCat("Error parsing image name \"docker://a.example/b\": ", kBlocked));
  EXPECT_EQ(WithCopyContext(blocked, "docker://a.example/b", "dir:/x").message(),
            absl::StrCat("initializing source docker://a.example/b:latest: ", kBlocked));
  EXPECT_EQ(WithCopyContext(blocked, "dir:/x", "docker://a.example/b").message(),
            absl::StrCat("initializing destination docker://a.example/b:latest: ", kBlocked));
  EXPECT_EQ(WithCopyContext(blocked, "docker://b.example/b", "docker://a.example/b"), blocked);
}

TEST(WithCopyContext, TellsTheRegistriesApart) {
  absl::Status refused = MakeError(StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                                   "pinging container registry a.example:5000: connection refused");
  EXPECT_THAT(WithCopyContext(refused, "docker://a.example:5000/x:1", "docker://b.example/x"),
              StatusIs(StatusCode::kUnavailable,
                       "initializing source docker://a.example:5000/x:1: "
                       "pinging container registry a.example:5000: connection refused"));
  for (const char* source : {"docker://b.example/x", "oci:/l:x", "docker://a.example:5000/y"}) {
    EXPECT_EQ(WithCopyContext(refused, source, "docker://a.example:5000/x"), refused);
  }
}

}  // namespace
}  // namespace holkas
