#include "service/telemetry/redaction.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

constexpr char kStars[] = "***";

// RFC 3986, section 2.1: all but unreserved characters.
std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return encoded;
}

}  // namespace

void Redaction::Add(absl::string_view secret) {
  if (secret.size() < kMinSecretBytes) {
    return;
  }
  for (const std::string& form : {std::string(secret), PercentEncoded(secret)}) {
    std::string lower = absl::AsciiStrToLower(form);
    if (std::find(secrets_.begin(), secrets_.end(), lower) == secrets_.end()) {
      secrets_.push_back(std::move(lower));
    }
  }
  // The longest first, so that no part of one is left of another that it has in it.
  std::sort(secrets_.begin(), secrets_.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

void Redaction::AddAuthorization(absl::string_view header) {
  const size_t space = header.find(' ');
  const absl::string_view value = header.substr(space == absl::string_view::npos ? 0 : space + 1);
  Add(value);
  std::string login;
  if (absl::StartsWithIgnoreCase(header, "basic ") && absl::Base64Unescape(value, &login)) {
    if (const size_t colon = login.find(':'); colon != std::string::npos) {
      Add(absl::string_view(login).substr(colon + 1));
    }
  }
}

std::string Redaction::Apply(absl::string_view text) const {
  std::string result(text);
  std::string lower = absl::AsciiStrToLower(text);
  for (const std::string& secret : secrets_) {
    for (size_t at = lower.find(secret); at != std::string::npos; at = lower.find(secret, at)) {
      result.replace(at, secret.size(), kStars);
      lower.replace(at, secret.size(), kStars);
      at += sizeof(kStars) - 1;
    }
  }
  return result;
}

absl::Status Redaction::Apply(const absl::Status& status) const {
  if (status.ok() || secrets_.empty()) {
    return status;
  }
  const std::string reason = ErrorReason(status);
  if (reason.empty()) {
    return absl::Status(status.code(), Apply(status.message()));
  }
  std::map<std::string, std::string> metadata = ErrorMetadata(status);
  for (auto& [key, value] : metadata) {
    value = Apply(value);
  }
  return MakeError(status.code(), reason, Apply(status.message()), metadata);
}

}  // namespace holkas
