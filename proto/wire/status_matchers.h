#ifndef HOLKAS_PROTO_WIRE_STATUS_MATCHERS_H_
#define HOLKAS_PROTO_WIRE_STATUS_MATCHERS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

// Abseil's matchers for Status and StatusOr, which Debian's Abseil does not have yet. For tests.

namespace holkas {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& statusor) {
  return statusor.status();
}

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).ok();
}

MATCHER_P(StatusIs, code, "") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher, "") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code &&
         testing::ExplainMatchResult(message_matcher, std::string(GetStatus(arg).message()),
                                     result_listener);
}

MATCHER_P(IsOkAndHolds, value_matcher, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace holkas

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::holkas::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::holkas::IsOk())

// Sets `lhs` to the value of `expr`, or fails the test.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  HOLKAS_ASSERT_OK_AND_ASSIGN_(HOLKAS_TEST_CONCAT_(holkas_statusor_, __LINE__), lhs, expr)
#define HOLKAS_ASSERT_OK_AND_ASSIGN_(statusor, lhs, expr) \
  auto statusor = (expr);                                 \
  ASSERT_THAT(statusor, ::holkas::IsOk());                \
  lhs = std::move(statusor).value()
#define HOLKAS_TEST_CONCAT_(a, b) HOLKAS_TEST_CONCAT_INNER_(a, b)
#define HOLKAS_TEST_CONCAT_INNER_(a, b) a##b

#endif  // HOLKAS_PROTO_WIRE_STATUS_MATCHERS_H_
