#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "broker/broker.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/media_types.h"
#include "worker/transports/oci/oci.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Has somebody else change the layout before each of the first `times` locks is taken, or, with
// `at_publish`, between a lock and its Publish.
class ChangingBroker : public FakeBroker {
 public:
  explicit ChangingBroker(const std::string& path)
      : FakeBroker({Kind::kOci, path}, {Kind::kOci, path}) {}

  absl::StatusOr<PublishLock> BeginPublish() override {
    if (!at_publish && times-- > 0) {
      change();
    }
    return FakeBroker::BeginPublish();
  }
  absl::Status Publish(uint32_t file_id, int64_t size_bytes) override {
    if (!at_publish || times-- <= 0) {
      return FakeBroker::Publish(file_id, size_bytes);
    }
    RETURN_IF_ERROR(DropFile(file_id));
    change();
    return absl::AbortedError("somebody else changed the layout");
  }

  int times = 0;
  bool at_publish = false;
  std::function<void()> change;
};

class OciDeleteTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(path_);
    fs::create_directories(path_ + "/blobs/sha256");
    std::ofstream(path_ + "/oci-layout") << R"({"imageLayoutVersion": "1.0.0"})";
    broker_ = std::make_unique<ChangingBroker>(path_);
  }

  std::string Write(const std::string& content) {
    std::ofstream(BlobPath(content)) << content;
    return content;
  }
  std::string BlobPath(const std::string& content) const {
    return absl::StrCat(path_, "/blobs/sha256/", Digest::Sha256Of(content).hex());
  }
  bool Has(const std::string& content) const { return fs::exists(BlobPath(content)); }

  static std::string Json(const std::string& content, absl::string_view type,
                          const std::string& more = "") {
    return absl::StrCat(R"({"mediaType":")", type, R"(","digest":")",
                        Digest::Sha256Of(content).ToString(), R"(","size":)", content.size(), more,
                        "}");
  }
  static std::string Entry(const std::string& manifest, const std::string& name,
                           absl::string_view type = kOciManifestType) {
    return Json(manifest, type,
                name.empty()
                    ? ""
                    : absl::StrCat(R"(,"annotations":{)",
                                   R"("org.opencontainers.image.ref.name":")", name, "\"}"));
  }
  // Writes an image and its blobs; result: the text of its manifest.
  std::string Image(const std::vector<std::string>& layers) {
    std::vector<std::string> entries;
    for (const std::string& layer : layers) {
      entries.push_back(Json(Write(layer), kOciLayerGzipType));
    }
    return Write(absl::StrCat(R"({"schemaVersion":2,"config":)", Json(Write("{}"), kOciConfigType),
                              R"(,"layers":[)", absl::StrJoin(entries, ","), "]}"));
  }

  static std::string Index(const std::vector<std::string>& entries) {
    return absl::StrCat(R"({"schemaVersion":2,"manifests":[)", absl::StrJoin(entries, ","), "]}");
  }
  void WriteIndex(const std::vector<std::string>& entries) {
    std::ofstream(path_ + "/index.json") << Index(entries);
  }
  std::string ReadIndex() const {
    std::ifstream file(path_ + "/index.json", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  absl::StatusOr<Digest> Delete(const std::string& name) {
    broker::ImageLocation location;
    location.mutable_oci()->set_reference(name);
    return Delete(location);
  }
  absl::StatusOr<Digest> DeleteAt(uint32_t position) {
    broker::ImageLocation location;
    location.mutable_oci()->set_index(position);
    location.mutable_oci()->set_has_index(true);
    return Delete(location);
  }

  // Each job has a broker of its own.
  absl::StatusOr<Digest> Delete(const broker::ImageLocation& location) {
    if (broker_->published()) {
      broker_ = std::make_unique<ChangingBroker>(path_);
    }
    return DeleteOciImage({*broker_, job_}, location, /*only_tag=*/false);
  }

  std::string path_;
  std::unique_ptr<ChangingBroker> broker_;
  broker::JobSpec job_;
};

TEST_F(OciDeleteTest, ImageGoesWithWhatNoOtherNeeds) {
  const std::string one = Image({"base", "1"});
  const std::string two = Image({"base", "2"});
  WriteIndex({Entry(one, "one"), Entry(two, "two")});
  EXPECT_THAT(Delete("one"), IsOkAndHolds(Digest::Sha256Of(one)));
  EXPECT_EQ(ReadIndex(), Index({Entry(two, "two")}));
  EXPECT_FALSE(Has(one) || Has("1"));
  EXPECT_TRUE(Has(two) && Has("2") && Has("base") && Has("{}"));
  EXPECT_THAT(Delete("two"), IsOkAndHolds(Digest::Sha256Of(two)));
  EXPECT_EQ(ReadIndex(), Index({}));
  EXPECT_TRUE(fs::is_empty(path_ + "/blobs/sha256"));
}

TEST_F(OciDeleteTest, ImageThatHasAnotherNameStays) {
  const std::string image = Image({"1"});
  WriteIndex({Entry(image, "one"), Entry(image, "two"), Entry(image, "")});
  ASSERT_OK(Delete("one").status());
  EXPECT_EQ(ReadIndex(), Index({Entry(image, "two"), Entry(image, "")}));
  EXPECT_TRUE(Has(image) && Has("1"));
}

TEST_F(OciDeleteTest, ImagesAreChosenByPositionOrAsTheOnlyOne) {
  const std::string one = Image({"1"});
  const std::string two = Image({"2"});
  WriteIndex({Entry(one, ""), Entry(two, "")});
  const absl::Status several = Delete("").status();
  EXPECT_THAT(several, StatusIs(absl::StatusCode::kInvalidArgument,
                                "more than one image in oci, choose an image"));
  EXPECT_THAT(DeleteAt(1), IsOkAndHolds(Digest::Sha256Of(two)));
  EXPECT_EQ(ReadIndex(), Index({Entry(one, "")}));
  EXPECT_THAT(Delete(""), IsOkAndHolds(Digest::Sha256Of(one)));
  EXPECT_EQ(ReadIndex(), Index({}));
}

TEST_F(OciDeleteTest, WhatIsNotThereIsNotFoundAndNothingIsTouched) {
  WriteIndex({Entry(Image({"1"}), "one")});
  for (const absl::Status& status : {Delete("two").status(), DeleteAt(1).status()}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  }
  fs::remove_all(path_);
  const absl::Status status = Delete("one").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("open index.json")));
  EXPECT_EQ(ErrorReason(status), "REPOSITORY_UNKNOWN");
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(broker_->calls("BeginPublish"), 0);
}

TEST_F(OciDeleteTest, WhatIsNotKnownOfOtherEntriesStays) {
  const std::string one = Image({"1"});
  const std::string two = Image({"2"});
  const std::string known = Entry(two, "two");
  const std::string unknown =
      known.substr(0, known.size() - 1) + R"(,"x":[1.50,1e3,{"y":null}],"data":"eA=="})";
  WriteIndex({unknown, Entry(one, "one")});
  ASSERT_OK(Delete("one").status());
  EXPECT_EQ(ReadIndex(), Index({unknown}));
}

TEST_F(OciDeleteTest, ManifestsAreReadBeforeTheLockIsTaken) {
  std::vector<std::string> entries;
  for (int i = 0; i < 20; ++i) {
    entries.push_back(Entry(Image({absl::StrCat(i)}), absl::StrCat("image-", i)));
  }
  WriteIndex(entries);
  const std::string late = Image({"3", "late"});
  entries.push_back(Entry(late, "late"));
  broker_->times = 1;
  int before = 0;
  broker_->change = [&] {
    before = broker_->calls("OpenFile");
    WriteIndex(entries);
  };
  ASSERT_OK(Delete("image-3").status());
  EXPECT_EQ(broker_->calls("OpenFile") - before, 1);
  EXPECT_TRUE(Has("3"));  // which the image that came last needs
}

TEST_F(OciDeleteTest, IsDoneAgainWhereSomebodyElseChangedTheList) {
  const std::string one = Image({"1"});
  const std::string two = Image({"1", "2"});
  WriteIndex({Entry(one, "one")});
  broker_->at_publish = true;
  broker_->times = 19;
  broker_->change = [&] { WriteIndex({Entry(one, "one"), Entry(two, "two")}); };
  ASSERT_OK(Delete("one").status());
  EXPECT_EQ(broker_->calls("BeginPublish"), 20);
  EXPECT_EQ(ReadIndex(), Index({Entry(two, "two")}));
  EXPECT_TRUE(Has("1") && Has("2"));
  EXPECT_FALSE(Has(one));
}

TEST_F(OciDeleteTest, NameThatMovedStandsForItsNewImage) {
  const std::string one = Image({"1"});
  const std::string two = Image({"2"});
  WriteIndex({Entry(one, "t")});
  broker_->times = 1;
  broker_->change = [&] { WriteIndex({Entry(one, ""), Entry(two, "t")}); };
  EXPECT_THAT(Delete("t"), IsOkAndHolds(Digest::Sha256Of(two)));
  EXPECT_EQ(ReadIndex(), Index({Entry(one, "")}));
}

TEST_F(OciDeleteTest, PositionThatAnotherImageCameToIsNotDeleted) {
  const std::string one = Image({"1"});
  const std::string two = Image({"2"});
  WriteIndex({Entry(one, "one"), Entry(two, "two")});
  broker_->times = 1;
  broker_->change = [&] { WriteIndex({Entry(two, "two")}); };
  const absl::Status status = DeleteAt(0).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr(Digest::Sha256Of(two).ToString())));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  EXPECT_EQ(ReadIndex(), Index({Entry(two, "two")}));
  EXPECT_EQ(broker_->calls("DropFile"), 1);
}

TEST_F(OciDeleteTest, ListThatSomebodyIsWritingIsReadAgain) {
  const std::string one = Image({"1"});
  std::ofstream(path_ + "/index.json") << "{";
  broker_->times = 3;
  broker_->change = [&] {
    if (broker_->times == 0) {
      WriteIndex({Entry(one, "one")});
    }
  };
  EXPECT_OK(Delete("one").status());
  EXPECT_FALSE(Has(one) || Has("1"));
}

TEST_F(OciDeleteTest, SignaturesGoWithTheLastEntryOfTheirImage) {
  const std::string image = Image({"1"});
  const std::string signature = Image({"signature"});
  const std::string name = absl::StrCat("sha256-", Digest::Sha256Of(image).hex(), ".sig");
  WriteIndex({Entry(signature, name), Entry(image, "one"), Entry(image, "two")});
  ASSERT_OK(Delete("one").status());
  EXPECT_EQ(ReadIndex(), Index({Entry(signature, name), Entry(image, "two")}));
  ASSERT_OK(Delete("two").status());
  EXPECT_EQ(ReadIndex(), Index({}));
  EXPECT_TRUE(fs::is_empty(path_ + "/blobs/sha256"));
}

TEST_F(OciDeleteTest, WhereOneEntryIsNoImageNothingIsDeleted) {
  const std::string one = Image({"1"});
  WriteIndex({Entry(one, "one"), Entry("x", "x", "application/x")});
  const std::string before = ReadIndex();
  for (const char* name : {"one", "x"}) {
    const absl::Status status = Delete(name).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("unsupported")));
    EXPECT_EQ(ErrorReason(status), "MEDIA_TYPE_UNSUPPORTED");
  }
  EXPECT_EQ(ReadIndex(), before);
  EXPECT_TRUE(Has(one) && Has("1"));
}

TEST_F(OciDeleteTest, TagAloneIsNotDeleted) {
  WriteIndex({Entry(Image({"1"}), "one")});
  broker::ImageLocation location;
  location.mutable_oci()->set_reference("one");
  EXPECT_THAT(DeleteOciImage({*broker_, job_}, location, /*only_tag=*/true).status(),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_TRUE(Has("1"));
}

}  // namespace
}  // namespace holkas
