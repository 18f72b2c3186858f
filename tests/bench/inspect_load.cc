// Inspects one image again and again through a running server, several calls at a time over one
// connection, and prints the rate and the latencies as JSON.
//
// usage: inspect_load [--tls-verify=false] ADDRESS IMAGE PARALLEL COUNT

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/image_client.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {
namespace {

// The latencies of the calls that one thread made, until `left` is used up.
absl::StatusOr<std::vector<double>> Call(std::shared_ptr<grpc::Channel> channel,
                                         const v1::InspectRequest& request,
                                         std::atomic<int>& left) {
  ImageClient client(std::move(channel));
  std::vector<double> milliseconds;
  while (left.fetch_sub(1) > 0) {
    const absl::Time start = absl::Now();
    const absl::Status status = client.Inspect(request, start + absl::Seconds(30)).status();
    if (!status.ok()) {
      return status;
    }
    milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  return milliseconds;
}

int Main(bool verify, const std::string& address, const std::string& image, int parallel,
         int count) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(address);
  if (!channel.ok()) {
    fprintf(stderr, "%s\n", channel.status().ToString().c_str());
    return 1;
  }
  v1::InspectRequest request;
  request.set_image(image);
  if (!verify) {
    request.mutable_registry()->set_tls_verification(v1::TLS_VERIFICATION_DISABLED);
  }
  std::atomic<int> left = count;
  std::vector<absl::StatusOr<std::vector<double>>> results(static_cast<size_t>(parallel));
  std::vector<std::thread> threads;
  const absl::Time start = absl::Now();
  for (auto& result : results) {
    threads.emplace_back([&] { result = Call(*channel, request, left); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  std::vector<double> all;
  for (const auto& result : results) {
    if (!result.ok()) {
      fprintf(stderr, "%s\n", result.status().ToString().c_str());
      return 1;
    }
    all.insert(all.end(), result->begin(), result->end());
  }
  std::sort(all.begin(), all.end());
  printf("{\"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
         static_cast<double>(all.size()) / seconds, all[all.size() / 2],
         all[all.size() * 99 / 100]);
  return 0;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  const bool verify = argc < 2 || std::strcmp(argv[1], "--tls-verify=false") != 0;
  if (!verify) {
    --argc;
    ++argv;
  }
  if (argc != 5 || std::atoi(argv[3]) < 1 || std::atoi(argv[4]) < 1) {
    fputs("usage: inspect_load [--tls-verify=false] ADDRESS IMAGE PARALLEL COUNT\n", stderr);
    return 1;
  }
  return holkas::Main(verify, argv[1], argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
}
