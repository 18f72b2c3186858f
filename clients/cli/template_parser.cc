#include "clients/cli/template_parser.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"
#include "clients/cli/template_functions.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Actions and parentheses are never nested deeper.
constexpr int kMaxDepth = 100;

constexpr absl::string_view kKeywords[] = {"if",    "else",     "end",    "range",    "with",
                                           "break", "continue", "define", "template", "block"};

absl::Status Failed(absl::string_view why) { return absl::InvalidArgumentError(why); }

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}

// A piece of an action.
struct Token {
  enum class Kind {
    kName,      // also keywords, `true`, `nil`
    kVariable,  // `$x`
    kField,     // `.x`, without the dot
    kDot,
    kConstant,
    kPunctuation,  // ( ) | , := =
    kEnd,          // of the action
  };
  Kind kind = Kind::kEnd;
  std::string text;
  GoValue constant;
  // Blanks precede it: `.a.b` is one operand, `.a .b` are two.
  bool after_blank = false;
};

// Takes the tokens of one action.
class Lexer {
 public:
  explicit Lexer(absl::string_view action) : rest_(action) {}

  absl::StatusOr<Token> Next();

 private:
  absl::string_view TakeName() {
    size_t size = 0;
    while (size < rest_.size() && IsNameByte(rest_[size])) {
      ++size;
    }
    const absl::string_view name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }
  absl::StatusOr<Token> TakeString(Token token);
  absl::StatusOr<Token> TakeNumber(Token token);

  absl::string_view rest_;
};

absl::StatusOr<Token> Lexer::Next() {
  Token token;
  const absl::string_view stripped = absl::StripLeadingAsciiWhitespace(rest_);
  token.after_blank = stripped.size() < rest_.size();
  rest_ = stripped;
  if (rest_.empty()) {
    return token;
  }
  const char c = rest_[0];
  if (c == '"' || c == '`') {
    return TakeString(std::move(token));
  }
  if (absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
      ((c == '-' || c == '+') && rest_.size() > 1)) {
    return TakeNumber(std::move(token));
  }
  if (c == '.' || c == '$') {
    rest_.remove_prefix(1);
    const absl::string_view name = TakeName();
    if (c == '$') {
      token.kind = Token::Kind::kVariable;
      token.text = absl::StrCat("$", name);
    } else {
      token.kind = name.empty() ? Token::Kind::kDot : Token::Kind::kField;
      token.text = std::string(name);
    }
    return token;
  }
  if (IsNameByte(c)) {
    token.kind = Token::Kind::kName;
    token.text = std::string(TakeName());
    return token;
  }
  token.kind = Token::Kind::kPunctuation;
  token.text = absl::StartsWith(rest_, ":=") ? ":=" : std::string(1, c);
  rest_.remove_prefix(token.text.size());
  if (!absl::StrContains("()|,=:=", token.text) || token.text == ":") {
    return Failed(absl::StrCat("unexpected ", GoQuote(token.text), " in command"));
  }
  return token;
}

absl::StatusOr<Token> Lexer::TakeString(Token token) {
  const char quote = rest_[0];
  size_t end = 1;
  while (end < rest_.size() && rest_[end] != quote) {
    end += quote == '"' && rest_[end] == '\\' ? 2 : 1;
  }
  if (end >= rest_.size()) {
    return Failed(quote == '"' ? "unterminated quoted string" : "unterminated raw quoted string");
  }
  const absl::string_view inside = rest_.substr(1, end - 1);
  rest_.remove_prefix(end + 1);
  std::string text(inside);
  if (quote == '"' && !absl::CUnescape(inside, &text)) {
    return Failed("invalid syntax");
  }
  token.kind = Token::Kind::kConstant;
  token.constant = GoValue(std::move(text));
  return token;
}

absl::StatusOr<Token> Lexer::TakeNumber(Token token) {
  size_t size = 1;
  while (size < rest_.size() && (IsNameByte(rest_[size]) || rest_[size] == '.')) {
    ++size;
  }
  const absl::string_view text = rest_.substr(0, size);
  rest_.remove_prefix(size);
  const absl::StatusOr<int64_t> number = ParseGoInt(text);
  if (!number.ok()) {
    return Failed(absl::StrCat("bad number syntax: ", GoQuote(text)));
  }
  token.kind = Token::Kind::kConstant;
  token.constant = GoValue(*number);
  return token;
}

// Parses the inside of one action.
class ActionParser {
 public:
  // `action` outlives it. Takes the first token.
  static absl::StatusOr<ActionParser> Begin(absl::string_view action, int depth) {
    ActionParser parser(action, depth);
    RETURN_IF_ERROR(parser.Advance());
    return parser;
  }

  // The keyword that the action begins with, taken; empty where it begins with none.
  absl::StatusOr<std::string> TakeKeyword();
  // A pipeline up to the action's end.
  absl::StatusOr<TemplatePipeline> TakePipeline();
  absl::Status ExpectEnd(absl::string_view where) {
    return token_.kind == Token::Kind::kEnd ? absl::OkStatus() : Unexpected(where);
  }
  bool at_end() const { return token_.kind == Token::Kind::kEnd; }

 private:
  ActionParser(absl::string_view action, int depth) : lexer_(action), depth_(depth) {}

  absl::Status Advance() {
    ASSIGN_OR_RETURN(token_, lexer_.Next());
    return absl::OkStatus();
  }
  bool Is(absl::string_view punctuation) const {
    return token_.kind == Token::Kind::kPunctuation && token_.text == punctuation;
  }
  absl::Status Unexpected(absl::string_view where) const {
    const std::string what = token_.kind == Token::Kind::kEnd        ? "end of action"
                             : token_.kind == Token::Kind::kConstant ? token_.constant.ToString()
                             : token_.kind == Token::Kind::kField ? absl::StrCat(".", token_.text)
                                                                  : token_.text;
    return Failed(absl::StrCat("unexpected <", what, "> in ", where));
  }

  absl::Status TakeCommands(TemplatePipeline& pipeline);
  absl::StatusOr<TemplateCommand> TakeCommand();
  absl::StatusOr<TemplateOperand> TakeOperand();
  absl::Status TakeInParentheses(TemplateOperand& operand);
  // The variables before `:=` or `=`, where there are any.
  absl::Status TakeVariables(TemplatePipeline& pipeline, TemplateCommand& first);

  Lexer lexer_;
  int depth_;
  Token token_;
};

absl::StatusOr<std::string> ActionParser::TakeKeyword() {
  if (token_.kind != Token::Kind::kName ||
      std::find(std::begin(kKeywords), std::end(kKeywords), token_.text) == std::end(kKeywords)) {
    return std::string();
  }
  std::string keyword = token_.text;
  RETURN_IF_ERROR(Advance());
  return keyword;
}

absl::StatusOr<TemplatePipeline> ActionParser::TakePipeline() {
  TemplatePipeline pipeline;
  RETURN_IF_ERROR(TakeCommands(pipeline));
  RETURN_IF_ERROR(ExpectEnd("command"));
  return pipeline;
}

absl::Status ActionParser::TakeCommands(TemplatePipeline& pipeline) {
  ASSIGN_OR_RETURN(TemplateCommand command, TakeCommand());
  if (Is(":=") || Is("=") || Is(",")) {
    RETURN_IF_ERROR(TakeVariables(pipeline, command));
    ASSIGN_OR_RETURN(command, TakeCommand());
  }
  pipeline.commands.push_back(std::move(command));
  while (Is("|")) {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(command, TakeCommand());
    pipeline.commands.push_back(std::move(command));
  }
  return absl::OkStatus();
}

absl::Status ActionParser::TakeVariables(TemplatePipeline& pipeline, TemplateCommand& first) {
  constexpr size_t kMaxVariables = 2;
  TemplateCommand command = std::move(first);
  while (true) {
    if (command.operands.size() != 1 ||
        command.operands[0].kind != TemplateOperand::Kind::kVariable ||
        !command.operands[0].fields.empty() || command.operands[0].name == "$") {
      return Unexpected("command");
    }
    pipeline.variables.push_back(std::move(command.operands[0].name));
    if (!Is(",")) {
      break;
    }
    if (pipeline.variables.size() == kMaxVariables) {
      return Failed("too many declarations in range");
    }
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(command, TakeCommand());
  }
  if (!Is(":=") && !Is("=")) {
    return Unexpected("command");
  }
  pipeline.assigns = Is("=");
  return Advance();
}

absl::StatusOr<TemplateCommand> ActionParser::TakeCommand() {
  TemplateCommand command;
  while (token_.kind != Token::Kind::kEnd &&
         (token_.kind != Token::Kind::kPunctuation || Is("("))) {
    if (!command.operands.empty() && !token_.after_blank) {
      return Unexpected("operand");
    }
    ASSIGN_OR_RETURN(TemplateOperand operand, TakeOperand());
    command.operands.push_back(std::move(operand));
  }
  if (command.operands.empty()) {
    return Failed("missing value for command");
  }
  return command;
}

absl::StatusOr<TemplateOperand> ActionParser::TakeOperand() {
  TemplateOperand operand;
  switch (token_.kind) {
    case Token::Kind::kDot:
      break;
    case Token::Kind::kField:
      operand.fields.push_back(token_.text);
      break;
    case Token::Kind::kVariable:
      operand.kind = TemplateOperand::Kind::kVariable;
      operand.name = token_.text;
      break;
    case Token::Kind::kConstant:
      operand.kind = TemplateOperand::Kind::kConstant;
      operand.constant = token_.constant;
      break;
    case Token::Kind::kPunctuation:
      RETURN_IF_ERROR(TakeInParentheses(operand));
      break;
    case Token::Kind::kName:
      operand.kind = TemplateOperand::Kind::kConstant;
      if (token_.text == "true" || token_.text == "false") {
        operand.constant = GoValue(token_.text == "true");
      } else if (token_.text != "nil") {
        operand.kind = TemplateOperand::Kind::kFunction;
        operand.name = token_.text;
        if (!HasTemplateFunction(token_.text)) {
          return Failed(absl::StrCat("function ", GoQuote(token_.text), " not defined"));
        }
      }
      break;
    case Token::Kind::kEnd:
      return Unexpected("command");
  }
  RETURN_IF_ERROR(Advance());
  while (token_.kind == Token::Kind::kField && !token_.after_blank) {
    operand.fields.push_back(token_.text);
    RETURN_IF_ERROR(Advance());
  }
  return operand;
}

// Leaves the closing parenthesis to be passed over.
absl::Status ActionParser::TakeInParentheses(TemplateOperand& operand) {
  if (++depth_ > kMaxDepth) {
    return Failed(absl::StrCat("more than ", kMaxDepth, " levels"));
  }
  RETURN_IF_ERROR(Advance());
  operand.kind = TemplateOperand::Kind::kPipeline;
  operand.pipeline = std::make_unique<TemplatePipeline>();
  RETURN_IF_ERROR(TakeCommands(*operand.pipeline));
  --depth_;
  return Is(")") ? absl::OkStatus() : Failed("unclosed left paren");
}

// Text up to an action, the action, and so on.
class Parser {
 public:
  explicit Parser(absl::string_view text) : rest_(text) {}

  absl::StatusOr<std::vector<TemplateNode>> Parse();

 private:
  // How a list of nodes ended.
  struct Ending {
    // `end`, `else`, or empty at the end of the text.
    std::string keyword;
    // After `else`: the rest of the action.
    std::string condition;
  };

  absl::StatusOr<Ending> TakeNodes(std::vector<TemplateNode>& nodes);
  // The text before the next action, whose inside the rest then begins with.
  std::string TakeText();
  // Takes a comment, which the rest begins with.
  absl::Status TakeComment();
  // The inside of an action, up to its end; empty for a comment.
  absl::StatusOr<std::string> TakeAction();
  absl::StatusOr<TemplateNode> TakeBlock(const std::string& keyword, TemplatePipeline pipeline);
  absl::StatusOr<TemplateNode> NewNode(const std::string& keyword, ActionParser& action);

  absl::string_view rest_;
  // The text is over.
  bool at_end_ = false;
  // The action before asked for the blanks behind it to be left out.
  bool trims_ = false;
  int depth_ = 0;
  int loops_ = 0;
};

absl::StatusOr<std::vector<TemplateNode>> Parser::Parse() {
  std::vector<TemplateNode> nodes;
  ASSIGN_OR_RETURN(const Ending ending, TakeNodes(nodes));
  if (!ending.keyword.empty()) {
    return Failed(absl::StrCat("unexpected {{", ending.keyword, "}}"));
  }
  return nodes;
}

std::string Parser::TakeText() {
  const size_t size = rest_.find("{{");
  at_end_ = size == absl::string_view::npos;
  absl::string_view text = rest_.substr(0, size);
  rest_.remove_prefix(at_end_ ? rest_.size() : size + 2);
  if (trims_) {
    text = absl::StripLeadingAsciiWhitespace(text);
    trims_ = false;
  }
  if (rest_.size() > 1 && rest_[0] == '-' &&
      absl::ascii_isspace(static_cast<unsigned char>(rest_[1]))) {
    text = absl::StripTrailingAsciiWhitespace(text);
    rest_.remove_prefix(2);
  }
  return std::string(text);
}

absl::Status Parser::TakeComment() {
  const size_t end = rest_.find("*/");
  if (end == absl::string_view::npos) {
    return Failed("unclosed comment");
  }
  rest_.remove_prefix(end + 2);
  const absl::string_view marker = absl::StripLeadingAsciiWhitespace(rest_);
  if (marker.size() < rest_.size() && absl::StartsWith(marker, "-")) {
    trims_ = true;
    rest_ = marker.substr(1);
  }
  return absl::ConsumePrefix(&rest_, "}}") ? absl::OkStatus()
                                           : Failed("comment ends before closing delimiter");
}

absl::StatusOr<std::string> Parser::TakeAction() {
  if (absl::StartsWith(rest_, "/*")) {
    RETURN_IF_ERROR(TakeComment());
    return std::string();
  }
  size_t end = 0;
  char quote = '\0';
  while (end < rest_.size() && (quote != '\0' || rest_.substr(end, 2) != "}}")) {
    const char c = rest_[end];
    if (quote == '\0' && (c == '"' || c == '`')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '"' && c == '\\') {
      ++end;
    }
    ++end;
  }
  if (end >= rest_.size()) {
    return Failed(quote == '\0' ? "unclosed action" : "unterminated quoted string");
  }
  absl::string_view action = rest_.substr(0, end);
  rest_.remove_prefix(end + 2);
  if (action.size() > 1 && action.back() == '-' &&
      absl::ascii_isspace(static_cast<unsigned char>(action[action.size() - 2]))) {
    action.remove_suffix(1);
    trims_ = true;
  }
  if (absl::StripAsciiWhitespace(action).empty()) {
    return Failed("missing value for command");
  }
  return std::string(action);
}

absl::StatusOr<Parser::Ending> Parser::TakeNodes(std::vector<TemplateNode>& nodes) {
  if (++depth_ > kMaxDepth) {
    return Failed(absl::StrCat("more than ", kMaxDepth, " levels"));
  }
  while (true) {
    TemplateNode text;
    text.text = TakeText();
    nodes.push_back(std::move(text));
    if (at_end_) {
      break;
    }
    ASSIGN_OR_RETURN(const std::string content, TakeAction());
    if (content.empty()) {
      continue;
    }
    ASSIGN_OR_RETURN(ActionParser action, ActionParser::Begin(content, depth_));
    ASSIGN_OR_RETURN(const std::string keyword, action.TakeKeyword());
    if (keyword == "end" || keyword == "else") {
      --depth_;
      Ending ending{keyword, ""};
      if (keyword == "end" || action.at_end()) {
        RETURN_IF_ERROR(action.ExpectEnd(keyword));
      } else {
        ending.condition = content.substr(content.find("else") + 4);
      }
      return ending;
    }
    ASSIGN_OR_RETURN(TemplateNode node, NewNode(keyword, action));
    nodes.push_back(std::move(node));
  }
  --depth_;
  return Ending();
}

absl::StatusOr<TemplateNode> Parser::NewNode(const std::string& keyword, ActionParser& action) {
  TemplateNode node;
  if (keyword == "break" || keyword == "continue") {
    RETURN_IF_ERROR(action.ExpectEnd(keyword));
    if (loops_ == 0) {
      return Failed(absl::StrCat("{{", keyword, "}} outside {{range}}"));
    }
    node.kind = keyword == "break" ? TemplateNode::Kind::kBreak : TemplateNode::Kind::kContinue;
    return node;
  }
  if (keyword == "define" || keyword == "template" || keyword == "block") {
    return Failed(absl::StrCat("{{", keyword, "}} is not supported"));
  }
  ASSIGN_OR_RETURN(TemplatePipeline pipeline, action.TakePipeline());
  if (pipeline.variables.size() > 1 && keyword != "range") {
    return Failed("too many declarations in command");
  }
  if (!keyword.empty()) {
    return TakeBlock(keyword, std::move(pipeline));
  }
  node.kind = TemplateNode::Kind::kOutput;
  node.pipeline = std::move(pipeline);
  return node;
}

absl::StatusOr<TemplateNode> Parser::TakeBlock(const std::string& keyword,
                                               TemplatePipeline pipeline) {
  TemplateNode node;
  node.kind = keyword == "if"     ? TemplateNode::Kind::kIf
              : keyword == "with" ? TemplateNode::Kind::kWith
                                  : TemplateNode::Kind::kRange;
  node.pipeline = std::move(pipeline);
  const int loop = keyword == "range" ? 1 : 0;
  loops_ += loop;
  ASSIGN_OR_RETURN(Ending ending, TakeNodes(node.body));
  loops_ -= loop;
  if (ending.keyword.empty()) {
    return Failed("unexpected EOF");
  }
  if (ending.keyword == "end") {
    return node;
  }
  if (ending.condition.empty()) {
    ASSIGN_OR_RETURN(ending, TakeNodes(node.otherwise));
    return ending.keyword == "end"    ? absl::StatusOr<TemplateNode>(std::move(node))
           : ending.keyword == "else" ? Failed("expected end; found {{else}}")
                                      : Failed("unexpected EOF");
  }
  // `{{else if x}}` is `{{else}}{{if x}}` with an end for both.
  ASSIGN_OR_RETURN(ActionParser action, ActionParser::Begin(ending.condition, depth_));
  ASSIGN_OR_RETURN(const std::string condition, action.TakeKeyword());
  if (condition != keyword || keyword == "range") {
    return Failed(
        absl::StrCat("unexpected <", absl::StripAsciiWhitespace(ending.condition), "> in else"));
  }
  if (++depth_ > kMaxDepth) {
    return Failed(absl::StrCat("more than ", kMaxDepth, " levels"));
  }
  ASSIGN_OR_RETURN(TemplateNode nested, NewNode(condition, action));
  --depth_;
  node.otherwise.push_back(std::move(nested));
  return node;
}

}  // namespace

absl::StatusOr<std::vector<TemplateNode>> ParseTemplate(absl::string_view text) {
  return Parser(text).Parse();
}

}  // namespace holkas
