#ifndef HOLKAS_SERVICE_BROKER_BROKER_RESOURCES_H_
#define HOLKAS_SERVICE_BROKER_BROKER_RESOURCES_H_

#include "service/broker/egress.h"
#include "service/broker/layout_lock.h"
#include "service/broker/resolver.h"
#include "service/broker/tls_stream.h"
#include "service/broker/work_pool.h"

namespace holkas {

// What the sessions of all jobs share. Whoever runs jobs has one.
struct BrokerResources {
  // Threads that wait for the network.
  WorkPool network{64};
  // Threads that read, hash and wait for the disk.
  WorkPool disk{16};
  Resolver resolver;
  TlsContext proxy_tls;
  LayoutLocks layout_locks;
  Egress egress;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_BROKER_RESOURCES_H_
