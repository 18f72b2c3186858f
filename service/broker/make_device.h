#ifndef HOLKAS_SERVICE_BROKER_MAKE_DEVICE_H_
#define HOLKAS_SERVICE_BROKER_MAKE_DEVICE_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"

namespace holkas {

// Makes a device node in a staging directory of the store at `graph_root`, with the mode 0600: what
// a worker asks for when a layer has one. No process without CAP_MKNOD of the machine may make one.
// Nothing that is there is replaced, and no node is ever opened.
//
// Whoever may reach a node can use the device, when the worker has given it the layer's owner and
// mode. So one is made only where the store's root or the driver's directory is root's, and nobody
// else may enter it: there it is as safe as those that Podman and Skopeo make.
//
// True where it was made; false where this process has no right to, or others may enter the store.
// Errors: NOT_FOUND; ALREADY_EXISTS; PERMISSION_DENIED (PATH_DENIED) where a symbolic link is on
// the way; RESOURCE_EXHAUSTED (DISK_FULL); INTERNAL (WORKER_VIOLATION) where `node` is no node, or
// not in a staging directory.
absl::StatusOr<bool> MakeDevice(int graph_root, const broker::MakeDevice& node);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_MAKE_DEVICE_H_
