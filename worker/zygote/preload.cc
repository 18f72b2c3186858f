#include "worker/zygote/preload.h"

#include <malloc.h>
#include <time.h>

#include <thread>

#include "worker/http/http_client.h"

namespace holkas {
namespace {

// Each arena reserves address space and keeps memory; more than this do not make a worker faster.
constexpr int kMallocArenas = 4;

}  // namespace

absl::Status PreloadLibraries() {
  mallopt(M_ARENA_MAX, kMallocArenas);
  tzset();
  std::thread::hardware_concurrency();
  return InitializeHttp();
}

}  // namespace holkas
