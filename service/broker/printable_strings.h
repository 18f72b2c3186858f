#ifndef HOLKAS_SERVICE_BROKER_PRINTABLE_STRINGS_H_
#define HOLKAS_SERVICE_BROKER_PRINTABLE_STRINGS_H_

#include <cstddef>

#include "google/protobuf/message.h"

namespace holkas {

// Makes all strings of a message that came from a worker printable (proto/wire/printable.h), each
// of them at most `max_bytes` long, and forgets the fields that this program does not know.
void MakeStringsPrintable(google::protobuf::Message& message, size_t max_bytes);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_PRINTABLE_STRINGS_H_
