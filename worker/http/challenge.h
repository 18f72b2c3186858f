#ifndef HOLKAS_WORKER_HTTP_CHALLENGE_H_
#define HOLKAS_WORKER_HTTP_CHALLENGE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace holkas {

// A response never has more challenges than this that are looked at.
inline constexpr size_t kMaxChallenges = 16;
// A challenge never has more parameters than this that are looked at.
inline constexpr size_t kMaxChallengeParameters = 16;

// One challenge of a WWW-Authenticate header (RFC 9110, section 11).
struct Challenge {
  std::string scheme;                             // lower case: `basic`, `bearer`
  std::map<std::string, std::string> parameters;  // names in lower case
};

// Reads the challenges of one header, in order. What is malformed ends the list.
std::vector<Challenge> ParseChallenges(absl::string_view header);

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_CHALLENGE_H_
