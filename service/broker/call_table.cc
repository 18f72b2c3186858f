#include "service/broker/call_table.h"

namespace holkas {
namespace {

using Frame = broker::WorkerFrame;

constexpr bool kOnce = true;
constexpr bool kOften = false;
constexpr unsigned kConfined = kRunning | kPublishing | kPublished;

// All that a worker may say, in the order in which a copy says it. What is not here ends the job.
constexpr CallRow kCalls[] = {
    // call, name, permitted, need, once, lane, handler
    {Frame::kReady, "Ready", kStarting, Need::kNothing, kOnce, Lane::kNote, &JobCalls::Ready},
    {Frame::kLog, "Log", kConfined, Need::kNothing, kOften, Lane::kNote, &JobCalls::Log},
    {Frame::kConnect, "Connect", kRunning, Need::kPeer, kOften, Lane::kNetwork, &JobCalls::Connect},
    {Frame::kAuthorize, "Authorize", kRunning, Need::kAuthorization, kOften, Lane::kNetwork,
     &JobCalls::Authorize},
    {Frame::kUnwrapKey, "UnwrapKey", kRunning, Need::kDecryptionKeys, kOften, Lane::kNetwork,
     &JobCalls::UnwrapKey},
    {Frame::kFindTwins, "FindTwins", kRunning, Need::kBlobMemory, kOften, Lane::kDisk,
     &JobCalls::FindTwins},
    {Frame::kMountBlob, "MountBlob", kRunning, Need::kMounts, kOften, Lane::kNetwork,
     &JobCalls::MountBlob},
    {Frame::kOpenFile, "OpenFile", kRunning | kPublishing, Need::kPath, kOften, Lane::kAtOnce,
     &JobCalls::OpenFile},
    {Frame::kCreateSpool, "CreateSpool", kRunning, Need::kSpool, kOften, Lane::kAtOnce,
     &JobCalls::CreateSpool},
    {Frame::kHasBlob, "HasBlob", kRunning, Need::kBlobs, kOften, Lane::kDisk, &JobCalls::HasBlob},
    {Frame::kCreateFile, "CreateFile", kRunning, Need::kNewFiles, kOften, Lane::kAtOnce,
     &JobCalls::CreateFile},
    {Frame::kHashFile, "HashFile", kRunning, Need::kBlobs, kOften, Lane::kDisk,
     &JobCalls::HashFile},
    {Frame::kCommitFile, "CommitFile", kRunning, Need::kBlobs, kOften, Lane::kDisk,
     &JobCalls::CommitFile},
    {Frame::kDropFile, "DropFile", kRunning | kPublishing, Need::kDestination, kOften,
     Lane::kAtOnce, &JobCalls::DropFile},
    {Frame::kBeginPublish, "BeginPublish", kRunning, Need::kLayout, kOften, Lane::kInLine, nullptr},
    {Frame::kRemoveBlobs, "RemoveBlobs", kRunning | kPublishing, Need::kRemoval, kOften,
     Lane::kAtOnce, &JobCalls::RemoveBlobs},
    {Frame::kPublish, "Publish", kRunning | kPublishing, Need::kDestination, kOften, Lane::kDisk,
     &JobCalls::Publish},
    {Frame::kOpenStorage, "OpenStorage", kRunning, Need::kStore, kOften, Lane::kAtOnce,
     &JobCalls::OpenStorage},
    {Frame::kMarkOpaque, "MarkOpaque", kRunning, Need::kOpaqueMarks, kOften, Lane::kAtOnce,
     &JobCalls::MarkOpaque},
    {Frame::kMakeDevice, "MakeDevice", kRunning, Need::kDevices, kOften, Lane::kAtOnce,
     &JobCalls::MakeDevice},
    {Frame::kEvent, "Event", kConfined, Need::kEvents, kOften, Lane::kNote, &JobCalls::Event},
    {Frame::kRemember, "Remember", kConfined, Need::kBlobMemory, kOften, Lane::kNote,
     &JobCalls::Remember},
    {Frame::kResultChunk, "ResultChunk", kConfined, Need::kResult, kOften, Lane::kNote,
     &JobCalls::ResultChunk},
    {Frame::kTags, "Tags", kConfined, Need::kTags, kOften, Lane::kNote, &JobCalls::Tags},
    {Frame::kFinish, "Finish", kStarting | kConfined, Need::kNothing, kOnce, Lane::kNote,
     &JobCalls::Finish},
};

}  // namespace

const CallRow* FindCall(const broker::WorkerFrame& frame) {
  for (const CallRow& row : kCalls) {
    if (row.call == frame.body_case()) {
      return &row;
    }
  }
  return nullptr;
}

bool IsGranted(const CallRow& row, const broker::WorkerFrame& frame, const JobCalls& calls) {
  switch (row.need) {
    case Need::kNothing:
      return true;
    case Need::kPeer:
      return calls.HasPeer(frame.connect());
    case Need::kAuthorization:
      return calls.HasRegistry(frame.authorize().place());
    case Need::kDecryptionKeys:
      return calls.HasDecryptionKeys();
    case Need::kBlobMemory:
      return calls.HasBlobMemory();
    case Need::kMounts:
      return calls.HasMounts();
    case Need::kPath:
      return calls.HasPath(frame.open_file().place());
    case Need::kDestination:
      return calls.HasPath(broker::PLACE_DESTINATION);
    case Need::kNewFiles:
      return calls.HasNewFiles();
    case Need::kBlobs:
      return calls.HasBlobs();
    case Need::kLayout:
      return calls.HasLayout();
    case Need::kRemoval:
      return calls.HasRemoval();
    case Need::kSpool:
      return calls.HasSpool();
    case Need::kStore:
      return calls.StoreAt(frame.open_storage().place()) != nullptr;
    case Need::kOpaqueMarks:
      return calls.MarksOpaqueAt(frame.mark_opaque().place());
    case Need::kDevices:
      return calls.MakesDevicesAt(frame.make_device().place());
    case Need::kEvents:
      return calls.HasEvents();
    case Need::kResult:
      return calls.HasResult();
    case Need::kTags:
      return calls.HasTags();
  }
  return false;
}

}  // namespace holkas
