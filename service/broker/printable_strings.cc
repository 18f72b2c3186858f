#include "service/broker/printable_strings.h"

#include <vector>

#include "google/protobuf/descriptor.h"
#include "proto/wire/printable.h"

namespace holkas {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

void EscapeStrings(Message& message, const FieldDescriptor* field, size_t max_bytes) {
  const Reflection& reflection = *message.GetReflection();
  if (!field->is_repeated()) {
    reflection.SetString(&message, field,
                         Printable(reflection.GetString(message, field), max_bytes));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    reflection.SetRepeatedString(
        &message, field, i, Printable(reflection.GetRepeatedString(message, field, i), max_bytes));
  }
}

}  // namespace

void MakeStringsPrintable(Message& message, size_t max_bytes) {
  message.DiscardUnknownFields();
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      EscapeStrings(message, field, max_bytes);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      MakeStringsPrintable(*reflection.MutableMessage(&message, field), max_bytes);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        MakeStringsPrintable(*reflection.MutableRepeatedMessage(&message, field, i), max_bytes);
      }
    }
  }
}

}  // namespace holkas
