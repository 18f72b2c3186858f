#include "worker/storage/store_layout.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr mode_t kMode = 0700;
constexpr mode_t kLinksMode = 0755;

}  // namespace

absl::Status MakeStoreLayout(const Store& store) {
  const Directory& root = store.graph_root();
  const absl::string_view driver = store.driver_name();
  for (const absl::string_view list : {"layers", "images", "containers"}) {
    RETURN_IF_ERROR(root.MakeOrOpenDirectory(absl::StrCat(driver, "-", list), kMode).status());
  }
  ASSIGN_OR_RETURN(const Directory files, root.MakeOrOpenDirectory(driver, kMode));
  const bool is_overlay = store.driver() == StorageDriver::kOverlay;
  return files.MakeOrOpenDirectory(is_overlay ? "l" : "dir", is_overlay ? kLinksMode : kMode)
      .status();
}

}  // namespace holkas
