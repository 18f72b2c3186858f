#include "service/rpc/job_spec.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

v1::CopyRequest CopyOf(const std::string& source, const std::string& destination) {
  v1::CopyRequest request;
  request.set_source(source);
  request.set_destination(destination);
  return request;
}

broker::RegistryImage RegistryFor(const std::string& image, const v1::RegistryAccess& access = {},
                                  const RegistrySettings& settings = {}) {
  v1::InspectRequest request;
  request.set_image(image);
  *request.mutable_registry() = access;
  return PrepareJob(request, settings).value().spec.source().registry();
}

TEST(PrepareJob, RegistryImagesAreNormalised) {
  const broker::RegistryImage image = RegistryFor("docker://busybox");
  EXPECT_EQ(image.host(), "docker.io");
  EXPECT_EQ(image.api_host(), "registry-1.docker.io");
  EXPECT_EQ(image.port(), 0u);
  EXPECT_EQ(image.repository(), "library/busybox");
  EXPECT_EQ(image.tag(), "latest");
  EXPECT_EQ(image.digest(), "");
  EXPECT_EQ(image.display_name(), "docker.io/library/busybox:latest");
  EXPECT_TRUE(image.verify_certificate());
  EXPECT_FALSE(image.plain_http_allowed());
}

TEST(PrepareJob, ADigestTakesThePlaceOfTheTag) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const broker::RegistryImage image = RegistryFor("docker://localhost:5000/x@" + digest);
  EXPECT_EQ(image.digest(), digest);
  EXPECT_EQ(image.tag(), "");
  EXPECT_EQ(image.port(), 5000u);
}

TEST(PrepareJob, PlainHttpOnlyWhereSomebodySaidInsecure) {
  RegistrySettings settings;
  settings.insecure.insert("localhost:5000");
  v1::RegistryAccess access;
  EXPECT_TRUE(RegistryFor("docker://localhost:5000/x", access, settings).plain_http_allowed());
  EXPECT_FALSE(RegistryFor("docker://localhost:5001/x", access, settings).plain_http_allowed());
  access.set_tls_verification(v1::TLS_VERIFICATION_REQUIRED);
  EXPECT_FALSE(RegistryFor("docker://localhost:5000/x", access, settings).plain_http_allowed());
  EXPECT_TRUE(RegistryFor("docker://localhost:5000/x", access, settings).verify_certificate());
  access.set_tls_verification(v1::TLS_VERIFICATION_DISABLED);
  EXPECT_TRUE(RegistryFor("docker://other/x", access).plain_http_allowed());
  EXPECT_FALSE(RegistryFor("docker://other/x", access).verify_certificate());
}

TEST(PrepareJob, RequestCertificatesTakeThePlaceOfTheServers) {
  const std::string root = testing::TempDir() + "/certs";
  std::filesystem::create_directories(root + "/h:1");
  std::ofstream(root + "/h:1/ca.crt") << "SERVER\n";
  RegistrySettings settings;
  settings.certificate_directories = {root};
  v1::RegistryAccess access;
  EXPECT_EQ(RegistryFor("docker://h:1/x", access, settings).certificates().ca_pem(), "SERVER\n");
  access.mutable_certificates()->set_ca_pem("REQUEST\n");
  EXPECT_EQ(RegistryFor("docker://h:1/x", access, settings).certificates().ca_pem(), "REQUEST\n");
}

TEST(PrepareJob, CredentialsGoToTheirRegistryAlone) {
  v1::CopyRequest request = CopyOf("docker://a/x", "docker://b/x");
  request.mutable_source_registry()->mutable_basic()->set_username("u");
  request.mutable_source_registry()->mutable_basic()->set_password("p");
  request.mutable_destination_registry()->set_bearer_token("t");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_EQ(std::get<UserPassword>(job.identity.source.at(0).credentials),
            (UserPassword{"u", "p"}));
  EXPECT_EQ(job.spec.source().registry().authorization(), "");
  EXPECT_EQ(job.spec.SerializeAsString().find("\"p\""), std::string::npos);
  EXPECT_EQ(job.identity.source[0].registry.host(), "docker.io");
  // A token is the worker's from the beginning.
  EXPECT_EQ(job.spec.destination().registry().authorization(), "Bearer t");
  EXPECT_FALSE(job.spec.copy().has_source_registry());
  EXPECT_FALSE(job.spec.copy().has_destination_registry());
}

TEST(PrepareJob, DecryptionKeysStayWithTheService) {
  v1::CopyRequest request = CopyOf("docker://a/x", "oci:/b");
  request.add_decryption_keys()->set_key("private-canary");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_TRUE(job.spec.has_decryption_keys());
  EXPECT_EQ(job.spec.SerializeAsString().find("private-canary"), std::string::npos);
  EXPECT_EQ(job.identity.decryption_keys.at(0).key(), "private-canary");
  request.clear_decryption_keys();
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(request, {}));
  EXPECT_FALSE(job.spec.has_decryption_keys());
}

TEST(PrepareJob, ScopesAreTheLeastThatTheJobNeeds) {
  ASSERT_OK_AND_ASSIGN(PreparedJob job,
                       PrepareJob(CopyOf("docker://a.test/x", "docker://b.test/y/z"), {}));
  EXPECT_THAT(job.identity.source.at(0).scopes, testing::ElementsAre("repository:x:pull"));
  EXPECT_THAT(job.identity.destination.at(0).scopes,
              testing::ElementsAre("repository:y/z:pull,push"));
  // Within one registry blobs are mounted from the source's repository.
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(CopyOf("docker://a.test/x", "docker://a.test/y"), {}));
  EXPECT_THAT(job.identity.destination.at(0).scopes,
              testing::ElementsAre("repository:y:pull,push", "repository:x:pull"));
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(CopyOf("docker://a.test/x:1", "docker://a.test/x:2"), {}));
  EXPECT_THAT(job.identity.destination.at(0).scopes,
              testing::ElementsAre("repository:x:pull,push"));
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(CopyOf("dir:/a", "docker://a.test/x"), {}));
  EXPECT_TRUE(job.identity.source.empty());
}

TEST(PrepareJob, ChecksCredentialsOfARegistry) {
  v1::CheckCredentialsRequest request;
  request.mutable_access()->mutable_basic()->set_username("u");
  request.mutable_access()->mutable_basic()->set_password("p");
  for (const std::string registry : {"localhost:5000", "localhost:5000/a", "localhost:5000/a/b"}) {
    request.set_registry(registry);
    ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
    EXPECT_TRUE(job.spec.has_check_credentials());
    EXPECT_EQ(job.spec.source().registry().host(), "localhost");
    EXPECT_EQ(job.spec.source().registry().port(), 5000u);
    EXPECT_TRUE(job.identity.source.at(0).scopes.empty());
  }
  for (const std::string registry : {"registry", "https://a.test", "a.test/UPPER", "a.test:x"}) {
    request.set_registry(registry);
    const absl::Status status = PrepareJob(request, {}).status();
    EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE") << registry;
    EXPECT_EQ(ErrorMetadata(status)["field"], "registry") << registry;
  }
}

TEST(PrepareJob, LocalPathsStayOutOfTheSpec) {
  ASSERT_OK_AND_ASSIGN(PreparedJob job,
                       PrepareJob(CopyOf("dir:/secret/place", "oci:/secret/place2:tag"), {}));
  EXPECT_EQ(job.spec.SerializeAsString().find("secret"), std::string::npos);
  EXPECT_TRUE(job.spec.source().has_dir());
  EXPECT_EQ(job.spec.destination().oci().reference(), "tag");
  EXPECT_FALSE(VerifiesCertificates(job.spec));
}

TEST(PrepareJob, SharedBlobsAreTheLayoutsAndStayOutOfTheSpec) {
  v1::CopyRequest request = CopyOf("oci:/from:a", "dir:/to");
  request.mutable_source_registry()->set_shared_blob_directory("/srv/blobs");
  request.mutable_destination_registry()->set_shared_blob_directory("/srv/blobs");
  const PreparedJob job = PrepareJob(request, {}).value();
  EXPECT_EQ(job.source.oci()->blob_directory, "/srv/blobs");
  EXPECT_EQ(job.source.ToString(), "oci:/from:a");
  EXPECT_THAT(job.spec.SerializeAsString(), testing::Not(testing::HasSubstr("/srv")));
}

TEST(PrepareJob, DefaultsAreFilledIn) {
  v1::CopyRequest request = CopyOf("dir:/a", "docker://b/c");
  request.mutable_platform()->set_architecture("s390x");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_EQ(job.spec.platform().os(), "linux");
  EXPECT_EQ(job.spec.platform().architecture(), "s390x");
  EXPECT_EQ(job.spec.threads(), 6u);
  EXPECT_THAT(job.spec.user_agent(), testing::StartsWith("holkas/"));
  EXPECT_TRUE(VerifiesCertificates(job.spec));
}

v1::DeleteRequest DeletionOf(const std::string& image, bool only_tag = false) {
  v1::DeleteRequest request;
  request.set_image(image);
  request.set_only_tag(only_tag);
  return request;
}

v1::ListTagsRequest ListOf(const std::string& repository) {
  v1::ListTagsRequest request;
  request.set_repository(repository);
  return request;
}

void ExpectRefused(const absl::Status& status, StatusCode code, const std::string& reason,
                   const std::string& field, const std::string& says) {
  EXPECT_THAT(status, StatusIs(code, HasSubstr(says)));
  EXPECT_EQ(ErrorReason(status), reason);
  EXPECT_EQ(ErrorMetadata(status)["field"], field);
}

TEST(PrepareJob, DeletionHasItsImageAndOptions) {
  v1::DeleteRequest request = DeletionOf("docker://localhost:5000/x:t", true);
  request.mutable_registry()->set_bearer_token("t");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_EQ(job.spec.source().registry().tag(), "t");
  EXPECT_EQ(job.spec.source().registry().authorization(), "Bearer t");
  EXPECT_TRUE(job.spec.delete_().only_tag());
  EXPECT_FALSE(job.spec.delete_().has_registry());
  EXPECT_EQ(job.spec.delete_().image(), "");
  EXPECT_THAT(job.spec.user_agent(), testing::StartsWith("holkas/"));
}

TEST(PrepareJob, WhatCannotBeDeletedIsRefused) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_OK(PrepareJob(DeletionOf("docker://h/x@" + digest), {}).status());
  ExpectRefused(PrepareJob(DeletionOf("docker://h/x@" + digest, true), {}).status(),
                StatusCode::kInvalidArgument, "INVALID_FIELD", "only_tag", "named by a tag");
  ExpectRefused(PrepareJob(DeletionOf("docker://h/x@@unknown-digest@@"), {}).status(),
                StatusCode::kInvalidArgument, "INVALID_REFERENCE", "image", "names no image");
  ExpectRefused(PrepareJob(DeletionOf("dir:/x"), {}).status(), StatusCode::kUnimplemented,
                "TRANSPORT_UNIMPLEMENTED", "image", "Deleting images not implemented for dir:");
  ExpectRefused(PrepareJob(DeletionOf("oci:/x:y", true), {}).status(), StatusCode::kUnimplemented,
                "TRANSPORT_UNIMPLEMENTED", "only_tag",
                "Deleting tags alone not implemented for oci");
}

TEST(PrepareJob, DeletionFromALayoutWritesWhereItReads) {
  v1::DeleteRequest request = DeletionOf("oci:/x:y");
  request.mutable_registry()->set_shared_blob_directory("/shared");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_EQ(job.spec.source().oci().reference(), "y");
  EXPECT_EQ(job.spec.destination().oci().reference(), "y");
  ASSERT_TRUE(job.destination.has_value());
  EXPECT_EQ(job.destination->oci()->path, "/x");
  EXPECT_EQ(job.destination->oci()->blob_directory, "/shared");
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(DeletionOf("docker://h/x"), {}));
  EXPECT_FALSE(job.destination.has_value());
}

TEST(PrepareJob, ListHasItsRepositoryAlone) {
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(ListOf("docker://busybox"), {}));
  EXPECT_EQ(job.spec.source().registry().repository(), "library/busybox");
  EXPECT_EQ(job.spec.source().registry().tag(), "");
  EXPECT_EQ(job.spec.source().registry().display_name(), "docker.io/library/busybox");
  EXPECT_TRUE(job.spec.has_list_tags());
  EXPECT_EQ(job.spec.list_tags().repository(), "");
}

TEST(PrepareJob, WhatIsNoRepositoryIsRefused) {
  const std::vector<std::string> suffixes = {":latest", ":x", "@sha256:" + std::string(64, 'a'),
                                             "@@unknown-digest@@"};
  for (const std::string& suffix : suffixes) {
    ExpectRefused(PrepareJob(ListOf("docker://h:1/x" + suffix), {}).status(),
                  StatusCode::kInvalidArgument, "INVALID_REFERENCE", "repository",
                  "No tag or digest allowed in reference");
  }
  ExpectRefused(PrepareJob(ListOf("dir:/x"), {}).status(), StatusCode::kUnimplemented,
                "TRANSPORT_UNIMPLEMENTED", "repository", "Unsupported transport 'dir'");
}

// The daemon's image of an inspection.
absl::StatusOr<PreparedJob> DaemonJob(const std::string& image, const v1::RegistryAccess& access) {
  v1::InspectRequest request;
  request.set_image(image);
  *request.mutable_registry() = access;
  return PrepareJob(request, {});
}

TEST(PrepareJob, DaemonsSocketStaysOutOfTheJob) {
  ASSERT_OK_AND_ASSIGN(const PreparedJob job, DaemonJob("docker-daemon:busybox:1", {}));
  EXPECT_EQ(job.source_daemon->unix_path, "/var/run/docker.sock");
  EXPECT_FALSE(job.destination_daemon.has_value());
  const broker::DockerDaemonImage& image = job.spec.source().docker_daemon();
  EXPECT_EQ(image.host(), "localhost");
  EXPECT_EQ(image.port(), 80u);
  EXPECT_FALSE(image.https());
  EXPECT_EQ(image.reference(), "busybox:1");
  EXPECT_EQ(image.repository(), "docker.io/library/busybox");
  EXPECT_EQ(image.tag(), "1");
  EXPECT_FALSE(VerifiesCertificates(job.spec));
  EXPECT_EQ(job.spec.DebugString().find("docker.sock"), std::string::npos);
}

TEST(PrepareJob, DaemonOverTlsIsVerified) {
  v1::RegistryAccess access;
  access.set_daemon_host("tcp://Docker.Example:2376/base");
  access.mutable_certificates()->set_ca_pem("PEM");
  const std::string id = "sha256:" + std::string(64, 'a');
  ASSERT_OK_AND_ASSIGN(PreparedJob job, DaemonJob("docker-daemon:" + id, access));
  const broker::DockerDaemonImage& image = job.spec.source().docker_daemon();
  EXPECT_EQ(image.host(), "docker.example");
  EXPECT_EQ(image.port(), 2376u);
  EXPECT_TRUE(image.https());
  EXPECT_EQ(image.base_path(), "/base");
  EXPECT_EQ(image.certificates().ca_pem(), "PEM");
  EXPECT_EQ(image.reference(), id);
  EXPECT_EQ(image.repository(), "");
  EXPECT_TRUE(VerifiesCertificates(job.spec));
  access.set_tls_verification(v1::TLS_VERIFICATION_DISABLED);
  ASSERT_OK_AND_ASSIGN(job, DaemonJob("docker-daemon:" + id, access));
  EXPECT_FALSE(VerifiesCertificates(job.spec));
}

TEST(PrepareJob, DaemonsThatAreNoneAreRefused) {
  v1::RegistryAccess access;
  access.set_daemon_host("ssh://h");
  ExpectRefused(DaemonJob("docker-daemon:a:1", access).status(), StatusCode::kInvalidArgument,
                "INVALID_FIELD", "daemon_host",
                "initializing docker engine client: unable to parse docker host `ssh://h`");
  // What is in no daemon does not care.
  EXPECT_OK(DaemonJob("dir:/a", access).status());
}

TEST(PrepareJob, OnlyANameWithATagIsWrittenToADaemon) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_OK(PrepareJob(CopyOf("dir:/a", "docker-daemon:a:1"), {}).status());
  for (const std::string& image : {digest, "a@" + digest}) {
    ExpectRefused(
        PrepareJob(CopyOf("dir:/a", "docker-daemon:" + image), {}).status(),
        StatusCode::kInvalidArgument, "INVALID_REFERENCE", "destination",
        "Invalid destination docker-daemon:" + image + ": a destination must be a name:tag");
  }
}

TEST(PrepareJob, ArchivesHaveTheirNamesAndNoPath) {
  v1::CopyRequest request = CopyOf("docker-archive:/secret:@2", "docker-archive:/secret2:a");
  request.add_additional_tags("quay.io/b:1");
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(request, {}));
  EXPECT_EQ(job.spec.SerializeAsString().find("secret"), std::string::npos);
  EXPECT_TRUE(job.spec.source().docker_archive().has_index());
  EXPECT_EQ(job.spec.source().docker_archive().index(), 2u);
  EXPECT_EQ(job.spec.destination().docker_archive().name(), "docker.io/library/a:latest");
  EXPECT_THAT(job.spec.destination().docker_archive().additional_names(),
              testing::ElementsAre("quay.io/b:1"));
  EXPECT_TRUE(job.spec.copy().additional_tags().empty());
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(CopyOf("oci-archive:/secret:a:b", "dir:/b"), {}));
  EXPECT_EQ(job.spec.source().oci_archive().reference(), "a:b");
  ASSERT_OK_AND_ASSIGN(job, PrepareJob(ListOf("docker-archive:/secret"), {}));
  EXPECT_TRUE(job.spec.source().has_docker_archive());
}

TEST(PrepareJob, AdditionalTagsWantATag) {
  v1::CopyRequest request = CopyOf("dir:/a", "dir:/b");
  request.add_additional_tags("a");
  ExpectRefused(PrepareJob(request, {}).status(), StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                "additional_tags", "additional-tag 'a' must be a tagged reference");
}

TEST(PrepareJob, FieldsOfImportsAndExportsAreNamedFromTheRequestOn) {
  v1::ImportOptions import;
  import.mutable_copy()->set_destination("docker-daemon:a@sha256:" + std::string(64, 'a'));
  ExpectRefused(PrepareJob(import, {}).status(), StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                "options.copy.destination", "a destination must be a name:tag");
  import.mutable_copy()->set_destination("dir:/a");
  import.mutable_copy()->add_additional_tags("a");
  ExpectRefused(PrepareJob(import, {}).status(), StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                "options.copy.additional_tags", "must be a tagged reference");
  v1::ExportRequest request;
  request.mutable_copy()->set_source("dir:/a");
  request.mutable_copy()->add_additional_tags("a");
  ExpectRefused(PrepareJob(request, {}).status(), StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                "copy.additional_tags", "must be a tagged reference");
}

TEST(PrepareJob, OpenFilesOfTheServerAreRefused) {
  for (const char* path : {"/dev/stdout", "/dev/stdin", "/dev/fd/1"}) {
    ExpectRefused(PrepareJob(CopyOf("dir:/a", absl::StrCat("docker-archive:", path)), {}).status(),
                  StatusCode::kInvalidArgument, "INVALID_REFERENCE", "destination", "Import");
    ExpectRefused(PrepareJob(CopyOf(absl::StrCat("oci-archive:", path), "dir:/a"), {}).status(),
                  StatusCode::kInvalidArgument, "INVALID_REFERENCE", "source", "Import");
  }
}

TEST(PrepareJob, BadReferencesNameTheField) {
  const absl::Status status = PrepareJob(CopyOf("dir:/a", "docker:x"), {}).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("docker")));
  EXPECT_EQ(ErrorReason(status), "INVALID_REFERENCE");
  EXPECT_EQ(ErrorMetadata(status)["field"], "destination");
}

TEST(PrepareJob, TarballIsOnlyRead) {
  ASSERT_OK_AND_ASSIGN(PreparedJob job, PrepareJob(CopyOf("tarball:/a:/b", "dir:/c"), {}));
  EXPECT_EQ(job.spec.source().tarball().file_count(), 2u);
  EXPECT_NE(job.spec.source().tarball().architecture(), "");
  EXPECT_EQ(job.spec.DebugString().find("/a"), std::string::npos);
  ExpectRefused(PrepareJob(CopyOf("dir:/a", "tarball:/b"), {}).status(), StatusCode::kUnimplemented,
                "TRANSPORT_UNIMPLEMENTED", "destination",
                "\"tarball:\" locations can only be read from, not written to");
  EXPECT_THAT(PrepareJob(CopyOf("tarball:-", "dir:/c"), {}).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("standard input")));
}

TEST(PrepareJob, SifIsASourceAlone) {
  ASSERT_OK_AND_ASSIGN(const PreparedJob job, PrepareJob(CopyOf("sif:/a.sif", "dir:/b"), {}));
  EXPECT_TRUE(job.spec.source().has_sif());
  EXPECT_EQ(job.spec.DebugString().find("/a.sif"), std::string::npos);
  ExpectRefused(PrepareJob(CopyOf("dir:/a", "sif:/b"), {}).status(), StatusCode::kUnimplemented,
                "TRANSPORT_UNIMPLEMENTED", "destination",
                "\"sif:\" locations can only be read from, not written to");
}

}  // namespace
}  // namespace holkas
