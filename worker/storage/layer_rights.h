#ifndef HOLKAS_WORKER_STORAGE_LAYER_RIGHTS_H_
#define HOLKAS_WORKER_STORAGE_LAYER_RIGHTS_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holkas {

// Makes a device node `name` in the directory `parent`, where nothing is of that name; `type` is
// S_IFCHR or S_IFBLK. Whose it is and its mode are for the caller to set. False where nobody is
// there with the right to make it: the layer goes without.
using DeviceMaker = std::function<absl::StatusOr<bool>(int parent, const std::string& name,
                                                       mode_t type, dev_t device)>;

// A DeviceMaker with the process's own rights.
absl::StatusOr<bool> MakeOwnDevice(int parent, const std::string& name, mode_t type, dev_t device);

// Whether it is the character device 0/0, which every process may make: of overlay, a whiteout.
bool IsWhiteoutDevice(mode_t type, dev_t device);

// What takes a right that the process which unpacks a layer may not have, and others do for it.
struct LayerRights {
  // Marks a directory as opaque with `trusted.overlay.opaque`, by its path below the directory that
  // is unpacked into. For WhiteoutForm::kOverlay alone.
  std::function<absl::Status(const std::string& path)> mark_opaque;
  DeviceMaker make_device = MakeOwnDevice;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_RIGHTS_H_
