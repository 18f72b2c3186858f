#include "clients/cli/gpg_key_ring.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

// A large key ring lists in some megabytes.
constexpr size_t kMaxOutputBytes = 64 << 20;

// The fields of a line that GnuPG lists.
constexpr size_t kKind = 0;
constexpr size_t kValidity = 1;
constexpr size_t kText = 9;

// What means something in a listing is written `\xHH` in its texts.
std::string WithoutEscapes(absl::string_view text) {
  constexpr size_t kEscapeBytes = 4;
  std::string plain;
  while (!text.empty()) {
    if (absl::StartsWith(text, "\\x") && text.size() >= kEscapeBytes &&
        absl::ascii_isxdigit(text[2]) && absl::ascii_isxdigit(text[3])) {
      plain += absl::HexStringToBytes(text.substr(2, 2));
      text.remove_prefix(kEscapeBytes);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

// Whether `user_id`, `Name (comment) <address>`, has the name or the address.
bool IsOwner(absl::string_view user_id, absl::string_view owner) {
  const size_t bracket = user_id.rfind('<');
  absl::string_view name = absl::StripAsciiWhitespace(user_id.substr(0, bracket));
  if (absl::EndsWith(name, ")")) {
    name = absl::StripAsciiWhitespace(name.substr(0, name.rfind('(')));
  }
  const absl::string_view address =
      bracket == absl::string_view::npos ? "" : user_id.substr(bracket);
  return name == owner || address == absl::StrCat("<", owner, ">");
}

absl::Status Failed(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("GnuPG: ", why));
}

// Starts the first program of these that there is.
absl::StatusOr<pid_t> Start(std::vector<std::string> arguments, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  int error = ENOENT;
  for (const char* program : {"gpg2", "gpg"}) {
    if (error == ENOENT) {
      arguments.front() = program;
      std::vector<char*> pointers;
      for (std::string& argument : arguments) {
        pointers.push_back(argument.data());
      }
      pointers.push_back(nullptr);
      error = posix_spawnp(&pid, program, &actions, nullptr, pointers.data(), environ);
    }
  }
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return Failed(error == ENOENT ? "neither gpg2 nor gpg is installed" : strerror(error));
  }
  return pid;
}

// What comes out of `fd` until its end, or one byte more than is allowed.
std::string ReadToEnd(int fd) {
  std::string text;
  std::array<char, 16 << 10> buffer;
  ssize_t got = 0;
  while (text.size() <= kMaxOutputBytes) {
    got = read(fd, buffer.data(), buffer.size());
    if (got == 0 || (got < 0 && errno != EINTR)) {
      break;
    }
    text.append(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
  }
  return text;
}

// What GnuPG says on standard output.
absl::StatusOr<std::string> RunGpg(std::vector<std::string> arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Failed(strerror(errno));
  }
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  arguments.insert(arguments.begin(), {"gpg", "--batch", "--no-tty"});
  ASSIGN_OR_RETURN(const pid_t pid, Start(std::move(arguments), write_end.get()));
  write_end.reset();
  std::string text = ReadToEnd(read_end.get());
  read_end.reset();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.size() > kMaxOutputBytes) {
    return Failed("it says too much");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Failed("it failed");
  }
  return text;
}

}  // namespace

std::vector<std::string> FindGpgKeys(absl::string_view listing, absl::string_view owner) {
  std::vector<std::string> fingerprints;
  std::string fingerprint;
  bool wanted = false;
  for (const absl::string_view line : absl::StrSplit(listing, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    if (fields.size() <= kText) {
      continue;
    }
    if (fields[kKind] == "pub") {
      fingerprint.clear();
      wanted = fields[kValidity] != "e" && fields[kValidity] != "r";
    } else if (fields[kKind] == "fpr" && fingerprint.empty()) {  // that of the primary key is first
      fingerprint = std::string(fields[kText]);
    } else if (fields[kKind] == "uid" && wanted && fields[kValidity] != "r" &&
               IsOwner(WithoutEscapes(fields[kText]), owner)) {
      fingerprints.push_back(fingerprint);
      wanted = false;  // once is enough
    }
  }
  return fingerprints;
}

absl::StatusOr<std::vector<std::string>> ExportGpgKeys(const std::string& owner) {
  ASSIGN_OR_RETURN(const std::string listing,
                   RunGpg({"--with-colons", "--fixed-list-mode", "--list-keys"}));
  std::vector<std::string> keys;
  for (const std::string& fingerprint : FindGpgKeys(listing, owner)) {
    // Without portraits, and others' signatures.
    ASSIGN_OR_RETURN(keys.emplace_back(),
                     RunGpg({"--export-options", "export-minimal,no-export-attributes", "--export",
                             fingerprint}));
  }
  if (keys.empty()) {
    return absl::NotFoundError(
        absl::StrCat("PGP: No key found for the following recipients: ", owner));
  }
  return keys;
}

}  // namespace holkas
