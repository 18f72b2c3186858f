#include "worker/transports/registry/tag_list.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status Malformed(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", why);
}

absl::Status TooMany(absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("the list of tags has more than ", what));
}

// The target of `<url>; rel="next"` (RFC 8288).
std::optional<std::string> NextOf(absl::string_view link) {
  link = absl::StripAsciiWhitespace(link);
  const size_t end = link.find('>');
  if (link.empty() || link.front() != '<' || end == absl::string_view::npos) {
    return std::nullopt;
  }
  for (const absl::string_view parameter : absl::StrSplit(link.substr(end + 1), ';')) {
    const absl::string_view text = absl::StripAsciiWhitespace(parameter);
    if (absl::EqualsIgnoreCase(text, "rel=\"next\"") || absl::EqualsIgnoreCase(text, "rel=next")) {
      return std::string(link.substr(1, end - 1));
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Url>> NextPage(const RegistryAnswer& answer) {
  const std::optional<std::string> reference = NextOf(answer.head().Header("Link"));
  if (!reference.has_value()) {
    return std::optional<Url>();
  }
  absl::StatusOr<Url> next = answer.url().Resolve(*reference);
  if (!next.ok()) {
    return Malformed(absl::StrCat("the next page: ", next.status().message()));
  }
  if (next->origin() != answer.url().origin()) {
    return Malformed(absl::StrCat("the next page is in another place: ", next->ForMessage()));
  }
  return std::optional<Url>(*std::move(next));
}

// The tags of one page, and how much they are.
class TagCollector {
 public:
  absl::Status AddPage(absl::string_view body) {
    const nlohmann::json root = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (!root.is_object()) {
      return Malformed("the list of tags is not a JSON object");
    }
    const auto field = root.find("tags");
    if (field == root.end() || field->is_null()) {
      return absl::OkStatus();
    }
    if (!field->is_array()) {
      return Malformed("the list of tags has no array of tags");
    }
    for (const nlohmann::json& tag : *field) {
      if (!tag.is_string()) {
        return Malformed("the list of tags has a tag that is not a string");
      }
      RETURN_IF_ERROR(Add(tag.get_ref<const std::string&>()));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> Take() { return std::move(tags_); }

 private:
  absl::Status Add(const std::string& tag) {
    // No tag has a colon; some registries list digests.
    if (tag.empty() || absl::StrContains(tag, ':')) {
      return absl::OkStatus();
    }
    bytes_ += tag.size();
    if (tags_.size() == kMaxTags) {
      return TooMany(absl::StrCat(kMaxTags, " tags"));
    }
    if (bytes_ > kMaxTagListBytes) {
      return TooMany(absl::StrCat(kMaxTagListBytes, " bytes"));
    }
    tags_.push_back(tag);
    return absl::OkStatus();
  }

  std::vector<std::string> tags_;
  size_t bytes_ = 0;
};

absl::StatusOr<std::vector<std::string>> ReadPages(RegistryClient& client) {
  TagCollector tags;
  std::set<std::string> visited;
  RegistryRequest request = {.path = "tags/list"};
  for (int page = 0; page < kMaxTagPages; ++page) {
    ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, client.Send(request));
    if (answer->head().status != 200) {
      return answer->Error(RegistryObject::kTagList);
    }
    ASSIGN_OR_RETURN(const std::string body, answer->exchange().ReadAll(kMaxTagPageBytes));
    RETURN_IF_ERROR(tags.AddPage(body));
    ASSIGN_OR_RETURN(request.url, NextPage(*answer));
    if (!request.url.has_value()) {
      return tags.Take();
    }
    if (!visited.insert(request.url->target()).second) {
      return Malformed("the list of tags comes back to a page that was there before");
    }
  }
  return TooMany(absl::StrCat(kMaxTagPages, " pages"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadTagList(RegistryClient& client) {
  absl::StatusOr<std::vector<std::string>> tags = ReadPages(client);
  if (!tags.ok()) {
    return WithContext(tags.status(),
                       absl::StrCat("fetching tags list of ", client.repository_name()));
  }
  return tags;
}

bool IsTagListRefusal(const absl::Status& status) {
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto code = metadata.find("registry_code");
  const auto http_status = metadata.find("http_status");
  if (code != metadata.end()) {
    return code->second == "DENIED";
  }
  // public.ecr.aws does not know the path at all.
  return http_status != metadata.end() && http_status->second == "404";
}

}  // namespace holkas
