#ifndef HOLKAS_SERVICE_RPC_LIST_TAGS_H_
#define HOLKAS_SERVICE_RPC_LIST_TAGS_H_

#include <functional>

#include "absl/status/status.h"
#include "holkas/v1/image_service.pb.h"
#include "service/rpc/request_context.h"

namespace holkas {

// Serves the rpc ListTags: errors as image_service.proto says. `write` sends some tags to the
// caller; it is called on the calling thread, at least once where the list is complete, may block
// while the caller reads slowly, and returns false when the caller is gone. The job runs on a
// thread of its own. Where the caller reads slowly, the worker and then the registry wait; a caller
// who does not read at all is cut off.
absl::Status ListTags(const ServerParts& server, const RequestContext& context,
                      const v1::ListTagsRequest& request,
                      const std::function<bool(const v1::ListTagsResponse&)>& write);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_LIST_TAGS_H_
