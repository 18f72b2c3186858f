#include "service/sandbox/zygote_supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/sandbox/spawn_zygote.h"

namespace holkas {

using zygote::ZygoteEvent;
using zygote::ZygoteRequest;

namespace {

// As many user ids as the zygote has for workers (worker/zygote/uid_pool.h).
constexpr uint32_t kSlots = 512;
// Between attempts to start a zygote: from the first to the second, and at most.
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kMaxBackoff = absl::Seconds(5);
// How often directories are asked for where the zygote goes meanwhile.
constexpr int kMaxOpenAttempts = 5;
// A line of a zygote's log is cut here.
constexpr size_t kMaxLogLineBytes = 1 << 10;

std::vector<uint32_t> AllSlots() {
  std::vector<uint32_t> slots;
  for (uint32_t slot = kSlots; slot > 0; --slot) {
    slots.push_back(slot - 1);
  }
  return slots;
}

}  // namespace

// One zygote from its start to its burial. `workers`, `made` and `retired` are guarded by the
// supervisor's mutex; `dead` and `log_line` are the thread's.
struct ZygoteSupervisor::Zygote {
  explicit Zygote(SpawnedZygote spawned)
      : pid(spawned.pid),
        control(std::move(spawned.control), FrameChannel::AcceptFds::kYes),
        trees(std::move(spawned.trees), FrameChannel::AcceptFds::kYes),
        log(std::move(spawned.log)) {}

  const pid_t pid;
  FrameChannel control;
  absl::Mutex send_mutex;
  FrameChannel trees;
  absl::Mutex trees_mutex;  // one request at a time
  UniqueFd log;
  std::string log_line;
  std::map<uint64_t, std::shared_ptr<WorkerRecord>> workers;
  int made = 0;
  bool started = false;
  bool retired = false;
  bool dead = false;
};

ZygoteSupervisor::ZygoteSupervisor(Options options)
    : options_(std::move(options)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      backoff_(kFirstBackoff),
      free_slots_(AllSlots()),
      thread_([this] { Run(); }) {}

ZygoteSupervisor::~ZygoteSupervisor() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
}

void ZygoteSupervisor::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

absl::Status ZygoteSupervisor::AwaitServing(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithDeadline(absl::Condition(this, &ZygoteSupervisor::ServesOrFailed),
                                deadline)) {
    return absl::DeadlineExceededError("start zygote: it does not answer");
  }
  return current_ != nullptr ? absl::OkStatus() : failure_;
}

absl::StatusOr<std::shared_ptr<WorkerRecord>> ZygoteSupervisor::Launch(const WorkerNeeds& needs,
                                                                       int channel,
                                                                       absl::Time deadline) {
  std::shared_ptr<Zygote> zygote;
  std::shared_ptr<WorkerRecord> worker;
  {
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(this, &ZygoteSupervisor::Serves), deadline)) {
      return absl::UnavailableError(
          absl::StrCat("launch worker: no zygote: ", std::string(failure_.message())));
    }
    if (free_slots_.empty()) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("launch worker: ", kSlots, " workers run already"));
    }
    worker = std::make_shared<WorkerRecord>(++last_launch_id_, free_slots_.back());
    free_slots_.pop_back();
    zygote = current_;
    zygote->workers[worker->launch_id()] = worker;
    if (++zygote->made == options_.workers_per_zygote) {
      replace_ = true;  // it goes on until the next one serves
      Wake();
    }
  }
  std::vector<int> fds = {channel};
  ZygoteRequest request;
  for (const WorkerDirectory& directory : needs.directories) {
    fds.push_back(directory.fd);
    request.add_writable(directory.writable);
  }
  request.set_launch_id(worker->launch_id());
  request.set_slot(worker->slot());
  request.set_needs_certificate_store(needs.certificate_store);
  request.set_threads(needs.threads);
  absl::Status sent;
  {
    absl::MutexLock lock(&zygote->send_mutex);
    sent = zygote->control.Send(request, fds, deadline);
  }
  if (!sent.ok()) {
    Take(*zygote, worker->launch_id());
    return absl::UnavailableError(absl::StrCat("launch worker: ", std::string(sent.message())));
  }
  RETURN_IF_ERROR(worker->AwaitLaunched(deadline));
  return worker;
}

absl::StatusOr<std::vector<UniqueFd>> ZygoteSupervisor::OpenTrees(const std::vector<Tree>& trees,
                                                                  absl::Time deadline) {
  absl::StatusOr<std::vector<UniqueFd>> opened = OpenTreesOnce(trees, deadline);
  // A zygote that is replaced goes with its last worker, which may be now.
  for (int i = 1; i < kMaxOpenAttempts && absl::IsUnavailable(opened.status()); ++i) {
    opened = OpenTreesOnce(trees, deadline);
  }
  return opened;
}

absl::StatusOr<std::vector<UniqueFd>> ZygoteSupervisor::OpenTreesOnce(
    const std::vector<Tree>& trees, absl::Time deadline) {
  std::shared_ptr<Zygote> zygote;
  {
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(this, &ZygoteSupervisor::Serves), deadline)) {
      return absl::UnavailableError(
          absl::StrCat("open directories: no zygote: ", std::string(failure_.message())));
    }
    zygote = current_;
  }
  zygote::TreesRequest request;
  for (const Tree& tree : trees) {
    request.add_trees()->set_path(tree.path);
    request.mutable_trees()->rbegin()->set_read_only(tree.read_only);
  }
  zygote::TreesReply reply;
  absl::MutexLock lock(&zygote->trees_mutex);
  RETURN_IF_ERROR(zygote->trees.Send(request, {}, deadline));
  ASSIGN_OR_RETURN(std::vector<UniqueFd> fds, zygote->trees.Receive(reply, deadline));
  if (!reply.error().empty() || fds.size() != trees.size()) {
    return absl::InternalError(absl::StrCat("open directories: ", reply.error()));
  }
  return fds;
}

void ZygoteSupervisor::Distrust(const WorkerRecord& worker) {
  {
    absl::MutexLock lock(&mutex_);
    if (current_ != nullptr && current_->workers.count(worker.launch_id()) != 0) {
      Retire(*current_);
    }
  }
  Wake();
}

bool ZygoteSupervisor::Trusts(const WorkerRecord& worker) const {
  absl::MutexLock lock(&mutex_);
  return current_ != nullptr && current_->workers.count(worker.launch_id()) != 0;
}

int ZygoteSupervisor::zygote_pid() const {
  absl::MutexLock lock(&mutex_);
  return current_ == nullptr ? -1 : current_->pid;
}

void ZygoteSupervisor::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) {
        break;
      }
    }
    StartZygote();
    if (Wait()) {
      // A copy: hearing may change the list.
      for (const std::shared_ptr<Zygote>& zygote : std::vector(zygotes_)) {
        HearFrom(zygote);
      }
      BuryTheDoneAndDead();
    }
  }
  for (const std::shared_ptr<Zygote>& zygote : zygotes_) {
    Bury(*zygote);
  }
}

// Starts one where one is wanted and none is on its way.
void ZygoteSupervisor::StartZygote() {
  {
    absl::MutexLock lock(&mutex_);
    if (!replace_ || starting_ || absl::Now() < next_start_) {
      return;
    }
    starting_ = true;
  }
  absl::StatusOr<SpawnedZygote> spawned =
      SpawnZygote(options_.worker_path, options_.kind, options_.extra_args);
  if (spawned.ok()) {
    zygotes_.push_back(std::make_shared<Zygote>(*std::move(spawned)));
    return;
  }
  absl::MutexLock lock(&mutex_);
  starting_ = false;
  failure_ = spawned.status();
  next_start_ = absl::Now() + backoff_;
  backoff_ = std::min(backoff_ * 2, kMaxBackoff);
}

// Waits for something to do. False where it is only time to start a zygote.
bool ZygoteSupervisor::Wait() {
  std::vector<pollfd> entries = {{wake_.get(), POLLIN, 0}};
  for (const std::shared_ptr<Zygote>& zygote : zygotes_) {
    entries.push_back({zygote->control.fd(), POLLIN, 0});
    entries.push_back({zygote->log.get(), POLLIN, 0});  // -1, once closed, is passed over
  }
  int timeout_ms = -1;
  {
    absl::MutexLock lock(&mutex_);
    if (replace_ && !starting_) {
      timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(
          std::clamp(next_start_ - absl::Now(), absl::Milliseconds(1), kMaxBackoff)));
    }
  }
  if (poll(entries.data(), entries.size(), timeout_ms) <= 0) {
    return false;
  }
  uint64_t ignored;
  (void)!read(wake_.get(), &ignored, sizeof(ignored));
  return true;
}

void ZygoteSupervisor::HearFrom(const std::shared_ptr<Zygote>& zygote) {
  while (!zygote->dead) {
    ZygoteEvent event;
    absl::StatusOr<std::vector<UniqueFd>> fds = zygote->control.Receive(event, absl::Now());
    if (absl::IsDeadlineExceeded(fds.status())) {
      break;
    }
    if (!fds.ok()) {
      zygote->dead = true;
    } else if (event.has_started()) {
      absl::MutexLock lock(&mutex_);
      if (current_ != nullptr) {
        Retire(*current_);
      }
      zygote->started = true;
      current_ = zygote;
      starting_ = false;
      replace_ = false;
      failure_ = absl::OkStatus();
      backoff_ = kFirstBackoff;
    } else {
      Handle(*zygote, event, *std::move(fds));
    }
  }
  ReadLog(*zygote);
}

void ZygoteSupervisor::Handle(Zygote& zygote, const ZygoteEvent& event, std::vector<UniqueFd> fds) {
  switch (event.body_case()) {
    case ZygoteEvent::kLaunched: {
      std::shared_ptr<WorkerRecord> worker;
      {
        absl::MutexLock lock(&mutex_);
        const auto found = zygote.workers.find(event.launched().launch_id());
        if (found != zygote.workers.end()) {
          worker = found->second;
        }
      }
      if (worker != nullptr && fds.size() == 1) {
        worker->SetLaunched(std::move(fds[0]));
      }
      return;
    }
    case ZygoteEvent::kLaunchFailed:
      if (auto worker = Take(zygote, event.launch_failed().launch_id()); worker != nullptr) {
        worker->SetLaunchFailed(event.launch_failed().message());
      }
      return;
    case ZygoteEvent::kExited:
      HandleExit(zygote, event.exited());
      return;
    case ZygoteEvent::kSetUpFailed: {
      absl::MutexLock lock(&mutex_);
      failure_ = MakeError(absl::StatusCode::kFailedPrecondition, "SANDBOX_FAILED",
                           absl::StrCat("start zygote: ", event.set_up_failed().message()));
      return;
    }
    default:
      zygote.dead = true;
      return;
  }
}

void ZygoteSupervisor::HandleExit(Zygote& zygote, const zygote::Exited& exited) {
  const std::shared_ptr<WorkerRecord> worker = Take(zygote, exited.launch_id());
  if (worker == nullptr) {
    return;
  }
  const WorkerExit end = worker->SetEnded(
      exited.signaled() ? WorkerExit::How::kSignaled : WorkerExit::How::kExited, exited.code());
  if (!end.clean() && end.how != WorkerExit::How::kKilled) {
    absl::MutexLock lock(&mutex_);
    Retire(zygote);
  }
}

// Takes a worker off the list and frees its slot.
std::shared_ptr<WorkerRecord> ZygoteSupervisor::Take(Zygote& zygote, uint64_t launch_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = zygote.workers.find(launch_id);
  if (found == zygote.workers.end()) {
    return nullptr;
  }
  std::shared_ptr<WorkerRecord> worker = std::move(found->second);
  zygote.workers.erase(found);
  free_slots_.push_back(worker->slot());
  return worker;
}

void ZygoteSupervisor::ReadLog(Zygote& zygote) {
  char buffer[4096];
  ssize_t size = 0;
  while (zygote.log.valid() && (size = read(zygote.log.get(), buffer, sizeof(buffer))) > 0) {
    for (char c : absl::string_view(buffer, static_cast<size_t>(size))) {
      if (c != '\n') {
        zygote.log_line.push_back(c);
      }
      if (c == '\n' || zygote.log_line.size() == kMaxLogLineBytes) {
        options_.log(zygote.log_line);
        zygote.log_line.clear();
      }
    }
  }
  if (size == 0) {
    zygote.log.reset();
  }
}

void ZygoteSupervisor::Retire(Zygote& zygote) {
  zygote.retired = true;
  if (current_.get() == &zygote) {
    current_ = nullptr;
    replace_ = true;
  }
}

void ZygoteSupervisor::BuryTheDoneAndDead() {
  const auto over = [this](const std::shared_ptr<Zygote>& zygote) {
    {
      absl::MutexLock lock(&mutex_);
      if (!zygote->dead && !(zygote->retired && zygote->workers.empty())) {
        return false;
      }
    }
    Bury(*zygote);
    return true;
  };
  zygotes_.erase(std::remove_if(zygotes_.begin(), zygotes_.end(), over), zygotes_.end());
}

void ZygoteSupervisor::Bury(Zygote& zygote) {
  std::map<uint64_t, std::shared_ptr<WorkerRecord>> workers;
  {
    absl::MutexLock lock(&mutex_);
    Retire(zygote);
    if (!zygote.started) {
      starting_ = false;
      if (failure_.ok()) {
        failure_ = absl::UnavailableError("start zygote: it died");
      }
      next_start_ = absl::Now() + backoff_;
      backoff_ = std::min(backoff_ * 2, kMaxBackoff);
    }
    workers.swap(zygote.workers);
  }
  // In tier F this is the keeper, with which the zygote and its workers go.
  kill(zygote.pid, SIGKILL);
  while (waitpid(zygote.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  ReadLog(zygote);
  for (auto& [id, worker] : workers) {
    worker->SetZygoteDied();
    absl::MutexLock lock(&mutex_);
    free_slots_.push_back(worker->slot());
  }
}

}  // namespace holkas
