#include "worker/archive/tar_queue.h"

#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_table.h"
#include "worker/archive/tar_writer.h"
#include "worker/archive/test_tar.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using Place = TarQueue::Place;

const Digest kDigest = Digest::Sha256Of("x");

class TarQueueTest : public testing::Test {
 protected:
  Place* Reserve(const std::string& name, int64_t size_bytes = -1) {
    return queue_.Reserve(kDigest, size_bytes, [name](const Digest&) { return name; });
  }
  absl::Status Put(Place* place, const std::string& content) {
    const std::unique_ptr<ByteSink> sink = queue_.Write(place);
    RETURN_IF_ERROR(sink->Append(content));
    return sink->Finish(kDigest, static_cast<int64_t>(content.size()));
  }
  // The archive, ended.
  std::string Archive() {
    absl::StatusOr<int64_t> end = queue_.End();
    EXPECT_OK(end.status());
    TarWriter writer(fd_.get(), end.value_or(0));
    EXPECT_OK(writer.Finish());
    std::string content(static_cast<size_t>(writer.offset()), '\0');
    EXPECT_EQ(pread(fd_.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    return content;
  }

  FakeBroker broker_{{}, {}};
  UniqueFd fd_ = FileWith("");
  TarQueue queue_{fd_.get(), 0, broker_};
};

// What TarWriter makes of the same members.
std::string Expected(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string archive;
  for (const auto& [name, content] : members) {
    absl::StrAppend(&archive, TarFileHeader(name, static_cast<int64_t>(content.size())),
                    Padded(content));
  }
  return archive + TarEnd();
}

TEST_F(TarQueueTest, MembersAreInTheOrderOfTheirPlaces) {
  const std::string large(1 << 20, 'l');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  Place* third = Reserve("third");
  Place* fourth = Reserve("fourth", 1);
  ASSERT_OK(Put(fourth, "4"));
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(third, "three"));
  EXPECT_EQ(broker_.calls("CreateSpool"), 1);
  ASSERT_OK(Put(first, "first"));
  EXPECT_EQ(Archive(),
            Expected({{"first", "first"}, {"second", large}, {"third", "three"}, {"fourth", "4"}}));
}

TEST_F(TarQueueTest, KnownSizesNeedNoSpool) {
  const std::string large(1 << 20, 'l');
  Place* first = Reserve("first", 1 << 20);
  Place* second = Reserve("second", 1 << 20);
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(first, large));
  EXPECT_EQ(broker_.calls("CreateSpool"), 0);
  EXPECT_EQ(Archive(), Expected({{"first", large}, {"second", large}}));
}

TEST_F(TarQueueTest, AMemberGoesOnInTheArchiveWhenItsTurnComes) {
  const std::string part(600'000, 'p');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  {
    const std::unique_ptr<ByteSink> sink = queue_.Write(second);
    ASSERT_OK(sink->Append(part));
    ASSERT_OK(Put(first, "first"));
    ASSERT_OK(sink->Append(part));
    ASSERT_OK(sink->Finish(kDigest, 1'200'000));
  }
  EXPECT_EQ(Archive(), Expected({{"first", "first"}, {"second", part + part}}));
}

TEST_F(TarQueueTest, SpoolsAreUsedAgain) {
  const std::string large(1 << 20, 'l');
  const std::string larger(2 << 20, 'm');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  ASSERT_OK(Put(second, larger));
  ASSERT_OK(Put(first, "first"));
  Place* third = Reserve("third");
  Place* fourth = Reserve("fourth");
  ASSERT_OK(Put(fourth, large));
  ASSERT_OK(Put(third, "third"));
  EXPECT_EQ(broker_.calls("CreateSpool"), 1);
  EXPECT_EQ(
      Archive(),
      Expected({{"first", "first"}, {"second", larger}, {"third", "third"}, {"fourth", large}}));
}

TEST_F(TarQueueTest, WhatIsSkippedTakesNoRoom) {
  Place* first = Reserve("first");
  Place* second = Reserve("second", 6);
  Place* third = Reserve("third");
  ASSERT_OK(Put(third, "third"));
  ASSERT_OK(queue_.Skip(first));
  ASSERT_OK(Put(second, "second"));
  EXPECT_EQ(Archive(), Expected({{"second", "second"}, {"third", "third"}}));
}

TEST_F(TarQueueTest, ASizeThatIsToldLaterGivesOthersTheirPlaces) {
  const std::string large(1 << 20, 'l');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  ASSERT_OK(queue_.SetSize(first, 5));
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(first, "first"));
  EXPECT_EQ(broker_.calls("CreateSpool"), 0);
  EXPECT_EQ(Archive(), Expected({{"first", "first"}, {"second", large}}));
}

TEST_F(TarQueueTest, AGuessedSizeGivesOthersTheirPlaces) {
  const std::string large(1 << 20, 'l');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  ASSERT_OK(queue_.GuessSize(first, 5));
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(first, "first"));
  EXPECT_EQ(broker_.calls("CreateSpool"), 0);
  EXPECT_EQ(Archive(), Expected({{"first", "first"}, {"second", large}}));
}

TEST_F(TarQueueTest, WhatIsSmallerThanGuessedLetsOthersMoveDown) {
  const std::string large(3 << 20, 'l');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  Place* third = Reserve("third");
  ASSERT_OK(queue_.GuessSize(first, 5000));
  ASSERT_OK(queue_.GuessSize(second, 3 << 20));
  ASSERT_OK(Put(third, "third"));
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(first, "first"));
  EXPECT_EQ(Archive(), Expected({{"first", "first"}, {"second", large}, {"third", "third"}}));
}

TEST_F(TarQueueTest, WhatIsLargerThanGuessedLetsOthersMoveUp) {
  const std::string large(3 << 20, 'l');
  const std::string larger(5 << 20, 'm');
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  Place* third = Reserve("third");
  ASSERT_OK(queue_.GuessSize(first, 1000));
  ASSERT_OK(queue_.GuessSize(second, 2 << 20));
  ASSERT_OK(Put(third, "third"));
  ASSERT_OK(Put(second, large));
  ASSERT_OK(Put(first, larger));
  EXPECT_EQ(Archive(), Expected({{"first", larger}, {"second", large}, {"third", "third"}}));
}

TEST_F(TarQueueTest, GuessesOfEveryKindComeOutTheSame) {
  std::mt19937 random(7);
  const auto below = [&random](int bound) {
    return std::uniform_int_distribution<int>(0, bound - 1)(random);
  };
  for (int round = 0; round < 50; ++round) {
    const UniqueFd file = FileWith("");
    TarQueue queue(file.get(), 0, broker_);
    struct Member {
      Place* place;
      std::string name, content;
      std::unique_ptr<ByteSink> sink;
      size_t written = 0;
    };
    std::vector<Member> members;
    std::vector<std::pair<std::string, std::string>> expected;
    for (int i = 0; i < 6; ++i) {
      const std::string name = absl::StrCat("member", i);
      const std::string content(static_cast<size_t>(below(400'000)), static_cast<char>('a' + i));
      Place* place = queue.Reserve(kDigest, -1, [name](const Digest&) { return name; });
      if (below(4) != 0) {
        ASSERT_OK(queue.GuessSize(
            place, below(2) == 0 ? static_cast<int64_t>(content.size()) : below(400'000)));
      }
      members.push_back({place, name, content, queue.Write(place)});
      expected.emplace_back(name, content);
    }
    for (size_t open = members.size(); open > 0;) {
      Member& member = members[static_cast<size_t>(below(6))];
      if (member.sink == nullptr) {
        continue;
      }
      const std::string piece = member.content.substr(member.written, 90'000);
      ASSERT_OK(member.sink->Append(piece));
      member.written += piece.size();
      if (member.written == member.content.size()) {
        ASSERT_OK(member.sink->Finish(kDigest, static_cast<int64_t>(member.content.size())));
        member.sink.reset();
        --open;
      }
    }
    ASSERT_OK_AND_ASSIGN(const int64_t end, queue.End());
    std::string archive(static_cast<size_t>(end), '\0');
    ASSERT_EQ(pread(file.get(), archive.data(), archive.size(), 0), end);
    ASSERT_TRUE(archive + TarEnd() == Expected(expected)) << "round " << round;
  }
}

TEST_F(TarQueueTest, ASecondMemberOfTheSameNameIsLeftOutWhereOthersHaveTheirPlacesBehindIt) {
  Place* first = Reserve("same", 4);
  Place* second = Reserve("same", 4);
  Place* last = Reserve("last", 4);
  ASSERT_OK(Put(last, "last"));
  ASSERT_OK(Put(second, "same"));
  ASSERT_OK(Put(first, "same"));
  EXPECT_EQ(Archive(), Expected({{"same", "same"}, {"last", "last"}}));
}

TEST_F(TarQueueTest, ASecondMemberOfTheSameNameIsLeftOut) {
  Place* first = Reserve("same");
  Place* second = Reserve("same");
  Place* third = Reserve("third");
  ASSERT_OK(Put(third, "third"));
  ASSERT_OK(Put(first, "content"));
  ASSERT_OK(Put(second, "content"));
  EXPECT_EQ(Archive(), Expected({{"same", "content"}, {"third", "third"}}));
}

TEST_F(TarQueueTest, ThreadsBeyondTheSpoolsWaitForTheirTurn) {
  const std::string large(300 << 10, 'l');
  Place* first = Reserve("first");
  std::vector<Place*> places;
  std::vector<std::thread> threads;
  std::vector<std::pair<std::string, std::string>> expected = {{"first", "first"}};
  for (int i = 0; i < 20; ++i) {
    places.push_back(Reserve(absl::StrCat("member", i)));
    expected.emplace_back(absl::StrCat("member", i), large);
  }
  for (Place* place : places) {
    threads.emplace_back([this, place, &large] { EXPECT_OK(Put(place, large)); });
  }
  ASSERT_OK(Put(first, "first"));
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(broker_.calls("CreateSpool"), 16);
  EXPECT_EQ(Archive(), Expected(expected));
}

TEST_F(TarQueueTest, CancelEndsTheWaiting) {
  const std::string large(300 << 10, 'l');
  Reserve("never");
  for (int i = 0; i < 16; ++i) {
    ASSERT_OK(Put(Reserve(absl::StrCat("member", i)), large));
  }
  Place* waiting = Reserve("waiting");
  std::thread thread(
      [&] { EXPECT_THAT(Put(waiting, large), StatusIs(absl::StatusCode::kCancelled)); });
  queue_.Cancel();
  thread.join();
  EXPECT_THAT(queue_.End(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TarQueueTest, AnAbandonedMemberEndsAll) {
  Place* first = Reserve("first");
  Place* second = Reserve("second");
  queue_.Write(first).reset();
  EXPECT_THAT(Put(second, "x"), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(queue_.End(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TarQueueTest, AnotherSizeIsDataLoss) {
  Place* place = Reserve("a", 3);
  const absl::Status status = Put(place, "four");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST_F(TarQueueTest, FailureToMakeASpoolIsPassedOn) {
  broker_.set_fault([](absl::string_view call) {
    return call == "CreateSpool"
               ? MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL", "no space")
               : absl::OkStatus();
  });
  Reserve("first");
  EXPECT_THAT(Put(Reserve("second"), std::string(1 << 20, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted, "no space"));
}

}  // namespace
}  // namespace holkas
