#include "worker/run_job.h"

#include <exception>
#include <memory>
#include <new>

#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/broker/broker_client.h"
#include "worker/broker/job_end.h"

namespace holkas {
namespace {

absl::Status Inspect(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  ASSIGN_OR_RETURN(const v1::InspectResponse response, jobs.inspect(job, *broker));
  return SendResult(channel, response.SerializeAsString());
}

absl::Status FetchToken(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  ASSIGN_OR_RETURN(const broker::TokenResponse response, jobs.fetch_token(job, *broker));
  return SendResult(channel, response.SerializeAsString());
}

absl::Status UnwrapKey(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  ASSIGN_OR_RETURN(const broker::LayerKey key, jobs.unwrap_key(job.unwrap()));
  return SendResult(channel, key.SerializeAsString());
}

absl::Status CheckCredentials(const JobTable& jobs, const broker::JobSpec& job,
                              FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  return jobs.check_credentials(job, *broker);
}

absl::Status MountBlob(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  return jobs.mount_blob(job, *broker);
}

absl::Status Copy(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel,
                  ThreadPool& pool) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  return jobs.copy(job, *broker, pool);
}

absl::Status Delete(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  ASSIGN_OR_RETURN(const v1::DeleteResponse response, jobs.delete_image(job, *broker));
  return SendResult(channel, response.SerializeAsString());
}

absl::Status ListTags(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel) {
  const std::unique_ptr<Broker> broker = NewBrokerClient(channel);
  return jobs.list_tags(job, *broker);
}

absl::Status Dispatch(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel,
                      ThreadPool& pool) {
  switch (job.job_case()) {
    case broker::JobSpec::kInspect:
      if (jobs.inspect != nullptr) {
        return Inspect(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kCopy:
      if (jobs.copy != nullptr) {
        return Copy(jobs, job, channel, pool);
      }
      break;
    case broker::JobSpec::kAttack:
      if (jobs.attack != nullptr) {
        return jobs.attack(job.attack(), channel, pool);
      }
      break;
    case broker::JobSpec::kCheckCredentials:
      if (jobs.check_credentials != nullptr) {
        return CheckCredentials(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kToken:
      if (jobs.fetch_token != nullptr) {
        return FetchToken(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kUnwrap:
      if (jobs.unwrap_key != nullptr) {
        return UnwrapKey(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kMount:
      if (jobs.mount_blob != nullptr) {
        return MountBlob(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kDelete:
      if (jobs.delete_image != nullptr) {
        return Delete(jobs, job, channel);
      }
      break;
    case broker::JobSpec::kListTags:
      if (jobs.list_tags != nullptr) {
        return ListTags(jobs, job, channel);
      }
      break;
    case broker::JobSpec::JOB_NOT_SET:
      return absl::OkStatus();  // holkasd tries out a new zygote
  }
  return absl::UnimplementedError("this worker does not do this job");
}

}  // namespace

void RunJob(const JobTable& jobs, const broker::JobSpec& job, FrameChannel& channel,
            ThreadPool& pool) {
  absl::Status status;
  try {
    status = Dispatch(jobs, job, channel, pool);
  } catch (const std::bad_alloc&) {
    status = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       "run job: the worker's memory is used up");
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  SendFinish(channel, status).IgnoreError();
}

}  // namespace holkas
