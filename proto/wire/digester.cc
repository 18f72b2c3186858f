#include "proto/wire/digester.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// Less than this takes no longer than finding a partner does.
constexpr size_t kWorthPairingBytes = 16 << 10;

}  // namespace

Digester::Digester(absl::string_view algorithm, Sha256Pairing* pairing) : pairing_(pairing) {
  if (algorithm == "sha512") {
    SHA512_Init(&sha512_.emplace());
  } else {
    SHA256_Init(&sha256_.context);
  }
}

Digester::~Digester() { Await(); }

void Digester::Update(absl::string_view data) {
  Begin(data);
  Await();
}

void Digester::Begin(absl::string_view data) {
  if (sha512_.has_value()) {
    SHA512_Update(&*sha512_, data.data(), data.size());
  } else if (pairing_ == nullptr || data.size() < kWorthPairingBytes) {
    SHA256_Update(&sha256_.context, data.data(), data.size());
  } else {
    Post(data);
  }
}

void Digester::Post(absl::string_view data) {
  sha256_.data = data;
  posted_ = true;
  pairing_->Post(sha256_);
}

void Digester::Await() {
  if (posted_) {
    pairing_->Await(sha256_);
    posted_ = false;
  }
}

void Digester::UpdateWithAll(std::function<absl::string_view()> next_data,
                             absl::Duration patience) {
  if (sha512_.has_value() || pairing_ == nullptr) {
    for (auto data = next_data(); !data.empty(); data = next_data()) {
      Update(data);
    }
    return;
  }
  sha256_.next_data = std::move(next_data);
  Post(sha256_.next_data());
  pairing_->Await(sha256_, patience);
  posted_ = false;
  sha256_.next_data = nullptr;
}

Digest Digester::Finish() {
  Await();
  std::array<unsigned char, SHA512_DIGEST_LENGTH> hash;
  if (sha512_.has_value()) {
    SHA512_Final(hash.data(), &*sha512_);
  } else {
    SHA256_Final(hash.data(), &sha256_.context);
  }
  const absl::string_view bytes(reinterpret_cast<char*>(hash.data()),
                                sha512_.has_value() ? SHA512_DIGEST_LENGTH : SHA256_DIGEST_LENGTH);
  return *Digest::Parse(
      absl::StrCat(sha512_.has_value() ? "sha512:" : "sha256:", absl::BytesToHexString(bytes)));
}

}  // namespace holkas
