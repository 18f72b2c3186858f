#include "proto/registries/registries_conf.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

// Where the table leads `host/x:1`.
std::string LeadsTo(const RegistryTable& table, const std::string& host) {
  const RegistryReference reference =
      *ImageReference::Parse(absl::StrCat("docker://", host, "/x:1"))->registry();
  return table.EndpointsOf(reference)->back().reference.host;
}

std::string EntryText(const std::string& prefix, const std::string& location) {
  return absl::StrCat("[[registry]]\nprefix = '", prefix, "'\nlocation = '", location, "'\n");
}

class RegistriesConfTest : public testing::Test {
 protected:
  RegistriesConfTest()
      : root_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }

  std::string Path(const std::string& name) const { return absl::StrCat(root_, "/", name); }
  // Writes a new file and moves it over the old one, as editors do.
  std::string Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name) + ".new") << text;
    std::filesystem::rename(Path(name) + ".new", Path(name));
    return Path(name);
  }

  const std::string root_;
};

TEST_F(RegistriesConfTest, DropInsReplaceEntriesInAlphabeticalOrder) {
  const RegistriesConfFiles files = {
      Write("r.conf", EntryText("a.test", "main") + EntryText("b.test", "main")),
      true,
      {Path("one.d"), Path("two.d"), Path("none.d")}};
  Write("one.d/20.conf", EntryText("a.test", "late.test"));
  Write("one.d/10.conf", EntryText("a.test", "early.test") + EntryText("c.test", "early.test"));
  Write("one.d/30.conf.bak", EntryText("a.test", "backup.test"));
  Write("one.d/sub.conf/40.conf", EntryText("a.test", "deep.test"));
  Write("two.d/00.conf", EntryText("c.test", "second.test"));
  Write("r.conf", EntryText("a.test", "main.test") + EntryText("b.test", "main.test"));
  ASSERT_OK_AND_ASSIGN(const RegistryTable table, LoadRegistriesConf(files));
  EXPECT_EQ(LeadsTo(table, "a.test"), "late.test");
  EXPECT_EQ(LeadsTo(table, "b.test"), "main.test");
  EXPECT_EQ(LeadsTo(table, "c.test"), "second.test");
}

TEST_F(RegistriesConfTest, TheLastFileThatNamesCredentialHelpersCounts) {
  const RegistriesConfFiles files = {
      Write("r.conf", R"(credential-helpers = ["main"])"), true, {Path("d")}};
  EXPECT_THAT(LoadRegistriesConf(files)->credential_helpers(), testing::ElementsAre("main"));
  Write("d/1.conf", R"(credential-helpers = ["one", "two"])");
  Write("d/2.conf", EntryText("a.test", "b.test"));
  EXPECT_THAT(LoadRegistriesConf(files)->credential_helpers(), testing::ElementsAre("one", "two"));
}

TEST_F(RegistriesConfTest, TheOrderOfDropInsIsTheirNamesAndNotTheDirectorys) {
  constexpr int kFiles = 20;
  for (int i = 0; i < kFiles; ++i) {
    const int number = (i * 7) % kFiles;  // out of order
    const std::string name = absl::StrCat("f", number, ".test");
    Write(absl::StrCat("d/", 10 + number, ".conf"),
          EntryText(absl::StrCat("q", number, ".test"), name) +
              EntryText(absl::StrCat("q", number + 1, ".test"), name));
  }
  ASSERT_OK_AND_ASSIGN(const RegistryTable table,
                       LoadRegistriesConf({Path("none.conf"), false, {Path("d")}}));
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_EQ(LeadsTo(table, absl::StrCat("q", i, ".test")), absl::StrCat("f", i, ".test"));
  }
}

TEST_F(RegistriesConfTest, AMissingFileIsAnErrorOnlyWhereItWasAskedFor) {
  EXPECT_THAT(LoadRegistriesConf({Path("none.conf"), true, {}}),
              StatusIs(StatusCode::kNotFound, HasSubstr("none.conf")));
  EXPECT_OK(LoadRegistriesConf({Path("none.conf"), false, {}}));
  EXPECT_OK(LoadRegistriesConf({}));
}

TEST_F(RegistriesConfTest, ErrorsNameTheFile) {
  EXPECT_THAT(LoadRegistriesConf({Write("bad.conf", "\n]"), true, {}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(Path("bad.conf:2: "))));
  Write("d/bad.conf", "x");
  EXPECT_THAT(LoadRegistriesConf({Path("none.conf"), false, {Path("d")}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(Path("d/bad.conf:1: "))));
  EXPECT_THAT(LoadRegistriesConf({Write("huge.conf", std::string(2 << 20, '#')), true, {}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("larger than")));
}

TEST_F(RegistriesConfTest, AFileThatChangedIsReadAgain) {
  RegistriesConf conf({Write("r.conf", EntryText("a.test", "one.test")), true, {Path("r.conf.d")}});
  ASSERT_OK_AND_ASSIGN(auto first, conf.Current());
  EXPECT_EQ(LeadsTo(*first, "a.test"), "one.test");
  ASSERT_OK_AND_ASSIGN(auto same, conf.Current());
  EXPECT_EQ(same, first);

  Write("r.conf", EntryText("a.test", "two.test"));
  ASSERT_OK_AND_ASSIGN(auto second, conf.Current());
  EXPECT_EQ(LeadsTo(*second, "a.test"), "two.test");
  EXPECT_EQ(LeadsTo(*first, "a.test"), "one.test");

  Write("r.conf.d/1.conf", EntryText("a.test", "three.test"));
  ASSERT_OK_AND_ASSIGN(auto third, conf.Current());
  EXPECT_EQ(LeadsTo(*third, "a.test"), "three.test");

  std::filesystem::remove(Path("r.conf.d/1.conf"));
  ASSERT_OK_AND_ASSIGN(auto fourth, conf.Current());
  EXPECT_EQ(LeadsTo(*fourth, "a.test"), "two.test");
}

TEST_F(RegistriesConfTest, AFileThatCannotBeReadAnyMoreLeavesTheLastGoodTable) {
  std::vector<std::string> told;
  RegistriesConf conf({Write("r.conf", EntryText("a.test", "one.test")), true, {}},
                      [&told](const absl::Status& why) { told.emplace_back(why.message()); });
  EXPECT_OK(conf.Current());
  Write("r.conf", "x");
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto table, conf.Current());
    EXPECT_EQ(LeadsTo(*table, "a.test"), "one.test");
  }
  EXPECT_THAT(told, ElementsAre(HasSubstr(Path("r.conf:1: "))));
  Write("r.conf", EntryText("a.test", "two.test"));
  ASSERT_OK_AND_ASSIGN(auto table, conf.Current());
  EXPECT_EQ(LeadsTo(*table, "a.test"), "two.test");
}

TEST_F(RegistriesConfTest, AFileThatNeverWasGoodIsAnErrorUntilItIs) {
  RegistriesConf conf({Write("r.conf", "x"), true, {}});
  EXPECT_THAT(conf.Current(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("r.conf:1: ")));
  EXPECT_THAT(conf.Current(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("r.conf:1: ")));
  Write("r.conf", "");
  EXPECT_OK(conf.Current());
}

TEST(RegistriesConf, WithoutFilesItIsEmpty) {
  RegistriesConf conf;
  ASSERT_OK_AND_ASSIGN(auto table, conf.Current());
  EXPECT_EQ(LeadsTo(*table, "a.test"), "a.test");
}

TEST(RegistriesConfAt, IsTheFileAndItsDirectory) {
  const RegistriesConfFiles files = RegistriesConfAt("/srv/r.conf");
  EXPECT_EQ(files.main, "/srv/r.conf");
  EXPECT_TRUE(files.required);
  EXPECT_THAT(files.drop_in_directories, ElementsAre("/srv/r.conf.d"));
}

class FindRegistriesConfTest : public testing::Test {
 protected:
  FindRegistriesConfTest() {
    environment_.home = "/home/me";
    environment_.exists = [this](const std::string& path) { return path == existing_; };
  }

  std::string existing_;
  RegistriesConfEnvironment environment_;
};

constexpr char kUserFile[] = "/home/me/.config/containers/registries.conf";
constexpr char kUserDirectory[] = "/home/me/.config/containers/registries.conf.d";
constexpr char kSystemFile[] = "/etc/containers/registries.conf";
constexpr char kSystemDirectory[] = "/etc/containers/registries.conf.d";

TEST_F(FindRegistriesConfTest, TheSystemsFileIsTheLast) {
  const RegistriesConfFiles files = FindRegistriesConf("", environment_);
  EXPECT_EQ(files.main, kSystemFile);
  EXPECT_FALSE(files.required);
  EXPECT_THAT(files.drop_in_directories, ElementsAre(kSystemDirectory, kUserDirectory));
}

TEST_F(FindRegistriesConfTest, TheUsersFileHidesAllOfTheSystems) {
  existing_ = kUserFile;
  const RegistriesConfFiles files = FindRegistriesConf("", environment_);
  EXPECT_EQ(files.main, kUserFile);
  EXPECT_FALSE(files.required);
  EXPECT_THAT(files.drop_in_directories, ElementsAre(kUserDirectory));
}

TEST_F(FindRegistriesConfTest, VariablesComeBeforeTheUsersFileAndThePathBeforeThem) {
  existing_ = kUserFile;
  environment_.registries_config_path = "/second";
  EXPECT_EQ(FindRegistriesConf("", environment_).main, "/second");
  environment_.containers_registries_conf = "/first";
  EXPECT_EQ(FindRegistriesConf("", environment_).main, "/first");
  const RegistriesConfFiles files = FindRegistriesConf("named", environment_);
  EXPECT_EQ(files.main, "named");
  EXPECT_TRUE(files.required);
  EXPECT_THAT(files.drop_in_directories, ElementsAre(kSystemDirectory, kUserDirectory));
}

TEST_F(FindRegistriesConfTest, WithoutAHomeThereIsNoUsersFile) {
  environment_.home = "";
  existing_ = "/.config/containers/registries.conf";
  const RegistriesConfFiles files = FindRegistriesConf("", environment_);
  EXPECT_EQ(files.main, kSystemFile);
  EXPECT_THAT(files.drop_in_directories, ElementsAre(kSystemDirectory));
}

TEST_F(RegistriesConfTest, ProcessHasTheVariablesAndSeesFiles) {
  setenv("HOME", "/home/x", 1);
  setenv("CONTAINERS_REGISTRIES_CONF", "/a", 1);
  setenv("REGISTRIES_CONFIG_PATH", "/b", 1);
  const RegistriesConfEnvironment environment = ProcessRegistriesConfEnvironment();
  EXPECT_EQ(environment.home, "/home/x");
  EXPECT_EQ(environment.containers_registries_conf, "/a");
  EXPECT_EQ(environment.registries_config_path, "/b");
  EXPECT_TRUE(environment.exists(Write("r.conf", "")));
  EXPECT_FALSE(environment.exists(Path("none")));
}

}  // namespace
}  // namespace holkas
