#include "service/rpc/tag_queue.h"

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace holkas {
namespace {

v1::ListTagsResponse Tags(const std::string& tag) {
  v1::ListTagsResponse tags;
  tags.add_tags(tag);
  return tags;
}

TEST(TagQueue, KeepsAllInTheirOrder) {
  TagQueue queue(1000);
  queue.Push(Tags("b"));
  queue.Push(Tags("a"));
  queue.Close();
  EXPECT_EQ(queue.Pop()->tags(0), "b");
  EXPECT_EQ(queue.Pop()->tags(0), "a");
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(TagQueue, IsFullFromItsBoundOnUntilSomethingIsTaken) {
  const size_t size = Tags("12345678").ByteSizeLong();
  TagQueue queue(2 * size);
  queue.Push(Tags("12345678"));
  EXPECT_FALSE(queue.IsFull());
  queue.Push(Tags("12345678"));
  EXPECT_TRUE(queue.IsFull());
  queue.Pop();
  EXPECT_FALSE(queue.IsFull());
}

TEST(TagQueue, PopWaitsForWhatComes) {
  TagQueue queue(1000);
  std::thread other([&queue] {
    queue.Push(Tags("a"));
    queue.Close();
  });
  EXPECT_EQ(queue.Pop()->tags(0), "a");
  EXPECT_FALSE(queue.Pop().has_value());
  other.join();
}

}  // namespace
}  // namespace holkas
