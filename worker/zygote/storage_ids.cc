#include "worker/zygote/storage_ids.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/zygote/namespaces.h"
#include "worker/zygote/uid_pool.h"

namespace holkas {
namespace {

// The kernel takes 340 lines, a command line less than newuidmap would like.
constexpr size_t kMaxRanges = 100;
constexpr uint64_t kAllIds = 0xffffffff;
constexpr const char* kProgramDirectories[] = {"/usr/bin/", "/bin/", "/usr/local/bin/"};

std::vector<IdRange> Identity(absl::string_view map) {
  std::vector<IdRange> ranges;
  for (absl::string_view line : absl::StrSplit(map, '\n', absl::SkipWhitespace())) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    IdRange range;
    if (words.size() == 3 && absl::SimpleAtoi(words[0], &range.inner) &&
        absl::SimpleAtoi(words[2], &range.count) && ranges.size() < kMaxRanges) {
      range.outer = range.inner;
      ranges.push_back(range);
    }
  }
  return ranges;
}

// Lines `name:first:count`.
std::vector<IdRange> Subordinate(absl::string_view text, absl::string_view name, unsigned uid,
                                 unsigned own_id) {
  std::vector<IdRange> ranges = {{0, own_id, 1}};
  uint64_t next = 1;
  const std::string number = absl::StrCat(uid);
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, ':');
    IdRange range = {next, 0, 0};
    const bool is_mine =
        parts.size() == 3 && ((!name.empty() && parts[0] == name) || parts[0] == number);
    if (!is_mine || !absl::SimpleAtoi(parts[1], &range.outer) ||
        !absl::SimpleAtoi(parts[2], &range.count) || range.count == 0 || range.outer > kAllIds ||
        range.count > kAllIds - next || ranges.size() == kMaxRanges) {
      continue;
    }
    ranges.push_back(range);
    next += range.count;
  }
  return ranges;
}

std::string MapText(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const IdRange& range : ranges) {
    absl::StrAppend(&text, range.inner, " ", range.outer, " ", range.count, "\n");
  }
  return text;
}

// Runs newuidmap or newgidmap, which have the privilege; what they say goes to the log.
absl::Status RunMapper(const char* name, int process, const std::vector<IdRange>& ranges) {
  std::vector<std::string> arguments = {name, absl::StrCat(process)};
  for (const IdRange& range : ranges) {
    for (uint64_t number : {range.inner, range.outer, range.count}) {
      arguments.push_back(absl::StrCat(number));
    }
  }
  const pid_t child = fork();
  if (child < 0) {
    return ErrnoError(errno, absl::StrCat("fork ", name));
  }
  if (child == 0) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    char* const no_environment[] = {nullptr};
    for (const char* directory : kProgramDirectories) {
      execve(absl::StrCat(directory, name).c_str(), argv.data(), no_environment);
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    return absl::PermissionDeniedError(absl::StrCat(name, " failed"));
  }
  return absl::OkStatus();
}

}  // namespace

StorageIds AllIds(absl::string_view uid_map, absl::string_view gid_map) {
  return {Identity(uid_map), Identity(gid_map)};
}

StorageIds SubordinateIds(absl::string_view subuid, absl::string_view subgid,
                          absl::string_view name, unsigned uid, unsigned gid) {
  StorageIds ids = {Subordinate(subuid, name, uid, uid), Subordinate(subgid, name, uid, gid)};
  if (ids.users.size() == 1 || ids.groups.size() == 1) {
    ids.users.resize(1);
    ids.groups.resize(1);
  }
  return ids;
}

StorageIds StorageIdsOfSelf(absl::string_view name) {
  if (geteuid() == 0) {
    return AllIds(ReadWholeFile("/proc/self/uid_map"), ReadWholeFile("/proc/self/gid_map"));
  }
  return SubordinateIds(ReadWholeFile("/etc/subuid"), ReadWholeFile("/etc/subgid"), name, geteuid(),
                        getegid());
}

absl::Status WriteIdMaps(const StorageIds& ids, int process) {
  if (geteuid() != 0 && ids.users.size() > 1) {
    RETURN_IF_ERROR(RunMapper("newgidmap", process, ids.groups));
    return RunMapper("newuidmap", process, ids.users);
  }
  const std::string proc = absl::StrCat("/proc/", process);
  RETURN_IF_ERROR(WriteFile(absl::StrCat(proc, "/setgroups"), "deny"));
  RETURN_IF_ERROR(WriteFile(absl::StrCat(proc, "/gid_map"), MapText(ids.groups)));
  return WriteFile(absl::StrCat(proc, "/uid_map"), MapText(ids.users));
}

}  // namespace holkas
