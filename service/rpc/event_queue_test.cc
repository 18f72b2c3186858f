#include "service/rpc/event_queue.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using v1::CopyResponse;

CopyResponse Started(const std::string& blob) {
  CopyResponse event;
  event.mutable_blob_started()->set_digest(blob);
  return event;
}

CopyResponse Progress(const std::string& blob, int64_t done) {
  CopyResponse event;
  event.mutable_blob_progress()->set_digest(blob);
  event.mutable_blob_progress()->set_done_bytes(done);
  return event;
}

CopyResponse Finished(const std::string& blob) {
  CopyResponse event;
  event.mutable_blob_finished()->set_digest(blob);
  return event;
}

// All events of a queue that is closed, in short: `started a`, `a 5`, `finished a`.
std::vector<std::string> Drain(EventQueue& queue) {
  queue.Close();
  std::vector<std::string> events;
  while (auto event = queue.Pop()) {
    if (event->has_blob_started()) {
      events.push_back("started " + event->blob_started().digest());
    } else if (event->has_blob_finished()) {
      events.push_back("finished " + event->blob_finished().digest());
    } else {
      events.push_back(
          absl::StrCat(event->blob_progress().digest(), " ", event->blob_progress().done_bytes()));
    }
  }
  return events;
}

TEST(EventQueue, NewestProgressOfABlobTakesThePlaceOfOlder) {
  EventQueue queue(100);
  queue.Push(Started("a"));
  queue.Push(Progress("a", 1));
  queue.Push(Started("b"));
  queue.Push(Progress("b", 1));
  queue.Push(Progress("a", 2));
  queue.Push(Progress("a", 3));
  queue.Push(Finished("a"));
  EXPECT_THAT(Drain(queue),
              testing::ElementsAre("started a", "a 3", "started b", "b 1", "finished a"));
}

TEST(EventQueue, ProgressThatWasTakenIsNotReplaced) {
  EventQueue queue(100);
  queue.Push(Progress("a", 1));
  EXPECT_EQ(queue.Pop()->blob_progress().done_bytes(), 1);
  queue.Push(Progress("a", 2));
  EXPECT_THAT(Drain(queue), testing::ElementsAre("a 2"));
}

TEST(EventQueue, ProgressOfASecondAttemptStaysBehindItsStart) {
  EventQueue queue(100);
  queue.Push(Started("a"));
  queue.Push(Progress("a", 9));
  queue.Push(Started("a"));
  queue.Push(Progress("a", 1));
  EXPECT_THAT(Drain(queue), testing::ElementsAre("started a", "a 9", "started a", "a 1"));
}

TEST(EventQueue, IsBounded) {
  EventQueue queue(2);
  EXPECT_TRUE(queue.Push(Started("a")));
  EXPECT_TRUE(queue.Push(Progress("a", 1)));
  EXPECT_TRUE(queue.Push(Progress("a", 2)));
  EXPECT_FALSE(queue.Push(Progress("b", 1)));
  EXPECT_FALSE(queue.Push(Finished("a")));
}

TEST(EventQueue, EventsAfterCloseAreDropped) {
  EventQueue queue(2);
  queue.Close();
  EXPECT_TRUE(queue.Push(Started("a")));
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(EventQueue, PopWaitsForTheOtherThread) {
  EventQueue queue(1000);
  std::thread producer([&queue] {
    for (int i = 0; i < 500; ++i) {
      queue.Push(Started(absl::StrCat(i)));
      queue.Push(Progress(absl::StrCat(i % 3), i));
    }
    queue.Close();
  });
  int started = 0;
  while (auto event = queue.Pop()) {
    if (event->has_blob_started()) {
      EXPECT_EQ(event->blob_started().digest(), absl::StrCat(started++));
    }
  }
  producer.join();
  EXPECT_EQ(started, 500);
}

}  // namespace
}  // namespace holkas
