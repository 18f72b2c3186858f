#include "worker/jobs/delete_image.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/jobs/job.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// What a transport of the tests was asked; its functions are no more than that, functions.
int calls = 0;
bool asked_only_tag = false;

absl::StatusOr<Digest> DeleteAtOnce(const TransportContext&, const broker::ImageLocation& location,
                                    bool only_tag) {
  ++calls;
  asked_only_tag = only_tag;
  return Digest::Sha256Of(location.registry().repository());
}

absl::StatusOr<Digest> DeleteAtTheSecondAttempt(const TransportContext& context,
                                                const broker::ImageLocation& location,
                                                bool only_tag) {
  if (calls == 0) {
    ++calls;
    return absl::UnavailableError("lost");
  }
  return DeleteAtOnce(context, location, only_tag);
}

class DeleteImageTest : public testing::Test {
 protected:
  DeleteImageTest() {
    calls = 0;
    job_.mutable_source()->mutable_registry()->set_repository("lib/app");
    job_.mutable_delete_();
  }
  absl::StatusOr<v1::DeleteResponse> Delete(decltype(Transport::delete_image) function) {
    return DeleteImage({.name = "test", .delete_image = function}, {broker_, job_});
  }

  FakeBroker broker_{{}, {}};
  broker::JobSpec job_;
};

TEST_F(DeleteImageTest, GivesTheDigestOfTheTransport) {
  ASSERT_OK_AND_ASSIGN(v1::DeleteResponse response, Delete(&DeleteAtOnce));
  EXPECT_EQ(response.digest(), Digest::Sha256Of("lib/app").ToString());
  EXPECT_FALSE(asked_only_tag);
  job_.mutable_delete_()->set_only_tag(true);
  EXPECT_OK(Delete(&DeleteAtOnce).status());
  EXPECT_TRUE(asked_only_tag);
}

TEST_F(DeleteImageTest, IsTriedAgainAsOftenAsTheCallerWants) {
  EXPECT_THAT(Delete(&DeleteAtTheSecondAttempt).status(),
              StatusIs(absl::StatusCode::kUnavailable, "lost"));
  calls = 0;
  job_.mutable_delete_()->mutable_retry()->set_max_retries(1);
  job_.mutable_delete_()->mutable_retry()->set_delay_seconds(0.001);
  EXPECT_OK(Delete(&DeleteAtTheSecondAttempt).status());
  EXPECT_EQ(calls, 2);
}

TEST_F(DeleteImageTest, TransportsThatDeleteNothingSaySo) {
  for (const bool is_archive : {true, false}) {
    broker::JobSpec job = job_;
    if (is_archive) {
      job.mutable_source()->mutable_oci_archive();
    } else {
      job.mutable_source()->mutable_dir();
    }
    const absl::Status status = RunDelete(job, broker_).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("not implemented")));
    EXPECT_EQ(ErrorReason(status), "TRANSPORT_UNIMPLEMENTED");
  }
}

}  // namespace
}  // namespace holkas
