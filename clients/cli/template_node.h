#ifndef HOLKAS_CLIENTS_CLI_TEMPLATE_NODE_H_
#define HOLKAS_CLIENTS_CLI_TEMPLATE_NODE_H_

#include <memory>
#include <string>
#include <vector>

#include "clients/cli/go_value.h"

namespace holkas {

// What a template of Go's is made of (template_parser.h makes it of text, go_template.h runs it).

struct TemplatePipeline;

// One argument of a command, with the fields that follow it.
struct TemplateOperand {
  enum class Kind {
    kDot,       // `.`, or a field of it
    kVariable,  // `$`, or `$name`
    kConstant,  // a literal
    kFunction,  // a name; only first in a command
    kPipeline,  // in parentheses
  };
  Kind kind = Kind::kDot;
  // Of a variable with its `$`, or of a function.
  std::string name;
  GoValue constant;
  std::unique_ptr<TemplatePipeline> pipeline;
  std::vector<std::string> fields;
};

// What is called, and its arguments.
struct TemplateCommand {
  std::vector<TemplateOperand> operands;
};

// Commands, each with the value of the one before as its last argument.
struct TemplatePipeline {
  // The variables that get the value; two of `range`.
  std::vector<std::string> variables;
  // They are there already (`=` rather than `:=`).
  bool assigns = false;
  std::vector<TemplateCommand> commands;
};

struct TemplateNode {
  enum class Kind { kText, kOutput, kIf, kWith, kRange, kBreak, kContinue };
  Kind kind = Kind::kText;
  std::string text;
  TemplatePipeline pipeline;
  std::vector<TemplateNode> body;
  std::vector<TemplateNode> otherwise;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TEMPLATE_NODE_H_
