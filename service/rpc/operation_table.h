#ifndef HOLKAS_SERVICE_RPC_OPERATION_TABLE_H_
#define HOLKAS_SERVICE_RPC_OPERATION_TABLE_H_

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/rpc/operation.h"

namespace holkas {

// Which operation a request means, and what it says.
struct OperationTicket {
  // Who asks for it: ids are each owner's own.
  std::string owner;
  std::string rpc;
  // A UUID in lower case.
  std::string id;
  // Of the whole request (RequestHash).
  std::string hash;
};

// The operations of requests with an id, so that a request that comes again finds what the first
// one began: those that run, and for a while those that are over. Of these there is a bound, beyond
// which the owner who has the most loses the oldest. OperationRunner fills it. Not thread-safe.
class OperationTable {
 public:
  struct Limits {
    // How many operations that are over are kept, how large they are together, and how long.
    size_t kept = 10000;
    size_t kept_bytes = 16 << 20;
    absl::Duration keep_time = absl::Minutes(10);
  };

  explicit OperationTable(const Limits& limits) : limits_(limits) {}

  // The operation; null where there is none. Errors: INVALID_ARGUMENT (REQUEST_ID_REUSED) where it
  // is another request's.
  absl::StatusOr<std::shared_ptr<Operation>> Find(const OperationTicket& ticket, absl::Time now);

  // Adds an operation that runs, where Find has none.
  void Add(const OperationTicket& ticket, std::shared_ptr<Operation> operation);

  // Is `operation` the one that Find has?
  bool Has(const OperationTicket& ticket, const Operation& operation) const;

  // Keeps one that Find has: it is over, and its outcome has so many bytes.
  void Keep(const OperationTicket& ticket, size_t outcome_bytes, absl::Time now);

  // Removes one that Find has.
  void Forget(const OperationTicket& ticket);

  // How many there are, and what those that are over take.
  size_t size() const;
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  // The rpc and the id.
  using Name = std::pair<std::string, std::string>;
  struct Entry {
    std::string hash;
    std::shared_ptr<Operation> operation;
    // Of one that is over.
    absl::Time end;
    size_t bytes = 0;
  };
  struct Owner {
    std::map<Name, Entry> entries;
    // Those that are over, the oldest first.
    std::list<Name> over;
    size_t kept_bytes = 0;
  };
  using Owners = std::map<std::string, Owner>;

  void ForgetExpired(absl::Time now);
  void ForgetExcess();
  // Of an owner who has one that is over. The next owner, where that was all that this one had.
  Owners::iterator ForgetOldest(Owners::iterator owner);

  const Limits limits_;
  Owners owners_;
  size_t kept_ = 0;
  size_t kept_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_OPERATION_TABLE_H_
