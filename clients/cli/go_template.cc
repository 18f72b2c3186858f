#include "clients/cli/go_template.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/template_functions.h"
#include "clients/cli/template_node.h"
#include "clients/cli/template_parser.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status Failed(absl::string_view why) { return absl::InvalidArgumentError(why); }

// How a list of nodes ended.
enum class Flow { kNext, kBreak, kContinue };

class Executor {
 public:
  explicit Executor(const GoValue& data) { variables_.push_back({"$", data}); }

  absl::StatusOr<Flow> Run(const std::vector<TemplateNode>& nodes, const GoValue& dot);
  std::string TakeOutput() { return std::move(output_); }

 private:
  struct Variable {
    std::string name;
    GoValue value;
  };
  // Forgets the variables that were declared since.
  class Scope {
   public:
    explicit Scope(std::vector<Variable>& variables)
        : variables_(variables), size_(variables.size()) {}
    ~Scope() {
      variables_.erase(variables_.begin() + static_cast<std::ptrdiff_t>(size_), variables_.end());
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::vector<Variable>& variables_;
    const size_t size_;
  };

  absl::StatusOr<Flow> RunNode(const TemplateNode& node, const GoValue& dot);
  absl::StatusOr<Flow> RunRange(const TemplateNode& node, const GoValue& dot);
  absl::StatusOr<Flow> RunItem(const TemplateNode& node, const GoValue& key, const GoValue& item);

  absl::StatusOr<GoValue> Evaluate(const TemplatePipeline& pipeline, const GoValue& dot);
  // The same, and its variable has the value.
  absl::StatusOr<GoValue> EvaluateAndSet(const TemplatePipeline& pipeline, const GoValue& dot);
  absl::StatusOr<GoValue> Call(const TemplateCommand& command, const GoValue& dot,
                               const GoValue* last);
  absl::StatusOr<GoValue> ValueOf(const TemplateOperand& operand, const GoValue& dot,
                                  const std::vector<GoValue>& arguments);
  absl::Status SetVariable(const TemplatePipeline& pipeline, size_t which, const GoValue& value);

  std::vector<Variable> variables_;
  std::string output_;
};

absl::StatusOr<Flow> Executor::Run(const std::vector<TemplateNode>& nodes, const GoValue& dot) {
  const Scope scope(variables_);
  for (const TemplateNode& node : nodes) {
    ASSIGN_OR_RETURN(const Flow flow, RunNode(node, dot));
    if (flow != Flow::kNext) {
      return flow;
    }
  }
  return Flow::kNext;
}

absl::StatusOr<Flow> Executor::RunNode(const TemplateNode& node, const GoValue& dot) {
  switch (node.kind) {
    case TemplateNode::Kind::kText:
      output_ += node.text;
      return Flow::kNext;
    case TemplateNode::Kind::kBreak:
      return Flow::kBreak;
    case TemplateNode::Kind::kContinue:
      return Flow::kContinue;
    case TemplateNode::Kind::kRange:
      return RunRange(node, dot);
    case TemplateNode::Kind::kOutput: {
      ASSIGN_OR_RETURN(const GoValue value, EvaluateAndSet(node.pipeline, dot));
      if (node.pipeline.variables.empty()) {
        output_ += value.ToString();
      }
      return Flow::kNext;
    }
    case TemplateNode::Kind::kIf:
    case TemplateNode::Kind::kWith: {
      const Scope scope(variables_);
      ASSIGN_OR_RETURN(const GoValue value, EvaluateAndSet(node.pipeline, dot));
      if (!value.IsTrue()) {
        return Run(node.otherwise, dot);
      }
      return Run(node.body, node.kind == TemplateNode::Kind::kWith ? value : dot);
    }
  }
  return Flow::kNext;
}

absl::StatusOr<Flow> Executor::RunRange(const TemplateNode& node, const GoValue& dot) {
  const Scope scope(variables_);
  const TemplatePipeline& pipeline = node.pipeline;
  ASSIGN_OR_RETURN(const GoValue value, Evaluate(pipeline, dot));
  std::vector<std::pair<GoValue, GoValue>> items;
  if (const GoValue::List* list = value.As<GoValue::List>()) {
    for (const GoValue& item : list->items) {
      items.emplace_back(GoValue(static_cast<int64_t>(items.size())), item);
    }
  } else if (const GoValue::Map* map = value.As<GoValue::Map>()) {
    for (const auto& [key, item] : map->entries) {
      items.emplace_back(GoValue(key), item);
    }
  } else if (value.As<GoValue::NoValue>() == nullptr) {
    return Failed(absl::StrCat("range can't iterate over ", value.ToString()));
  }
  if (items.empty()) {
    return Run(node.otherwise, dot);
  }
  for (const auto& [key, item] : items) {
    ASSIGN_OR_RETURN(const Flow flow, RunItem(node, key, item));
    if (flow == Flow::kBreak) {
      break;
    }
  }
  return Flow::kNext;
}

absl::StatusOr<Flow> Executor::RunItem(const TemplateNode& node, const GoValue& key,
                                       const GoValue& item) {
  const Scope scope(variables_);
  const size_t count = node.pipeline.variables.size();
  if (count == 2) {
    RETURN_IF_ERROR(SetVariable(node.pipeline, 0, key));
  }
  if (count > 0) {
    RETURN_IF_ERROR(SetVariable(node.pipeline, count - 1, item));
  }
  return Run(node.body, item);
}

absl::StatusOr<GoValue> Executor::Evaluate(const TemplatePipeline& pipeline, const GoValue& dot) {
  GoValue value;
  const GoValue* last = nullptr;
  for (const TemplateCommand& command : pipeline.commands) {
    ASSIGN_OR_RETURN(value, Call(command, dot, last));
    last = &value;
  }
  return value;
}

absl::StatusOr<GoValue> Executor::EvaluateAndSet(const TemplatePipeline& pipeline,
                                                 const GoValue& dot) {
  ASSIGN_OR_RETURN(GoValue value, Evaluate(pipeline, dot));
  if (!pipeline.variables.empty()) {
    RETURN_IF_ERROR(SetVariable(pipeline, 0, value));
  }
  return value;
}

absl::StatusOr<GoValue> Executor::Call(const TemplateCommand& command, const GoValue& dot,
                                       const GoValue* last) {
  std::vector<GoValue> arguments;
  for (size_t i = 1; i < command.operands.size(); ++i) {
    ASSIGN_OR_RETURN(GoValue argument, ValueOf(command.operands[i], dot, {}));
    arguments.push_back(std::move(argument));
  }
  if (last != nullptr) {
    arguments.push_back(*last);
  }
  const TemplateOperand& first = command.operands[0];
  if (first.kind == TemplateOperand::Kind::kConstant && first.constant.As<GoValue::Nil>()) {
    return Failed("nil is not a command");
  }
  return ValueOf(first, dot, arguments);
}

absl::StatusOr<GoValue> Executor::ValueOf(const TemplateOperand& operand, const GoValue& dot,
                                          const std::vector<GoValue>& arguments) {
  GoValue value = dot;
  const bool is_function = operand.kind == TemplateOperand::Kind::kFunction;
  switch (operand.kind) {
    case TemplateOperand::Kind::kDot:
      break;
    case TemplateOperand::Kind::kConstant:
      value = operand.constant;
      break;
    case TemplateOperand::Kind::kFunction: {
      ASSIGN_OR_RETURN(value, CallTemplateFunction(operand.name, arguments));
      break;
    }
    case TemplateOperand::Kind::kPipeline: {
      ASSIGN_OR_RETURN(value, Evaluate(*operand.pipeline, dot));
      break;
    }
    case TemplateOperand::Kind::kVariable: {
      const Variable* found = nullptr;
      for (const Variable& variable : variables_) {
        found = variable.name == operand.name ? &variable : found;
      }
      if (found == nullptr) {
        return Failed(absl::StrCat("undefined variable \"", operand.name, "\""));
      }
      value = found->value;
      break;
    }
  }
  if (operand.fields.empty() && !is_function && !arguments.empty()) {
    return Failed(absl::StrCat("can't give argument to non-function ", value.ToString()));
  }
  for (size_t i = 0; i < operand.fields.size(); ++i) {
    const bool takes_arguments = i + 1 == operand.fields.size() && !is_function;
    ASSIGN_OR_RETURN(value, EvaluateField(value, operand.fields[i],
                                          takes_arguments ? arguments : std::vector<GoValue>()));
  }
  return value;
}

absl::Status Executor::SetVariable(const TemplatePipeline& pipeline, size_t which,
                                   const GoValue& value) {
  const std::string& name = pipeline.variables[which];
  if (!pipeline.assigns) {
    variables_.push_back({name, value});
    return absl::OkStatus();
  }
  for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable) {
    if (variable->name == name) {
      variable->value = value;
      return absl::OkStatus();
    }
  }
  return Failed(absl::StrCat("undefined variable \"", name, "\""));
}

}  // namespace

absl::StatusOr<std::string> ExecuteGoTemplate(absl::string_view text, const GoValue& data) {
  ASSIGN_OR_RETURN(const std::vector<TemplateNode> nodes, ParseTemplate(text));
  Executor executor(data);
  RETURN_IF_ERROR(executor.Run(nodes, data).status());
  return executor.TakeOutput();
}

}  // namespace holkas
