#ifndef HOLKAS_SERVICE_POLICY_IDENTITY_H_
#define HOLKAS_SERVICE_POLICY_IDENTITY_H_

#include <string>

namespace holkas {

// Who calls, as access_files.proto names callers.
struct Identity {
  // `uid:1000`, `cert:NAME`, `token:NAME`, `anonymous`.
  std::string name;
  // Whether the caller may do everything unless the allow list has an entry of this name; otherwise
  // nothing.
  bool is_trusted = false;
};

// The name of callers of whom nothing is known.
inline constexpr char kAnonymous[] = "anonymous";

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_IDENTITY_H_
