#include "proto/credentials/auth_file_search.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::ElementsAre;

const AuthFileFormat kAuths = AuthFileFormat::kAuths;
const AuthFileFormat kLegacy = AuthFileFormat::kLegacy;

AuthEnvironment Home() {
  AuthEnvironment environment;
  environment.home = "/home/me";
  environment.user_id = 1000;
  return environment;
}

TEST(AuthFilesToRead, AreSkopeosInSkopeosOrder) {
  EXPECT_THAT(AuthFilesToRead(Home()),
              ElementsAre(AuthFileLocation{"/run/containers/1000/auth.json", kAuths},
                          AuthFileLocation{"/home/me/.config/containers/auth.json", kAuths},
                          AuthFileLocation{"/home/me/.docker/config.json", kAuths},
                          AuthFileLocation{"/home/me/.dockercfg", kLegacy}));
}

TEST(AuthFilesToRead, EachVariableMovesItsFile) {
  AuthEnvironment environment = Home();
  environment.xdg_runtime_dir = "/run/user/1000";
  environment.xdg_config_home = "/conf";
  environment.docker_config = "/docker";
  EXPECT_THAT(AuthFilesToRead(environment),
              ElementsAre(AuthFileLocation{"/run/user/1000/containers/auth.json", kAuths},
                          AuthFileLocation{"/conf/containers/auth.json", kAuths},
                          AuthFileLocation{"/docker/config.json", kAuths},
                          AuthFileLocation{"/home/me/.dockercfg", kLegacy}));
}

TEST(AuthFilesToRead, RegistryAuthFileIsTheOnlyOne) {
  AuthEnvironment environment = Home();
  environment.xdg_runtime_dir = "/run/user/1000";
  environment.docker_config = "/docker";
  environment.registry_auth_file = "/my/auth.json";
  EXPECT_THAT(AuthFilesToRead(environment), ElementsAre(AuthFileLocation{"/my/auth.json", kAuths}));
}

TEST(AuthFilesToRead, WithoutHomeItsFilesAreLeftOut) {
  AuthEnvironment environment;
  environment.user_id = 7;
  EXPECT_THAT(AuthFilesToRead(environment),
              ElementsAre(AuthFileLocation{"/run/containers/7/auth.json", kAuths}));
}

TEST(CredentialSources, FilesStandWhereTheHelpersNameThem) {
  const std::vector<AuthFileLocation> files = {{"/a"}, {"/b"}};
  EXPECT_THAT(CredentialSources(files, {}),
              ElementsAre(CredentialSource(files[0]), CredentialSource(files[1])));
  EXPECT_THAT(CredentialSources(files, {"one", "containers-auth.json", "two"}),
              ElementsAre(CredentialSource(GeneralHelper{"one"}), CredentialSource(files[0]),
                          CredentialSource(files[1]), CredentialSource(GeneralHelper{"two"})));
  EXPECT_THAT(CredentialSources(files, {"one"}),
              ElementsAre(CredentialSource(GeneralHelper{"one"})));
}

TEST(AuthFileToWriteFor, IsTheSessionsUnlessAVariableChooses) {
  AuthEnvironment environment = Home();
  AuthFileToWrite file = AuthFileToWriteFor(environment);
  EXPECT_EQ(file.path, "/run/containers/1000/auth.json");
  EXPECT_FALSE(file.docker_compatible);
  EXPECT_FALSE(file.chosen);

  environment.xdg_runtime_dir = "/run/user/1000";
  EXPECT_EQ(AuthFileToWriteFor(environment).path, "/run/user/1000/containers/auth.json");

  environment.docker_config = "/docker";
  file = AuthFileToWriteFor(environment);
  EXPECT_EQ(file.path, "/docker/config.json");
  EXPECT_TRUE(file.docker_compatible);
  EXPECT_TRUE(file.chosen);

  environment.registry_auth_file = "/my/auth.json";
  file = AuthFileToWriteFor(environment);
  EXPECT_EQ(file.path, "/my/auth.json");
  EXPECT_FALSE(file.docker_compatible);
  EXPECT_TRUE(file.chosen);
}

TEST(ProcessAuthEnvironment, HasTheVariables) {
  setenv("HOME", "/home/x", 1);
  setenv("REGISTRY_AUTH_FILE", "/a", 1);
  setenv("XDG_RUNTIME_DIR", "/b", 1);
  setenv("XDG_CONFIG_HOME", "/c", 1);
  setenv("DOCKER_CONFIG", "/d", 1);
  AuthEnvironment environment = ProcessAuthEnvironment();
  EXPECT_EQ(environment.home, "/home/x");
  EXPECT_EQ(environment.registry_auth_file, "/a");
  EXPECT_EQ(environment.xdg_runtime_dir, "/b");
  EXPECT_EQ(environment.xdg_config_home, "/c");
  EXPECT_EQ(environment.docker_config, "/d");
  EXPECT_EQ(DockerAuthFile(environment), "/home/x/.docker/config.json");
}

}  // namespace
}  // namespace holkas
