#ifndef HOLKAS_SERVICE_STORAGE_FIND_STORE_H_
#define HOLKAS_SERVICE_STORAGE_FIND_STORE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// Of who runs the server, what decides where stores of containers/storage are.
struct StorageEnvironment {
  unsigned uid = 0;  // 0: root, whose stores are the system's
  std::string user_name;
  // The value of a variable; empty where it is not set.
  std::function<std::string(const std::string& name)> variable;
  // Whether there is a directory, or file, of that path.
  std::function<bool(const std::string& path)> exists;
};

// That of this process.
StorageEnvironment ProcessStorageEnvironment();

// The reference with its store found: driver (`overlay` or `vfs`), both roots and the options that
// count. What the brackets say comes first, then STORAGE_DRIVER and STORAGE_OPTS, then the
// storage.conf that containers/storage reads (CONTAINERS_STORAGE_CONF, the user's, /etc's,
// /usr/share's), then the defaults of root or of a plain user. Without a driver, it is the one
// whose files the graph root has, else overlay. Nothing is opened but the configuration files.
// Errors: UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED) for another driver and (OPTION_UNIMPLEMENTED) for
// options that change how files are kept; INVALID_ARGUMENT (INVALID_REFERENCE) for what is no
// driver or option; those of storage.conf; FAILED_PRECONDITION where a plain user has no home.
absl::StatusOr<StorageReference> FindStore(const StorageReference& reference,
                                           const StorageEnvironment& environment);

// How a store that was found keeps what a layer deletes. `uid`: of who runs the server.
broker::WhiteoutForm WhiteoutFormOf(const StorageReference& store, unsigned uid);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_STORAGE_FIND_STORE_H_
