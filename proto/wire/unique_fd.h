#ifndef HOLKAS_PROTO_WIRE_UNIQUE_FD_H_
#define HOLKAS_PROTO_WIRE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace holkas {

// Owns one file descriptor and closes it. Used on both sides wherever a descriptor has an owner;
// a plain int never does.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset(std::exchange(other.fd_, -1));
    }
    return *this;
  }
  ~UniqueFd() { reset(); }

  // The descriptor, or -1. Remains owned.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor away.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // Closes the descriptor and takes `fd` in its place.
  void reset(int fd = -1) {
    if (fd_ >= 0) {
      close(fd_);
    }
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_UNIQUE_FD_H_
