#include "worker/transports/registry/tag_page.h"

#include <array>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// Nothing between two quotes or spaces is longer: nlohmann's parser keeps words whole, and long
// numbers several times.
constexpr size_t kMaxWordBytes = 64 << 10;
// No registry nests what it says beside the tags deeper.
constexpr size_t kMaxDepth = 64;

absl::Status LimitExceeded(absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("the list of tags has ", what));
}

absl::Status Malformed(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", why);
}

// The bytes of a body, one by one.
class BodyReader {
 public:
  BodyReader(HttpExchange& body, size_t max_bytes) : body_(body), max_bytes_(max_bytes) {}

  // Also where reading failed: status() tells.
  bool AtEnd() {
    if (at_ == size_ && !ended_) {
      Fill();
    }
    if (word_bytes_ > kMaxWordBytes) {
      End(LimitExceeded(absl::StrCat("a word of more than ", kMaxWordBytes, " bytes")));
    }
    return at_ == size_;
  }
  // Only where AtEnd() was false.
  char Current() const { return buffer_[at_]; }
  void Advance() {
    const char c = buffer_[at_++];
    word_bytes_ =
        c == '"' || absl::ascii_isspace(static_cast<unsigned char>(c)) ? 0 : word_bytes_ + 1;
  }
  const absl::Status& status() const { return status_; }

 private:
  void Fill() {
    const absl::StatusOr<size_t> count = body_.Read(absl::MakeSpan(buffer_));
    at_ = size_ = 0;
    if (!count.ok()) {
      End(count.status());
    } else if (read_bytes_ + *count > max_bytes_) {
      End(LimitExceeded(absl::StrCat("a page of more than ", max_bytes_, " bytes")));
    } else {
      size_ = *count;
      read_bytes_ += *count;
    }
    ended_ = size_ == 0;
  }

  void End(absl::Status status) {
    status_ = std::move(status);
    at_ = size_ = 0;
    ended_ = true;
  }

  HttpExchange& body_;
  const size_t max_bytes_;
  size_t read_bytes_ = 0;
  size_t word_bytes_ = 0;
  std::array<char, 16 << 10> buffer_;
  size_t at_ = 0;
  size_t size_ = 0;
  bool ended_ = false;
  absl::Status status_;
};

// What nlohmann's parser takes: the position of the reader, compared with its end alone.
class BodyIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit BodyIterator(BodyReader& body) : body_(&body) {}
  char operator*() const { return body_->Current(); }
  BodyIterator& operator++() {
    body_->Advance();
    return *this;
  }
  bool operator==(const BodyIterator&) const { return body_->AtEnd(); }

 private:
  BodyReader* body_;
};

// Follows nlohmann's events to the strings of the array. An event that returns false ends the
// parsing.
class PageParser {
 public:
  explicit PageParser(const std::function<absl::Status(std::string tag)>& on_tag)
      : on_tag_(on_tag) {}

  bool null() {
    wants_tags_ = false;  // none
    return NoTag();
  }
  bool boolean(bool) { return NoTag(); }
  bool number_integer(int64_t) { return NoTag(); }
  bool number_unsigned(uint64_t) { return NoTag(); }
  bool number_float(double, const std::string&) { return NoTag(); }
  bool binary(std::vector<uint8_t>&) { return NoTag(); }
  bool string(std::string& value) {
    if (!AtTag()) {
      return NoTag();
    }
    status_ = on_tag_(std::move(value));
    return status_.ok();
  }

  bool start_object(size_t) { return (depth_ == 0 || NoTag()) && Open(); }
  bool key(const std::string& name) {
    if (depth_ == 1 && name == "tags") {
      wants_tags_ = true;
      return !std::exchange(has_tags_, true) || Refuse("the list of tags has two arrays of tags");
    }
    return true;
  }
  bool end_object() {
    --depth_;
    return true;
  }
  bool start_array(size_t) {
    if (wants_tags_) {
      wants_tags_ = false;
      in_tags_ = true;
    } else if (!NoTag()) {
      return false;
    }
    return Open();
  }
  bool end_array() {
    --depth_;
    in_tags_ = in_tags_ && depth_ > 1;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) {
    return Refuse("the list of tags is not JSON");
  }

  const absl::Status& status() const { return status_; }

 private:
  bool AtTag() const { return in_tags_ && depth_ == 2; }

  // A value that is no tag: refused where only a tag, or only the array or the object of them can
  // be.
  bool NoTag() {
    if (depth_ == 0) {
      return Refuse("the list of tags is not a JSON object");
    }
    if (wants_tags_) {
      return Refuse("the list of tags has no array of tags");
    }
    return !AtTag() || Refuse("the list of tags has a tag that is not a string");
  }

  bool Open() {
    if (++depth_ > kMaxDepth) {
      status_ = LimitExceeded(absl::StrCat("more than ", kMaxDepth, " levels"));
      return false;
    }
    return true;
  }

  bool Refuse(absl::string_view why) {
    status_ = Malformed(why);
    return false;
  }

  const std::function<absl::Status(std::string tag)>& on_tag_;
  size_t depth_ = 0;         // of the objects and arrays that are open
  bool has_tags_ = false;    // the key was there
  bool wants_tags_ = false;  // the key was the last
  bool in_tags_ = false;
  absl::Status status_;
};

}  // namespace

absl::Status ReadTagPage(HttpExchange& body, size_t max_bytes,
                         const std::function<absl::Status(std::string tag)>& on_tag) {
  BodyReader reader(body, max_bytes);
  PageParser parser(on_tag);
  nlohmann::json::sax_parse(BodyIterator(reader), BodyIterator(reader), &parser);
  // For the parser the end of a body that could not be read is an end like others.
  return reader.status().ok() ? parser.status() : reader.status();
}

}  // namespace holkas
