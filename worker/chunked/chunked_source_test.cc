#include "worker/chunked/chunked_source.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/compressing_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"
#include "worker/storage/tar_builder.h"
#include "worker/storage/tar_split.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Annotations = std::map<std::string, std::string>;

constexpr char kPrefix[] = "io.github.containers.zstd-chunked.";

std::string Decompress(absl::string_view bytes) {
  auto source = DecompressingSource::New(std::make_unique<StringSource>(std::string(bytes)),
                                         Compression::kZstd);
  absl::StatusOr<std::string> plain = ReadToEnd(**source);
  return plain.ok() ? *plain : std::string(plain.status().message());
}

std::string Random(size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random());
  }
  return bytes;
}

// A layer that was made, as readers see it.
class Layer {
 public:
  Layer(std::string blob, Annotations annotations)
      : blob_(std::move(blob)), annotations_(std::move(annotations)) {}

  const std::string& blob() const { return blob_; }
  const Annotations& annotations() const { return annotations_; }
  const std::string& Annotation(const std::string& key) const {
    return annotations_.at(kPrefix + key);
  }

  std::string Tar() const { return Decompress(blob_); }
  std::string Slice(int64_t begin, int64_t end) const {
    return Decompress(absl::string_view(blob_).substr(begin, end - begin));
  }
  // What is where an annotation says, compressed.
  std::string Held(const std::string& key) const {
    const std::vector<int64_t> numbers = Numbers(key);
    return blob_.substr(numbers[0], numbers[1]);
  }
  std::vector<int64_t> Numbers(const std::string& key) const {
    std::vector<int64_t> numbers;
    for (const absl::string_view text : absl::StrSplit(Annotation(key), ':')) {
      int64_t number = -1;
      EXPECT_TRUE(absl::SimpleAtoi(text, &number));
      numbers.push_back(number);
    }
    return numbers;
  }

  JsonValue Contents() const { return *ParseStrictJson(Decompress(Held("manifest-position"))); }
  std::vector<JsonValue> Entries() const { return *Contents().Find("entries")->array(); }

 private:
  std::string blob_;
  Annotations annotations_;
};

absl::StatusOr<Layer> Make(const std::string& tar, size_t read_bytes = std::string::npos) {
  Compressor compressor(
      NewZstdFormat(std::nullopt), [](std::function<void()>) {}, 1);
  Annotations annotations;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ChunkedSource> source,
      ChunkedSource::New(std::make_unique<StringSource>(tar, read_bytes), compressor, annotations));
  ASSIGN_OR_RETURN(std::string blob, ReadToEnd(*source));
  return Layer(std::move(blob), std::move(annotations));
}

std::string TextOf(const JsonValue& entry, absl::string_view key) {
  const JsonValue* value = entry.Find(key);
  return value == nullptr ? "" : *value->string();
}

int64_t NumberOf(const JsonValue& entry, absl::string_view key) {
  const JsonValue* value = entry.Find(key);
  int64_t number = 0;
  return value != nullptr && absl::SimpleAtoi(value->number()->text, &number) ? number : 0;
}

// By the frames that the table names: every file's content, chunk by chunk, checked against all of
// its digests.
std::map<std::string, std::string> ReadByContents(const Layer& layer) {
  std::map<std::string, std::string> files;
  const std::vector<JsonValue> entries = layer.Entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (TextOf(entries[i], "digest").empty()) {
      continue;
    }
    const std::string name = TextOf(entries[i], "name");
    const int64_t end = NumberOf(entries[i], "endOffset");
    std::string& content = files[name];
    size_t last = i;
    while (last + 1 < entries.size() && TextOf(entries[last + 1], "type") == "chunk") {
      ++last;
    }
    for (size_t chunk = i; chunk <= last; ++chunk) {
      EXPECT_EQ(TextOf(entries[chunk], "name"), name);
      const std::string bytes =
          layer.Slice(NumberOf(entries[chunk], "offset"),
                      chunk < last ? NumberOf(entries[chunk + 1], "offset") : end);
      if (last > i) {
        EXPECT_EQ(NumberOf(entries[chunk], "chunkOffset"), static_cast<int64_t>(content.size()));
        EXPECT_EQ(NumberOf(entries[chunk], "chunkSize"), static_cast<int64_t>(bytes.size()));
        EXPECT_EQ(TextOf(entries[chunk], "chunkDigest"), Digest::Sha256Of(bytes).ToString());
        EXPECT_EQ(TextOf(entries[chunk], "chunkType") == "zeros",
                  bytes.find_first_not_of('\0') == std::string::npos);
      }
      content += bytes;
    }
    EXPECT_EQ(TextOf(entries[i], "digest"), Digest::Sha256Of(content).ToString());
    EXPECT_EQ(NumberOf(entries[i], "size"), static_cast<int64_t>(content.size()));
  }
  return files;
}

// The tar again, as who has only the files makes it.
std::string Assemble(const Layer& layer, std::map<std::string, std::string> files) {
  TarSplitReader reader(
      std::make_unique<StringSource>(Decompress(layer.Held("tarsplit-position"))));
  std::string tar;
  while (true) {
    const absl::StatusOr<std::optional<TarSplitEntry>> entry = reader.Next();
    EXPECT_OK(entry.status());
    if (!entry.ok() || !entry->has_value()) {
      return tar;
    }
    tar +=
        (*entry)->kind == TarSplitEntry::Kind::kSegment ? (*entry)->bytes : files[(*entry)->name];
  }
}

uint64_t FooterNumber(const std::string& blob, size_t index) {
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) {
    number = number << 8 | static_cast<uint8_t>(blob[blob.size() - 64 + 8 * index + i]);
  }
  return number;
}

std::string ManyFiles() {
  const std::string random = Random(700'000);
  return TarBuilder()
      .Directory("etc")
      .File("etc/hello", "hello\n", 0600)
      .File("empty", "")
      .File("big", random)
      .File("mixed", absl::StrCat(random.substr(0, 90'000), std::string(5000, '\0'),
                                  random.substr(5, 90'000), std::string(2000, '\0')))
      .File("zeros", std::string(3 << 20, '\0'))
      .Symlink("soft", "etc/hello")
      .HardLink("hard", "etc/hello")
      .Build();
}

TEST(ChunkedSource, AnyReaderOfZstdReadsTheTar) {
  const std::string tar = ManyFiles();
  for (const size_t read_bytes : {size_t{100}, std::string::npos}) {
    ASSERT_OK_AND_ASSIGN(const Layer layer, Make(tar, read_bytes));
    EXPECT_EQ(Digest::Sha256Of(layer.Tar()), Digest::Sha256Of(tar));
  }
}

TEST(ChunkedSource, TableOfContentsFindsEveryFile) {
  ASSERT_OK_AND_ASSIGN(const Layer layer, Make(ManyFiles()));
  std::map<std::string, std::string> files = ReadByContents(layer);
  EXPECT_THAT(files, SizeIs(4));
  EXPECT_EQ(files["etc/hello"], "hello\n");
  EXPECT_EQ(files["big"], Random(700'000));
  EXPECT_EQ(files["zeros"].size(), size_t{3 << 20});
}

TEST(ChunkedSource, BigFileHasChunksAndSmallOneHasNone) {
  ASSERT_OK_AND_ASSIGN(const Layer layer, Make(ManyFiles()));
  std::map<std::string, int> chunks;
  for (const JsonValue& entry : layer.Entries()) {
    chunks[TextOf(entry, "name")] += TextOf(entry, "type") == "chunk" ? 1 : 0;
  }
  EXPECT_EQ(chunks["etc/hello"], 0);
  EXPECT_EQ(chunks["zeros"], 0);
  EXPECT_GT(chunks["big"], 3);
  EXPECT_GT(chunks["mixed"], 2);
}

TEST(ChunkedSource, TarSplitMakesTheTarOfTheFiles) {
  const std::string tar = ManyFiles() + std::string(7777, '\0');
  ASSERT_OK_AND_ASSIGN(const Layer layer, Make(tar));
  EXPECT_EQ(Digest::Sha256Of(Assemble(layer, ReadByContents(layer))), Digest::Sha256Of(tar));
  EXPECT_EQ(TextOf(layer.Contents(), "tarSplitDigest"),
            Digest::Sha256Of(layer.Held("tarsplit-position")).ToString());
  EXPECT_EQ(layer.Numbers("tarsplit-position")[2],
            static_cast<int64_t>(Decompress(layer.Held("tarsplit-position")).size()));
}

TEST(ChunkedSource, AnnotationsAndFooterTellWhereEverythingIs) {
  ASSERT_OK_AND_ASSIGN(const Layer layer, Make(ManyFiles()));
  const std::string contents = layer.Held("manifest-position");
  EXPECT_EQ(layer.Annotation("manifest-checksum"), Digest::Sha256Of(contents).ToString());
  const std::vector<int64_t> position = layer.Numbers("manifest-position");
  EXPECT_THAT(position, SizeIs(4));
  EXPECT_EQ(position[2], static_cast<int64_t>(Decompress(contents).size()));
  EXPECT_EQ(position[3], 1);
  // Podman 4.3 reads these.
  EXPECT_EQ(layer.annotations().at("io.containers.zstd-chunked.manifest-position"),
            layer.Annotation("manifest-position"));
  EXPECT_EQ(layer.annotations().at("io.containers.zstd-chunked.manifest-checksum"),
            layer.Annotation("manifest-checksum"));
  std::vector<int64_t> footer;
  for (size_t i = 0; i < 7; ++i) {
    footer.push_back(static_cast<int64_t>(FooterNumber(layer.blob(), i)));
  }
  const std::vector<int64_t> split = layer.Numbers("tarsplit-position");
  EXPECT_THAT(footer,
              ElementsAre(position[0], position[1], position[2], 1, split[0], split[1], split[2]));
  EXPECT_TRUE(absl::EndsWith(layer.blob(), "GNUlInUx"));
  // Of a skippable frame.
  EXPECT_EQ(layer.blob().substr(position[0] - 8, 4), "\x50\x2a\x4d\x18");
}

TEST(ChunkedSource, EntrySaysWhatItsHeaderSays) {
  TarBuilder tar;
  tar.Pax({{"mtime", "1600000000.25"},
           {"atime", "1600000001"},
           {"ctime", "-1.5"},
           {"uid", "70000"},
           {"SCHILY.xattr.user.a", std::string("\0b", 2)}});
  TarBuilder::Header header{.name = "dev", .type = '3', .mode = 0100644, .link_name = ""};
  header.patches = {{329, "0000005"}, {337, "0000007"}};
  ASSERT_OK_AND_ASSIGN(const Layer layer, Make(tar.Add(header).Build()));
  ASSERT_THAT(layer.Entries(), SizeIs(1));
  JsonValue entry = layer.Entries()[0];
  std::erase_if(*entry.object(), [](const JsonMember& member) { return member.key == "gid"; });
  EXPECT_EQ(entry.Write(),
            R"({"type":"char","name":"dev","mode":33188,"uid":70000,)"
            R"("modtime":"2020-09-13T12:26:40.25Z","accesstime":"2020-09-13T12:26:41Z",)"
            R"("changetime":"1969-12-31T23:59:58.5Z","devMajor":5,"devMinor":7,)"
            R"("xattrs":{"user.a":"AGI="}})");
}

TEST(ChunkedSource, LayerWithoutFilesHasAnEmptyTable) {
  for (const std::string& tar : {std::string(), TarBuilder().Build()}) {
    ASSERT_OK_AND_ASSIGN(const Layer layer, Make(tar));
    EXPECT_EQ(layer.Tar(), tar);
    EXPECT_THAT(layer.Entries(), IsEmpty());
  }
}

// Readers of containers/storage refuse a layer whose table and tar-split differ in an entry.
TEST(ChunkedSource, LayerThatNoTableDescribesIsOrdinaryZstd) {
  TarBuilder::Header strange_time{.name = "a", .mtime_seconds = 0};
  strange_time.patches = {{136, std::string("\x80\0\0\0\x7f\0\0\0\0\0\0\0", 12)}};
  TarBuilder::Header star{.name = "a"};
  star.patches = {{508, std::string("tar\0", 4)}};
  const std::map<std::string, std::string> tars = {
      {"twice", TarBuilder().File("a", "1").File("a", "2").Build()},
      {"name", TarBuilder().File("\xff", "1").Build()},
      {"link", TarBuilder().Symlink("a", "\xff").Build()},
      {"xattr", TarBuilder().Pax({{"SCHILY.xattr.\xff", "1"}}).File("a", "1").Build()},
      {"sparse", TarBuilder()
                     .Pax({{"GNU.sparse.map", "100,3"}, {"GNU.sparse.size", "200"}})
                     .File("a", "abc")
                     .Build()},
      {"contiguous", TarBuilder().Add({.name = "a", .type = '7'}).Build()},
      {"star", TarBuilder().Add(star).Build()},
      {"time", TarBuilder().Add(strange_time).Build()},
      {"global", TarBuilder()
                     .Add({.name = "g", .type = 'g', .size_bytes = 12}, "12 comment=\n")
                     .File("a", "1")
                     .Build()},
      {"last is global",
       TarBuilder().File("a", "1").Add({.name = "g", .type = 'g', .size_bytes = 0}).Build()},
  };
  for (const auto& [name, tar] : tars) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const Layer layer, Make(tar));
    EXPECT_EQ(layer.Tar(), tar);
    EXPECT_THAT(layer.annotations(), IsEmpty());
    EXPECT_FALSE(absl::EndsWith(layer.blob(), "GNUlInUx"));
  }
}

TEST(ChunkedSource, WhatIsNoTarIsInvalid) {
  const std::string tar = ManyFiles();
  for (const std::string& bytes :
       {std::string("hello"), std::string(1000, 'x'), tar.substr(0, 2000),
        TarBuilder().Add({.name = "a", .type = '?'}).Build()}) {
    const absl::Status status = Make(bytes).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read tar")));
    EXPECT_EQ(ErrorReason(status), "INVALID_LAYER");
  }
}

TEST(ChunkedSource, TooMuchBehindTheLastFileIsRefused) {
  const std::string tar = TarBuilder().File("a", "1").Build();
  EXPECT_OK(Make(tar + std::string(ChunkedSource::kMaxSegmentBytes - 2048, 'x')));
  const absl::Status status =
      Make(tar + std::string(ChunkedSource::kMaxSegmentBytes, 'x')).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("behind the last")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(ChunkedSource, TooLargeATableIsRefused) {
  // A name of 1 MB, again and again.
  TarBuilder tar;
  for (int i = 0; i < 51; ++i) {
    tar.LongName(absl::StrCat(i, std::string(1'040'000, 'n'))).File("a", "");
  }
  const absl::Status status = Make(tar.Build()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("table of contents")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(ChunkedSource, TooMuchToHoldIsRefused) {
  // What cannot be compressed: names of a table of 25 MB, and as much in the tar-split.
  TarBuilder tar;
  const std::string random = Random(600'000);
  for (int i = 0; i < 40; ++i) {
    std::string name = absl::WebSafeBase64Escape(random);
    name[static_cast<size_t>(i)] = '-';
    std::rotate(name.begin(), name.begin() + 1 + i * 7919 % 500'000, name.end());
    tar.LongName(name).File("a", "");
  }
  EXPECT_THAT(Make(tar.Build()).status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("compressed")));
}

}  // namespace
}  // namespace holkas
