#include "service/config/yaml_message.h"

#include <yaml-cpp/yaml.h>

#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/proto_duration.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A configuration is small, and its text is read as a whole.
constexpr size_t kMaxTextBytes = 1 << 20;
// Deeper than any message of ours.
constexpr int kMaxDepth = 16;

// Without `path`, about the text as a whole.
absl::Status ErrorAt(absl::string_view name, int line, absl::string_view path,
                     absl::string_view why) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
      absl::StrCat(name, ":", line, ": ", path.empty() ? "" : path, path.empty() ? "" : ": ", why));
}

// Walks a YAML tree and a message in step. Remembers for errors where it is.
class Reader {
 public:
  explicit Reader(absl::string_view name) : name_(name) {}

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, int depth,
                           Message& message);
  YamlLines TakeLines() { return std::move(lines_); }

  absl::Status Error(int line, absl::string_view path, absl::string_view why) const {
    return ErrorAt(name_, line, path, why);
  }

 private:
  absl::Status ReadField(const YAML::Node& node, const std::string& path, int depth,
                         const FieldDescriptor& field, Message& message);
  absl::Status ReadList(const YAML::Node& node, const std::string& path, int depth,
                        const FieldDescriptor& field, Message& message);
  absl::Status ReadValue(const YAML::Node& node, const std::string& path, int depth,
                         const FieldDescriptor& field, Message& message);
  absl::Status ReadScalar(const YAML::Node& node, const std::string& path,
                          const FieldDescriptor& field, Message& message);
  absl::Status ReadDuration(const YAML::Node& node, const std::string& path, Message& message);
  absl::Status Error(const YAML::Node& node, absl::string_view path, absl::string_view why) const {
    return Error(node.Mark().line + 1, path, why);
  }

  const std::string name_;
  YamlLines lines_;
};

std::string NamesOf(const google::protobuf::Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

// `full` for REQUIRED_TIER_FULL. The value 0 of an enum is NAME_UNSPECIFIED and is not written.
std::vector<std::string> ShortNamesOf(const EnumDescriptor& type) {
  absl::string_view prefix = type.value(0)->name();
  absl::ConsumeSuffix(&prefix, "UNSPECIFIED");
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) {
    names.push_back(absl::AsciiStrToLower(absl::StripPrefix(type.value(i)->name(), prefix)));
  }
  return names;
}

// Quoted text has the tag `!`: it is text, even where it looks like a number.
bool IsPlain(const YAML::Node& node) { return node.IsScalar() && node.Tag() != "!"; }

// Sets a field, or adds to it where it is repeated.
#define HOLKAS_SET(Type, value)                                        \
  (field.is_repeated() ? reflection.Add##Type(&message, &field, value) \
                       : reflection.Set##Type(&message, &field, value))

absl::Status Reader::ReadMessage(const YAML::Node& node, const std::string& path, int depth,
                                 Message& message) {
  if (!node.IsMap()) {
    return Error(node, path, "must be a mapping");
  }
  if (depth > kMaxDepth) {
    return Error(node, path, absl::StrCat("is nested deeper than ", kMaxDepth));
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const int line = entry.first.Mark().line + 1;
    if (!entry.first.IsScalar()) {
      return Error(line, path, "a key must be a word");
    }
    const std::string& key = entry.first.Scalar();
    const std::string key_path = path.empty() ? key : absl::StrCat(path, ".", key);
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(key);
    if (field == nullptr) {
      return Error(line, key_path,
                   absl::StrCat("unknown key; known here: ", NamesOf(*message.GetDescriptor())));
    }
    if (!seen.insert(key).second) {
      return Error(line, key_path, absl::StrCat("stands twice; first in line ", lines_[key_path]));
    }
    lines_[key_path] = line;
    RETURN_IF_ERROR(ReadField(entry.second, key_path, depth, *field, message));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadField(const YAML::Node& node, const std::string& path, int depth,
                               const FieldDescriptor& field, Message& message) {
  if (node.IsNull()) {
    return Error(lines_[path], path, "has no value");
  }
  if (field.is_repeated()) {
    return ReadList(node, path, depth, field, message);
  }
  return ReadValue(node, path, depth, field, message);
}

absl::Status Reader::ReadList(const YAML::Node& node, const std::string& path, int depth,
                              const FieldDescriptor& field, Message& message) {
  if (!node.IsSequence()) {
    return Error(node, path, "must be a list");
  }
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string entry_path = absl::StrCat(path, "[", i, "]");
    lines_[entry_path] = node[i].Mark().line + 1;
    RETURN_IF_ERROR(ReadValue(node[i], entry_path, depth, field, message));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadValue(const YAML::Node& node, const std::string& path, int depth,
                               const FieldDescriptor& field, Message& message) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return ReadScalar(node, path, field, message);
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  Message& child = field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                       : *reflection.MutableMessage(&message, &field);
  if (child.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    return ReadDuration(node, path, child);
  }
  return ReadMessage(node, path, depth + 1, child);
}

absl::Status Reader::ReadScalar(const YAML::Node& node, const std::string& path,
                                const FieldDescriptor& field, Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!node.IsScalar()) {
    return Error(node, path, "must be a single value");
  }
  const std::string& text = node.Scalar();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      HOLKAS_SET(String, text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!IsPlain(node) || (text != "true" && text != "false")) {
        return Error(node, path, absl::StrCat("must be true or false, is \"", text, "\""));
      }
      HOLKAS_SET(Bool, text == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t value = 0;
      if (!IsPlain(node) || !absl::SimpleAtoi(text, &value)) {
        return Error(
            node, path,
            absl::StrCat("must be a whole number from 0 to 4294967295, is \"", text, "\""));
      }
      HOLKAS_SET(UInt32, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = 0;
      if (!IsPlain(node) || !absl::SimpleAtoi(text, &value) || value < 0) {
        return Error(node, path,
                     absl::StrCat("must be a whole number from 0 to 9223372036854775807, is \"",
                                  text, "\""));
      }
      HOLKAS_SET(Int64, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const std::vector<std::string> names = ShortNamesOf(*field.enum_type());
      for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == text) {
          HOLKAS_SET(Enum, field.enum_type()->value(static_cast<int>(i) + 1));
          return absl::OkStatus();
        }
      }
      return Error(
          node, path,
          absl::StrCat("must be one of ", absl::StrJoin(names, ", "), ", is \"", text, "\""));
    }
    default:
      return Error(
          node, path,
          absl::StrCat("has the type ", field.cpp_type_name(), ", which cannot be configured"));
  }
}

#undef HOLKAS_SET

absl::Status Reader::ReadDuration(const YAML::Node& node, const std::string& path,
                                  Message& message) {
  absl::Duration value;
  if (!node.IsScalar() || !absl::ParseDuration(node.Scalar(), &value) ||
      value < absl::ZeroDuration() || value == absl::InfiniteDuration()) {
    return Error(node, path, "must be a duration such as 90s or 1h30m");
  }
  google::protobuf::Duration duration;
  SetDuration(value, duration);
  message.CopyFrom(duration);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<YamlLines> ParseYaml(absl::string_view text, absl::string_view name,
                                    google::protobuf::Message& message) {
  Reader reader(name);
  if (text.size() > kMaxTextBytes) {
    return reader.Error(1, "", absl::StrCat("is larger than ", kMaxTextBytes, " bytes"));
  }
  // yaml-cpp reports by exceptions; none passes this function.
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      return reader.Error(documents[1].Mark().line + 1, "", "holds more than one document");
    }
    if (!documents.empty() && !documents[0].IsNull()) {
      RETURN_IF_ERROR(reader.ReadMessage(documents[0], "", 0, message));
    }
  } catch (const YAML::Exception& error) {
    return reader.Error(error.mark.line + 1, "", error.msg);
  }
  return reader.TakeLines();
}

absl::Status YamlError(absl::string_view name, const YamlLines& lines, const std::string& key,
                       absl::string_view why) {
  const auto line = lines.find(key);
  return ErrorAt(name, line == lines.end() ? 1 : line->second, key, why);
}

}  // namespace holkas
