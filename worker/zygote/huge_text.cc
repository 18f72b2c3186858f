#include "worker/zygote/huge_text.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

constexpr uintptr_t kHugePageBytes = 2 << 20;

absl::Status Failed(const char* call) {
  return absl::UnavailableError(absl::StrCat(call, ": ", strerror(errno)));
}

// Addresses, the end excluded.
struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  size_t size() const { return end > begin ? end - begin : 0; }
};

// For dl_iterate_phdr, which begins with the program itself: its executable segment.
int FindText(dl_phdr_info* program, size_t, void* found) {
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      const uintptr_t begin = program->dlpi_addr + segment.p_vaddr;
      *static_cast<Range*>(found) = {begin, begin + segment.p_memsz};
    }
  }
  return 1;
}

// What of the program's code is whole huge pages.
Range WholeHugePages() {
  Range text;
  dl_iterate_phdr(&FindText, &text);
  return {(text.begin + kHugePageBytes - 1) & ~(kHugePageBytes - 1),
          text.end & ~(kHugePageBytes - 1)};
}

}  // namespace

absl::Status MoveTextToHugePages() {
  const Range text = WholeHugePages();
  if (text.size() == 0) {
    return absl::UnavailableError("the code is smaller than a huge page");
  }
  const size_t reserved = text.size() + kHugePageBytes;
  void* const space =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (space == MAP_FAILED) {
    return Failed("mmap");
  }
  const uintptr_t offset = -reinterpret_cast<uintptr_t>(space) & (kHugePageBytes - 1);
  char* const copy = static_cast<char*>(space) + offset;
  absl::Status status;
  if (madvise(copy, text.size(), MADV_HUGEPAGE) != 0) {
    status = Failed("madvise");
  } else {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are what this is about
    void* const code = reinterpret_cast<void*>(text.begin);
    memcpy(copy, code, text.size());
    if (mprotect(copy, text.size(), PROT_READ | PROT_EXEC) != 0) {
      status = Failed("mprotect");
    } else if (mremap(copy, text.size(), text.size(), MREMAP_MAYMOVE | MREMAP_FIXED, code) ==
               MAP_FAILED) {
      status = Failed("mremap");
    }
  }
  // What is left of the space; after an error all of it. The code's own place is no part of it.
  munmap(space, offset);
  munmap(copy + text.size(), kHugePageBytes - offset);
  if (!status.ok()) {
    munmap(copy, text.size());
  }
  return status;
}

}  // namespace holkas
