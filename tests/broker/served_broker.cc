#include "tests/broker/served_broker.h"

#include <sys/socket.h>

#include <utility>

#include "worker/broker/broker_client.h"
#include "worker/broker/job_end.h"

namespace holkas {

ServedBroker::ServedBroker(BrokerSession::Options options) {
  auto pair = *FrameChannel::NewPair();
  service_ = std::make_unique<FrameChannel>(std::move(pair.first), FrameChannel::AcceptFds::kNo);
  worker_ = std::make_unique<FrameChannel>(std::move(pair.second), FrameChannel::AcceptFds::kYes);
  client_ = NewBrokerClient(*worker_);
  if (!options.on_event) {
    options.on_event = [this](v1::CopyResponse event) { events_.push_back(std::move(event)); };
  }
  thread_ = std::thread([this, options = std::move(options)]() mutable {
    outcome_ = BrokerSession(*service_, std::move(options)).Run();
    shutdown(service_->fd(), SHUT_RDWR);
  });
  broker::ServiceFrame job;
  broker::WorkerFrame ready;
  ready.mutable_ready()->set_tier(v1::SANDBOX_TIER_FULL);
  if (worker_->Receive(job).ok()) {
    worker_->Send(ready).IgnoreError();
  }
}

ServedBroker::~ServedBroker() {
  if (thread_.joinable()) {
    shutdown(worker_->fd(), SHUT_RDWR);
    thread_.join();
  }
}

JobOutcome ServedBroker::Finish(const absl::Status& status) {
  SendFinish(*worker_, status).IgnoreError();
  thread_.join();
  return std::move(outcome_);
}

}  // namespace holkas
