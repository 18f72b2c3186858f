#include "clients/cpp/image_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using holkas::v1::CopyResponse;
using holkas::v1::ExportRequest;
using holkas::v1::ExportResponse;
using holkas::v1::ImportOptions;
using holkas::v1::ImportRequest;
using holkas::v1::ImportResponse;
using ServerImport = grpc::ServerReaderWriter<ImportResponse, ImportRequest>;

constexpr size_t kMiB = 1 << 20;

// A server that does with the streams what a test says.
class FakeService : public holkas::v1::ImageService::Service {
 public:
  grpc::Status Import(grpc::ServerContext*, ServerImport* stream) override {
    return on_import(*stream);
  }
  grpc::Status Export(grpc::ServerContext*, const ExportRequest* request,
                      grpc::ServerWriter<ExportResponse>* writer) override {
    return on_export(*request, *writer);
  }

  std::function<grpc::Status(ServerImport&)> on_import;
  std::function<grpc::Status(const ExportRequest&, grpc::ServerWriter<ExportResponse>&)> on_export;
};

class ImageClientTest : public testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<ImageClient>(server_->InProcessChannel({}));
  }

  absl::Status Import(const ImageClient::ReadArchive& read) {
    ImportOptions options;
    options.set_image("some");
    return client_->Import(options, absl::InfiniteFuture(), read,
                           [this](const ImportResponse& event) { imported_.push_back(event); });
  }

  FakeService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ImageClient> client_;
  std::vector<ImportResponse> imported_;
};

// Gives the bytes of `archive`.
ImageClient::ReadArchive BytesOf(std::string archive) {
  return [archive, at = size_t{0}](absl::Span<char> buffer, std::stop_token) mutable {
    const size_t count = std::min(buffer.size(), archive.size() - at);
    std::copy_n(archive.begin() + static_cast<ptrdiff_t>(at), count, buffer.begin());
    at += count;
    return absl::StatusOr<size_t>(count);
  };
}

TEST_F(ImageClientTest, AnArchiveIsSentBehindItsOptions) {
  std::string seen;
  size_t largest = 0;
  service_.on_import = [&](ServerImport& stream) {
    ImportRequest request;
    EXPECT_TRUE(stream.Read(&request));
    EXPECT_EQ(request.options().image(), "some");
    while (stream.Read(&request)) {
      seen += request.chunk();
      largest = std::max(largest, request.chunk().size());
      ImportResponse event;
      event.set_received_bytes(static_cast<int64_t>(seen.size()));
      stream.Write(event);
    }
    ImportResponse event;
    event.mutable_copy()->mutable_result()->set_manifest_digest("sha256:abc");
    stream.Write(event);
    return grpc::Status::OK;
  };
  const std::string archive(3 * kMiB + 5, 'x');
  ASSERT_OK(Import(BytesOf(archive)));
  EXPECT_TRUE(seen == archive);
  EXPECT_LE(largest, kMiB);
  ASSERT_EQ(imported_.size(), 5u);
  EXPECT_EQ(imported_[3].received_bytes(), static_cast<int64_t>(archive.size()));
  EXPECT_EQ(imported_[4].copy().result().manifest_digest(), "sha256:abc");
}

TEST_F(ImageClientTest, AServerThatRefusesIsNotSentTheRest) {
  service_.on_import = [](ServerImport&) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too large");
  };
  // An archive without an end.
  const absl::Status status = Import([](absl::Span<char> buffer, std::stop_token) {
    std::fill(buffer.begin(), buffer.end(), 'x');
    return absl::StatusOr<size_t>(buffer.size());
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "too large"));
}

TEST_F(ImageClientTest, WhoWaitsForBytesIsToldThatNoneAreWanted) {
  service_.on_import = [](ServerImport&) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too large");
  };
  const absl::Status status = Import([](absl::Span<char>, std::stop_token over) {
    while (!over.stop_requested()) {
      std::this_thread::yield();
    }
    return absl::StatusOr<size_t>(size_t{0});
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "too large"));
}

TEST_F(ImageClientTest, WhoIsAttachedSendsNoMore) {
  service_.on_import = [](ServerImport& stream) {
    ImportRequest request;
    EXPECT_TRUE(stream.Read(&request));
    ImportResponse event;
    event.mutable_attached();
    stream.Write(event);
    while (stream.Read(&request)) {
    }
    event.mutable_copy()->mutable_result();
    stream.Write(event);
    return grpc::Status::OK;
  };
  EXPECT_OK(Import([](absl::Span<char> buffer, std::stop_token) {
    std::fill(buffer.begin(), buffer.end(), 'x');
    return absl::StatusOr<size_t>(buffer.size());
  }));
  EXPECT_TRUE(imported_.back().has_copy());
}

TEST_F(ImageClientTest, WhatCannotBeReadBehindTheServersEndChangesNothing) {
  absl::Notification reading;
  service_.on_import = [&](ServerImport& stream) {
    ImportRequest request;
    EXPECT_TRUE(stream.Read(&request));
    reading.WaitForNotification();
    ImportResponse event;
    event.mutable_copy()->mutable_result();
    stream.Write(event);
    return grpc::Status::OK;
  };
  EXPECT_OK(Import([&](absl::Span<char>, std::stop_token over) -> absl::StatusOr<size_t> {
    reading.Notify();
    while (!over.stop_requested()) {
      std::this_thread::yield();
    }
    return absl::DataLossError("read file");
  }));
  EXPECT_TRUE(imported_.back().has_copy());
}

TEST_F(ImageClientTest, WhatCannotBeReadBehindTheServersErrorChangesNothing) {
  absl::Notification reading;
  service_.on_import = [&](ServerImport& stream) {
    ImportRequest request;
    EXPECT_TRUE(stream.Read(&request));
    reading.WaitForNotification();
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too large");
  };
  const absl::Status status =
      Import([&](absl::Span<char>, std::stop_token over) -> absl::StatusOr<size_t> {
        reading.Notify();
        while (!over.stop_requested()) {
          std::this_thread::yield();
        }
        return absl::DataLossError("read file");
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "too large"));
}

TEST_F(ImageClientTest, BetweenCallsACancelledOneIsNotWanted) {
  EXPECT_OK(client_->CheckWanted(absl::InfiniteFuture()));
  EXPECT_THAT(client_->CheckWanted(absl::Now()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  client_->Cancel();
  EXPECT_THAT(client_->CheckWanted(absl::InfiniteFuture()), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ImageClientTest, AnArchiveThatCannotBeReadIsAbandoned) {
  bool ended_well = true;
  service_.on_import = [&](ServerImport& stream) {
    ImportRequest request;
    while (stream.Read(&request)) {
    }
    ended_well = stream.Write(ImportResponse());
    return grpc::Status::OK;
  };
  const absl::Status status =
      Import([](absl::Span<char>, std::stop_token) { return absl::DataLossError("read file"); });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "read file"));
  server_->Shutdown();
  server_->Wait();
  EXPECT_FALSE(ended_well);
}

TEST_F(ImageClientTest, AnExportGivesEventsAndThenBytes) {
  service_.on_export = [](const ExportRequest& request,
                          grpc::ServerWriter<ExportResponse>& writer) {
    EXPECT_EQ(request.image(), "some");
    ExportResponse event;
    event.mutable_copy()->mutable_result();
    writer.Write(event);
    for (const std::string part : {"one ", "two"}) {
      event.set_chunk(part);
      writer.Write(event);
    }
    return grpc::Status::OK;
  };
  ExportRequest request;
  request.set_image("some");
  std::string bytes;
  int events = 0;
  ASSERT_OK(client_->Export(
      request, absl::InfiniteFuture(), [&](const CopyResponse&) { ++events; },
      [&](absl::string_view part) {
        absl::StrAppend(&bytes, part);
        return absl::OkStatus();
      }));
  EXPECT_EQ(events, 1);
  EXPECT_EQ(bytes, "one two");
}

TEST_F(ImageClientTest, AnArchiveThatCannotBeWrittenEndsTheExport) {
  bool is_taken = true;
  service_.on_export = [&](const ExportRequest&, grpc::ServerWriter<ExportResponse>& writer) {
    ExportResponse event;
    event.set_chunk(std::string(kMiB, 'x'));
    // An archive without an end.
    while (writer.Write(event)) {
    }
    is_taken = false;
    return grpc::Status::OK;
  };
  const absl::Status status = client_->Export(
      ExportRequest(), absl::InfiniteFuture(), [](const CopyResponse&) {},
      [](absl::string_view) { return absl::ResourceExhaustedError("disk full"); });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "disk full"));
  server_->Shutdown();
  server_->Wait();
  EXPECT_FALSE(is_taken);
}

}  // namespace
}  // namespace holkas
