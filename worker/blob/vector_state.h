#ifndef HOLKAS_WORKER_BLOB_VECTOR_STATE_H_
#define HOLKAS_WORKER_BLOB_VECTOR_STATE_H_

namespace holkas {

// Clears the upper halves of the processor's vector registers when it goes out of scope. To stand
// before each call of ISA-L: it leaves them as they are, and then every SSE instruction waits for
// the one before (Intel's Optimization Reference Manual, "Mixing AVX code with SSE code"): SHA-256
// takes two and a half times as long, in the same thread and until something clears them.
class ClearVectorsAtEnd {
 public:
  ClearVectorsAtEnd() = default;
  ClearVectorsAtEnd(const ClearVectorsAtEnd&) = delete;
  ~ClearVectorsAtEnd();
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_VECTOR_STATE_H_
