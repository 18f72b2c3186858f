#include "worker/squashfs/squashfs_content.h"

#include <algorithm>
#include <utility>

#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Of a size as it is stored: the block is not compressed.
constexpr uint32_t kPlainBit = 1 << 24;

}  // namespace

SquashfsContent::SquashfsContent(SquashfsReader& reader)
    : reader_(reader),
      zeros_(reader.block_bytes()),
      stored_(reader.block_bytes()),
      block_(reader.block_bytes()) {}

void SquashfsContent::Begin(const SquashfsNode& file) {
  file_ = file;
  left_bytes_ = file.size_bytes;
  left_blocks_ = CountBlocks();
  start_ = file.data_start;
  sizes_.clear();
  next_size_ = 0;
}

uint64_t SquashfsContent::CountBlocks() const {
  const uint64_t size_bytes = static_cast<uint64_t>(file_.size_bytes);
  const uint64_t whole = size_bytes / reader_.block_bytes();
  const bool has_tail = size_bytes % reader_.block_bytes() != 0;
  return whole + (has_tail && file_.fragment == SquashfsNode::kNone ? 1 : 0);
}

absl::StatusOr<absl::string_view> SquashfsContent::Next() {
  if (left_bytes_ == 0) {
    return absl::string_view();
  }
  ASSIGN_OR_RETURN(const absl::string_view bytes, left_blocks_ > 0 ? NextBlock() : End());
  left_bytes_ -= static_cast<int64_t>(bytes.size());
  return bytes;
}

absl::Status SquashfsContent::ReadSizes() {
  sizes_.resize(std::min<uint64_t>(left_blocks_, kMaxSizes));
  next_size_ = 0;
  return reader_.ReadBlockSizes(file_, absl::MakeSpan(sizes_));
}

absl::StatusOr<absl::string_view> SquashfsContent::NextBlock() {
  if (next_size_ == sizes_.size()) {
    RETURN_IF_ERROR(ReadSizes());
  }
  const uint32_t stored_size = sizes_[next_size_++];
  --left_blocks_;
  const size_t wanted = static_cast<size_t>(
      std::min<int64_t>(left_bytes_, static_cast<int64_t>(reader_.block_bytes())));
  if (stored_size == 0) {
    return absl::string_view(zeros_.data(), wanted);
  }
  ASSIGN_OR_RETURN(const size_t count, ReadBlock(start_, stored_size, absl::MakeSpan(block_)));
  if (count != wanted) {
    return InvalidSquashfs("a block of another size than its file has");
  }
  start_ += stored_size & ~kPlainBit;
  return absl::string_view(block_.data(), wanted);
}

absl::StatusOr<absl::string_view> SquashfsContent::End() {
  ASSIGN_OR_RETURN(const Fragment* const fragment, FindFragment(file_.fragment));
  const size_t size = fragment->bytes.size();
  const size_t wanted = static_cast<size_t>(left_bytes_);
  if (file_.fragment_offset > size || wanted > size - file_.fragment_offset) {
    return InvalidSquashfs("a file that ends beyond its fragment");
  }
  return absl::string_view(fragment->bytes.data() + file_.fragment_offset, wanted);
}

absl::StatusOr<const SquashfsContent::Fragment*> SquashfsContent::FindFragment(uint32_t index) {
  const auto found =
      std::find_if(fragments_.begin(), fragments_.end(),
                   [&](const Fragment& fragment) { return fragment.index == index; });
  if (found != fragments_.end()) {
    fragments_.splice(fragments_.begin(), fragments_, found);
    return &fragments_.front();
  }
  ASSIGN_OR_RETURN(const sqfs_fragment_t place, reader_.FindFragment(index));
  Fragment fragment{index, std::vector<char>(reader_.block_bytes())};
  ASSIGN_OR_RETURN(const size_t count,
                   ReadBlock(place.start_offset, place.size, absl::MakeSpan(fragment.bytes)));
  fragment.bytes.resize(count);
  if (fragments_.size() == kKeptFragments) {
    fragments_.pop_back();
  }
  fragments_.push_front(std::move(fragment));
  return &fragments_.front();
}

absl::StatusOr<size_t> SquashfsContent::ReadBlock(uint64_t start, uint32_t stored_size,
                                                  absl::Span<char> buffer) {
  const uint32_t size = stored_size & ~kPlainBit;
  if (size == 0 || size > reader_.block_bytes()) {
    return InvalidSquashfs("a block that is larger than blocks are");
  }
  if ((stored_size & kPlainBit) != 0) {
    RETURN_IF_ERROR(reader_.range().ReadAt(start, buffer.subspan(0, size)));
    return size;
  }
  const absl::Span<char> stored = absl::MakeSpan(stored_).subspan(0, size);
  RETURN_IF_ERROR(reader_.range().ReadAt(start, stored));
  return reader_.decoder().Decode(stored, buffer);
}

}  // namespace holkas
