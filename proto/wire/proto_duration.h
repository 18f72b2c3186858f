#ifndef HOLKAS_PROTO_WIRE_PROTO_DURATION_H_
#define HOLKAS_PROTO_WIRE_PROTO_DURATION_H_

#include <cstdint>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace holkas {

inline void SetDuration(absl::Duration value, google::protobuf::Duration& duration) {
  duration.set_seconds(absl::IDivDuration(value, absl::Seconds(1), &value));
  duration.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(value)));
}

inline absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_PROTO_DURATION_H_
