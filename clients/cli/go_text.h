#ifndef HOLKAS_CLIENTS_CLI_GO_TEXT_H_
#define HOLKAS_CLIENTS_CLI_GO_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Values as Go's standard library writes and reads them. Scripts match Skopeo's messages and pass
// Skopeo's values, so both follow strconv and time, their error texts included.
//
// Errors everywhere: INVALID_ARGUMENT with Go's text.

namespace holkas {

// A double-quoted Go string literal (strconv.Quote).
std::string GoQuote(absl::string_view text);

// What Go says of a system call's error: `no such file or directory`.
std::string GoErrno(int error_number);

// `1 t T TRUE true True 0 f F FALSE false False` (strconv.ParseBool).
absl::StatusOr<bool> ParseGoBool(absl::string_view text);

// An integer with the prefixes of Go's literals (strconv.ParseInt with base 0).
absl::StatusOr<int64_t> ParseGoInt(absl::string_view text);

// The same without a sign (strconv.ParseUint).
absl::StatusOr<uint64_t> ParseGoUint(absl::string_view text);

// A duration like `1h15m30.5s` (time.ParseDuration).
absl::StatusOr<absl::Duration> ParseGoDuration(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GO_TEXT_H_
