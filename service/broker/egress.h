#ifndef HOLKAS_SERVICE_BROKER_EGRESS_H_
#define HOLKAS_SERVICE_BROKER_EGRESS_H_

#include <vector>

#include "service/broker/proxy_settings.h"
#include "service/policy/network.h"

namespace holkas {

// How connections leave this machine.
struct Egress {
  ProxySettings proxies;
  // Where no job is led, beside addresses that are not public, unless somebody vouches for the
  // name.
  std::vector<Network> denied_networks;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_EGRESS_H_
