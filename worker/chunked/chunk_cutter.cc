#include "worker/chunked/chunk_cutter.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr std::array<char, ChunkCutter::kMinZeros> kZeros = {};

}  // namespace

absl::Status ChunkCutter::Append(absl::string_view bytes) {
  // What is before `begin` was passed on; what is between it and `i` are data.
  size_t begin = 0;
  size_t i = 0;
  while (i < bytes.size()) {
    if (bytes[i] != '\0') {
      if (is_zeros_) {
        RETURN_IF_ERROR(EndChunk(/*is_zeros=*/true));
      }
      RETURN_IF_ERROR(PassHeldZeros());
      i = std::min(bytes.find('\0', i), bytes.size());
      continue;
    }
    const size_t end = std::min(bytes.find_first_not_of('\0', i), bytes.size());
    const size_t zeros = held_zeros_ + (end - i);
    if (is_zeros_) {
      RETURN_IF_ERROR(Pass(bytes.substr(i, end - i)));
      begin = end;
    } else if (zeros >= kMinZeros) {
      RETURN_IF_ERROR(PassData(bytes.substr(begin, i - begin)));
      if (is_open_) {
        RETURN_IF_ERROR(EndChunk(/*is_zeros=*/false));
      }
      is_zeros_ = true;
      RETURN_IF_ERROR(Pass({kZeros.data(), std::exchange(held_zeros_, 0)}));
      RETURN_IF_ERROR(Pass(bytes.substr(i, end - i)));
      begin = end;
    } else if (end == bytes.size()) {
      RETURN_IF_ERROR(PassData(bytes.substr(begin, i - begin)));
      held_zeros_ = zeros;
      begin = end;
    }
    i = end;
  }
  return PassData(bytes.substr(begin));
}

absl::Status ChunkCutter::Finish() {
  RETURN_IF_ERROR(PassHeldZeros());
  if (is_open_) {
    RETURN_IF_ERROR(EndChunk(is_zeros_));
  }
  sum_.Reset();
  return absl::OkStatus();
}

absl::Status ChunkCutter::PassData(absl::string_view bytes) {
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum_.Roll(static_cast<uint8_t>(bytes[i]));
    if (sum_.IsCut()) {
      RETURN_IF_ERROR(Pass(bytes.substr(begin, i + 1 - begin)));
      RETURN_IF_ERROR(EndChunk(/*is_zeros=*/false));
      begin = i + 1;
    }
  }
  return Pass(bytes.substr(begin));
}

absl::Status ChunkCutter::PassHeldZeros() {
  return PassData({kZeros.data(), std::exchange(held_zeros_, 0)});
}

absl::Status ChunkCutter::Pass(absl::string_view bytes) {
  if (bytes.empty()) {
    return absl::OkStatus();
  }
  is_open_ = true;
  return handler_.OnChunkBytes(bytes);
}

absl::Status ChunkCutter::EndChunk(bool is_zeros) {
  if (is_zeros) {
    sum_.Reset();
  }
  is_open_ = is_zeros_ = false;
  return handler_.OnChunkEnd(is_zeros);
}

}  // namespace holkas
