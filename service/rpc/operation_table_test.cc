#include "service/rpc/operation_table.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

std::shared_ptr<Operation> NewOperation() {
  return std::make_shared<Operation>([] { return absl::UnixEpoch(); });
}

OperationTicket Ticket(const std::string& owner, int id) {
  return {owner, "Copy", absl::StrCat(id), "hash"};
}

class OperationTableTest : public testing::Test {
 protected:
  bool Finds(const OperationTicket& ticket) { return table_.Find(ticket, now_).value() != nullptr; }

  // Adds one that is over.
  void Keep(const OperationTicket& ticket, size_t bytes = 10) {
    table_.Add(ticket, NewOperation());
    table_.Keep(ticket, bytes, now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  OperationTable table_{{.kept = 5, .kept_bytes = 100'000, .keep_time = absl::Minutes(10)}};
};

TEST_F(OperationTableTest, IdsAreEachOwnersAndEachRpcsOwn) {
  const std::shared_ptr<Operation> operation = NewOperation();
  const OperationTicket ticket = Ticket("alice", 1);
  table_.Add(ticket, operation);
  EXPECT_EQ(*table_.Find(ticket, now_), operation);
  EXPECT_TRUE(table_.Has(ticket, *operation));
  EXPECT_FALSE(Finds(Ticket("bob", 1)));
  EXPECT_FALSE(Finds(Ticket("alice", 2)));
  EXPECT_FALSE(Finds({"alice", "Delete", "1", "hash"}));
  EXPECT_FALSE(table_.Has(ticket, *NewOperation()));
}

TEST_F(OperationTableTest, AnotherRequestWithTheIdIsRefused) {
  table_.Add(Ticket("alice", 1), NewOperation());
  const absl::Status status = table_.Find({"alice", "Copy", "1", "other"}, now_).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(ErrorReason(status), "REQUEST_ID_REUSED");
  EXPECT_EQ(ErrorMetadata(status)["field"], "request_id");
  EXPECT_FALSE(Finds({"bob", "Copy", "1", "other"}));
}

TEST_F(OperationTableTest, WhatIsOverIsKeptForItsTime) {
  Keep(Ticket("alice", 1));
  now_ += absl::Minutes(5);
  Keep(Ticket("alice", 2));
  Keep(Ticket("bob", 1));
  now_ += absl::Minutes(5) - absl::Nanoseconds(1);
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
  now_ += absl::Nanoseconds(1);
  EXPECT_FALSE(Finds(Ticket("alice", 1)));
  EXPECT_TRUE(Finds(Ticket("alice", 2)));
  now_ += absl::Minutes(5);
  EXPECT_FALSE(Finds(Ticket("bob", 1)));
  EXPECT_EQ(table_.size(), 0);
  EXPECT_EQ(table_.kept_bytes(), 0);
}

TEST_F(OperationTableTest, WhatRunsNeverExpires) {
  table_.Add(Ticket("alice", 1), NewOperation());
  now_ += absl::Hours(24);
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
}

TEST_F(OperationTableTest, TheOldestGoesFirst) {
  table_.Add(Ticket("alice", 0), NewOperation());
  for (int i = 1; i <= 6; ++i) {
    Keep(Ticket("alice", i));
  }
  EXPECT_TRUE(Finds(Ticket("alice", 0))) << "it runs";
  EXPECT_FALSE(Finds(Ticket("alice", 1)));
  for (int i = 2; i <= 6; ++i) {
    EXPECT_TRUE(Finds(Ticket("alice", i)));
  }
}

TEST_F(OperationTableTest, WhoHasTheMostLosesTheOldest) {
  Keep(Ticket("alice", 1));
  Keep(Ticket("alice", 2));
  for (int i = 1; i <= 1000; ++i) {
    Keep(Ticket("mallory", i));
  }
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
  EXPECT_TRUE(Finds(Ticket("alice", 2)));
  EXPECT_TRUE(Finds(Ticket("mallory", 1000)));
  EXPECT_EQ(table_.size(), 5);
}

TEST_F(OperationTableTest, LargeOutcomesAreBoundedTogether) {
  Keep(Ticket("alice", 1));
  Keep(Ticket("mallory", 1), 60'000);
  Keep(Ticket("mallory", 2), 60'000);
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
  EXPECT_FALSE(Finds(Ticket("mallory", 1)));
  EXPECT_TRUE(Finds(Ticket("mallory", 2)));
  Keep(Ticket("mallory", 3), 200'000);
  EXPECT_FALSE(Finds(Ticket("mallory", 3))) << "larger than all that is kept";
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
  EXPECT_LE(table_.kept_bytes(), 100'000);
}

TEST_F(OperationTableTest, ThousandsAreBoundedByDefault) {
  OperationTable table({});
  for (int i = 0; i < 30'000; ++i) {
    table.Add(Ticket("alice", i), NewOperation());
    table.Keep(Ticket("alice", i), 200, now_);
  }
  EXPECT_EQ(table.size(), 10'000);
  EXPECT_LE(table.kept_bytes(), 16 << 20);
}

TEST_F(OperationTableTest, WhatIsForgottenCanComeAgain) {
  table_.Add(Ticket("alice", 1), NewOperation());
  table_.Forget(Ticket("alice", 1));
  EXPECT_FALSE(Finds(Ticket("alice", 1)));
  EXPECT_EQ(table_.size(), 0);
  Keep(Ticket("alice", 1));
  EXPECT_TRUE(Finds(Ticket("alice", 1)));
}

}  // namespace
}  // namespace holkas
