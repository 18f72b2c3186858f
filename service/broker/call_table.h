#ifndef HOLKAS_SERVICE_BROKER_CALL_TABLE_H_
#define HOLKAS_SERVICE_BROKER_CALL_TABLE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "service/broker/job_calls.h"

namespace holkas {

// How far a job is.
enum Phase : unsigned {
  kStarting = 1,    // the worker is not confined yet
  kRunning = 2,     // it works
  kPublishing = 4,  // from BeginPublish, or Publish of a directory, to the end of Publish
  kPublished = 8,   // the destination has its image
};

// What a job must have for a call to be permitted.
enum class Need {
  kNothing,
  kPeer,            // a registry or a daemon at the call's place, as its purpose says
  kAuthorization,   // a registry at the place of a question for credentials
  kDecryptionKeys,  // private keys for its layers
  kBlobMemory,      // what is remembered of blobs
  kMounts,          // the same, and a registry to write to
  kPath,            // a layout, image directory or file at the call's place
  kDestination,     // a layout, image directory or file to write to
  kNewFiles,        // one of them to write an image to
  kBlobs,           // a layout or image directory to write an image to
  kLayout,          // a layout to write to
  kRemoval,         // a layout to remove images from
  kSpool,           // a directory for temporary files
  kStore,           // a store at the call's place
  kOpaqueMarks,     // a store at the call's place whose opaque directories the service marks
  kDevices,         // a store at the call's place whose device nodes the service makes
  kEvents,          // somebody who is told of progress
  kResult,          // a response to give
  kTags,            // tags to list
};

// Where a call is served, and whether it is answered.
enum class Lane {
  kNote,     // at once, without a reply
  kAtOnce,   // at once
  kNetwork,  // on a thread that may wait for the network
  kDisk,     // on a thread that may wait for the disk
  kInLine,   // when the layout's lock is free
};

// One line of the broker protocol.
struct CallRow {
  broker::WorkerFrame::BodyCase call;
  absl::string_view name;
  unsigned permitted;  // phases
  Need need;
  bool once;
  Lane lane;
  absl::StatusOr<Answer> (JobCalls::*handler)(const broker::WorkerFrame& frame);
};

// The row of a frame's call; null for what is no call.
const CallRow* FindCall(const broker::WorkerFrame& frame);

// Whether `calls` has what the row's call needs.
bool IsGranted(const CallRow& row, const broker::WorkerFrame& frame, const JobCalls& calls);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_CALL_TABLE_H_
