#ifndef HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_OPEN_STORE_H_
#define HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_OPEN_STORE_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"
#include "worker/storage/find_image.h"
#include "worker/storage/store.h"

namespace holkas {

// The store of a place, by the directories that holkasd gives.
// Errors: INVALID_ARGUMENT for a driver that is not known.
absl::StatusOr<Store> OpenStore(Broker& broker, broker::Place place,
                                const broker::ContainersStorageImage& image);

// What the job calls its image.
absl::StatusOr<StoredImageName> StoredNameOf(const broker::ContainersStorageImage& image);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_CONTAINERS_STORAGE_OPEN_STORE_H_
