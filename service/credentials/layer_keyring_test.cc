#include "service/credentials/layer_keyring.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LayerKeyringTest : public ::testing::Test {
 protected:
  LayerKeyringTest() {
    keys_.emplace_back().set_key("private-canary");
    keys_.back().set_password("its password");
    answer_.set_key(std::string(32, 'k'));
    answer_.set_nonce(std::string(16, 'n'));
    answer_.set_plain_digest(Digest::Sha256Of("layer").ToString());
    wrapped_.add_jwe("{}");
  }

  absl::StatusOr<broker::LayerKey> Unwrap() {
    LayerKeyring keyring(keys_, [this](const broker::JobSpec& job, const Cancellation&) {
      job_ = job;
      return failure_.ok() ? absl::StatusOr<std::string>(answer_.SerializeAsString()) : failure_;
    });
    return keyring.Unwrap(wrapped_, cancellation_);
  }

  std::vector<v1::DecryptionKey> keys_;
  Cancellation cancellation_;
  broker::WrappedKeys wrapped_;
  broker::LayerKey answer_;
  absl::Status failure_;
  broker::JobSpec job_;
};

TEST_F(LayerKeyringTest, UnwrapWorkerGetsTheKeysAndWhatIsWrapped) {
  ASSERT_OK_AND_ASSIGN(const broker::LayerKey key, Unwrap());
  EXPECT_EQ(key.SerializeAsString(), answer_.SerializeAsString());
  EXPECT_EQ(job_.unwrap().wrapped().jwe(0), "{}");
  EXPECT_EQ(job_.unwrap().keys(0).key(), "private-canary");
  EXPECT_EQ(job_.unwrap().keys(0).password(), "its password");
  EXPECT_FALSE(job_.has_source());
}

TEST_F(LayerKeyringTest, MalformedQuestionsAreViolations) {
  for (int i = 0; i < 64; ++i) {
    wrapped_.add_pgp("x");
  }
  EXPECT_EQ(ErrorReason(Unwrap().status()), "WORKER_VIOLATION");
  wrapped_.Clear();
  wrapped_.add_pgp(std::string((48 << 10) + 1, 'x'));
  EXPECT_EQ(ErrorReason(Unwrap().status()), "WORKER_VIOLATION");
}

TEST_F(LayerKeyringTest, FailuresAreToldInTheServicesOwnWords) {
  for (const char* reason :
       {"KEY_UNSUITABLE", "KEY_MISSING", "PASSWORD_MISSING", "PASSWORD_WRONG"}) {
    failure_ = MakeError(absl::StatusCode::kUnavailable, reason, "private-canary", {{"a", "key"}});
    const absl::Status status = Unwrap().status();
    EXPECT_EQ(ErrorReason(status), reason);
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("private-canary")));
    EXPECT_TRUE(ErrorMetadata(status).empty());
  }
  failure_ = MakeError(absl::StatusCode::kUnavailable, "OTHER", "private-canary");
  EXPECT_THAT(Unwrap(), StatusIs(absl::StatusCode::kInternal, Not(HasSubstr("canary"))));
}

TEST_F(LayerKeyringTest, AnswersThatAreNoKeyAreRefused) {
  answer_.set_key("private-canary");
  EXPECT_THAT(Unwrap(), StatusIs(absl::StatusCode::kInternal));
  answer_.set_key(std::string(32, 'k'));
  answer_.set_nonce("short");
  EXPECT_THAT(Unwrap(), StatusIs(absl::StatusCode::kInternal));
  answer_.set_nonce(std::string(16, 'n'));
  answer_.set_plain_digest("private-canary");
  EXPECT_THAT(Unwrap(), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace holkas
