#include "worker/http/challenge.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

constexpr absl::string_view kTokenSymbols = "!#$%&'*+-.^_`|~/=";

void SkipBlanks(absl::string_view& text, bool commas_too) {
  while (!text.empty() &&
         (text.front() == ' ' || text.front() == '\t' || (commas_too && text.front() == ','))) {
    text.remove_prefix(1);
  }
}

// A token, with the characters that unquoted values have in practice when `value`.
std::string TakeToken(absl::string_view& text, bool value) {
  const absl::string_view symbols = value ? kTokenSymbols : kTokenSymbols.substr(0, 15);
  size_t size = 0;
  while (size < text.size() &&
         (absl::ascii_isalnum(text[size]) || symbols.find(text[size]) != absl::string_view::npos)) {
    ++size;
  }
  std::string token(text.substr(0, size));
  text.remove_prefix(size);
  return token;
}

std::optional<std::string> TakeQuoted(absl::string_view& text) {
  std::string result;
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) {
      text.remove_prefix(1);
    }
    result.push_back(text.front());
    text.remove_prefix(1);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  return result;
}

std::optional<std::string> TakeValue(absl::string_view& text) {
  return !text.empty() && text.front() == '"' ? TakeQuoted(text) : TakeToken(text, true);
}

// Reads parameters as long as they are `name=value`; what is not begins the next challenge.
bool TakeParameters(absl::string_view& text, Challenge& challenge) {
  while (challenge.parameters.size() < kMaxChallengeParameters) {
    absl::string_view ahead = text;
    SkipBlanks(ahead, true);
    std::string name = absl::AsciiStrToLower(TakeToken(ahead, false));
    SkipBlanks(ahead, false);
    if (name.empty() || ahead.empty() || ahead.front() != '=') {
      return true;
    }
    ahead.remove_prefix(1);
    SkipBlanks(ahead, false);
    std::optional<std::string> value = TakeValue(ahead);
    if (!value.has_value()) {
      return false;
    }
    challenge.parameters.emplace(std::move(name), *std::move(value));
    text = ahead;
  }
  return false;
}

}  // namespace

std::vector<Challenge> ParseChallenges(absl::string_view header) {
  std::vector<Challenge> challenges;
  while (challenges.size() < kMaxChallenges) {
    SkipBlanks(header, true);
    Challenge challenge;
    challenge.scheme = absl::AsciiStrToLower(TakeToken(header, false));
    if (challenge.scheme.empty()) {
      break;
    }
    const bool more = TakeParameters(header, challenge);
    challenges.push_back(std::move(challenge));
    if (!more) {
      break;
    }
  }
  return challenges;
}

}  // namespace holkas
