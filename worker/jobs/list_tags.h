#ifndef HOLKAS_WORKER_JOBS_LIST_TAGS_H_
#define HOLKAS_WORKER_JOBS_LIST_TAGS_H_

#include "absl/status/status.h"
#include "worker/transports/transport.h"

namespace holkas {

// Sends the tags of the job's source as `transport` gives them: RunListTags (worker/jobs/job.h)
// with the transport already found. It is tried again only as long as no tag was sent. Errors:
// UNIMPLEMENTED (TRANSPORT_UNIMPLEMENTED) where the transport lists nothing; those of the
// transport.
absl::Status ListTags(const Transport& transport, const TransportContext& context);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_LIST_TAGS_H_
