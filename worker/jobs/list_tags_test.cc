#include "worker/jobs/list_tags.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"
#include "worker/jobs/job.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a transport of the tests does; its functions are no more than that, functions.
int calls = 0;
int lost_before_tags = 0;
bool lost_after_tags = false;

absl::Status List(const TransportContext&, const broker::ImageLocation&,
                  const TagListener& on_tags) {
  if (calls++ < lost_before_tags) {
    return absl::UnavailableError("lost before");
  }
  for (const std::vector<std::string>& tags :
       {std::vector<std::string>{"b", "a"}, std::vector<std::string>{"c"}}) {
    if (absl::Status status = on_tags(tags); !status.ok()) {
      return status;
    }
  }
  return lost_after_tags ? absl::UnavailableError("lost after") : absl::OkStatus();
}

class ListTagsTest : public testing::Test {
 protected:
  ListTagsTest() {
    calls = 0;
    lost_before_tags = 0;
    lost_after_tags = false;
    job_.mutable_source()->mutable_registry();
    v1::RetryPolicy& retry = *job_.mutable_list_tags()->mutable_retry();
    retry.set_max_retries(3);
    retry.set_delay_seconds(0.001);
  }
  absl::Status Run() { return ListTags({.name = "test", .list_tags = &List}, {broker_, job_}); }

  FakeBroker broker_{{}, {}};
  broker::JobSpec job_;
};

TEST_F(ListTagsTest, SendsEachPartAsItComes) {
  EXPECT_OK(Run());
  ASSERT_EQ(broker_.tags().size(), 2u);
  EXPECT_THAT(broker_.tags()[0].tags(), ElementsAre("b", "a"));
  EXPECT_THAT(broker_.tags()[1].tags(), ElementsAre("c"));
}

TEST_F(ListTagsTest, IsTriedAgainWhileNothingWasSent) {
  lost_before_tags = 3;
  EXPECT_OK(Run());
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(broker_.tags().size(), 2u);
}

TEST_F(ListTagsTest, NoTagIsSentTwice) {
  lost_after_tags = true;
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kUnavailable, "lost after"));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(broker_.tags().size(), 2u);
}

TEST_F(ListTagsTest, EndsWhereNobodyTakesTheTags) {
  broker_.set_fault([](absl::string_view) { return absl::UnavailableError("holkasd is gone"); });
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kUnavailable, "holkasd is gone"));
  EXPECT_EQ(broker_.calls("SendTags"), 1);
}

TEST_F(ListTagsTest, TransportsWithoutTagsSaySo) {
  broker::JobSpec job = job_;
  job.mutable_source()->mutable_dir();
  const absl::Status status = RunListTags(job, broker_);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("Unsupported transport 'dir' for tag listing")));
  EXPECT_EQ(ErrorReason(status), "TRANSPORT_UNIMPLEMENTED");
}

}  // namespace
}  // namespace holkas
