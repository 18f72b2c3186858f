#include "service/rpc/request_hash.h"

#include "gtest/gtest.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

v1::CopyRequest RequestWith(const std::string& password) {
  v1::CopyRequest request;
  request.set_source("docker://r.example/app:1");
  request.set_destination("dir:/srv/app");
  request.mutable_source_registry()->mutable_basic()->set_username("alice");
  request.mutable_source_registry()->mutable_basic()->set_password(password);
  return request;
}

TEST(RequestHash, IsTheSameForRequestsThatSayTheSame) {
  ASSERT_OK_AND_ASSIGN(const RequestHash hash, RequestHash::Create());
  EXPECT_EQ(hash.Of(RequestWith("one")), hash.Of(RequestWith("one")));
  EXPECT_EQ(hash.Of(RequestWith("one")).size(), 32);
}

TEST(RequestHash, IsAnotherWhereOneFieldDiffers) {
  ASSERT_OK_AND_ASSIGN(const RequestHash hash, RequestHash::Create());
  EXPECT_NE(hash.Of(RequestWith("one")), hash.Of(RequestWith("two")));
  v1::CopyRequest last_field = RequestWith("one");
  last_field.add_decryption_keys()->set_key("k");
  EXPECT_NE(hash.Of(RequestWith("one")), hash.Of(last_field));
  v1::CopyRequest other_key = last_field;
  other_key.mutable_decryption_keys(0)->set_key("l");
  EXPECT_NE(hash.Of(other_key), hash.Of(last_field));
}

TEST(RequestHash, TellsNothingWithoutItsKey) {
  ASSERT_OK_AND_ASSIGN(const RequestHash hash, RequestHash::Create());
  ASSERT_OK_AND_ASSIGN(const RequestHash other, RequestHash::Create());
  EXPECT_NE(hash.Of(RequestWith("one")), other.Of(RequestWith("one")));
}

}  // namespace
}  // namespace holkas
