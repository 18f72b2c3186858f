#include "worker/transports/registry/tag_list.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/registry/registry_error.h"
#include "worker/transports/registry/registry_mirrors.h"
#include "worker/transports/registry/tag_page.h"

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
    return RegistryUrlError(next.status(), "the next page");
  }
  if (next->origin() != answer.url().origin()) {
    return Malformed(absl::StrCat("the next page is in another place: ", next->ForMessage()));
  }
  return std::optional<Url>(*std::move(next));
}

// Tags on their way from the pages to who wants them, and how much they are.
class TagBatches {
 public:
  TagBatches(const TagListLimits& limits, const TagListener& on_tags)
      : limits_(limits), on_tags_(on_tags) {}

  absl::Status Add(std::string tag) {
    // No tag has a colon; some registries list digests.
    if (tag.empty() || absl::StrContains(tag, ':')) {
      return absl::OkStatus();
    }
    if (tag.size() > kMaxTagBytes) {
      return TooMany(absl::StrCat(kMaxTagBytes, " bytes in a tag"));
    }
    if (++tags_ > limits_.tags) {
      return TooMany(absl::StrCat(limits_.tags, " tags"));
    }
    tag_bytes_ += tag.size();
    if (tag_bytes_ > limits_.tag_bytes) {
      return TooMany(absl::StrCat(limits_.tag_bytes, " bytes of tags"));
    }
    batch_bytes_ += tag.size();
    batch_.push_back(std::move(tag));
    return batch_bytes_ > kTagBatchBytes || batch_.size() >= kTagBatchTags ? Flush()
                                                                           : absl::OkStatus();
  }

  // Hands on what is there.
  absl::Status Flush() {
    if (batch_.empty()) {
      return absl::OkStatus();
    }
    batch_bytes_ = 0;
    return on_tags_(std::exchange(batch_, {}));
  }

 private:
  const TagListLimits& limits_;
  const TagListener& on_tags_;
  size_t tags_ = 0;
  size_t tag_bytes_ = 0;
  std::vector<std::string> batch_;
  size_t batch_bytes_ = 0;
};

// Gives the page's tags, and then where the next page is, where there is one.
absl::StatusOr<std::optional<Url>> TakePage(RegistryAnswer& answer, const TagListLimits& limits,
                                            TagBatches& tags) {
  if (answer.head().status != 200) {
    return answer.Error(RegistryObject::kTagList);
  }
  RETURN_IF_ERROR(ReadTagPage(answer.exchange(), limits.page_bytes,
                              [&tags](std::string tag) { return tags.Add(std::move(tag)); }));
  RETURN_IF_ERROR(tags.Flush());
  return NextPage(answer);
}

}  // namespace

absl::Status ReadTagPages(RegistryClient& client, const TagListLimits& limits,
                          const TagListener& on_tags) {
  const std::string context = absl::StrCat("fetching tags list of ", client.repository_name());
  TagBatches tags(limits, on_tags);
  // By digest: a link may be long, and there may be many.
  std::set<Digest> visited;
  RegistryRequest request = {.path = "tags/list"};
  for (int page = 0; page < limits.pages; ++page) {
    // What went wrong on the way to the registry says enough of itself.
    ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, client.Send(request));
    absl::StatusOr<std::optional<Url>> next = TakePage(*answer, limits, tags);
    if (!next.ok()) {
      return WithContext(next.status(), context);
    }
    if (!next->has_value()) {
      return absl::OkStatus();
    }
    if (!visited.insert(Digest::Sha256Of((*next)->target())).second) {
      return WithContext(Malformed("the list of tags comes back to a page that was there before"),
                         context);
    }
    request.url = *std::move(next);
  }
  return WithContext(TooMany(absl::StrCat(limits.pages, " pages")), context);
}

absl::StatusOr<std::vector<std::string>> ReadTagList(RegistryClient& client) {
  std::vector<std::string> all;
  RETURN_IF_ERROR(ReadTagPages(client, kInspectTagLimits, [&all](std::vector<std::string> tags) {
    std::move(tags.begin(), tags.end(), std::back_inserter(all));
    return absl::OkStatus();
  }));
  return all;
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

absl::Status ListRegistryTags(const TransportContext& context,
                              const broker::ImageLocation& location, const TagListener& on_tags) {
  ASSIGN_OR_RETURN(const RegistryClients clients, NewRegistryClients(context, location.registry()));
  // What was handed on cannot be taken back: the rest comes from the same place, or not at all.
  bool begun = false;
  absl::Status broken_off;
  const auto read = [&](RegistryClient& client) {
    broken_off = ReadTagPages(client, kListTagsLimits, [&](std::vector<std::string> tags) {
      begun = true;
      return on_tags(std::move(tags));
    });
    return begun ? absl::OkStatus() : broken_off;
  };
  RETURN_IF_ERROR(FirstThatWorks(clients, read).status());
  return broken_off;
}

}  // namespace holkas
