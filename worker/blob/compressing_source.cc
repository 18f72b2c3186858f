#include "worker/blob/compressing_source.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/made_source.h"

namespace holkas {
namespace {

// A block on its way. Whoever claims it encodes it, once. It is shared with the task that encodes
// it, if that comes in time.
struct Block {
  explicit Block(int64_t number_in_stream) : number(number_in_stream) {}

  const int64_t number;
  // What comes before, then the block itself.
  std::unique_ptr<char[]> bytes;
  size_t before_bytes = 0;
  size_t content_bytes = 0;

  absl::Mutex mutex;
  enum class State : uint8_t {
    kWaiting,
    kClaimed,
    kDone
  } state ABSL_GUARDED_BY(mutex) = State::kWaiting;
  absl::StatusOr<EncodedBlock> encoded ABSL_GUARDED_BY(mutex) = EncodedBlock{};

  absl::string_view before() const { return {bytes.get(), before_bytes}; }
  absl::string_view content() const { return {bytes.get() + before_bytes, content_bytes}; }

  bool Claim() {
    absl::MutexLock lock(&mutex);
    return state == State::kWaiting ? (state = State::kClaimed, true) : false;
  }
  bool IsDone() const ABSL_SHARED_LOCKS_REQUIRED(mutex) { return state == State::kDone; }
  void Await() {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(this, &Block::IsDone));
  }
};

absl::StatusOr<EncodedBlock> EncodeWith(Compressor& compressor, const Block& block) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockEncoder> encoder, compressor.TakeEncoder());
  absl::StatusOr<EncodedBlock> encoded =
      encoder->Encode(block.number, block.before(), block.content());
  compressor.KeepEncoder(std::move(encoder));
  return encoded;
}

// For who claimed it.
void Encode(Compressor& compressor, Block& block) {
  absl::StatusOr<EncodedBlock> encoded = EncodeWith(compressor, block);
  absl::MutexLock lock(&block.mutex);
  block.encoded = std::move(encoded);
  block.state = Block::State::kDone;
}

class CompressingSource : public MadeSource {
 public:
  CompressingSource(Compressor& compressor, std::unique_ptr<ByteSource> source)
      : MadeSource(compressor.format().Header()),
        compressor_(compressor),
        source_(std::move(source)) {}
  ~CompressingSource() override;

 private:
  absl::Status Advance() override;
  // Reads ahead as far as there are blocks.
  absl::Status ReadAhead();
  absl::Status ReadBlock();
  // Encodes blocks until the first one is done.
  void AwaitFirst();
  void DropFirst();

  Compressor& compressor_;
  // Where the source wrote to last: until it is read again, or is gone, it may look at that.
  std::shared_ptr<Block> last_read_;
  const std::unique_ptr<ByteSource> source_;
  bool source_ended_ = false;
  int64_t blocks_read_ = 0;
  std::deque<std::shared_ptr<Block>> blocks_;
  // The last bytes that were read, as many as the format wants before a block.
  std::string before_;
  uint32_t crc32_ = 0;
  int64_t size_ = 0;
};

CompressingSource::~CompressingSource() {
  while (!blocks_.empty()) {
    if (!blocks_.front()->Claim()) {
      blocks_.front()->Await();
    }
    DropFirst();
  }
}

absl::Status CompressingSource::Advance() {
  RETURN_IF_ERROR(ReadAhead());
  if (blocks_.empty()) {
    ready() = compressor_.format().Trailer(crc32_, size_);
    End();
    return absl::OkStatus();
  }
  AwaitFirst();
  Block& block = *blocks_.front();
  absl::Status status;
  {
    absl::MutexLock lock(&block.mutex);
    status = block.encoded.status();
    if (status.ok()) {
      const auto size = static_cast<int64_t>(block.content().size());
      crc32_ = compressor_.format().CombineCrc32(crc32_, block.encoded->crc32, size);
      size_ += size;
      ready() = std::move(block.encoded->bytes);
    }
  }
  DropFirst();
  return status;
}

absl::Status CompressingSource::ReadAhead() {
  while (!source_ended_ && (blocks_.empty() || compressor_.TakeBlock())) {
    RETURN_IF_ERROR(ReadBlock());
  }
  return absl::OkStatus();
}

absl::Status CompressingSource::ReadBlock() {
  auto block = std::make_shared<Block>(blocks_read_);
  block->before_bytes = before_.size();
  const size_t full = block->before_bytes + compressor_.format().block_bytes();
  block->bytes = std::make_unique_for_overwrite<char[]>(full);
  std::memcpy(block->bytes.get(), before_.data(), before_.size());
  const std::shared_ptr<Block> before_this = std::exchange(last_read_, block);
  size_t done = block->before_bytes;
  absl::Status status;
  while (done < full) {
    const absl::StatusOr<size_t> count =
        source_->Read(absl::MakeSpan(block->bytes.get() + done, full - done));
    status = count.status();
    if (!count.ok() || *count == 0) {
      source_ended_ = true;
      break;
    }
    done += *count;
  }
  block->content_bytes = done - block->before_bytes;
  const bool is_extra = !blocks_.empty();
  // The first block is one also where there is nothing: zstd has no stream without frames.
  if (!status.ok() || (block->content().empty() && blocks_read_ > 0)) {
    if (is_extra) {
      compressor_.GiveBlock();
    }
    return status;
  }
  ++blocks_read_;
  const size_t kept = std::min(done, compressor_.format().before_bytes());
  before_.assign(block->bytes.get() + done - kept, kept);
  blocks_.push_back(block);
  // Where all threads read, a task runs long after its block is done: it must not keep it.
  compressor_.schedule()([&compressor = compressor_, waiting = std::weak_ptr<Block>(block)] {
    const std::shared_ptr<Block> found = waiting.lock();
    if (found != nullptr && found->Claim()) {
      Encode(compressor, *found);
    }
  });
  return absl::OkStatus();
}

void CompressingSource::AwaitFirst() {
  for (const std::shared_ptr<Block>& block : blocks_) {
    if (block->Claim()) {
      Encode(compressor_, *block);
    }
    absl::MutexLock lock(&blocks_.front()->mutex);
    if (blocks_.front()->IsDone()) {
      return;
    }
  }
  blocks_.front()->Await();
}

void CompressingSource::DropFirst() {
  blocks_.pop_front();
  if (!blocks_.empty()) {
    compressor_.GiveBlock();
  }
}

}  // namespace

Compressor::Compressor(std::unique_ptr<BlockFormat> format, Schedule schedule, int threads)
    : format_(std::move(format)), schedule_(std::move(schedule)), free_blocks_(threads / 2 + 1) {}

std::unique_ptr<ByteSource> Compressor::Compress(std::unique_ptr<ByteSource> source) {
  return std::make_unique<CompressingSource>(*this, std::move(source));
}

bool Compressor::TakeBlock() {
  absl::MutexLock lock(&mutex_);
  return free_blocks_ > 0 && (--free_blocks_, true);
}

void Compressor::GiveBlock() {
  absl::MutexLock lock(&mutex_);
  ++free_blocks_;
}

absl::StatusOr<std::unique_ptr<BlockEncoder>> Compressor::TakeEncoder() {
  {
    absl::MutexLock lock(&mutex_);
    if (!encoders_.empty()) {
      std::unique_ptr<BlockEncoder> encoder = std::move(encoders_.back());
      encoders_.pop_back();
      return encoder;
    }
  }
  return format_->NewEncoder();
}

void Compressor::KeepEncoder(std::unique_ptr<BlockEncoder> encoder) {
  absl::MutexLock lock(&mutex_);
  encoders_.push_back(std::move(encoder));
}

}  // namespace holkas
