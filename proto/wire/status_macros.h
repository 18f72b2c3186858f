#ifndef HOLKAS_PROTO_WIRE_STATUS_MACROS_H_
#define HOLKAS_PROTO_WIRE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Abseil's names for what Debian's Abseil does not have yet.

// Returns from the function when `expr` is not OK.
#define RETURN_IF_ERROR(expr)             \
  do {                                    \
    absl::Status holkas_status_ = (expr); \
    if (!holkas_status_.ok()) {           \
      return holkas_status_;              \
    }                                     \
  } while (false)

// Sets `lhs` to the value of `expr`, or returns its status from the function.
#define ASSIGN_OR_RETURN(lhs, expr) \
  HOLKAS_ASSIGN_OR_RETURN_(HOLKAS_CONCAT_(holkas_statusor_, __LINE__), lhs, expr)

#define HOLKAS_ASSIGN_OR_RETURN_(statusor, lhs, expr) \
  auto statusor = (expr);                             \
  if (!statusor.ok()) {                               \
    return std::move(statusor).status();              \
  }                                                   \
  lhs = std::move(statusor).value()

#define HOLKAS_CONCAT_(a, b) HOLKAS_CONCAT_INNER_(a, b)
#define HOLKAS_CONCAT_INNER_(a, b) a##b

#endif  // HOLKAS_PROTO_WIRE_STATUS_MACROS_H_
