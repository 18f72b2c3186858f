#ifndef HOLKAS_WORKER_BROKER_BROKER_CLIENT_H_
#define HOLKAS_WORKER_BROKER_BROKER_CLIENT_H_

#include <memory>

#include "proto/wire/frame_channel.h"
#include "worker/broker/broker.h"

namespace holkas {

// The worker's side of the broker protocol: the Broker that asks holkasd over `channel`, which must
// outlive it and belongs to it from Ready until its last call has returned.
//
// Makes no thread: of the threads that wait for a reply, one receives for all. A channel that
// broke, or on which holkasd answered what was not asked, fails this and all later calls.
std::unique_ptr<Broker> NewBrokerClient(FrameChannel& channel);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BROKER_BROKER_CLIENT_H_
