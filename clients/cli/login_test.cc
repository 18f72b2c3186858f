// login and logout against a fake server: what they ask, say and keep.

#include "clients/cli/login.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/testing/command_line_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kLoggedIn[] =
    "{\n\t\"auths\": {\n\t\t\"a.test\": {\n\t\t\t\"auth\": "
    "\"bWU6cmlnaHQ=\"\n\t\t}\n\t}\n}";
constexpr char kNobody[] = "{\n\t\"auths\": {}\n}";

class LoginTest : public CommandLineTest {
 protected:
  LoginTest() {
    root_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/run");
    auth_environment_.home = root_;
    auth_environment_.xdg_runtime_dir = root_ + "/run";
    session_ = root_ + "/run/containers/auth.json";
    helper_path_ = absl::StrCat(root_, ":/usr/bin:/bin");
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::filesystem::path path = absl::StrCat(root_, "/", name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  static std::string Contents(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  // A helper that keeps what it is told in files named after the server.
  void WriteHelper() {
    std::string helper = Write("docker-credential-test", absl::StrCat(R"(#!/bin/sh
cd ')",
                                                                      root_, R"('
case $1 in
  store) cat > stored ;;
  erase) read -r server; [ -e stored ] || { echo credentials not found in native keychain; exit 1; }
         rm stored; echo "$server" >> erased ;;
  get) [ -e stored ] && cat stored || { echo credentials not found in native keychain; exit 1; } ;;
esac
)"));
    ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  }

  // A helper that keeps what it is told for each server in a file of its own, in a directory of its
  // name.
  void WriteKeeper(const std::string& name) {
    const std::string store = absl::StrCat(root_, "/", name);
    std::filesystem::create_directories(store);
    constexpr char kScript[] = R"sh(
missing() { echo credentials not found in native keychain; exit 1; }
case $1 in
  store) cat > new; mv new "$(sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' new)" ;;
  erase) read -r server; rm "$server" 2> /dev/null || missing ;;
  get) read -r server; cat "$server" 2> /dev/null || missing ;;
  list) echo '{'; ls | sed 's/.*/"&":"x"/' | paste -sd,; echo '}' ;;
esac
)sh";
    std::string helper = Write(absl::StrCat("docker-credential-", name),
                               absl::StrCat("#!/bin/sh\ncd '", store, "'\n", kScript));
    ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  }
  void WriteBroken(const std::string& name) {
    std::string helper =
        Write(absl::StrCat("docker-credential-", name), "#!/bin/sh\necho SECRET; exit 3\n");
    ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  }
  // One that can be asked, but keeps nothing.
  void WriteRefuser(const std::string& name) {
    std::string helper = Write(absl::StrCat("docker-credential-", name),
                               "#!/bin/sh\n[ $1 = get ] && echo '{}' || exit 3\n");
    ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  }
  // What the keepers keep.
  std::string Kept(const std::string& path) { return Contents(absl::StrCat(root_, "/", path)); }
  void Keep(const std::string& path, const std::string& user) {
    Write(path, absl::StrCat(R"({"Username":")", user, R"(","Secret":"right"})"));
  }

  std::string root_;
  // The file that is written where nothing else is chosen.
  std::string session_;
};

TEST_F(LoginTest, AcceptedCredentialsAreKept) {
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, "Login Succeeded!\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Contents(session_), kLoggedIn);
  ASSERT_EQ(service_.check_requests().size(), 1u);
  const auto request = service_.check_requests()[0];
  EXPECT_EQ(request.registry(), "a.test");
  EXPECT_EQ(request.access().basic().username(), "me");
  EXPECT_EQ(request.access().basic().password(), "right");
  EXPECT_EQ(request.access().tls_verification(), holkas::v1::TLS_VERIFICATION_UNSPECIFIED);
}

TEST_F(LoginTest, RefusedCredentialsAreNotKept) {
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "wrong", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(logging into \"a.test\": invalid username/password)")));
  EXPECT_EQ(out_, "");
  EXPECT_FALSE(std::filesystem::exists(session_));
}

TEST_F(LoginTest, RegistryThatIsNotThereIsNamed) {
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "down.example/team"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(authenticating creds for \"down.example/team\": pinging )"
                                   "container registry down.example: connection refused")));
  EXPECT_FALSE(std::filesystem::exists(session_));
}

TEST_F(LoginTest, KeysMayBeNamespacesAndUrls) {
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test:5000/team/app"}), 0);
  EXPECT_THAT(Contents(session_), HasSubstr("\"a.test:5000/team/app\": {"));
  EXPECT_EQ(service_.check_requests().back().registry(), "a.test:5000/team/app");
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "https://b.test/v1/"}), 0);
  EXPECT_THAT(Contents(session_), HasSubstr("\"b.test\": {"));
}

TEST_F(LoginTest, VerboseTellsTheFile) {
  EXPECT_EQ(Run({"login", "-v", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, absl::StrCat("Used:  ", session_, "\nLogin Succeeded!\n"));
}

TEST_F(LoginTest, TlsFlagsReachTheServer) {
  Write("certs/ca.crt", "CA");
  EXPECT_EQ(Run({"login", "--tls-verify=false", "--cert-dir", root_ + "/certs", "-u", "me", "-p",
                 "right", "a.test"}),
            0);
  holkas::v1::RegistryAccess access = service_.check_requests().back().access();
  EXPECT_EQ(access.tls_verification(), holkas::v1::TLS_VERIFICATION_DISABLED);
  EXPECT_EQ(access.certificates().ca_pem(), "CA\n");
  EXPECT_EQ(Run({"--tls-verify=false", "login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(service_.check_requests().back().access().tls_verification(),
            holkas::v1::TLS_VERIFICATION_DISABLED);
  Write("certs/client.key", "KEY");
  EXPECT_EQ(Run({"login", "--cert-dir", root_ + "/certs", "-u", "me", "-p", "right", "a.test"}), 1);
  EXPECT_THAT(err_,
              HasSubstr(R"(authenticating creds for \"a.test\": creating new docker client)"));
}

TEST_F(LoginTest, PasswordComesFromStandardInput) {
  input_ = "ri\nght\n";
  EXPECT_EQ(Run({"login", "--password-stdin", "-u", "me", "a.test"}), 0);
  EXPECT_EQ(Contents(session_), kLoggedIn);
  EXPECT_EQ(Run({"login", "--password-stdin", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Must provide --username with --password-stdin")));
  EXPECT_EQ(Run({"login", "--password-stdin", "-p", "x", "-u", "me", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("Can't specify both --password-stdin and --password")));
}

TEST_F(LoginTest, UserIsAskedForWhatIsMissing) {
  EXPECT_EQ(Run({"login", "a.test"}), 1);
  EXPECT_EQ(out_, "Username: ");
  EXPECT_THAT(err_, EndsWith(Fatal("getting username and password: reading username: EOF")));
  input_ = " me \n";
  EXPECT_EQ(Run({"login", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, "Username: Login Succeeded!\n");
  EXPECT_EQ(Contents(session_), kLoggedIn);
  input_ = "right\n";
  EXPECT_EQ(Run({"login", "-u", "you", "a.test"}), 1);
  EXPECT_EQ(out_, "Password: ");
  EXPECT_THAT(err_, EndsWith(Fatal("getting username and password: reading password: "
                                   "inappropriate ioctl for device")));
}

TEST_F(LoginTest, KeptCredentialsAreTriedFirst) {
  Write("run/containers/auth.json", kLoggedIn);
  EXPECT_EQ(Run({"login", "a.test/team"}), 0);
  EXPECT_EQ(out_,
            "Authenticating with existing credentials for a.test/team\n"
            "Existing credentials are valid. Already logged in to a.test\n");
  Write("run/containers/auth.json", R"({"auths": {"a.test": {"auth": "bWU6d3Jvbmc="}}})");
  EXPECT_EQ(Run({"login", "a.test"}), 1);
  EXPECT_EQ(out_,
            "Authenticating with existing credentials for a.test\n"
            "Existing credentials are invalid, please enter valid username and password\n"
            "Username (me): ");
  input_ = "\n";
  EXPECT_EQ(Run({"login", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, "Username (me): Login Succeeded!\n");
  EXPECT_EQ(Contents(session_), kLoggedIn);
}

TEST_F(LoginTest, IdentityTokenIsNotReplaced) {
  Write("auth.json", R"({"auths": {"a.test": {"auth": "bWU6", "identitytoken": "SECRET"}}})");
  EXPECT_EQ(Run({"login", "--authfile", root_ + "/auth.json", "-u", "me", "-p", "right", "a.test"}),
            1);
  EXPECT_THAT(err_, EndsWith(Fatal("currently logged in, auth file contains an Identity token")));
  EXPECT_EQ(Run({"login", "--authfile", root_ + "/auth.json", "--get-login", "a.test"}), 0);
  EXPECT_EQ(out_, "me\n");
}

TEST_F(LoginTest, GetLoginPrintsTheUserAndAsksNobody) {
  Write(".docker/config.json", R"({"auths": {"https://a.test/v1/": {"auth": "ZG9ja2VyOng="}}})");
  EXPECT_EQ(Run({"login", "--get-login", "a.test/team/app"}), 0);
  EXPECT_EQ(out_, "docker\n");
  EXPECT_EQ(Run({"login", "--get-login", "b.test/team"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into b.test/team")));
  EXPECT_TRUE(service_.check_requests().empty());
  EXPECT_EQ(address_, "");
}

TEST_F(LoginTest, ArgumentsAreCheckedInSkopeosWords) {
  struct Case {
    std::vector<std::string> arguments;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {{"login"}, "please provide a registry to login to"},
           {{"login", "a", "b"}, "login accepts only one registry to login to"},
           {{"login", "a.test/x:1"}, R"(reference \"a.test/x:1\" contains tag or digest)"},
           {{"logout"}, "please provide a registry to logout from"},
           {{"logout", "a", "b"}, "logout accepts only one registry to logout from"},
           {{"logout", "--all", "a"}, "--all takes no arguments"},
           {{"login", "--authfile=a", "--compat-auth-file=b", "a.test"},
            "options for paths to the credential file and to the Docker-compatible credential file "
            "can not be set simultaneously"},
           {{"logout", "--authfile=/nonexistent/a", "a.test"},
            "checking authfile: stat /nonexistent/a: no such file or directory"},
           {{"logout", "--compat-auth-file=/nonexistent/a", "--all"},
            "checking authfile: stat /nonexistent/a: no such file or directory"},
       }) {
    EXPECT_EQ(Run(c.arguments), 1);
    EXPECT_THAT(err_, EndsWith(Fatal(c.message)));
    EXPECT_EQ(out_, "");
  }
}

TEST_F(LoginTest, FileIsThatOfFlagsThenOfTheEnvironment) {
  auth_environment_.docker_config = root_ + "/docker";
  auth_environment_.registry_auth_file = root_ + "/variable.json";
  EXPECT_EQ(
      Run({"login", "--authfile", root_ + "/new/flag.json", "-u", "me", "-p", "right", "a.test"}),
      0);
  EXPECT_EQ(Contents(root_ + "/new/flag.json"), kLoggedIn);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/variable.json"));
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(Contents(root_ + "/variable.json"), kLoggedIn);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/docker"));
  auth_environment_.registry_auth_file = "";
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(Contents(root_ + "/docker/config.json"), kLoggedIn);
  EXPECT_FALSE(std::filesystem::exists(session_));
}

TEST_F(LoginTest, MissingRuntimeDirectoryIsNotMade) {
  auth_environment_.xdg_runtime_dir = root_ + "/missing";
  const std::string why = absl::StrCat(
      R"(\")", root_,
      R"(/missing\" directory set by $XDG_RUNTIME_DIR does not exist. Either create the directory )"
      "or unset $XDG_RUNTIME_DIR.: stat ",
      root_, "/missing: no such file or directory");
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 1);
  EXPECT_THAT(err_,
              AllOf(HasSubstr(absl::StrCat("level=warning msg=\"", why, ": Trying to pull")),
                    EndsWith(Fatal(absl::StrCat(R"(1 error occurred:\n\t* )", why, R"(\n\n)")))));
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(absl::StrCat(
                        R"(logging out of \"a.test\": 1 error occurred:\n\t* )", why, R"(\n\n)"))));
  EXPECT_FALSE(std::filesystem::exists(root_ + "/missing"));
}

TEST_F(LoginTest, MalformedFileStaysAndIsNotShown) {
  const std::string text = R"({"auths": SECRET)";
  std::string file = Write("bad.json", text);
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"login", "--authfile", file, "-u", "me", "-p", "right", "a.test"},
           {"login", "--authfile", file, "--get-login", "a.test"},
           {"logout", "--authfile", file, "a.test"},
           {"logout", "--authfile", file, "--all"},
       }) {
    EXPECT_EQ(Run(arguments), 1);
    EXPECT_THAT(err_, AllOf(HasSubstr(absl::StrCat(R"(1 error occurred:\n\t* reading JSON file \")",
                                                   file, R"(\": it is not JSON\n\n)")),
                            Not(HasSubstr("SECRET"))));
    EXPECT_EQ(Contents(file), text);
  }
}

TEST_F(LoginTest, DockersFileKeepsDockersKeysAndFields) {
  std::string file =
      Write("config.json", R"({"psFormat": "x", "auths": {}, "credHelpers": {"h.test": "test"}})");
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "-u", "me", "-p", "right", "docker.io"}), 0);
  EXPECT_THAT(Contents(file), AllOf(HasSubstr("\"https://index.docker.io/v1/\": {"),
                                    HasSubstr("\"psFormat\": \"x\""), HasSubstr("h.test")));
  EXPECT_EQ(service_.check_requests().back().registry(), "docker.io");
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "--get-login", "docker.io/library/x"}), 0);
  EXPECT_EQ(out_, "me\n");
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "-u", "me", "-p", "right", "a.test/team"}),
            1);
  EXPECT_THAT(err_, HasSubstr("Credentials cannot be recorded in Docker-compatible format with "
                              R"(namespaced key \"a.test/team\")"));
  EXPECT_EQ(Run({"logout", "--compat-auth-file", file, "docker.io"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for docker.io\n");
  EXPECT_THAT(Contents(file), AllOf(HasSubstr("\"auths\": {}"), HasSubstr("h.test")));
}

TEST_F(LoginTest, WritingAuthJsonToDockersFileIsWarnedOf) {
  std::string file = Write(".docker/config.json", "{}");
  EXPECT_EQ(Run({"login", "--authfile", file, "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_THAT(err_, HasSubstr("saving credentials to ~/.docker/config.json, but not using "
                              "Docker-compatible file format"));
  auth_environment_.registry_auth_file = file;
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_THAT(err_, HasSubstr("$REGISTRY_AUTH_FILE points to ~/.docker/config.json"));
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(err_, "");
}

TEST_F(LoginTest, HelperOfTheRegistryKeepsItsCredentials) {
  WriteHelper();
  const std::string text = R"({"auths": {}, "credHelpers": {"a.test": "test"}})";
  std::string file = Write("run/containers/auth.json", text);
  EXPECT_EQ(Run({"login", "-v", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, "Used:  credential helper: test\nLogin Succeeded!\n");
  EXPECT_EQ(Contents(root_ + "/stored"),
            R"({"Secret":"right","ServerURL":"a.test","Username":"me"})");
  EXPECT_EQ(Contents(file), text);
  EXPECT_EQ(Run({"login", "--get-login", "a.test/x"}), 0);
  EXPECT_EQ(out_, "me\n");
  EXPECT_EQ(Run({"logout", "a.test"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for a.test\n");
  EXPECT_EQ(Contents(root_ + "/erased"), "a.test\n");
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into a.test")));
}

TEST_F(LoginTest, HelperThatFailsIsNamedWithoutWhatItSaid) {
  std::string helper = Write("docker-credential-test", "#!/bin/sh\necho SECRET; exit 3\n");
  ASSERT_EQ(chmod(helper.c_str(), 0755), 0);
  Write("run/containers/auth.json",
        R"({"credHelpers": {"a.test": "test", "a.test/team": "test", "b.test": "none"}})");
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(logging out of \"a.test\": 1 error occurred:\n\t* removing )"
                                   "credentials for a.test from credential helper test: "
                                   R"(docker-credential-test erase: exit status 3\n\n)")));
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(get credentials: 1 error occurred:\n\t* )"
                                   R"(docker-credential-test get: exit status 3\n\n)")));
  EXPECT_EQ(Run({"login", "--get-login", "b.test"}), 1);
  EXPECT_THAT(err_, HasSubstr("docker-credential-none: executable file not found in $PATH"));
}

TEST_F(LoginTest, HelpersTakeNoNamespaces) {
  WriteHelper();
  Write("run/containers/auth.json", R"({"credHelpers": {"a.test/team": "test"}})");
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test/team"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(1 error occurred:\n\t* namespaced key is not supported for )"
                                   R"(credential helper test\n\n)")));
}

TEST_F(LoginTest, DockersStoreKeepsWhatDockersFileWouldKeep) {
  WriteHelper();
  std::string file = Write("config.json", R"({"credsStore": "test"})");
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "-u", "me", "-p", "right", "docker.io"}), 0);
  EXPECT_THAT(Contents(root_ + "/stored"),
              HasSubstr(R"("ServerURL":"https://index.docker.io/v1/")"));
  EXPECT_THAT(Contents(file), HasSubstr("\"https://index.docker.io/v1/\": {}"));
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "--get-login", "docker.io"}), 0);
  EXPECT_EQ(out_, "me\n");
  EXPECT_EQ(Run({"logout", "--compat-auth-file", file, "--all"}), 0);
  EXPECT_EQ(Contents(root_ + "/erased"), "https://index.docker.io/v1/\n");
  EXPECT_THAT(Contents(file), AllOf(HasSubstr("\"auths\": {}"), HasSubstr("credsStore")));
}

TEST_F(LoginTest, FirstHelperOfRegistriesConfThatWorksKeepsCredentials) {
  WriteRefuser("bad");
  WriteKeeper("one");
  WriteKeeper("two");
  credential_helpers_ = {{"bad", "one", "two", "containers-auth.json"}};
  EXPECT_EQ(Run({"--registries-conf=my.conf", "--server=", "login", "-v", "-u", "me", "-p", "right",
                 "a.test"}),
            0);
  EXPECT_EQ(registries_conf_, "my.conf");
  EXPECT_EQ(out_, "Used:  credential helper: one\nLogin Succeeded!\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Kept("one/a.test"), R"({"Secret":"right","ServerURL":"a.test","Username":"me"})");
  EXPECT_EQ(Kept("two/a.test"), "");
  EXPECT_FALSE(std::filesystem::exists(session_));
}

TEST_F(LoginTest, FileHasItsPlaceAmongTheHelpers) {
  WriteKeeper("one");
  credential_helpers_ = {{"containers-auth.json", "one"}};
  EXPECT_EQ(Run({"login", "-v", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(out_, absl::StrCat("Used:  ", session_, "\nLogin Succeeded!\n"));
  EXPECT_EQ(Contents(session_), kLoggedIn);
  EXPECT_EQ(Kept("one/a.test"), "");
}

TEST_F(LoginTest, HelpersThatAllFailAreAllNamed) {
  WriteBroken("bad");
  credential_helpers_ = {{"bad", "containers-auth.json", "none"}};
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("get credentials: 2 errors occurred:\\n\\t* "
                                   "docker-credential-bad get: exit status 3\\n\\t* "
                                   "docker-credential-none: executable file not found in "
                                   "$PATH\\n\\n")));
  WriteRefuser("bad");
  credential_helpers_ = {{"bad", "bad"}};
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("2 errors occurred:\\n\\t* "
                                   "docker-credential-bad store: exit status 3\\n\\t* "
                                   "docker-credential-bad store: exit status 3\\n\\n")));
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test/team"}), 1);
  EXPECT_THAT(err_, HasSubstr("namespaced key is not supported for credential helper bad"));
}

TEST_F(LoginTest, NamespaceIsKeptInTheFileBehindAHelper) {
  WriteKeeper("one");
  credential_helpers_ = {{"one", "containers-auth.json"}};
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test/team"}), 0);
  EXPECT_THAT(Contents(session_), HasSubstr("\"a.test/team\": {"));
  Keep("one/a.test", "other");
  EXPECT_EQ(Run({"logout", "a.test/team"}), 0);
  EXPECT_EQ(Contents(session_), kNobody);
  EXPECT_NE(Kept("one/a.test"), "");
}

TEST_F(LoginTest, UserIsThatOfTheFirstHelperThatKnows) {
  WriteBroken("bad");
  WriteKeeper("one");
  WriteKeeper("two");
  Keep("two/a.test", "two");
  std::string file = Write("run/containers/auth.json", kLoggedIn);
  credential_helpers_ = {{"bad", "one", "two", "containers-auth.json"}};
  EXPECT_EQ(Run({"login", "--get-login", "a.test/team"}), 0);
  EXPECT_EQ(out_, "two\n");
  credential_helpers_ = {{"one", "containers-auth.json", "two"}};
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 0);
  EXPECT_EQ(out_, "me\n");
  Write("run/containers/auth.json", "{");
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 0);
  EXPECT_EQ(out_, "two\n");
  credential_helpers_ = {{"one"}};
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into a.test")));
}

TEST_F(LoginTest, LogoutForgetsInAllHelpers) {
  WriteKeeper("one");
  WriteKeeper("two");
  WriteKeeper("three");
  Keep("one/a.test", "x");
  Keep("one/b.test", "x");
  Keep("three/a.test", "x");
  Write("run/containers/auth.json", kLoggedIn);
  credential_helpers_ = {{"one", "two", "containers-auth.json", "three"}};
  EXPECT_EQ(Run({"logout", "a.test"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for a.test\n");
  EXPECT_EQ(Kept("one/a.test") + Kept("three/a.test"), "");
  EXPECT_NE(Kept("one/b.test"), "");
  EXPECT_EQ(Contents(session_), kNobody);
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into a.test")));
}

TEST_F(LoginTest, LogoutForgetsBehindAHelperThatFails) {
  WriteBroken("bad");
  WriteKeeper("one");
  Keep("one/a.test", "x");
  Write("run/containers/auth.json", kLoggedIn);
  credential_helpers_ = {{"bad", "containers-auth.json", "none", "one"}};
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(logging out of \"a.test\": 2 errors occurred:\n\t* removing )"
                                   "credentials for a.test from credential helper bad: "
                                   R"(docker-credential-bad erase: exit status 3\n\t* removing )"
                                   "credentials for a.test from credential helper none: "
                                   "docker-credential-none: executable file not found in "
                                   R"($PATH\n\n)")));
  EXPECT_EQ(Kept("one/a.test"), "");
  EXPECT_EQ(Contents(session_), kNobody);
}

TEST_F(LoginTest, LogoutOfAllForgetsWhatHelpersList) {
  WriteBroken("bad");
  WriteKeeper("one");
  WriteKeeper("two");
  for (const char* path : {"one/a.test", "one/b.test:5000", "two/a.test"}) {
    Keep(path, "x");
  }
  Write("run/containers/auth.json", kLoggedIn);
  credential_helpers_ = {{"one", "none", "two", "containers-auth.json"}};
  EXPECT_EQ(Run({"logout", "--all"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for all registries\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Kept("one/a.test") + Kept("one/b.test:5000") + Kept("two/a.test"), "");
  EXPECT_EQ(Contents(session_), kNobody);
  Keep("two/a.test", "x");
  credential_helpers_ = {{"bad", "two"}};
  EXPECT_EQ(Run({"logout", "--all"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(1 error occurred:\n\t* docker-credential-bad list: )"
                                   R"(exit status 3\n\n)")));
  EXPECT_EQ(Kept("two/a.test"), "");
}

TEST_F(LoginTest, HelpersOfRegistriesConfHaveNoPartInDockersFile) {
  WriteKeeper("one");
  credential_helpers_ = {{"one"}};
  std::string file = root_ + "/config.json";
  EXPECT_EQ(Run({"login", "--compat-auth-file", file, "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(Contents(file), kLoggedIn);
  EXPECT_EQ(Run({"logout", "--compat-auth-file", file, "a.test"}), 0);
  EXPECT_EQ(Contents(file), kNobody);
  EXPECT_EQ(Kept("one/a.test"), "");
}

TEST_F(LoginTest, RegistriesConfThatCannotBeReadIsAnError) {
  credential_helpers_ = absl::InvalidArgumentError("loading registries configuration: why");
  EXPECT_EQ(Run({"login", "--get-login", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("get credentials: loading registries configuration: why")));
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal(R"(logging out of \"a.test\": loading registries )"
                                   "configuration: why")));
  EXPECT_EQ(Run({"logout", "--all"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("loading registries configuration: why")));
}

TEST_F(LoginTest, LogoutForgetsExactlyOneKey) {
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test/team"}), 0);
  EXPECT_EQ(Run({"logout", "a.test/team"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for a.test/team\n");
  EXPECT_EQ(Contents(session_), kLoggedIn);
  EXPECT_EQ(Run({"logout", "https://a.test"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for a.test\n");
  EXPECT_EQ(Contents(session_), kNobody);
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into a.test")));
}

TEST_F(LoginTest, LogoutNamesCredentialsOfDocker) {
  Write(".docker/config.json", R"({"auths": {"a.test": {"auth": "bWU6cmlnaHQ="}}})");
  EXPECT_EQ(Run({"logout", "a.test"}), 0);
  EXPECT_EQ(out_,
            "Not logged into a.test with current tool. Existing credentials were established via "
            "docker login. Please use docker logout instead.\n");
  Write(".docker/config.json", R"({"auths": {"a.test": {"auth": "bWU6d3Jvbmc="}}})");
  EXPECT_EQ(Run({"logout", "a.test"}), 1);
  EXPECT_THAT(err_, EndsWith(Fatal("not logged into a.test")));
}

TEST_F(LoginTest, LogoutOfAllForgetsHelpersToo) {
  WriteHelper();
  Write("run/containers/auth.json",
        R"({"auths": {"b.test": {"auth": "eDp5"}}, "credHelpers": {"a.test": "test"}})");
  EXPECT_EQ(Run({"login", "-u", "me", "-p", "right", "a.test"}), 0);
  EXPECT_EQ(Run({"logout", "-a"}), 0);
  EXPECT_EQ(out_, "Removed login credentials for all registries\n");
  EXPECT_EQ(Contents(session_), kNobody);
  EXPECT_EQ(Contents(root_ + "/erased"), "a.test\n");
  EXPECT_EQ(Run({"logout", "--all"}), 0);
}

}  // namespace
}  // namespace holkas
