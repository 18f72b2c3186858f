#include "worker/http/rehearse_tls.h"

#include <openssl/err.h>

#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(RehearseTls, ConnectsAndLeavesNoError) {
  EXPECT_OK(RehearseTls());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace holkas
